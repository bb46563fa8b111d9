# SPDX-License-Identifier: Apache-2.0
"""A real cluster of two: the other node may be first."""

from concurrent import futures

import pytest

from osc_recover import errors
from tests import galera
from tests.unit.database.conftest import THINGS, at
from tests.unit.local_agent import wait_for


@pytest.fixture(scope='module')
def nodes():
    with galera.running() as both:
        both[0].admin('CREATE DATABASE shop')
        yield both


@pytest.fixture
def node(nodes):
    """The second one, with a row that both have."""
    first, second = nodes
    first.admin(THINGS, "INSERT INTO shop.things VALUES (1, 'a', NULL)")
    account = first.account('writer', 'ALL ON shop.*')
    found = at(second.url(account, 'shop'))
    yield found
    found.close()


def test_what_the_other_node_committed_first_is_not_overwritten(node, nodes):
    first, _ = nodes
    read = []

    def body(transaction):
        [row] = transaction.rows(
            'SELECT name FROM things WHERE id = 1 FOR UPDATE'
        )
        read.append(row['name'])
        transaction.change(
            'UPDATE things SET name = %(name)s WHERE id = 1',
            {'name': row['name'] + '!'},
        )
        if len(read) == 1:
            first.admin("UPDATE shop.things SET name = 'theirs'")

    node.transact(body)
    assert read == ['a', 'theirs']
    assert node.read('SELECT name FROM things') == [{'name': 'theirs!'}]


def test_what_the_other_node_committed_is_waited_for(node, nodes):
    first, second = nodes
    query = 'SELECT name FROM things'
    node.read(query)
    with second.open() as pause, second.open() as look:
        # Nothing from the other node is taken in before the end of this.
        pause.execute('FLUSH TABLES WITH READ LOCK')
        first.admin("UPDATE shop.things SET name = 'new'")
        with futures.ThreadPoolExecutor(1) as pool:
            read = pool.submit(node.read, query)
            wait_for('it to be asked', lambda: read.done() or asked(look))
            pause.execute('UNLOCK TABLES')
        assert read.result() == [{'name': 'new'}]


def asked(cursor):
    """Whether a query of ours is under way."""
    cursor.execute('SHOW PROCESSLIST')
    return any(row[1] == 'writer' and row[7] for row in cursor.fetchall())


def test_a_node_that_is_not_ready_is_said_to_be_so(node, nodes):
    _, second = nodes
    second.admin('SET GLOBAL wsrep_reject_queries = ALL')
    try:
        with pytest.raises(errors.DatabaseNotWritable) as caught:
            node.read('SELECT name FROM things')
    finally:
        second.admin('SET GLOBAL wsrep_reject_queries = NONE')
    assert 'error 1047' in caught.value.sentence
    assert 'wsrep' in caught.value.way_out
    assert node.read('SELECT 1 AS one') == [{'one': 1}]
