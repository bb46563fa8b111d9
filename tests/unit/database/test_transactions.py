# SPDX-License-Identifier: Apache-2.0
"""Transactions happen wholly, once or not at all; against a real MariaDB."""

import subprocess
import sys
import threading

import pytest

from osc_recover import errors
from osc_recover.gateways.database import database as module
from tests import mariadb
from tests.unit.database.conftest import at
from tests.unit.local_agent import in_thread, wait_for

RENAME = 'UPDATE things SET name = %(name)s WHERE id = %(id)s'
LOCKED = 'SELECT name FROM things WHERE id = %(id)s FOR UPDATE'


def names(server):
    rows = server.admin('SELECT name FROM shop.things ORDER BY id')
    return [name for (name,) in rows]


def renaming(number, name):
    def body(transaction):
        return transaction.change(RENAME, {'id': number, 'name': name})

    return body


def test_what_a_body_changes_is_kept_and_what_it_returns_is_returned(
    database, server
):
    assert database.transact(renaming(1, 'new')) == 1
    assert names(server) == ['new', 'b']


def test_rows_that_are_so_already_count_as_matched(database):
    assert database.transact(renaming(1, 'a')) == 1
    assert database.transact(renaming(3, 'a')) == 0


def test_an_exception_of_the_body_changes_nothing(database, server):
    def body(transaction):
        renaming(1, 'new')(transaction)
        raise LookupError('no')

    with pytest.raises(LookupError):
        database.transact(body)
    assert names(server) == ['a', 'b']


@pytest.mark.parametrize('exception', [KeyboardInterrupt, SystemExit])
def test_an_interrupt_changes_nothing(database, server, exception):
    def body(transaction):
        renaming(1, 'new')(transaction)
        raise exception

    with pytest.raises(exception):
        database.transact(body)
    assert names(server) == ['a', 'b']
    assert database.transact(renaming(1, 'next')) == 1


def test_a_failure_that_the_body_hides_changes_nothing(database, server):
    def body(transaction):
        renaming(1, 'new')(transaction)
        try:
            transaction.rows('SELECT * FROM nothing')
        except errors.DatabaseError:
            return

    with pytest.raises(errors.DatabaseVersion):
        database.transact(body)
    assert names(server) == ['a', 'b']


def test_a_read_is_of_rows_by_name(database):
    rows = database.read(
        "SELECT id, name FROM things WHERE name LIKE '%%a%%' OR id = %(id)s",
        {'id': 2},
    )
    assert rows == [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}]


def test_a_read_sees_what_others_have_committed_since(database, server):
    count = 'SELECT COUNT(*) AS n FROM things'
    assert database.read(count) == [{'n': 2}]
    server.admin("INSERT INTO shop.things VALUES (3, 'c', NULL)")
    assert database.read(count) == [{'n': 3}]


def test_a_read_does_not_write(database, server):
    with pytest.raises(errors.DatabaseNotWritable):
        database.read("UPDATE things SET name = 'x'")
    assert names(server) == ['a', 'b']


@pytest.mark.parametrize(
    'value', ["'; DROP TABLE things; --", '\\', '%s', 'ü', '"', "\\'"]
)
def test_a_value_is_no_sql(database, server, value):
    text = value[:8]
    assert database.transact(renaming(1, text)) == 1
    assert database.read('SELECT name FROM things WHERE id = 1') == [
        {'name': text}
    ]


def test_what_does_not_fit_is_refused_and_not_cut_off(database, server):
    with pytest.raises(errors.DatabaseError, match='too long'):
        database.transact(renaming(1, 'much too long'))
    assert names(server) == ['a', 'b']


def test_times_are_utc(database):
    [row] = database.read(
        'SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()) AS seconds'
    )
    assert abs(row['seconds']) <= 1


def test_columns_are_those_of_the_table_and_none_of_one_that_is_not(database):
    assert database.columns('things') == {'id', 'name', 'at'}
    assert database.columns('nothing') == frozenset()


def test_a_table_is_asked_for_its_columns_once(database, server):
    found = database.columns('things')
    server.admin('ALTER TABLE shop.things ADD COLUMN more INT')
    assert database.columns('things') == found


# Others were first


def crossing(database):
    """Two bodies that lock two rows in opposite order: one must lose."""
    meet = threading.Barrier(2)
    runs = []

    def body(first, second):
        def run(transaction):
            runs.append(first)
            transaction.rows(LOCKED, {'id': first})
            if len(runs) <= 2:
                meet.wait(30)
            transaction.change(RENAME, {'id': second, 'name': f'by{first}'})

        return run

    waits = [
        in_thread(lambda f=first, s=second: database.transact(body(f, s)))
        for first, second in ((1, 2), (2, 1))
    ]
    for wait in waits:
        wait()
    return runs


def test_the_loser_of_a_deadlock_is_run_again_from_its_start(database, server):
    runs = crossing(database)
    assert sorted(runs[:2]) == [1, 2]
    assert len(runs) == 3
    assert names(server) == ['by2', 'by1']


