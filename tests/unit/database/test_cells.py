# SPDX-License-Identifier: Apache-2.0
"""All enabled cells are found through nova_api; each fails by itself."""

import pytest

from osc_recover import errors
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.settings import DatabaseSettings, SshSettings
from tests import mariadb
from tests.unit.local_agent import wait_for

CELL0 = '00000000-0000-0000-0000-000000000000'
MAPPINGS = """
CREATE OR REPLACE TABLE nova_api.cell_mappings (
 id INT PRIMARY KEY AUTO_INCREMENT, uuid VARCHAR(36) NOT NULL,
 name VARCHAR(255), transport_url TEXT, database_connection TEXT,
 disabled BOOL NOT NULL DEFAULT 0
)
"""


@pytest.fixture
def cells(server):
    """Puts mappings into nova_api: (uuid, name, url, disabled) each."""

    def put(*rows):
        server.admin('CREATE DATABASE IF NOT EXISTS nova_api', MAPPINGS)
        with server.open() as cursor:
            cursor.executemany(
                'INSERT INTO nova_api.cell_mappings'
                ' (uuid, name, database_connection, disabled)'
                ' VALUES (%s, %s, %s, %s)',
                rows,
            )

    return put


@pytest.fixture
def nova(server):
    """The user part of the URL of nova's account."""
    return server.account('nova', 'ALL ON nova_api.*', 'ALL ON shop.*')


def databases(server, account, **more):
    told = {'nova_api': server.url(account, 'nova_api'), **more}
    return Databases(Sources(DatabaseSettings(**told), SshSettings()))


def answers(database):
    return database.read('SELECT COUNT(*) AS n FROM things') == [{'n': 2}]


def test_enabled_cells_are_found_and_cell0_is_none(server, cells, nova):
    url = server.url(nova, 'shop')
    cells(
        (CELL0, 'cell0', url, 0),
        ('u2', 'two', url, 0),
        ('u1', 'one', url, 0),
        ('u3', 'off', url, 1),
        ('u4', None, url, 0),
    )
    found = databases(server, nova).cells()
    assert [(cell.uuid, cell.name) for cell in found] == [
        ('u4', ''),
        ('u1', 'one'),
        ('u2', 'two'),
    ]
    assert [cell.database.name for cell in found] == [
        "cell 'u4'",
        "cell 'one'",
        "cell 'two'",
    ]
    assert all(answers(cell.database) for cell in found)


BROKEN = {
    'unreachable': errors.DatabaseUnreachable,
    'of another kind': errors.BadDatabaseUrl,
    'a template of nothing': errors.DatabaseUnset,
    'empty': errors.BadDatabaseUrl,
}


@pytest.mark.parametrize('how', BROKEN)
def test_a_cell_that_cannot_be_read_hides_no_other(server, cells, nova, how):
    url = server.url(nova, 'shop')
    text = {
        'unreachable': server.url(nova, 'shop', port=mariadb.free_port()),
        'of another kind': 'postgresql://nova:secret@db/nova',
        'a template of nothing': '{scheme}://{username}@db/nova',
        'empty': '',
    }[how]
    cells(('u1', 'broken', text, 0), ('u2', 'well', url, 0))
    broken, well = databases(server, nova).cells()
    with pytest.raises(BROKEN[how], match="cell 'broken'") as caught:
        broken.database.read('SELECT 1')
    assert 'secret' not in f'{caught.value}{caught.value!r}'
    assert answers(well.database)


def test_a_template_is_filled_from_novas_own_connection(server, cells, nova):
    local = server.url(nova, 'nova_cell0', charset='utf8')
    template = (
        '{scheme}://{username}:{password}@{hostname}:{port}/shop?{query}'
    )
    cells(('u1', 'one', template, 0))
    [cell] = databases(server, nova, nova=local).cells()
    assert answers(cell.database)


def test_the_environment_fills_in_a_template(server, cells, nova, monkeypatch):
    cells(('u1', 'one', '{scheme}://{username}:{password}@{hostname}:{port}'
           '/shop', 0))  # fmt: skip
    local = server.url(nova, 'nova_cell0')
    monkeypatch.setenv('OS_DATABASE__CONNECTION', local)
    [cell] = databases(server, nova, nova='mysql://other@db/x').cells()
    assert answers(cell.database)


@pytest.mark.parametrize('key', ['one', 'u1'])
def test_what_is_said_of_a_cell_goes_before_its_mapping(
    server, cells, nova, key
):
    cells(('u1', 'one', 'mysql://nova@db.invalid/nova', 0))
    said = {key: server.url(nova, 'shop')}
    [cell] = databases(server, nova, cells=said).cells()
    assert answers(cell.database)


def test_cells_are_asked_for_once(server, cells, nova):
    cells(('u1', 'one', server.url(nova, 'shop'), 0))
    found = databases(server, nova)
    assert found.cells() is found.cells()


def test_no_cells_are_known_where_nova_api_is_not(server, nova):
    away = databases(
        server, nova, nova_api=server.url(nova, 'x', port=mariadb.free_port())
    )
    with pytest.raises(errors.DatabaseUnreachable, match='nova_api'):
        away.cells()


def test_nothing_connects_before_it_is_asked(server):
    found = databases(server, 'nova:secret', cinder='mysql://u@db.invalid/c')
    assert found.nova_api.name == 'nova_api'
    assert found.cinder.name == 'cinder'
    found.close()


def test_a_cinder_that_nobody_tells_of_is_none(server, nova):
    assert databases(server, nova).cinder is None


def test_closing_ends_the_connections_to_all(server, cells, nova):
    cells(('u1', 'one', server.url(nova, 'shop'), 0))
    found = databases(server, nova)
    [cell] = found.cells()
    ids = {
        database.read('SELECT CONNECTION_ID() AS id')[0]['id']
        for database in (found.nova_api, cell.database)
    }
    assert ids <= server.connections()
    found.close()
    wait_for('their end', lambda: not ids & server.connections())
