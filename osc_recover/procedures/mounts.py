# SPDX-License-Identifier: Apache-2.0
"""Mend what machines mount at boot.  Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import mounts as checks
from osc_recover.checks.request import MountFix
from osc_recover.facts.mounts import Fstab, FstabEntry
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

_COMMENTED = (
    '{host}: what is commented out is mounted no more at boot; openstack '
    'recover session open {host} mounts it, once its session is open'
)


def fix_mounts(fstabs: Sequence[Fstab], request: MountFix) -> Plan:
    """Plan the change of each machine's fstab, all its entries at once."""
    planned = [(one, [*_edits(one, request)]) for one in fstabs]
    lanes = tuple(
        Lane(
            one.host,
            (
                Step(
                    f'fstab:{one.host}', 'fstab.change', one.host,
                    {'edits': edits, 'guest': one.role == 'guest'},
                ),
            ),
        )
        for one, edits in planned
        if edits
    )  # fmt: skip
    return Plan(
        procedure='mount',
        hosts=tuple(one.host for one in fstabs),
        phases=(Phase('change fstab', lanes),) if lanes else (),
        verdicts=tuple(_verdict(*pair) for pair in planned),
        notes=tuple(_notes(planned, request)),
        request=records.to_data(request),
    )


def _edits(fstab: Fstab, request: MountFix) -> Iterator[dict[str, Any]]:
    for entry in fstab.entries:
        found = [*_wanted(fstab, entry, request)]
        if found:
            yield {
                'spec': entry.spec,
                'point': entry.point,
                'add': [option for one in found for option in one.add],
                'comment': any(one.comment for one in found),
                'target': entry.target,
            }


def _wanted(
    fstab: Fstab, entry: FstabEntry, request: MountFix
) -> Iterator[checks.Advice]:
    if not request.points or entry.point in request.points:
        yield from (a for a in checks.advice(fstab, entry) if a.mends)


def _verdict(fstab: Fstab, edits: Sequence[Mapping[str, Any]]) -> Verdict:
    name = fstab.name or fstab.host
    if fstab.problem:
        return Verdict(
            fstab.host, name, fstab.role, 'unknown', False,
            reason=fstab.problem, way_out=fstab.way_out,
        )  # fmt: skip
    if not edits:
        return Verdict(
            fstab.host, name, fstab.role, 'ok', False,
            reason='there is nothing to mend here',
        )  # fmt: skip
    kind = f'{fstab.role}: {"; ".join(map(_said, edits))}'
    return Verdict(fstab.host, name, kind, 'mend', True)


def _said(edit: Mapping[str, Any]) -> str:
    parts = ['comment out'] if edit['comment'] else []
    parts += [','.join(edit['add'])] if edit['add'] else []
    return f'{edit["point"]}: {", ".join(parts)}'


def _notes(
    planned: Sequence[tuple[Fstab, Sequence[Mapping[str, Any]]]],
    request: MountFix,
) -> Iterator[str]:
    for fstab, edits in planned:
        if any(edit['comment'] for edit in edits):
            yield _COMMENTED.format(host=fstab.host)
        for entry in fstab.entries:
            for one in checks.advice(fstab, entry):
                if not (one.mends or one.note):
                    yield f'{fstab.host}: {entry.point}: {one.text}'
