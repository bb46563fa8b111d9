# SPDX-License-Identifier: Apache-2.0
"""A server's row in the database as the rows of a table.  Pure."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from osc_recover.checks.finding import Finding
from osc_recover.checks.instances import ids
from osc_recover.checks.instances.disagreements import OTHERS, of_instance
from osc_recover.checks.instances.states import power_word
from osc_recover.facts import CellGap, InstanceRow, InstanceSeen, Placed

OK, SEVERAL, UNKNOWN = 'ok', 'several', 'unknown'


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A column of the row (or what somebody else says), and its value.

    ``state`` is ok, or the code of what is wrong with it.
    """

    field: str
    value: Any
    state: str = OK
    reason: str = ''
    way_out: str = ''


def of_row(row: InstanceRow) -> Iterator[Row]:
    """Every column, in the order of the table, and the cell first."""
    yield Row('cell', row.cell)
    for name, value in row.columns.items():
        yield Row(name, value, OK, _meaning(name, value))


def _meaning(name: str, value: Any) -> str:
    if name == 'power_state':
        return power_word(value)
    if name == 'deleted' and value:
        return 'the server is deleted'
    return ''


def of_others(seen: InstanceSeen) -> Iterator[Row]:
    """What disagrees with the row, or that nothing of that service does."""
    findings = of_instance(seen)
    for about in OTHERS:
        mine = [finding for finding in findings if finding.about == about]
        if about in seen.unasked:
            reason, way_out = seen.unasked[about]
            yield Row(about, '', UNKNOWN, reason, way_out)
        elif not mine:
            yield Row(about, '', OK, 'nothing disagrees')
        yield from map(_finding, mine)


def _finding(finding: Finding) -> Row:
    return Row(
        finding.about,
        finding.evidence,
        OK if finding.weight == 'note' else finding.code,
        finding.what,
        finding.way_out,
    )


def of_several(placed: Sequence[Placed]) -> Iterator[Row]:
    """The servers that an id may mean, and how to choose."""
    for one in placed:
        yield Row(
            'uuid', one.uuid, SEVERAL, _said(one),
            f'openstack recover instance show {one.uuid}',
        )  # fmt: skip


def _said(one: Placed) -> str:
    state = 'deleted' if one.deleted else one.vm_state or 'no vm_state'
    where = f'on {one.host}' if one.host else 'on no host'
    return (
        f'{ids.how(one)}: {one.name or "no name"}, {state} {where}, '
        f'in cell {one.cell}'
    )


def of_gaps(gaps: Sequence[CellGap]) -> Iterator[Row]:
    """The cells that did not answer."""
    for gap in gaps:
        yield Row('cell', gap.cell, UNKNOWN, gap.problem, gap.way_out)