@pytest.fixture
def impatient(database, monkeypatch):
    """Gives a lock up at once; and the row 1 is locked by another."""
    session = module.Connection._prepare

    def prepare(self):
        session(self)
        self._run('SET SESSION innodb_lock_wait_timeout = 0', {})

    monkeypatch.setattr(module.Connection, '_prepare', prepare)
    return database


def test_a_lock_that_is_not_given_is_busy_and_was_tried_some_times(
    impatient, server
):
    runs = []

    def body(transaction):
        runs.append(transaction.change(RENAME, {'id': 2, 'name': 'new'}))
        transaction.change(RENAME, {'id': 1, 'name': 'new'})

    with server.open() as other:
        other.execute('BEGIN')
        other.execute('UPDATE shop.things SET id = 1 WHERE id = 1')
        other.execute('SELECT * FROM shop.things WHERE id = 1 FOR UPDATE')
        with pytest.raises(errors.DatabaseBusy) as caught:
            impatient.transact(body)
    assert len(runs) == module.TRIES
    # The first change, which had succeeded, is gone as well.
    assert names(server) == ['a', 'b']
    assert 'error 1205' in caught.value.sentence


def test_a_row_that_was_changed_since_it_was_read_is_read_again(
    database, server
):
    read = []

    def body(transaction):
        transaction.change('SET SESSION innodb_snapshot_isolation = ON')
        rows = transaction.rows('SELECT name FROM things WHERE id = 1')
        read.append(rows[0]['name'])
        if len(read) == 1:
            server.admin("UPDATE shop.things SET name = 'theirs' WHERE id = 1")
        transaction.rows(LOCKED, {'id': 1})
        transaction.change(RENAME, {'id': 1, 'name': read[-1] + '!'})

    database.transact(body)
    assert (read, names(server)) == (['a', 'theirs'], ['theirs!', 'b'])


# The connection is lost


@pytest.mark.parametrize('late, kept', [(False, 'a'), (True, 'new')])
def test_a_connection_lost_at_commit_leaves_it_open_whether_it_happened(
    server, writer, late, kept
):
    cutter = mariadb.Cutter(server.port, b'\x03COMMIT', late)
    database = at(server.url(writer, 'shop', ssl_disabled=1, port=cutter.port))
    runs = []

    def body(transaction):
        runs.append(renaming(1, 'new')(transaction))

    with pytest.raises(errors.CommitUnknown, match='at COMMIT'):
        database.transact(body)
    cutter.close()
    assert (len(runs), cutter.cuts) == (1, 1)
    assert names(server) == [kept, 'b']


def test_a_connection_lost_before_commit_changes_nothing(server, writer):
    cutter = mariadb.Cutter(server.port, b"'second'", late=True)
    database = at(server.url(writer, 'shop', ssl_disabled=1, port=cutter.port))

    def body(transaction):
        renaming(1, 'first')(transaction)
        renaming(2, 'second')(transaction)

    with pytest.raises(errors.DatabaseUnreachable):
        database.transact(body)
    cutter.close()
    assert names(server) == ['a', 'b']


def test_a_connection_killed_before_commit_is_not_taken_for_done(
    database, server
):
    def body(transaction):
        renaming(1, 'new')(transaction)
        [row] = transaction.rows('SELECT CONNECTION_ID() AS id')
        server.admin(f'KILL {row["id"]}')

    with pytest.raises(errors.CommitUnknown):
        database.transact(body)
    assert names(server) == ['a', 'b']


def test_an_idle_connection_that_was_closed_is_no_failure(database, server):
    [row] = database.read('SELECT CONNECTION_ID() AS id')
    assert database.read('SELECT CONNECTION_ID() AS id') == [row]
    server.admin(f'KILL {row["id"]}')
    assert database.transact(renaming(1, 'new')) == 1


def test_threads_have_connections_of_their_own(database):
    meet = threading.Barrier(3)

    def body(transaction):
        meet.wait(30)
        [row] = transaction.rows('SELECT CONNECTION_ID() AS id')
        meet.wait(30)
        return row['id']

    waits = [in_thread(lambda: database.transact(body)) for _ in range(3)]
    assert len({wait() for wait in waits}) == 3


def test_closing_ends_the_idle_connections(database, server):
    [row] = database.read('SELECT CONNECTION_ID() AS id')
    database.close()
    wait_for('its end', lambda: row['id'] not in server.connections())
    assert database.read('SELECT 1 AS one') == [{'one': 1}]


ENDING = """
import sys
from osc_recover.gateways.database import Database, url
database = Database('shop', lambda: url.parse('shop', sys.argv[1]))
print(database.read('SELECT CONNECTION_ID() AS id')[0]['id'])
"""


def test_a_command_that_ends_says_so_to_the_server(server, writer):
    def aborted():
        [[_, count]] = server.admin("SHOW STATUS LIKE 'Aborted_clients'")
        return count

    before = aborted()
    words = [sys.executable, '-c', ENDING, server.url(writer, 'shop')]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    gone = int(done.stdout)
    wait_for('its end', lambda: gone not in server.connections())
    assert aborted() == before
