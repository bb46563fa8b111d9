# SPDX-License-Identifier: Apache-2.0
"""The databases of one cloud: nova's API, its cells, cinder."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from osc_recover import errors
from osc_recover.gateways.database import templates, url
from osc_recover.gateways.database.database import Database
from osc_recover.gateways.database.sources import Sources

CELL0 = '00000000-0000-0000-0000-000000000000'

# nova/db/api/models.py, CellMapping.
_MAPPINGS = """
SELECT uuid, name, database_connection AS url FROM cell_mappings
 WHERE disabled = 0 AND uuid <> %(cell0)s ORDER BY name, uuid
"""
_CELL0 = """
SELECT uuid, name, database_connection AS url FROM cell_mappings
 WHERE uuid = %(cell0)s
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """An enabled cell of nova; cell0, which has no hosts, is none."""

    uuid: str
    name: str
    database: Database


class Databases:
    """Nothing is looked for, and nothing connects, before it is asked for."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    @property
    def configured(self) -> bool:
        """Whether anything tells where they are."""
        return self._sources.configured

    @functools.cached_property
    def nova_api(self) -> Database:
        """nova's API database, which knows the cells."""
        return Database('nova_api', self._sources.nova_api)

    @functools.cached_property
    def cinder(self) -> Database | None:
        """cinder's, or None where nothing tells where it is."""
        if not self._sources.has_cinder():
            return None
        return Database('cinder', self._sources.cinder)

    def cells(self) -> tuple[Cell, ...]:
        """The enabled cells, cell0 left out, in the order of their names.

        One whose database cannot be reached, or whose mapping cannot be
        used, says so when it is read.

        :raises errors.DatabaseError: when nova_api does not answer
        """
        return self._cells

    def urls(self) -> dict[str, Callable[[], url.Url]]:
        """Where each database is, by what it is called here.

        These are nova_api, cell0, the cells by their names, and cinder where
        it is known; each raises errors.DatabaseError when it is asked for.

        :raises errors.DatabaseError: when nova_api does not answer
        """
        cell0 = self.nova_api.read(_CELL0, {'cell0': CELL0})
        cells = [*map(self._cell, cell0), *self.cells()]
        return {
            'nova_api': self._sources.nova_api,
            **{
                'cell0'
                if cell.uuid == CELL0
                else cell.name or cell.uuid: cell.database.url
                for cell in cells
            },
            **({'cinder': self._sources.cinder} if self.cinder else {}),
        }

    def close(self) -> None:
        """Close the connections that are idle."""
        for name in ('nova_api', 'cinder', '_cells'):
            found = self.__dict__.get(name)
            if isinstance(found, Database):
                found.close()
        for cell in self.__dict__.get('_cells', ()):
            cell.database.close()

    @functools.cached_property
    def _cells(self) -> tuple[Cell, ...]:
        rows = self.nova_api.read(_MAPPINGS, {'cell0': CELL0})
        return tuple(self._cell(row) for row in rows)

    def _cell(self, row: dict[str, Any]) -> Cell:
        uuid, name = str(row['uuid']), str(row['name'] or '')
        known = f'cell {name or uuid!r}'

        def find() -> url.Url:
            own = self._sources.cell(uuid, name)
            return url.parse(known, own or self._filled(known, row['url']))

        return Cell(uuid, name, Database(known, find))

    def _filled(self, known: str, mapping: Any) -> str:
        text = str(mapping or '')
        if not templates.is_template(text):
            return text
        try:
            local = self._sources.nova()
        except errors.DatabaseUnset as exc:
            raise errors.DatabaseUnset(
                known,
                f'its mapping is a template, and what fills it in is not '
                f'known: {exc.problem}',
                exc.advice,
            ) from exc
        return templates.filled(text, local)
