# SPDX-License-Identifier: Apache-2.0
"""Servers in the database of one cell, as facts.

Everything is read in at most three queries: whom an id means, a whole row, and
the volumes of a server (or, of a host: its servers, and where others are).
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from osc_recover import errors
from osc_recover.facts import InstanceRow, MappedVolume, Placed, Reading
from osc_recover.gateways.database import Database, Transaction

States = Mapping[str, Any]

_COLUMNS = (
    'i.uuid, i.id, i.display_name, i.host, i.node, i.vm_state, '
    'i.power_state, i.task_state, i.deleted'
)
# A resize between cells keeps a hidden copy in the other one
# (nova/conductor/tasks/cross_cell_migrate.py).
_SEEN = '(i.hidden IS NULL OR i.hidden = 0)'


def _select(where: str, further: str = '', source: str = 'instances i') -> str:
    parts = 'SELECT', _COLUMNS, further, 'FROM', source, 'WHERE', where
    return ' '.join((*parts, 'AND', _SEEN))


_READ: Mapping[str, str] = {
    'uuid': _select('i.uuid = %(uuid)s', ", 'uuid' AS reading"),
    'ec2': _select(
        'm.id = %(ec2)s',
        ", 'ec2' AS reading",
        'instance_id_mappings m JOIN instances i ON i.uuid = m.uuid',
    ),
    'id': _select('i.id = %(id)s', ", 'id' AS reading"),
    'name': _select(
        'i.display_name = %(name)s AND i.deleted = 0', ", 'name' AS reading"
    ),
}
_ROW = 'SELECT * FROM instances WHERE uuid = %(uuid)s'
_ON_HOST = _select('i.host = %(host)s AND i.deleted = 0')
_WHERE = _select('i.uuid IN %(uuids)s')
_VOLUMES = (
    'SELECT volume_id, attachment_id, device_name, boot_index '
    'FROM block_device_mapping WHERE instance_uuid = %(uuid)s '
    "AND deleted = 0 AND destination_type = 'volume' ORDER BY id"
)
_LOCK = (
    'SELECT host, vm_state, power_state, task_state FROM instances '
    'WHERE uuid = %(uuid)s AND deleted = 0 FOR UPDATE'
)
_SET = (
    'UPDATE instances SET vm_state = %(vm_state)s, '
    'power_state = %(power_state)s, task_state = %(task_state)s, '
    'updated_at = UTC_TIMESTAMP() WHERE uuid = %(uuid)s AND deleted = 0 '
    'AND host <=> %(was_host)s AND vm_state <=> %(was_vm_state)s '
    'AND power_state <=> %(was_power_state)s '
    'AND task_state <=> %(was_task_state)s'
)
# What cloud-init is given may hold passwords.
_SECRET = ('user_data',)


class Instances:
    """The servers of one cell.

    :param cell: its name, for the facts
    """

    def __init__(self, cell: str, database: Database) -> None:
        self._cell = cell
        self._database = database

    def find(self, readings: Sequence[Reading]) -> tuple[Placed, ...]:
        """The servers that an id may mean, each once, deleted ones too.

        :raises errors.DatabaseError: when the database does not tell
        """
        sql = ' UNION ALL '.join(_READ[one.kind] for one in readings)
        rows = self._database.read(sql, {r.kind: r.value for r in readings})
        names = {str(r.value) for r in readings if r.kind == 'name'}
        # The database takes A for a, and a blank at the end for none.
        exact = [
            row
            for row in rows
            if row['reading'] != 'name' or row['display_name'] in names
        ]
        return _merged(self._cell, exact)

    def row(self, uuid: str) -> InstanceRow | None:
        """The whole row of a server, or None."""
        rows = self._database.read(_ROW, {'uuid': uuid})
        return InstanceRow(self._cell, _columns(rows[0])) if rows else None

    def volumes(self, uuid: str) -> tuple[MappedVolume, ...]:
        """The volumes that nova has a server use."""
        rows = self._database.read(_VOLUMES, {'uuid': uuid})
        return tuple(
            MappedVolume(
                _text(row['volume_id']), _text(row['attachment_id']),
                _text(row['device_name']), row['boot_index'],
            )
            for row in rows
        )  # fmt: skip

    def on_host(self, host: str) -> tuple[Placed, ...]:
        """The servers that are on a host."""
        rows = self._database.read(_ON_HOST, {'host': host})
        return tuple(_placed(self._cell, row) for row in rows)

    def where(self, uuids: Iterable[str]) -> tuple[Placed, ...]:
        """Those of some servers that are in this cell, deleted ones too."""
        wanted = tuple(sorted(set(uuids)))
        if not wanted:
            return ()
        rows = self._database.read(_WHERE, {'uuids': wanted})
        return tuple(_placed(self._cell, row) for row in rows)

    def set_states(self, uuid: str, was: States, to: States) -> States | None:
        """Change states in one transaction; None: it is done.

        :param was: host, vm_state, power_state and task_state as they must be
        :returns: what these are instead, where they are not; {} where the
            server is gone.  Nothing was changed then.
        :raises errors.CommitUnknown: when it may or may not have happened
        :raises errors.DatabaseError: when it did not
        """

        def body(transaction: Transaction) -> States | None:
            rows = transaction.rows(_LOCK, {'uuid': uuid})
            now = dict(rows[0]) if rows else {}
            if now != was:
                return now
            guard = {f'was_{key}': value for key, value in was.items()}
            args = {'uuid': uuid, **was, **to, **guard}
            count = transaction.change(_SET, args)
            if count != 1:
                raise errors.StepFailed(
                    f'{count} rows of server {uuid} would change, not one'
                )
            return None

        return self._database.transact(body)


def mapped_cell(nova_api: Database, uuid: str) -> str:
    """The cell that nova_api maps a server to; empty for none.

    :raises errors.DatabaseError: when the database does not tell
    """
    rows = nova_api.read(
        'SELECT c.name, c.uuid FROM instance_mappings m '
        'LEFT JOIN cell_mappings c ON c.id = m.cell_id '
        'WHERE m.instance_uuid = %(uuid)s',
        {'uuid': uuid},
    )
    return _text(rows[0]['name'] or rows[0]['uuid']) if rows else ''


def _merged(
    cell: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[Placed, ...]:
    readings: dict[str, list[str]] = {}
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        found[row['uuid']] = row
        readings.setdefault(row['uuid'], []).append(row['reading'])
    return tuple(
        _placed(cell, row, tuple(readings[uuid]))
        for uuid, row in found.items()
    )


def _placed(
    cell: str, row: Mapping[str, Any], readings: tuple[str, ...] = ()
) -> Placed:
    return Placed(
        cell=cell,
        uuid=row['uuid'],
        number=row['id'],
        name=_text(row['display_name']),
        host=_text(row['host']),
        node=_text(row['node']),
        vm_state=_text(row['vm_state']),
        power_state=row['power_state'],
        task_state=row['task_state'] or None,
        deleted=bool(row['deleted']),
        readings=readings,
    )


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(value)
        for name, value in row.items()
        if name not in _SECRET
    }


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; times as the database prints them."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(' ', 'seconds')
    return value if value is None or isinstance(value, int) else str(value)


def _text(value: Any) -> str:
    return '' if value is None else str(value)
