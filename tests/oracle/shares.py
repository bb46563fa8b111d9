# SPDX-License-Identifier: Apache-2.0
"""Which rows of a world are a server's."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.oracle.world import Row, Table, World

TOKEN = re.compile(r'[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}')

# Columns with an id of something that is the server's alone.  Others, such
# as a project's or a network's, would lead on to every server there is.
OWN = {
    'nova.block_device_mapping': ('uuid', 'volume_id', 'attachment_id'),
    'nova.migrations': ('uuid',),
    'nova.instance_actions': ('request_id',),
    'neutron.ports': ('id',),
    'cinder.volume_attachment': ('id', 'volume_id'),
}
# Rows that belong to the one row that refers to them; elsewhere what is
# referred to is shared.
HELD = {('neutron.ports', 'standard_attr_id')}

Place = tuple[str, int]  # a table, and which of its rows


class Index:
    """A world's rows by the ids that they mention, and by what they refer to.

    Made once for a world, asked for each server.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._mention: dict[str, set[Place]] = collections.defaultdict(set)
        self._refer: dict[tuple[str, Any], set[Place]] = (
            collections.defaultdict(set)
        )
        for table in world:
            for number, row in enumerate(table.rows):
                self._add(table, row, (table.name, number))

    def _add(self, table: Table, row: Row, place: Place) -> None:
        for token in _tokens(row.values()):
            self._mention[token].add(place)
        for column, target in table.refers.items():
            # Those by an id in text are found by it.
            if isinstance(row[column], int):
                self._refer[target, row[column]].add(place)

    def share(self, server: str) -> Share:
        """All rows that are this server's."""
        share = Share(self.world, server)
        wanted = [server]
        while wanted:
            places = self._mention.get(wanted.pop(), set()) - share.places
            for place in self._with_referring(places):
                share.places.add(place)
                wanted += share.learn(place)
        return share

    def _with_referring(self, places: Iterable[Place]) -> Iterator[Place]:
        found, seen = list(places), set(places)
        while found:
            place = found.pop()
            yield place
            more = {*self._children(place), *self._held(place)} - seen
            seen |= more
            found += more

    def _children(self, place: Place) -> Iterator[Place]:
        name, number = place
        row = self.world[name].rows[number]
        for column in self.world[name].key:
            if isinstance(row[column], int):
                yield from self._refer[f'{name}.{column}', row[column]]

    def _held(self, place: Place) -> Iterator[Place]:
        name, number = place
        table = self.world[name]
        for held, column in HELD:
            if held == name:
                target, _, key = table.refers[column].rpartition('.')
                wanted = table.rows[number][column]
                for at, row in enumerate(self.world[target].rows):
                    if row[key] == wanted:
                        yield target, at


class Share:
    """The rows of one server, and the ids that are its own."""

    def __init__(self, world: World, server: str) -> None:
        self.world = world
        self.server = server
        self.places: set[Place] = set()
        self._own = {server}

    def learn(self, place: Place) -> list[str]:
        """The ids in a row that lead to further rows, if they are new."""
        name, number = place
        row = self.world[name].rows[number]
        found = {
            token
            for column in OWN.get(name, ())
            for token in _tokens([row[column]])
        }
        new = found - self._own
        self._own |= new
        return sorted(new)

    def rows(self, name: str) -> list[Row]:
        """Its rows in a table, in the order of their keys."""
        table = self.world.tables.get(name)
        if table is None:
            return []
        found = [table.rows[n] for t, n in self.places if t == name]
        return sorted(found, key=lambda row: str_key(table.key_of(row)))

    def tables(self) -> list[Table]:
        """Those in which it has rows."""
        return [
            self.world[name] for name in sorted({t for t, _ in self.places})
        ]

    def keys(self) -> set[tuple[str, tuple[Any, ...]]]:
        """Table and key of each of its rows."""
        return {
            (name, self.world[name].key_of(self.world[name].rows[number]))
            for name, number in self.places
        }

    def refers_to_own(self, table: Table, row: Row, column: str) -> bool:
        """Whether a column refers to another row of this share."""
        target, _, key = table.refers.get(column, '').rpartition('.')
        return any(r[key] == row[column] for r in self.rows(target))


def touched(before: Share, after: Share) -> set[str]:
    """Columns in which rows of a server are not as they were.

    Those that both have; new ones and those that went are not told.
    """
    return {
        f'{table.name}.{column}'
        for table in before.tables()
        for key, old in _keyed(before, table).items()
        if (new := _keyed(after, table).get(key))
        for column in old
        if old[column] != new[column]
    }


def cut_down(shares: Iterable[Share]) -> World:
    """A world of nothing but what these servers own, of one world."""
    shares = list(shares)
    kept = set().union(*(share.places for share in shares))
    world = shares[0].world
    for table in shares[0].world:
        rows = [
            row for n, row in enumerate(table.rows) if (table.name, n) in kept
        ]
        world = world.with_rows(table.name, rows)
    return world


def str_key(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key that can be sorted whatever is in it."""
    return tuple(
        (0, value, '') if isinstance(value, int) else (1, 0, str(value))
        for value in key
    )


def _keyed(share: Share, table: Table) -> dict[tuple[Any, ...], Row]:
    return {table.key_of(row): row for row in share.rows(table.name)}


def _tokens(values: Iterable[Any]) -> set[str]:
    return {
        token
        for value in values
        if isinstance(value, str)
        for token in TOKEN.findall(value)
    }
