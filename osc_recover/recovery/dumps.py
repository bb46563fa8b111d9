# SPDX-License-Identifier: Apache-2.0
"""Databases of the cloud, dumped beside what was observed of it."""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence

from osc_recover import errors
from osc_recover.checks.snapshots.rows import SAVED, UNKNOWN, Part
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.dump import dump
from osc_recover.gateways.database.url import Url

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,63}')
Find = Callable[[], Url]


class Dumps:
    """The databases that are to be dumped, and what became of that.

    :param databases: those of the cloud, where it is said where they are
    :param names: None for no dumps at all; none for all that are known
    :ivar parts: a row for each, once it is written
    :raises errors.Refused: when it is not said where they are, and for a name
        that no database has
    """

    def __init__(
        self, databases: Databases | None, names: Sequence[str] | None
    ) -> None:
        self._databases = databases
        self._names = names
        self.parts: list[Part] = []
        if names is not None and databases is None:
            raise errors.Refused(
                'nothing says where the databases are that --dump asks for',
                'say recover: database in clouds.yaml',
                'no-database',
            )
        for name in names or ():
            if not _NAME.fullmatch(name):
                raise errors.Refused(
                    f'no database is called {name!r}',
                    'name nova_api, cell0, a cell, cinder or another schema',
                    'bad-name',
                )

    def write(self, folder: pathlib.Path) -> None:
        """Dump them, a file each; one that could not be is a row."""
        if self._databases is None or self._names is None:
            return
        try:
            known = self._databases.urls()
        except errors.DatabaseError as exc:
            self.parts.append(_lost('dumps', exc))
            return
        for name in dict.fromkeys(self._names or known):
            self.parts.append(_dumped(folder, name, _found(known, name)))


def _found(known: dict[str, Find], name: str) -> Find:
    """Where a database is; one of another name is on nova_api's server."""
    if name in known:
        return known[name]
    return lambda: dataclasses.replace(known['nova_api'](), database=name)


def _dumped(folder: pathlib.Path, name: str, find: Find) -> Part:
    path = folder / f'dump-{name}.sql'
    try:
        dump(name, find(), path)
    except errors.DatabaseError as exc:
        return _lost(f'dump of {name}', exc)
    told = f'{path.name}, {path.stat().st_size} bytes'
    return Part(f'dump of {name}', 1, SAVED, told)


def _lost(what: str, exc: errors.DatabaseError) -> Part:
    return Part(what, 0, UNKNOWN, exc.sentence, exc.way_out)
