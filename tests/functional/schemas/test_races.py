# SPDX-License-Identifier: Apache-2.0
"""Somebody else at the same rows, at the same time."""

import concurrent.futures
import contextlib
import threading

import pymysql
import pytest

from osc_recover import errors
from osc_recover.gateways.database import moving
from tests import mariadb
from tests.schemas.cell import ALIVE, DEAD, Cell, planned
from tests.unit.local_agent import wait_for

RELEASES = ('26', '34')
WAITING = """
SELECT COUNT(*) FROM information_schema.innodb_trx
 WHERE trx_state = 'LOCK WAIT'
"""
# As nova writes them: nova/db/main/api.py _instance_update with an expected
# task state, and nova/objects/migration.py create.
EVACUATE = (
    "UPDATE instances SET task_state = 'rebuilding' WHERE uuid = %s "
    'AND task_state IS NULL'
)
RECORD = (
    'INSERT INTO migrations (deleted, hidden, instance_uuid, source_compute, '
    "status, migration_type) VALUES (0, 0, %s, 'cmp1', 'accepted', "
    "'evacuation')"
)


@pytest.fixture(scope='module', params=['OFF', 'ON'])
def mysql(request, tmp_path_factory):
    """With and without what MariaDB 11.6 has by default: error 1020."""
    option = f'--innodb-snapshot-isolation={request.param}'
    folder = tmp_path_factory.mktemp('db')
    with mariadb.running(folder, option) as server:
        yield server


@pytest.fixture(scope='module', params=RELEASES)
def cell(request, mysql):
    return Cell.made(mysql, request.param)


@pytest.fixture(scope='module')
def database(cell):
    found = cell.open()
    yield found
    found.close()


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(10) as found:
        yield found


@contextlib.contextmanager
def somebody(cell):
    """Somebody else's transaction."""
    link = pymysql.connect(
        unix_socket=str(cell.server.socket), user='root', database=cell.name
    )
    with contextlib.closing(link), link.cursor() as cursor:
        cursor.execute('SET innodb_lock_wait_timeout = 1')
        link.begin()
        yield link, cursor
        link.rollback()


def waits(cell, number=1):
    """Wait until so many transactions wait for a lock."""
    wait_for(
        'a lock to be waited for',
        lambda: cell.server.admin(WAITING)[0][0] == number,
    )


def where(cell, server):
    (row,) = cell.rows('instances', f"uuid = '{server}'")
    return row['host'], row['task_state']


def test_an_evacuation_that_is_first_wins(cell, database, pool):
    server = cell.boot()
    what = planned(database, server)
    with somebody(cell) as (link, cursor):
        assert cursor.execute(EVACUATE, (server,)) == 1
        ours = pool.submit(moving.move, database, what)
        waits(cell)
        link.commit()
        with pytest.raises(errors.RowsDiffer) as caught:
            ours.result()
    assert caught.value.column == 'task_state'
    assert where(cell, server) == (DEAD, 'rebuilding')


def test_a_change_that_is_rolled_back_does_not_matter(cell, database, pool):
    server = cell.boot()
    what = planned(database, server)
    with somebody(cell) as (link, cursor):
        assert cursor.execute(EVACUATE, (server,)) == 1
        ours = pool.submit(moving.move, database, what)
        waits(cell)
        link.rollback()
        ours.result()
    assert where(cell, server) == (ALIVE, None)


def test_a_record_that_is_made_first_is_seen(cell, database, pool):
    server = cell.boot()
    what = planned(database, server)
    with somebody(cell) as (link, cursor):
        assert cursor.execute(RECORD, (server,)) == 1
        ours = pool.submit(moving.move, database, what)
        waits(cell)
        link.commit()
        with pytest.raises(errors.RowsDiffer) as caught:
            ours.result()
    assert caught.value.column == 'evacuations'
    assert where(cell, server) == (DEAD, None)


@pytest.mark.parametrize('theirs', [EVACUATE, RECORD])
def test_nobody_gets_in_between(cell, database, pool, theirs):
    server = cell.boot()
    what = planned(database, server)
    with somebody(cell) as (link, cursor):
        cursor.execute(
            'SELECT id FROM compute_nodes WHERE host = %s FOR UPDATE', (ALIVE,)
        )
        ours = pool.submit(moving.move, database, what)
        waits(cell)
        # Ours has looked at the server and stands before its destination.
        with somebody(cell) as (_, other):
            with pytest.raises(pymysql.OperationalError) as caught:
                other.execute(theirs, (server,))
        assert caught.value.args[0] == 1205
        link.commit()
        ours.result()
    assert where(cell, server) == (ALIVE, None)


