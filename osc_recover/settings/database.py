# SPDX-License-Identifier: Apache-2.0
"""recover: database, where the databases of nova and cinder are."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.settings import values


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the databases are; what is empty is looked for in files.

    :param nova_api: the URL of nova's API database
    :param nova: what fills in cell mappings that are templates: nova's own
        [database]connection
    :param cinder: the URL of cinder's database
    :param cells: the name or UUID of a cell -> its URL, instead of the one in
        its mapping
    :param nova_config: nova.conf, where it is not in its usual place
    :param cinder_config: cinder.conf, likewise
    :param controller: the host whose files they are; empty: this machine's
    """

    nova_api: str = dataclasses.field(default='', repr=False)
    nova: str = dataclasses.field(default='', repr=False)
    cinder: str = dataclasses.field(default='', repr=False)
    cells: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False
    )
    nova_config: str = ''
    cinder_config: str = ''
    controller: str = ''


_URLS = ('nova_api', 'nova', 'cinder')
_FILES = ('nova_config', 'cinder_config')
_KEYS = {*_URLS, *_FILES, 'cells', 'controller'}
_CELL = {'name', 'url'}


def read(value: Any) -> DatabaseSettings:
    """Read the section; it may be missing.

    :raises errors.BadSettings: without what may be secret in it
    """
    given = {
        key: item
        for key, item in values.section('database', value or {}).items()
        if item is not None
    }
    return DatabaseSettings(
        **{key: _url(key, given[key]) for key in _URLS if key in given},
        **{key: _file(key, given[key]) for key in _FILES if key in given},
        cells=_cells(given.get('cells') or ()),
        controller=_controller(given.get('controller')),
    )


def unknown(value: Any) -> tuple[str, ...]:
    """Keys that mean nothing, in a section which ``read`` has read."""
    given = value or {}
    return (
        *(f'database: {key}' for key in given if key not in _KEYS),
        *(
            f'database: cells: {key}'
            for item in given.get('cells') or ()
            for key in item
            if key not in _CELL
        ),
    )


def _url(key: str, value: Any) -> str:
    # What is given here is never told: it may have a password in it.
    if not isinstance(value, str) or '://' not in value:
        raise errors.BadSettings(f'database: {key}', 'is no URL')
    return value


def _file(key: str, value: Any) -> str:
    return str(values.path(f'database: {key}', value))


def _controller(value: Any) -> str:
    return values.text('database: controller', value) if value else ''


def _cells(value: Any) -> dict[str, str]:
    if not isinstance(value, list | tuple):
        raise errors.BadSettings('database: cells', 'is no list of cells')
    found: dict[str, str] = {}
    for number, item in enumerate(value, 1):
        where = f'database: cells, entry {number}'
        if not isinstance(item, Mapping) or not item.get('name'):
            raise errors.BadSettings(where, 'has no name')
        name = str(item['name'])
        if name in found:
            raise errors.BadSettings('database: cells', f'names {name} twice')
        found[name] = _url(f'cells, entry {number}', item.get('url'))
    return found
