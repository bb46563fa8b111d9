# SPDX-License-Identifier: Apache-2.0
"""Where the URLs of databases come from.

The environment goes before clouds.yaml, and that before the configuration
files of nova and cinder.  Files are read only where clouds.yaml names one, or
a controller: those of this machine may be another cloud's.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from osc_recover import errors
from osc_recover.agent import databases as agent
from osc_recover.agent.errors import Refused
from osc_recover.gateways.database import url
from osc_recover.gateways.database.url import Url
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts
from osc_recover.settings import DatabaseSettings, SshSettings

# As oslo.config has them, for nova's [api_database] and [database].
API_VARIABLE = 'OS_API_DATABASE__CONNECTION'
NOVA_VARIABLE = 'OS_DATABASE__CONNECTION'

HERE = 'this machine'
TIMEOUT = 30.0  # seconds that a controller may be silent
_OPTIONS = ('connection', 'connection_parameters')
_GROUPS = {'nova': ('api_database', 'database'), 'cinder': ('database',)}


class Told(NamedTuple):
    """What a configuration says: "group.option" -> value; and which it is."""

    values: dict[str, str]
    where: str


class Sources:
    """The URLs of one cloud, each looked for when it is asked for.

    :param ssh: how the controller is reached
    """

    def __init__(self, settings: DatabaseSettings, ssh: SshSettings) -> None:
        self._settings = settings
        self._ssh = ssh
        self._known: dict[str, Told] = {}

    @property
    def configured(self) -> bool:
        """Whether anything tells of any database."""
        return self._settings != DatabaseSettings() or bool(
            os.environ.get(API_VARIABLE)
        )

    def nova_api(self) -> Url:
        """nova's API database.

        :raises errors.DatabaseUnset: when nothing tells it
        :raises errors.BadDatabaseUrl: when it cannot be used
        """
        given = os.environ.get(API_VARIABLE) or self._settings.nova_api
        found = given or self._configured('nova_api', 'nova', 'api_database')
        return url.parse('nova_api', found)

    def nova(self) -> str:
        """nova's own [database]connection, as it is written.

        :raises errors.DatabaseUnset: when nothing tells it
        """
        given = os.environ.get(NOVA_VARIABLE) or self._settings.nova
        return given or self._configured('nova', 'nova', 'database')

    def cell(self, uuid: str, name: str) -> str:
        """The URL that is said for a cell, instead of its mapping's."""
        cells = self._settings.cells
        return cells.get(uuid) or cells.get(name, '')

    def has_cinder(self) -> bool:
        """Whether anything tells where cinder's database may be."""
        told = self._settings
        return bool(told.cinder or told.cinder_config or told.controller)

    def cinder(self) -> Url:
        """cinder's database.

        :raises errors.DatabaseUnset: when nothing tells it
        :raises errors.BadDatabaseUrl: when it cannot be used
        """
        given = self._settings.cinder
        found = given or self._configured('cinder', 'cinder', 'database')
        return url.parse('cinder', found)

    def _configured(self, name: str, project: str, group: str) -> str:
        try:
            values, where = self._told(project)
        except errors.DatabaseUnset as exc:
            # What is asked for is one of several that it would tell.
            raise errors.DatabaseUnset(name, exc.problem, exc.advice) from exc
        found = values.get(f'{group}.connection')
        if not found:
            raise errors.DatabaseUnset(
                name, f'{where} has no connection in [{group}]'
            )
        # oslo.db appends them (sqlalchemy/engines.py, create_engine).
        more = values.get(f'{group}.connection_parameters')
        sign = '&' if '?' in found else '?'
        return f'{found}{sign}{more}' if more else found

    def _told(self, project: str) -> Told:
        if project not in self._known:
            self._known[project] = self._asked(project)
        return self._known[project]

    def _asked(self, project: str) -> Told:
        host, path = self._settings.controller, self._path(project)
        args = {'project': project, 'path': path, 'options': _options(project)}
        if host:
            return _answer(host, project, lambda: self._ask(host, args))
        if path:
            return _answer(HERE, project, lambda: agent.read(args, _nothing))
        raise errors.DatabaseUnset(
            project,
            'nothing says where it is: no URL, no controller, no '
            f'{project}_config',
        )

    def _path(self, project: str) -> str:
        told = self._settings
        return told.nova_config if project == 'nova' else told.cinder_config

    def _ask(self, host: str, args: dict[str, Any]) -> dict[str, Any]:
        with Hosts(self._ssh) as hosts:
            return hosts.ask(host, 'databases.read', args, timeout=TIMEOUT)


def _options(project: str) -> Sequence[tuple[str, str]]:
    return [(group, name) for group in _GROUPS[project] for name in _OPTIONS]


def _answer(
    host: str, project: str, ask: Callable[[], dict[str, Any]]
) -> Told:
    """What a host tells; its refusals as errors about the database."""
    try:
        record = Foreign.of(host, 'its databases', ask())
        return Told(
            record.words('values'), f'{record.text("where")} of {host}'
        )
    except Refused as exc:
        raise errors.DatabaseUnset(
            project, f'{host}: {exc.text}', str(exc.fields.get('advice', ''))
        ) from exc
    except errors.HostError as exc:
        raise errors.DatabaseUnset(project, exc.sentence, exc.way_out) from exc


def _nothing(event: dict[str, Any]) -> None:
    """Nobody waits for events of a file on this machine."""
