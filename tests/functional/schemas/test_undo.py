# SPDX-License-Identifier: Apache-2.0
"""A move is taken back whole, or not at all."""

import pytest

from osc_recover import errors
from osc_recover.gateways.database import moving
from tests.schemas.cell import (
    DEAD,
    apart,
    planned,
    tables,
)


def test_a_move_is_taken_back_whole(cell, database):
    server = cell.boot(task_state='powering-off', vm_state='paused')
    what = planned(database, server)
    before = cell.server_row(server)
    moving.move(database, what)
    assert moving.taken_back(database, what) is False
    moving.take_back(database, what)
    assert apart(before, cell.server_row(server)) == {}
    (record,) = cell.of('migrations', server)
    assert record['status'] == 'failed'
    assert moving.taken_back(database, what) is True
    assert moving.moved(database, what) is False
    action = cell.of('instance_actions', server)[-1]
    assert 'taken back' in action['message']


def test_an_adopted_record_is_no_more_acted_upon_once_taken_back(
    cell, database
):
    server = cell.boot()
    cell.evacuation(server)
    what = planned(database, server)
    moving.move(database, what)
    moving.take_back(database, what)
    (record,) = cell.of('migrations', server)
    assert record['status'] == 'failed'
    assert cell.server_row(server)['host'] == DEAD


def test_locking_a_server_is_no_use_of_it(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    done(cell, server, 'lock')
    moving.take_back(database, what)
    assert moving.taken_back(database, what) is True


def done(cell, server, action):
    cell.insert(
        'instance_actions', instance_uuid=server, action=action, deleted=0,
        request_id='req-x',
    )  # fmt: skip


def started(cell, server):
    cell.run(
        'UPDATE instances SET vm_state = "active", power_state = 1 '
        'WHERE uuid = %s', server,
    )  # fmt: skip


def starting(cell, server):
    cell.run(
        'UPDATE instances SET task_state = "powering-on" WHERE uuid = %s',
        server,
    )


def started_and_stopped(cell, server):
    done(cell, server, 'start')
    done(cell, server, 'stop')


@pytest.mark.parametrize('use', [started, starting, started_and_stopped])
def test_a_server_that_was_started_is_not_taken_back(cell, database, use):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    use(cell, server)
    left = tables(cell)
    with pytest.raises(errors.AlreadyStarted):
        moving.take_back(database, what)
    assert tables(cell) == left


def test_nothing_is_taken_back_once_the_failed_host_came_back(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    cell.run('UPDATE migrations SET status = "completed" WHERE uuid = %s',
             what.migration)  # fmt: skip
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.take_back(database, what)
    assert caught.value.found == 'completed'
    assert tables(cell) == left


def test_a_server_that_went_on_is_not_taken_back(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    cell.run('UPDATE instances SET host = "cmp3" WHERE uuid = %s', server)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.take_back(database, what)
    assert caught.value.column == 'host'


def test_no_server_is_left_to_a_host_that_would_destroy_it(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    cell.evacuation(server)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.take_back(database, what)
    assert caught.value.column == 'evacuations'
    assert tables(cell) == left


@pytest.mark.parametrize('stands', [False, True])
def test_a_move_that_never_happened_is_not_taken_back(cell, database, stands):
    server = cell.boot()
    if stands:
        cell.evacuation(server, status='done', dest_compute='cmp3')
    what = planned(database, server)
    with pytest.raises(errors.RowsDiffer):
        moving.take_back(database, what)
    assert moving.taken_back(database, what) is True