def test_a_destination_that_goes_meanwhile_is_noticed(cell, database, pool):
    server = cell.boot()
    what = planned(database, server)
    with somebody(cell) as (link, cursor):
        cursor.execute(
            'UPDATE compute_nodes SET deleted = id WHERE host = %s', (ALIVE,)
        )
        ours = pool.submit(moving.move, database, what)
        waits(cell)
        link.commit()
        try:
            with pytest.raises(errors.RowsDiffer) as caught:
                ours.result()
        finally:
            cell.run('UPDATE compute_nodes SET deleted = 0')
    assert caught.value.column == 'destination'
    assert where(cell, server) == (DEAD, None)


def test_a_deadlock_is_tried_again_from_its_first_guard(cell, database, pool):
    server = cell.boot()
    what = planned(database, server)
    with somebody(cell) as (link, cursor):
        # So that it is ours that is rolled back: it has changed less.
        for _ in range(20):
            cursor.execute(
                'UPDATE compute_nodes SET deleted = deleted, running_vms = '
                'COALESCE(running_vms, 0) + 1 WHERE host = %s', (ALIVE,),
            )  # fmt: skip
            cell_noise(cursor)
        ours = pool.submit(moving.move, database, what)
        waits(cell)
        assert cursor.execute(EVACUATE, (server,)) == 1
        link.commit()
        with pytest.raises(errors.RowsDiffer) as caught:
            ours.result()
    assert caught.value.column == 'task_state'
    assert where(cell, server) == (DEAD, 'rebuilding')


def cell_noise(cursor):
    cursor.execute(
        "INSERT INTO migrations (deleted, status) VALUES (0, 'completed')"
    )


def test_two_moves_of_one_server_are_one(cell, database, pool):
    server = cell.boot()
    both = [planned(database, server), planned(database, server)]
    ends = [pool.submit(moving.move, database, what) for what in both]
    failed = [end.exception() for end in ends if end.exception()]
    assert [type(error) for error in failed] == [errors.RowsDiffer]
    (record,) = cell.rows('migrations', f"instance_uuid = '{server}'")
    assert where(cell, server) == (ALIVE, None)
    assert record['status'] == 'done'


def test_many_moves_side_by_side_all_happen(cell, database, pool):
    servers = [cell.boot() for _ in range(40)]
    plans = [planned(database, server) for server in servers]
    end = threading.Event()
    nova = pool.submit(business, cell, end)
    try:
        list(pool.map(lambda what: moving.move(database, what), plans))
    finally:
        end.set()
    assert nova.result() > 0
    assert {where(cell, server) for server in servers} == {(ALIVE, None)}


def test_moves_side_by_side_are_no_deadlock(cell, database, pool):
    # Records of other servers that are near would keep these apart.
    cell.run('DELETE FROM migrations')
    servers = [cell.boot() for _ in range(40)]
    plans = [planned(database, server) for server in servers]
    before = deadlocks(cell)
    list(pool.map(lambda what: moving.move(database, what), plans))
    assert deadlocks(cell) == before


def deadlocks(cell):
    ((_, number),) = cell.server.admin(
        "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'"
    )
    return int(number)


def business(cell, end):
    """What nova does meanwhile to other servers; how often it did it."""
    done = 0
    with cell.cursor() as cursor:
        while not end.is_set():
            other = cell.boot(ALIVE)
            cursor.execute(EVACUATE, (other,))
            cursor.execute(RECORD, (other,))
            cursor.execute(
                'UPDATE services SET report_count = report_count + 1 '
                'WHERE host = %s', (DEAD,),
            )  # fmt: skip
            done += 1
    return done


@pytest.mark.parametrize('late', [False, True])
def test_what_a_lost_commit_did_can_be_told(cell, database, late):
    server = cell.boot()
    what = planned(database, server)
    cutter = mariadb.Cutter(cell.server.port, b'not said', late)
    cut_off = cell.open(port=cutter.port)
    with contextlib.closing(cutter), contextlib.closing(cut_off):
        # What it asks only once; reads end with COMMIT too.
        for table in ('instances', 'migrations', 'share_mapping'):
            cut_off.columns(table)
        cutter._word = b'COMMIT'
        with pytest.raises(errors.CommitUnknown):
            moving.move(cut_off, what)
    assert moving.moved(database, what) is late
    assert where(cell, server)[0] == (ALIVE if late else DEAD)
