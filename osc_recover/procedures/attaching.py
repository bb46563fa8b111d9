# SPDX-License-Identifier: Apache-2.0
"""Attach volumes again, as the guide's last script does.  Pure.

A hypervisor names disks in the order in which they come and leaves aside the
name that is asked for (nova/virt/libvirt/driver.py, get_device_name_for_
instance), and so a server gets its volumes one after another, in the order of
their devices, and all of them or none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import attaching
from osc_recover.checks.request import VolumeAttach as VolumeAttach
from osc_recover.facts.attaching import AttachingSeen, Wanted
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

PROCEDURE = 'attach'


def attach(seen: AttachingSeen, request: VolumeAttach) -> Plan:
    """Plan to give servers their volumes; a refusal is a verdict."""
    of: dict[str, list[Wanted]] = {}
    for one in sorted(request.wanted, key=_place):
        of.setdefault(one.server, []).append(one)
    takers: dict[str, set[str]] = {}
    for one in request.wanted:
        takers.setdefault(one.volume, set()).add(one.server)
    verdicts = [_verdict(seen, name, of[name], takers) for name in of]
    lanes = tuple(
        Lane(row.server, tuple(_steps(seen, of[row.server])))
        for row in verdicts
        if row.act
    )
    hosts = {seen.servers[lane.name].host or lane.name for lane in lanes}
    return Plan(
        procedure=PROCEDURE,
        hosts=tuple(sorted(hosts)) or ('-',),
        phases=(Phase('attach', lanes),) if lanes else (),
        verdicts=tuple(verdicts),
        request=records.to_data(request),
    )


def _place(one: Wanted) -> tuple[int, int, str]:
    """vdz before vdaa; one without a device after those that have one."""
    if one.device:
        return one.order, len(one.device), one.device
    return one.order, 1000, ''


def _verdict(
    seen: AttachingSeen,
    name: str,
    wanted: Sequence[Wanted],
    takers: Mapping[str, Collection[str]],
) -> Verdict:
    server = seen.servers.get(name)
    findings = attaching.of_server(seen, name, wanted, takers)
    todo = [one for one in wanted if not attaching.is_there(seen, one)]
    kind = f'{len(todo)} of {len(wanted)} volumes'
    called = server.name if server else ''
    if findings:
        others = '; none of its volumes is attached' if len(todo) > 1 else ''
        return Verdict(
            name, called, kind, findings[0].code, False,
            server.host if server else '',
            reason='; '.join(f.text for f in findings) + others,
            way_out='; '.join(dict.fromkeys(f.way_out for f in findings)),
        )  # fmt: skip
    assert server is not None
    if not todo:
        return Verdict(
            name, called, kind, 'ok', False, server.host,
            reason='it has them already',
        )  # fmt: skip
    return Verdict(name, called, kind, 'attach', True, server.host)


def _steps(seen: AttachingSeen, wanted: Sequence[Wanted]) -> Iterator[Step]:
    for one in wanted:
        if not attaching.is_there(seen, one):
            name = f'attach:{one.server}:{one.volume}'
            yield Step(name, 'volume.attach', one.server, _args(seen, one))


def _args(seen: AttachingSeen, one: Wanted) -> dict[str, Any]:
    asked: dict[str, Any] = {'volume': one.volume}
    if one.device:
        asked['device'] = one.device
    if one.tag:
        asked['tag'] = one.tag
    if one.delete_on_termination is not None:
        asked['delete_on_termination'] = one.delete_on_termination
    return {**asked, 'host': seen.servers[one.server].host}
