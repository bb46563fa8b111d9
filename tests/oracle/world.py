# SPDX-License-Identifier: Apache-2.0
"""Every row of a cloud's databases, with what their schemas say of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Table:
    """One table; its name has the schema's before it: ``nova.instances``."""

    name: str
    key: tuple[str, ...] = ('id',)  # its primary key
    counted: frozenset[str] = frozenset()  # columns that count up
    refers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """What makes a row this one of the table's."""
        return tuple(row[column] for column in self.key)

    def keyed(self) -> dict[tuple[Any, ...], Row]:
        """The rows by their keys."""
        return {self.key_of(row): row for row in self.rows}


class World:
    """Tables by name."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self.tables = {table.name: table for table in tables}

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())

    def with_rows(self, name: str, rows: Iterable[Row]) -> World:
        """The same world, but for the rows of one table."""
        changed = dataclasses.replace(self.tables[name], rows=tuple(rows))
        return World({**self.tables, name: changed}.values())

    def with_row(self, name: str, old: Row, new: Row) -> World:
        """The same world, but for one row."""
        rows = [new if row == old else row for row in self.tables[name].rows]
        return self.with_rows(name, rows)


def changed(before: World, after: World) -> dict[str, set[tuple[Any, ...]]]:
    """By table: the keys of the rows that are not as they were.

    Rows that are new or gone count too.
    """
    found = {}
    for table in after:
        old, new = before[table.name].keyed(), table.keyed()
        differ = {
            key
            for key in old.keys() | new.keys()
            if old.get(key) != new.get(key)
        }
        if differ:
            found[table.name] = differ
    return found
