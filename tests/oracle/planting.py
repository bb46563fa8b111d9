# SPDX-License-Identifier: Apache-2.0
"""Wrong values, one in each column of each row: does the comparison see it?"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from tests.oracle.labels import NAMED
from tests.oracle.shares import Share
from tests.oracle.world import Row, Table, World


@dataclasses.dataclass(frozen=True)
class Planted:
    """Another value in a column of a row."""

    table: Table
    row: Row  # as it was
    column: str
    value: Any

    def __str__(self) -> str:
        return f'{self.table.name}.{self.column}'

    def world(self, world: World) -> World:
        """A world with this value in it."""
        wrong = {**self.row, self.column: self.value}
        return world.with_row(self.table.name, self.row, wrong)


def every(share: Share) -> Iterator[Planted]:
    """Each column of each row of a share, with another value than it has.

    Those that the comparison leaves out by its nature are left out: a time
    for another time, the number that a table counts its rows with, and what
    a label stands for.
    """
    for table in share.tables():
        blind = {*table.counted, *NAMED.get(table.name, ())}
        for row in share.rows(table.name):
            for column, value in row.items():
                if column not in blind and not is_time(value):
                    new = next(others(value))
                    yield Planted(table, row, column, new)


def is_time(value: Any) -> bool:
    """Whether a value is a time, whose like no two moves have."""
    return isinstance(value, datetime.datetime)


def others(value: Any) -> Iterator[Any]:
    """Values that are not this one, the likeliest to be of its type first."""
    if value is None:
        yield from ('planted', 1, datetime.datetime(2001, 2, 3, 4, 5, 6))
    elif isinstance(value, bytes):
        yield value + b'x'
    elif isinstance(value, str):
        yield from _other_texts(value)
    else:
        yield from (value + 1, value - 1)


def _other_texts(text: str) -> Iterator[str]:
    # Inside what is there, so that JSON stays JSON.
    if text[:1] in ('{', '['):
        for old, new in (('true', 'false'), ('false', 'true'), ('": "', 'x')):
            if old in text:
                yield text.replace(old, old + new if new == 'x' else new, 1)
    yield f'{text}x'
    # Of the same length, where there is no room for more.
    yield f'{text[:-1]}{"y" if text.endswith("x") else "x"}'
