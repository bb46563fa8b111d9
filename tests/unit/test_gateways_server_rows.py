# SPDX-License-Identifier: Apache-2.0
"""What is written of an attachment, in whichever cell."""

import json

import pytest

from osc_recover import errors, facts
from osc_recover.gateways.database import Cell
from osc_recover.gateways.server_rows import ServerRows

PLANNED = facts.BlockDevice(7, 's1', 'v1', 'old')
NEW = facts.VolumeAttachment(
    'new',
    'v1',
    's1',
    'attaching',
    'rw',
    '2026-11-01T00:00:00',
    '',
    {
        'driver_volume_type': 'iscsi',
        'attachment_id': 'new',
        'target_lun': 3,
    },
)


class Transaction:
    """Rows of a server that is stopped on cmp-2, and what was written."""

    def __init__(self, attachment):
        self._attachment = attachment
        self.written = []

    def rows(self, sql, args):
        if 'FROM instances' in sql:
            row = {'host': 'cmp-2', 'vm_state': 'stopped'}
            return [{**row, 'task_state': None}]
        return [{'attachment_id': self._attachment}]

    def change(self, sql, args):
        self.written.append(args)
        return 1


class Database:
    def __init__(self, attachment):
        self.transaction = Transaction(attachment)

    def read(self, sql, args):
        return [
            {
                'server': 's1',
                'id': 7,
                'volume_id': 'v1',
                'attachment_id': 'new',
                'device_name': '/dev/vdb',
                'boot_index': None,
                'connection_info': None,
            }
        ]

    def transact(self, body):
        return body(self.transaction)


class Databases:
    def __init__(self, database):
        self._database = database

    def cells(self):
        return (Cell('one', 'cell1', self._database),)


def rows(attachment):
    database = Database(attachment)
    return ServerRows(lambda: Databases(database)), database.transaction


def test_a_connection_is_kept_as_nova_keeps_it():
    made, transaction = rows('new')
    made.fill('one', PLANNED, 'cmp-2', NEW)
    (written,) = transaction.written
    kept = json.loads(written['connection'])
    assert kept['driver_volume_type'] == 'iscsi'
    assert kept['data'] == {'target_lun': 3}
    # As the PUT answers, and not what has become of it since.
    assert (kept['status'], kept['attached_at']) == ('reserved', '')
    assert kept['serial'] == 'v1'


def test_the_attachment_of_before_is_named_again():
    made, transaction = rows('new')
    old = facts.VolumeAttachment('old', 'v1', 's1', 'attached')
    made.restore('one', PLANNED, 'cmp-2', old)
    (written,) = transaction.written
    assert (written['old'], written['new']) == ('new', 'old')


def test_a_mapping_is_found_by_its_row():
    made, _ = rows('new')
    assert made.mapping('one', PLANNED).attachment == 'new'
    with pytest.raises(errors.RowGone):
        made.mapping('one', facts.BlockDevice(8, 's1', 'v1'))


def test_a_cell_that_is_gone_is_named():
    made, _ = rows('new')
    with pytest.raises(errors.DatabaseError, match='two'):
        made.mapping('two', PLANNED)
