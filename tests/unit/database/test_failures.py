# SPDX-License-Identifier: Apache-2.0
"""What a real server says, as errors with a way out."""

import pytest

from osc_recover import errors
from tests import mariadb
from tests.unit.database.conftest import at

ONE = 'SELECT id FROM things'


def failure(database, sql=ONE):
    """What a read raises; never with the password in it."""
    with pytest.raises(errors.DatabaseError) as caught:
        database.read(sql)
    told = f'{caught.value} {caught.value!r}'
    for password in ('horse', 'battery', '%20'):
        assert password not in told
    return caught.value


def test_a_wrong_password_is_said_to_be_one(server, writer):
    wrong = writer.replace('horse', 'battery')
    found = failure(at(server.url(wrong, 'shop')))
    assert type(found) is errors.DatabaseLogin
    assert 'writer' in found.sentence
    assert f'127.0.0.1:{server.port}' in found.sentence


def test_an_account_from_elsewhere_is_a_login_that_fails(server):
    server.account('far')
    server.admin('RENAME USER far@`%` TO far@`10.1.2.3`')
    found = failure(at(server.url(f'far:{mariadb.PASSWORD}', 'shop')))
    server.admin('DROP USER far@`10.1.2.3`')
    assert type(found) is errors.DatabaseLogin


def test_a_port_where_nobody_listens(server, writer):
    found = failure(at(server.url(writer, 'shop', port=mariadb.free_port())))
    assert type(found) is errors.DatabaseUnreachable
    assert 'Connection refused' in found.sentence


def test_a_server_whose_name_is_not_known(writer):
    found = failure(at(f'mysql+pymysql://{writer}@db.invalid/shop'))
    assert type(found) is errors.DatabaseUnreachable
    assert 'db.invalid' in found.sentence


def test_a_server_that_says_nothing(writer):
    with mariadb.silent() as port:
        url = f'mysql://{writer}@127.0.0.1:{port}/shop?read_timeout=1'
        found = failure(at(url))
    assert type(found) is errors.DatabaseUnreachable
    assert 'timed out' in found.sentence


def test_an_answer_that_does_not_come_in_time(server, writer):
    database = at(server.url(writer, 'shop', read_timeout=1))
    found = failure(database, 'SELECT SLEEP(30)')
    assert type(found) is errors.DatabaseUnreachable
    assert database.read('SELECT 1 AS one') == [{'one': 1}]


def test_a_server_that_is_full(server, writer):
    server.account('single', 'SELECT ON shop.*')
    server.admin('ALTER USER single@`%` WITH MAX_USER_CONNECTIONS 1')
    url = server.url(writer.replace('writer', 'single'), 'shop')
    first = at(url)
    first.read(ONE)
    found = failure(at(url))
    first.close()
    assert type(found) is errors.DatabaseUnreachable


def test_a_database_that_is_not_there(server):
    root = server.account('many', 'ALL ON *.*')
    found = failure(at(server.url(root, 'shpo')))
    assert type(found) is errors.DatabaseVersion
    assert 'shpo' in found.sentence


def test_a_database_that_the_account_may_not_see(server):
    nobody = server.account('nobody')
    found = failure(at(server.url(nobody, 'shop')))
    assert type(found) is errors.DatabaseDenied


@pytest.mark.parametrize(
    'sql, what',
    [
        ('SELECT id FROM nothing', 'nothing'),
        ('SELECT nothing FROM things', 'nothing'),
    ],
)
def test_a_table_or_column_of_another_release(database, sql, what):
    found = failure(database, sql)
    assert type(found) is errors.DatabaseVersion
    assert what in found.sentence
    assert 'release' in found.way_out


READERS = {
    'of the database': ('SELECT ON shop.*',),
    'of a column': ('SELECT (id) ON shop.things',),
}


@pytest.mark.parametrize('grants', READERS.values(), ids=READERS)
def test_an_account_that_may_only_read(server, grants):
    reader = server.account('reader', *grants)
    database = at(server.url(reader, 'shop'))
    assert len(database.read(ONE)) == 2
    with pytest.raises(errors.DatabaseDenied) as caught:
        database.transact(lambda t: t.change('DELETE FROM things'))
    assert 'GRANT' in caught.value.way_out
    assert len(database.read(ONE)) == 2


def test_a_column_that_the_account_may_not_read(server):
    reader = server.account('reader', 'SELECT (id) ON shop.things')
    found = failure(at(server.url(reader, 'shop')), 'SELECT name FROM things')
    assert type(found) is errors.DatabaseDenied


def test_a_server_that_was_made_read_only(database, server):
    server.admin('SET GLOBAL read_only = ON')
    try:
        assert len(database.read(ONE)) == 2
        with pytest.raises(errors.DatabaseNotWritable) as caught:
            database.transact(lambda t: t.change('DELETE FROM things'))
    finally:
        server.admin('SET GLOBAL read_only = OFF')
    assert 'error 1290' in caught.value.sentence
    assert len(database.read(ONE)) == 2


def test_a_server_made_read_only_before_commit_has_not_committed(
    database, server
):
    def body(transaction):
        transaction.change("UPDATE things SET name = 'new' WHERE id = 1")
        server.admin('SET GLOBAL read_only = ON')

    try:
        with pytest.raises(errors.DatabaseNotWritable):
            database.transact(body)
    finally:
        server.admin('SET GLOBAL read_only = OFF')
    assert database.read("SELECT id FROM things WHERE name = 'new'") == []


def test_what_was_sent_is_not_in_the_error_about_it(database):
    sql = "SELECT id FROM things WHERE 'correct horse' = = 1"
    found = failure(database, sql)
    assert 'error 1064' in found.sentence


@pytest.mark.parametrize('file', ['ssl_ca', 'ssl_cert'])
def test_a_file_of_tls_that_is_not_there(server, writer, file):
    found = failure(at(server.url(writer, 'shop', **{file: '/nowhere.pem'})))
    assert type(found) is errors.BadDatabaseUrl
    assert 'No such file' in found.sentence


def test_a_password_that_pymysql_cannot_send(server):
    found = failure(at(server.url('writer:horse%E2%82%AC', 'shop')))
    assert type(found) is errors.BadDatabaseUrl
    assert '€' not in found.sentence
