# SPDX-License-Identifier: Apache-2.0
"""Whatever has changed since the plan stops a move whole."""

import pytest

from osc_recover import errors
from osc_recover.gateways.database import moving
from tests.schemas.cell import (
    ALIVE,
    DEAD,
    NEWER,
    planned,
    tables,
)


@pytest.mark.parametrize(
    'change, column',
    [
        ('instances SET host = "cmp3" WHERE uuid', 'host'),
        ('instances SET node = "other" WHERE uuid', 'node'),
        ('instances SET vm_state = "error" WHERE uuid', 'vm_state'),
        ('instances SET task_state = "rebuilding" WHERE uuid', 'task_state'),
        ('instances SET power_state = 4 WHERE uuid', 'power_state'),
        ('instances SET availability_zone = NULL WHERE uuid',
         'availability_zone'),
        ('instance_extra SET numa_topology = "{\\"cells\\": []}" '
         'WHERE instance_uuid', 'claims'),
        ('instance_extra SET pci_requests = "[{}]" WHERE instance_uuid',
         'claims'),
        ('instance_extra SET migration_context = "{\\"a\\": 1}" '
         'WHERE instance_uuid', 'claims'),
        ('instance_extra SET resources = "{\\"a\\": 1}" '
         'WHERE instance_uuid', 'claims'),
    ],
)  # fmt: skip
def test_a_change_after_the_plan_is_noticed(cell, database, change, column):
    server = cell.boot()
    what = planned(database, server)
    assert cell.run(f'UPDATE {change} = %s', server) == 1
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.column == column
    assert tables(cell) == left


def given_a_device(cell, server):
    cell.insert(
        'pci_devices', instance_uuid=server, address=server[:12], deleted=0,
        compute_node_id=1, vendor_id='8086', product_id='1', label='l',
        dev_type='type-VF', status='allocated',
    )  # fmt: skip


def given_a_share(cell, server):
    cell.insert(
        'share_mapping', instance_uuid=server, share_id='s', status='a',
        tag='t',
    )  # fmt: skip


@pytest.mark.parametrize('given', [given_a_device, given_a_share])
def test_what_a_server_is_given_after_the_plan_is_noticed(
    cell, database, given
):
    if given is given_a_share and cell.release in ('26', '28'):
        assert not database.columns('share_mapping')
        return
    server = cell.boot()
    what = planned(database, server)
    given(cell, server)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.column == 'claims'
    assert tables(cell) == left


def test_another_compute_id_is_noticed(cell, database):
    if cell.release not in NEWER:
        assert 'compute_id' not in database.columns('instances')
        return
    server = cell.boot()
    what = planned(database, server)
    cell.run('UPDATE instances SET compute_id = 9 WHERE uuid = %s', server)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert (caught.value.column, caught.value.found) == ('compute_id', 9)


def test_a_deleted_server_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    cell.run('UPDATE instances SET deleted = id WHERE uuid = %s', server)
    with pytest.raises(errors.RowGone):
        moving.move(database, what)
    assert moving.moved(database, what) is False


@pytest.mark.parametrize('status', ['accepted', 'pre-migrating', 'done'])
def test_an_evacuation_after_the_plan_is_noticed(cell, database, status):
    server = cell.boot()
    what = planned(database, server)
    cell.evacuation(server, status=status)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.column == 'evacuations'
    assert tables(cell) == left


def test_a_migration_after_the_plan_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    cell.evacuation(
        server, migration_type='live-migration', status='preparing'
    )
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert 'live-migration' in str(caught.value)


def test_ended_migrations_do_not_matter(cell, database):
    server = cell.boot()
    what = planned(database, server)
    for status in ('error', 'failed', 'completed', 'cancelled'):
        cell.evacuation(server, status=status)
    cell.evacuation(server, migration_type='migration', status='confirmed')
    moving.move(database, what)
    assert moving.moved(database, what) is True


def test_a_failed_host_that_is_let_back_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    let = 'UPDATE services SET forced_down = %s WHERE host = %s'
    cell.run(let, 0, DEAD)
    try:
        with pytest.raises(errors.RowsDiffer) as caught:
            moving.move(database, what)
    finally:
        cell.run(let, 1, DEAD)
    assert caught.value.column == 'forced_down'
    assert cell.server_row(server)['host'] == DEAD


def test_another_node_of_the_destination_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    cell.run('UPDATE compute_nodes SET deleted = id WHERE host = %s', ALIVE)
    try:
        with pytest.raises(errors.RowsDiffer) as caught:
            moving.move(database, what)
    finally:
        cell.run('UPDATE compute_nodes SET deleted = 0 WHERE host = %s', ALIVE)
    assert caught.value.column == 'destination'


def test_an_evacuation_that_went_on_after_the_plan_is_noticed(cell, database):
    server = cell.boot()
    cell.evacuation(server)
    what = planned(database, server)
    cell.run(
        'UPDATE migrations SET status = "pre-migrating", '
        'dest_compute = "cmp3" WHERE instance_uuid = %s', server,
    )  # fmt: skip
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.found == ('pre-migrating', 'cmp3')
    assert tables(cell) == left
