# SPDX-License-Identifier: Apache-2.0
"""Volumes in every state that a power loss may leave, written by SQL.

What the services have of a real data volume is copied: to the volume that a
server has, the attachment that cinder has of it, and nova's mapping.
"""

import datetime
import json
import uuid
from typing import Any

from tests import practice as lib
from tests.cloud import lab

# What cinder shows for a moment, or when something went wrong.
STATUSES = (
    'in-use', 'attaching', 'detaching', 'reserved', 'available', 'error',
)  # fmt: skip
# What is never to be touched: cinder/objects/fields.py, VolumeStatus.  Not
# error_managing, which the API calls error (cinder/api/v3/views/volumes.py).
ALONE = (
    'creating', 'downloading', 'uploading', 'managing',
    'deleting', 'error_deleting', 'backing-up', 'error_backing-up',
    'restoring-backup', 'error_restoring', 'extending', 'error_extending',
    'retyping', 'maintenance', 'awaiting-transfer',
)  # fmt: skip
# Who has it: nova's mapping, and each of cinder's attachments.
CONSTELLATIONS = (
    'nobody',
    'both',
    'nova',
    'cinder',
    'reserved',
    'failed',
    'deleted-server',
    'twice',
    'no-server',
)
_OLD = datetime.datetime(2026, 1, 1)


class Plant:
    """Copies of the volume of a server, in states of all sorts.

    :param server: the one that has them
    :param gone: a server that was deleted
    :param model: its data volume
    """

    def __init__(self, server: str, gone: str, model: str) -> None:
        self._server, self._gone = server, gone
        self._volume = _row('cinder', 'volumes', id=model)
        self._attachment = _row(
            'cinder', 'volume_attachment', volume_id=model, deleted=0
        )
        self._mapping = _row(
            'nova', 'block_device_mapping', volume_id=model, deleted=0
        )

    def add(self, status: str, constellation: str, number: int) -> str:
        """Write one; returns the ID of the volume."""
        made = str(uuid.uuid4())
        held = constellation in ('both', 'twice', 'cinder')
        _insert(
            'cinder', 'volumes',
            {
                **self._volume,
                'id': made,
                'display_name': f'{status} {constellation}',
                'status': status,
                'attach_status': 'attached' if held else 'detached',
                'created_at': _OLD,
                'updated_at': _OLD,
            },
        )  # fmt: skip
        if held:
            lab.let_in(made, self._attachment['attached_host'])
        attachment = str(uuid.uuid4())
        if constellation in ('both', 'nova', 'twice'):
            self._map(made, attachment, number)
        for name, told in self._attachments(constellation, attachment):
            self._attach(made, name, number, **told)
        return made

    def _attachments(
        self, constellation: str, mine: str
    ) -> list[tuple[str, dict[str, Any]]]:
        other = str(uuid.uuid4())
        connector = json.loads(self._attachment['connector'])
        elsewhere = {
            'attached_host': 'elsewhere',
            'connector': json.dumps({**connector, 'host': 'elsewhere'}),
        }
        return {
            'both': [(mine, {})],
            'cinder': [(mine, {})],
            'twice': [(mine, {}), (other, elsewhere)],
            'reserved': [
                (mine, {'attach_status': 'reserved', 'connector': None})
            ],
            'failed': [(mine, {'attach_status': 'error_attaching'})],
            'deleted-server': [(mine, {'instance_uuid': self._gone})],
            'no-server': [(mine, {'instance_uuid': None})],
        }.get(constellation, [])

    def _map(self, volume: str, attachment: str, number: int) -> None:
        info = json.loads(self._mapping['connection_info'])
        info = {**info, 'volume_id': volume, 'serial': volume}
        info['attachment_id'] = attachment
        info['data'] = {**info['data'], 'volume_id': volume}
        _insert(
            'nova', 'block_device_mapping',
            {
                **{k: v for k, v in self._mapping.items() if k != 'id'},
                'uuid': str(uuid.uuid4()),
                'volume_id': volume,
                'attachment_id': attachment,
                'device_name': device(number),
                'connection_info': json.dumps(info),
                'created_at': _OLD,
                'updated_at': _OLD,
            },
        )  # fmt: skip

    def _attach(
        self, volume: str, name: str, number: int, **told: Any
    ) -> None:
        _insert(
            'cinder', 'volume_attachment',
            {
                **self._attachment,
                'id': name,
                'volume_id': volume,
                'mountpoint': device(number),
                'created_at': _OLD,
                'updated_at': _OLD,
                **told,
            },
        )  # fmt: skip


def device(number: int) -> str:
    """The name of a disk: 0 is /dev/vdc, 24 is /dev/vdaa.

    >>> device(0), device(23), device(24)
    ('/dev/vdc', '/dev/vdz', '/dev/vdaa')
    """
    first, last = divmod(number + 2, 26)
    tail = chr(ord('a') + last)
    return f'/dev/vd{chr(ord("a") + first - 1) if first else ""}{tail}'


def records(volume: str) -> list[Any]:
    """All that cinder and nova have of a volume, to be compared."""
    return [
        _rows('cinder', 'volumes', id=volume),
        _rows('cinder', 'volume_attachment', volume_id=volume),
        _rows('nova', 'block_device_mapping', volume_id=volume),
    ]


def forget(volumes: list[str]) -> None:
    """Take them out of the databases again."""
    for name, table, column in (
        ('cinder', 'volume_attachment', 'volume_id'),
        ('cinder', 'volume_admin_metadata', 'volume_id'),
        ('cinder', 'volumes', 'id'),
        ('nova', 'block_device_mapping', 'volume_id'),
    ):
        with lib.database(name) as base, base.cursor() as cursor:
            cursor.execute('SET FOREIGN_KEY_CHECKS=0')
            cursor.executemany(
                f'DELETE FROM {table} WHERE {column}=%s',
                [[volume] for volume in volumes],
            )


def _rows(name: str, table: str, **where: Any) -> list[dict[str, Any]]:
    with lib.database(name) as base, base.cursor() as cursor:
        wanted = ' AND '.join(f'{column}=%s' for column in where)
        cursor.execute(
            f'SELECT * FROM {table} WHERE {wanted} ORDER BY id',
            list(where.values()),
        )
        names = [one[0] for one in cursor.description]
        return [
            dict(zip(names, row, strict=True)) for row in cursor.fetchall()
        ]


def _row(name: str, table: str, **where: Any) -> dict[str, Any]:
    [found] = _rows(name, table, **where)
    return found


def _insert(name: str, table: str, row: dict[str, Any]) -> None:
    with lib.database(name) as base, base.cursor() as cursor:
        columns = ', '.join(f'`{column}`' for column in row)
        marks = ', '.join(['%s'] * len(row))
        cursor.execute(
            f'INSERT INTO {table} ({columns}) VALUES ({marks})',
            list(row.values()),
        )
