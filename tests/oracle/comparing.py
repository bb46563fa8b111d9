# SPDX-License-Identifier: Apache-2.0
"""Two shares row by row."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from tests.oracle.flat import Record, records
from tests.oracle.shares import Share

WHOLE = '(row)'  # instead of a column: one of the two has no such row
ABSENT = '(absent)'
# Rows of another such column are never the same, however alike.
APART = {
    'nova.instance_actions': 'action',
    'nova.instance_actions_events': 'event',
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """One column of one row, or a row that only one of the two has."""

    table: str
    column: str
    left: Any
    right: Any
    record: Record = dataclasses.field(repr=False, compare=False)

    def __str__(self) -> str:
        return f'{self.table}.{self.column}: {self.left!r} | {self.right!r}'


def compare(left: Share, right: Share) -> list[Difference]:
    """All in which two shares differ, written without what is their own."""
    ours, theirs = records(left), records(right)
    return [
        difference
        for table in sorted(ours.keys() | theirs.keys())
        for difference in _rows(
            table, ours.get(table, []), theirs.get(table, [])
        )
    ]


def _rows(
    table: str, left: Sequence[Record], right: Sequence[Record]
) -> Iterator[Difference]:
    pairs = _pairs(left, right, APART.get(table, ''))
    for mine, other in pairs:
        yield from _columns(table, left[mine], right[other])
    alone = set(range(len(left))) - {mine for mine, _ in pairs}
    for number in sorted(alone):
        yield Difference(
            table, WHOLE, dict(left[number]), ABSENT, left[number]
        )
    alone = set(range(len(right))) - {other for _, other in pairs}
    for number in sorted(alone):
        yield Difference(
            table, WHOLE, ABSENT, dict(right[number]), right[number]
        )


def _pairs(
    left: Sequence[Record], right: Sequence[Record], apart: str
) -> list[tuple[int, int]]:
    """Those most alike together; among equals, those of the same turn."""
    found: list[tuple[int, int]] = []
    every = [
        (mine, other)
        for mine, other in itertools.product(
            range(len(left)), range(len(right))
        )
        if left[mine].get(apart) == right[other].get(apart)
    ]
    by_likeness = sorted(
        every,
        key=lambda pair: (
            sum(1 for _ in _columns('', left[pair[0]], right[pair[1]])),
            abs(pair[0] - pair[1]),
            pair,
        ),
    )
    for mine, other in by_likeness:
        if all(mine != m and other != o for m, o in found):
            found.append((mine, other))
    return found


def _columns(table: str, left: Record, right: Record) -> Iterator[Difference]:
    for column in sorted(left.keys() | right.keys()):
        mine, other = left.get(column, ABSENT), right.get(column, ABSENT)
        # True is 1 to Python, and to MariaDB; text is never a number.
        if mine != other:
            yield Difference(table, column, mine, other, left)
