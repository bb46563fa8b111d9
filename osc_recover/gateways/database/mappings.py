# SPDX-License-Identifier: Apache-2.0
"""Volumes in nova's own database: which attachment, and its connection.

A moved server's volumes get new attachments, as in nova's evacuation (nova/
compute/manager.py, _do_rebuild_instance): nova's row
first names the new one and has no connection, then gets the destination's.  A
start between the two would leave the volume out, so the server must be
stopped, and nothing may be under way.
"""

import json
from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.facts import BlockDevice
from osc_recover.gateways.database import Database, Transaction

Row = Mapping[str, Any]

_READ = """
SELECT instance_uuid AS server, id, volume_id, attachment_id, device_name,
       boot_index, connection_info
  FROM block_device_mapping
 WHERE deleted = 0 AND volume_id IS NOT NULL AND instance_uuid = %(server)s
 ORDER BY id
"""
_DROPPED = """
SELECT instance_uuid AS server, id, volume_id, attachment_id, device_name,
       boot_index, connection_info
  FROM block_device_mapping
 WHERE deleted = id AND volume_id IS NOT NULL AND instance_uuid = %(server)s
   AND destination_type = 'volume'
 ORDER BY id
"""
_ALIVE = """
SELECT id, attachment_id FROM block_device_mapping
 WHERE deleted = 0 AND instance_uuid = %(server)s AND volume_id = %(volume)s
   FOR UPDATE
"""
_REVIVE = """
UPDATE block_device_mapping SET deleted = 0, deleted_at = NULL,
       attachment_id = %(new)s, connection_info = NULL,
       updated_at = UTC_TIMESTAMP()
 WHERE id = %(id)s AND deleted = id AND instance_uuid = %(server)s
   AND volume_id = %(volume)s AND attachment_id <=> %(old)s
"""
_SERVER = """
SELECT host, vm_state, task_state FROM instances
 WHERE uuid = %(server)s AND deleted = 0 FOR UPDATE
"""
_LOCK = """
SELECT attachment_id FROM block_device_mapping
 WHERE id = %(id)s AND deleted = 0 AND instance_uuid = %(server)s
   AND volume_id = %(volume)s FOR UPDATE
"""
_CHANGE = """
UPDATE block_device_mapping SET attachment_id = %(new)s,
       connection_info = %(connection)s, updated_at = UTC_TIMESTAMP()
 WHERE id = %(id)s AND deleted = 0 AND instance_uuid = %(server)s
   AND volume_id = %(volume)s AND attachment_id <=> %(old)s
"""
_HAS = """
SELECT id FROM block_device_mapping WHERE deleted = 0 AND uuid = %(mapping)s
"""
_AT_REST = """
SELECT task_state FROM instances
 WHERE uuid = %(server)s AND deleted = 0 FOR UPDATE
"""
_DROP = """
UPDATE block_device_mapping SET deleted = id, deleted_at = UTC_TIMESTAMP()
 WHERE uuid = %(mapping)s AND deleted = 0 AND instance_uuid = %(server)s
   AND volume_id = %(volume)s AND attachment_id <=> %(attachment)s
   AND (boot_index IS NULL OR boot_index <> 0)
"""


def devices(cell: Database, server: str) -> tuple[BlockDevice, ...]:
    """The volumes of a server, as nova's rows have them now.

    :raises errors.DatabaseError: when the database does not answer
    """
    rows = cell.read(_READ, {'server': server})
    return tuple(device(row) for row in rows)


def dropped(cell: Database, server: str) -> tuple[BlockDevice, ...]:
    """The volumes that nova has forgotten, the newest row of each.

    Whether somebody detached them the rows do not tell.

    :raises errors.DatabaseError: when the database does not answer
    """
    rows = cell.read(_DROPPED, {'server': server})
    newest = {row['volume_id']: device(row) for row in rows}
    return tuple(newest.values())


def revive(
    cell: Database, mapping: BlockDevice, attachment: str, host: str
) -> None:
    """Bring back a mapping that nova has dropped, for a fresh attachment.

    It has no connection yet.

    :param mapping: as it was when it was dropped
    :param host: where the server must be, stopped
    :raises errors.RowsDiffer: when something is not so, or the server has
        the volume by another row
    :raises errors.RowGone: when the server or the row is gone
    :raises errors.DatabaseError: as the database says
    """
    args = {
        'id': mapping.id,
        'server': mapping.server,
        'volume': mapping.volume,
        'old': mapping.attachment,
        'new': attachment,
    }

    def body(tx: Transaction) -> None:
        _stopped_on(tx, mapping.server, host)
        others = tx.rows(_ALIVE, args)
        if others:
            raise errors.RowsDiffer(
                mapping.server,
                'block_device_mapping',
                'attachment_id',
                None,
                others[0]['attachment_id'],
            )
        if tx.change(_REVIVE, args) != 1:
            raise errors.RowGone(mapping.server, 'block_device_mapping')

    cell.transact(body)


def has(cell: Database, mapping: str) -> bool:
    """Whether nova has a mapping, by its uuid, that it has not dropped.

    :raises errors.DatabaseError: when the database does not answer
    """
    return bool(cell.read(_HAS, {'mapping': mapping}))


