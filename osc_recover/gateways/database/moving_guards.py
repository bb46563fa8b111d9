# SPDX-License-Identifier: Apache-2.0
"""What must still be so inside the transaction of a move.

Every read takes a lock, for a plain one may answer from before the
transaction (MariaDB: consistent reads under REPEATABLE READ).
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from osc_recover import errors
from osc_recover.facts import Move
from osc_recover.gateways.database import Transaction

Row = Mapping[str, Any]

# nova/db/main/api.py migration_get_in_progress_by_host_and_node
FINAL = (
    'confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
    'done',
)  # fmt: skip
# What a nova-compute that starts acts upon (nova/compute/manager.py
# _destroy_evacuated_instances).
STANDING = ('accepted', 'pre-migrating', 'done')

# Of a column of instances: the fact it is compared with.
_COMPARED = {
    'host': 'host',
    'node': 'node',
    'compute_id': 'compute_id',
    'vm_state': 'vm_state',
    'task_state': 'task_state',
    'power_state': 'power_state',
    'availability_zone': 'zone',
}
_SERVER = """
SELECT {columns} FROM instances
 WHERE uuid = %(server)s AND deleted = 0 FOR UPDATE
"""
# What is counted is not locked: a share waits for the server's row (a foreign
# key), and devices are given by the dead host's own nova-compute.
_CLAIMS = """
SELECT e.numa_topology, e.pci_requests, e.resources, e.migration_context,
       (SELECT COUNT(*) FROM pci_devices d
         WHERE d.instance_uuid = e.instance_uuid AND d.deleted = 0)
       AS pci_devices, {shares} AS share_mapping
  FROM instance_extra e
 WHERE e.instance_uuid = %(server)s AND e.deleted = 0 FOR UPDATE
"""
_SHARES = """
       (SELECT COUNT(*) FROM share_mapping s
         WHERE s.instance_uuid = e.instance_uuid)
"""
# Shared: the services' own reports are not held up by moves side by side.
_SOURCE = """
SELECT forced_down FROM services
 WHERE host = %(host)s AND `binary` = 'nova-compute' AND deleted = 0
  LOCK IN SHARE MODE
"""
_DESTINATION = """
SELECT id, hypervisor_hostname AS node FROM compute_nodes
 WHERE host = %(host)s AND deleted = 0 LOCK IN SHARE MODE
"""
_MIGRATIONS = """
SELECT id, uuid, status, migration_type, source_compute FROM migrations
 WHERE instance_uuid = %(server)s AND deleted = 0
   AND (status NOT IN %(final)s OR (status = 'done'
        AND migration_type = 'evacuation' AND source_compute = %(host)s))
   FOR UPDATE
"""
_OURS = """
SELECT id FROM instance_actions
 WHERE instance_uuid = %(server)s AND request_id = %(request)s FOR UPDATE
"""
_SINCE = """
SELECT action FROM instance_actions
 WHERE instance_uuid = %(server)s AND id > %(action)s
   AND action NOT IN ('lock', 'unlock') ORDER BY id LIMIT 1 FOR UPDATE
