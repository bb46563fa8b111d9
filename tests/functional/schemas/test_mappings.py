# SPDX-License-Identifier: Apache-2.0
"""Volumes of a moved server, in the rows of each release."""

import json

import pytest

from osc_recover import errors
from osc_recover.gateways.database import mappings, moving
from tests.schemas.cell import (
    ALIVE,
    planned,
    tables,
)

ANSWER = {
    'id': 'new', 'status': 'attaching', 'instance': 's', 'volume_id': 'v',
    'attached_at': 't', 'detached_at': '', 'attach_mode': 'rw',
    'connection_info': {
        'driver_volume_type': 'iscsi', 'attachment_id': 'new',
        'target_lun': 1, 'auth_password': 'secret',
    },
}  # fmt: skip


def moved_with_volume(cell, database, **values):
    server = cell.boot()
    cell.volume(server, **values)
    what = planned(database, server)
    moving.move(database, what)
    (mapping,) = mappings.devices(database, server)
    return server, mapping


def mapped(cell, server):
    (row,) = cell.of('block_device_mapping', server)
    return row


def test_a_mapping_gets_a_new_attachment_and_then_its_connection(
    cell, database
):
    server, mapping = moved_with_volume(cell, database)
    assert (mapping.attachment, mapping.driver) == ('old', 'iscsi')
    mappings.renew(database, mapping, 'new', ALIVE)
    row = mapped(cell, server)
    assert (row['attachment_id'], row['connection_info']) == ('new', None)
    mappings.fill(database, mapping, ALIVE, ANSWER)
    row = mapped(cell, server)
    assert row['attachment_id'] == 'new'
    assert json.loads(row['connection_info']) == {
        'driver_volume_type': 'iscsi',
        'data': {
            'target_lun': 1, 'auth_password': 'secret', 'multipath_id': '36a',
        },
        'status': 'reserved', 'instance': server, 'attached_at': '',
        'detached_at': '', 'volume_id': 'v', 'serial': 'v',
    }  # fmt: skip
    assert row['updated_at'] is not None


def test_no_secret_of_a_connection_is_a_fact(cell, database):
    _, mapping = moved_with_volume(cell, database)
    assert 'secret' not in repr(mapping)


def test_a_mapping_is_given_its_old_attachment_again(cell, database):
    server, mapping = moved_with_volume(cell, database)
    mappings.renew(database, mapping, 'new', ALIVE)
    mappings.restore(database, mapping, 'new', ALIVE, {**ANSWER, 'id': 'old'})
    row = mapped(cell, server)
    assert row['attachment_id'] == 'old'
    assert json.loads(row['connection_info'])['data']['target_lun'] == 1


def test_a_volume_without_an_attachment_of_its_own_is_renewed(cell, database):
    # Attached before nova had attachments (Queens), and never since.
    server, mapping = moved_with_volume(cell, database, attachment_id=None)
    mappings.renew(database, mapping, 'new', ALIVE)
    assert mapped(cell, server)['attachment_id'] == 'new'


@pytest.mark.parametrize(
    'change, column',
    [
        ('instances SET task_state = "powering-on" WHERE uuid', 'task_state'),
        ('instances SET vm_state = "active" WHERE uuid', 'vm_state'),
        ('instances SET host = "cmp3" WHERE uuid', 'host'),
        ('block_device_mapping SET attachment_id = "x" WHERE instance_uuid',
         'attachment_id'),
    ],
)  # fmt: skip
def test_a_mapping_is_left_alone_when_something_changed(
    cell, database, change, column
):
    server, mapping = moved_with_volume(cell, database)
    assert cell.run(f'UPDATE {change} = %s', server) == 1
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        mappings.renew(database, mapping, 'new', ALIVE)
    assert caught.value.column == column
    assert tables(cell) == left


@pytest.mark.parametrize('table', ['instances', 'block_device_mapping'])
def test_a_mapping_that_is_gone_is_noticed(cell, database, table):
    server, mapping = moved_with_volume(cell, database)
    key = 'uuid' if table == 'instances' else 'instance_uuid'
    cell.run(f'UPDATE {table} SET deleted = id WHERE {key} = %s', server)
    with pytest.raises(errors.RowGone) as caught:
        mappings.fill(database, mapping, ALIVE, ANSWER)
    assert caught.value.table == table


def test_a_mapping_that_nova_has_dropped_is_brought_back(cell, database):
    server, mapping = moved_with_volume(cell, database, boot_index=0)
    sql = 'UPDATE block_device_mapping SET deleted = id WHERE id = %s'
    cell.run(sql, mapping.id)
    assert not mappings.devices(database, server)
    mappings.revive(database, mapping, 'new', ALIVE)
    (now,) = mappings.devices(database, server)
    assert (now.attachment, now.driver, now.is_root) == ('new', '', True)


@pytest.mark.parametrize(
    'change',
    [
        'DELETE FROM block_device_mapping WHERE id = %s',
        "UPDATE block_device_mapping SET deleted = id, attachment_id = 'x' "
        'WHERE id = %s',
    ],
)
def test_one_that_is_gone_or_another_is_not_brought_back(
    cell, database, change
):
    _, mapping = moved_with_volume(cell, database)
    cell.run(change, mapping.id)
    with pytest.raises(errors.RowGone):
        mappings.revive(database, mapping, 'new', ALIVE)


def test_a_half_done_renewal_shows(cell, database):
    server, mapping = moved_with_volume(cell, database, boot_index=0)
    mappings.renew(database, mapping, 'new', ALIVE)
    (now,) = mappings.devices(database, server)
    assert (now.attachment, now.driver, now.is_root) == ('new', '', True)


def dropping(cell, server, **changed):
    (row,) = cell.of('block_device_mapping', server)
    return {
        'mapping': row['uuid'], 'server': server, 'volume': 'v',
        'attachment': 'old', **changed,
    }  # fmt: skip


def test_a_data_volume_is_dropped_as_nova_drops_it(cell, database):
    server = cell.boot()
    cell.volume(server)
    what = dropping(cell, server)
    assert mappings.has(database, what['mapping'])
    mappings.drop(database, what)
    row = mapped(cell, server)
    assert row['deleted'] == row['id']
    assert row['deleted_at'] is not None
    assert not mappings.has(database, what['mapping'])
    assert not mappings.devices(database, server)


@pytest.mark.parametrize(
    ('values', 'changed'),
    [
        ({'boot_index': 0}, {}),
        ({}, {'attachment': 'new'}),
        ({}, {'volume': 'w'}),
        ({}, {'mapping': 'm'}),
    ],
)
def test_a_root_or_another_row_is_not_dropped(cell, database, values, changed):
    server = cell.boot()
    cell.volume(server, **values)
    with pytest.raises(errors.RowGone):
        mappings.drop(database, dropping(cell, server, **changed))
    assert mapped(cell, server)['deleted'] == 0


def test_nothing_of_a_server_that_nova_is_at_is_dropped(cell, database):
    server = cell.boot(task_state='rebooting')
    cell.volume(server)
    with pytest.raises(errors.RowsDiffer, match='task_state'):
        mappings.drop(database, dropping(cell, server))
    assert mapped(cell, server)['deleted'] == 0