def drop(cell: Database, mapping: Mapping[str, str]) -> None:
    """Have nova forget a data volume, as a reboot does from nova 28.

    nova/compute/manager.py ``_delete_dangling_bdms``; never a root, and none
    of a server that nova is at.

    :param mapping: its uuid as ``mapping``, server, volume, attachment
    :raises errors.RowsDiffer: when nova is at the server
    :raises errors.RowGone: when the server or such a row is not there
    :raises errors.DatabaseError: as the database says
    """
    server = mapping['server']

    def body(tx: Transaction) -> None:
        rows = tx.rows(_AT_REST, mapping)
        if not rows:
            raise errors.RowGone(server, 'instances')
        if task := rows[0]['task_state']:
            raise errors.RowsDiffer(
                server, 'instances', 'task_state', None, task
            )
        if tx.change(_DROP, mapping) != 1:
            raise errors.RowGone(server, 'block_device_mapping')

    cell.transact(body)


def renew(
    cell: Database, mapping: BlockDevice, attachment: str, host: str
) -> None:
    """Name a new attachment, which has no connection yet.

    Must come before the old one is deleted: cinder refuses while nova has it
    (cinder/volume/api.py ``attachment_deletion_allowed``).

    :param mapping: as it was; its attachment is what must still be there
    :param host: where the server must be, stopped
    :raises errors.RowsDiffer: when something is not so
    :raises errors.RowGone: when the server or its mapping is gone
    :raises errors.DatabaseError: as the database says
    """
    _change(cell, mapping, host, mapping.attachment, attachment, None)


def fill(
    cell: Database,
    mapping: BlockDevice,
    host: str,
    answer: Mapping[str, Any],
) -> None:
    """Give a new attachment its connection.

    May be done again, with another answer.

    :param answer: the attachment, as cinder tells it since it was given the
        destination's connector
    :raises: as ``renew``
    """
    attachment = str(answer['id'])
    stored = json.dumps(connection(answer, mapping))
    _change(cell, mapping, host, attachment, attachment, stored)


def restore(
    cell: Database,
    mapping: BlockDevice,
    attachment: str | None,
    host: str,
    answer: Mapping[str, Any],
) -> None:
    """Name the old attachment again, which must still be there in cinder.

    :param attachment: what is there now: the new one
    :param answer: the old attachment, as cinder tells it
    :raises: as ``renew``
    """
    stored = json.dumps(connection(answer, mapping))
    _change(cell, mapping, host, attachment, str(answer['id']), stored)


def connection(
    answer: Mapping[str, Any], mapping: BlockDevice
) -> dict[str, Any]:
    """A connection in the shape that nova keeps, from cinder's attachment.

    nova/volume/cinder.py ``_translate_attachment_ref`` and nova/virt/
    block_device.py ``_volume_attach``.  nova keeps the answer to its own PUT,
    in which cinder still has the attachment as reserved and with no times
    (cinder/volume/api.py ``attachment_update``), and never what comes later.

    >>> connection(
    ...     {
    ...         'id': 'a',
    ...         'connection_info': {
    ...             'driver_volume_type': 'iscsi', 'attachment_id': 'a',
    ...             'target_lun': 1,
    ...         },
    ...     },
    ...     BlockDevice(1, 's', 'v'),
    ... )['data']
    {'target_lun': 1}
    """
    data = dict(answer['connection_info'])
    data.pop('attachment_id', None)
    kind = data.pop('driver_volume_type', None)
    if mapping.multipath is not None:
        data['multipath_id'] = mapping.multipath
    shape = {
        'driver_volume_type': kind,
        'data': data,
        'status': 'reserved',
        'instance': mapping.server,
        'attached_at': '',
        'detached_at': '',
        'volume_id': mapping.volume,
        'serial': mapping.volume,
    }
    return {**shape, 'multiattach': True} if mapping.multiattach else shape


def device(row: Row) -> BlockDevice:
    """A row of block_device_mapping, without what may be secret in it."""
    info = _info(row['connection_info'])
    data = info.get('data')
    multipath = data.get('multipath_id') if isinstance(data, dict) else None
    return BlockDevice(
        id=row['id'],
        server=row['server'],
        volume=row['volume_id'],
        attachment=row['attachment_id'],
        device=row['device_name'],
        boot_index=row['boot_index'],
        driver=str(info.get('driver_volume_type') or ''),
        multiattach=info.get('multiattach') is True,
        multipath=None if multipath is None else str(multipath),
    )


def _change(
    cell: Database,
    mapping: BlockDevice,
    host: str,
    old: str | None,
    new: str,
    stored: str | None,
) -> None:
    args = {
        'id': mapping.id,
        'server': mapping.server,
        'volume': mapping.volume,
        'old': old,
        'new': new,
        'connection': stored,
    }

    def body(tx: Transaction) -> None:
        _stopped_on(tx, mapping.server, host)
        _attached(tx, mapping, args)
        tx.change(_CHANGE, args)

    cell.transact(body)


def _stopped_on(tx: Transaction, server: str, host: str) -> None:
    rows = tx.rows(_SERVER, {'server': server})
    if not rows:
        raise errors.RowGone(server, 'instances')
    wanted = {'host': host, 'vm_state': 'stopped', 'task_state': None}
    for column, value in wanted.items():
        if rows[0][column] != value:
            raise errors.RowsDiffer(
                server, 'instances', column, value, rows[0][column]
            )


def _attached(
    tx: Transaction, mapping: BlockDevice, args: Mapping[str, Any]
) -> None:
    rows = tx.rows(_LOCK, args)
    if not rows:
        raise errors.RowGone(mapping.server, 'block_device_mapping')
    if rows[0]['attachment_id'] != args['old']:
        raise errors.RowsDiffer(
            mapping.server,
            'block_device_mapping',
            'attachment_id',
            args['old'],
            rows[0]['attachment_id'],
        )


def _info(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or '{}')
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