"""
_CLAIMING = ('numa_topology', 'pci_requests', 'resources', 'migration_context')
_COUNTED = ('pci_devices', 'share_mapping')


class Guards:
    """The guards of one move, in one transaction.

    :param columns: those of the table instances
    :param shares: whether there is a table share_mapping
    """

    def __init__(
        self,
        tx: Transaction,
        move: Move,
        columns: Collection[str],
        shares: bool = False,
    ) -> None:
        self._tx = tx
        self._move = move
        self._shares = shares
        self._compared = {
            column: field
            for column, field in _COMPARED.items()
            if column in columns
        }

    def server(self) -> None:
        """Its row is as planned, and stays so: it is locked.

        :raises errors.RowsDiffer: when it is not
        :raises errors.RowGone: when it is deleted
        """
        row = self._row()
        for column, field in self._compared.items():
            expected = getattr(self._move.before, field)
            if row[column] != expected:
                raise self._differs('instances', column, expected, row[column])

    def claims(self) -> None:
        """It has nothing that only nova's own claims can move.

        :raises errors.RowsDiffer: when it has
        """
        sql = _CLAIMS.format(shares=_SHARES if self._shares else '0')
        for row in self._tx.rows(sql, {'server': self._move.server}):
            counted = tuple(name for name in _COUNTED if row[name])
            if found := (*claimed(row), *counted):
                raise self._differs('instance_extra', 'claims', (), found)

    def source(self) -> None:
        """The failed host's service is forced down.

        :raises errors.RowsDiffer: when it is not, or is no more
        """
        rows = self._tx.rows(_SOURCE, {'host': self._move.before.host})
        if not rows or not all(row['forced_down'] for row in rows):
            found = tuple(row['forced_down'] for row in rows)
            raise self._differs('services', 'forced_down', (1,), found)

    def destination(self) -> None:
        """The destination has its one node, the planned one.

        :raises errors.RowsDiffer: when it has not
        """
        to = self._move.to
        rows = self._tx.rows(_DESTINATION, {'host': to.host})
        found = tuple((row['id'], row['node']) for row in rows)
        expected = ((to.compute_id, to.node),)
        if found != expected:
            raise self._differs(
                'compute_nodes', 'destination', expected, found
            )

    def evacuations(self) -> None:
        """No migration is under way or stands but the record of this move.

        :raises errors.RowsDiffer: when one does
        """
        self._none_but(self._is_record)

    def no_evacuations(self) -> None:
        """None stands at all that the failed host would act upon.

        :raises errors.RowsDiffer: when one does
        """
        self._none_but(lambda row: False)

    def unused(self) -> None:
        """It is where it was moved to, and was left alone there.

        :raises errors.AlreadyStarted: when it may have run there
        :raises errors.RowsDiffer: when it is elsewhere
        :raises errors.RowGone: when it is deleted
        """
        row, to = self._row(), self._move.to
        if row['host'] != to.host:
            raise self._differs('instances', 'host', to.host, row['host'])
        if row['vm_state'] != 'stopped' or row['task_state'] is not None:
            raise self._started(row['task_state'] or row['vm_state'])
        if since := self._since():
            raise self._started(f'told to {since}')

    def _row(self) -> Row:
        sql = _SERVER.format(columns=', '.join(self._compared))
        rows = self._tx.rows(sql, {'server': self._move.server})
        if not rows:
            raise errors.RowGone(self._move.server, 'instances')
        return rows[0]

    def _since(self) -> str:
        """The first thing that was done with it after the move, or ''."""
        args = {'server': self._move.server, 'request': self._move.request}
        ours = self._tx.rows(_OURS, args)
        if not ours:
            raise errors.RowGone(self._move.server, 'instance_actions')
        rows = self._tx.rows(_SINCE, {**args, 'action': ours[0]['id']})
        return str(rows[0]['action']) if rows else ''

    def _none_but(self, allowed: Callable[[Row], bool]) -> None:
        move = self._move
        rows = self._tx.rows(
            _MIGRATIONS,
            {'server': move.server, 'host': move.before.host, 'final': FINAL},
        )
        if others := [row for row in rows if not allowed(row)]:
            found = tuple(_named(row) for row in others)
            raise self._differs('migrations', 'evacuations', (), found)

    def _is_record(self, row: Row) -> bool:
        if adopted := self._move.adopted:
            return bool(row['id'] == adopted.id)
        return bool(row['uuid'] == self._move.migration)

    def _started(self, evidence: str) -> errors.AlreadyStarted:
        return errors.AlreadyStarted(
            self._move.server, self._move.to.host, evidence
        )

    def _differs(
        self, table: str, column: str, expected: object, found: object
    ) -> errors.RowsDiffer:
        return errors.RowsDiffer(
            self._move.server, table, column, expected, found
        )


def claimed(extra: Row) -> tuple[str, ...]:
    """The columns of a row of instance_extra that belong to one host."""
    return tuple(column for column in _CLAIMING if _has(extra[column]))


def _has(text: str | None) -> bool:
    """Whether there is something in it: [] and null are nothing."""
    if text is None:
        return False
    try:
        return bool(json.loads(text))
    except ValueError:
        return True


def _named(row: Row) -> str:
    return f'{row["migration_type"]} {row["id"]} {row["status"]}'
