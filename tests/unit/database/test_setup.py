# SPDX-License-Identifier: Apache-2.0
"""The rows of ``setup check`` about databases, with real accounts."""

import pytest

from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.observe import setup_databases
from osc_recover.settings import DatabaseSettings, SshSettings
from tests import mariadb

SCHEMAS = {
    'nova_api': setup_databases.NOVA_API,
    'nova': setup_databases.CELL,
    'cinder': setup_databases.CINDER,
}
READ = tuple(f'SELECT ON {name}.*' for name in SCHEMAS)
WRITE = 'SELECT, INSERT, UPDATE, DELETE ON nova.*'


@pytest.fixture
def cloud(server):
    """Databases with the columns that are needed, and one cell."""
    for schema, tables in SCHEMAS.items():
        server.admin(f'CREATE OR REPLACE DATABASE {schema}')
        for table, columns in tables.items():
            kinds = ', '.join(f'`{column}` TEXT' for column in columns)
            server.admin(f'CREATE TABLE {schema}.{table} ({kinds})')
    return server


def rows(server, account, *, cell=None, cells=None, **more):
    """The rows, by what they check."""
    server.admin(
        "REPLACE INTO nova_api.host_mappings VALUES ('cmp1', 1)",
        'DELETE FROM nova_api.cell_mappings',
        "INSERT INTO nova_api.cell_mappings VALUES ('u1', 'cell1', "
        f"'{cell or server.url(account, 'nova')}', 0)",
    )
    told = DatabaseSettings(
        nova_api=more.get('nova_api') or server.url(account, 'nova_api'),
        cinder=server.url(account, 'cinder'),
        cells=cells or {},
    )
    databases = Databases(Sources(told, SshSettings()))
    hosts = more.get('hosts', ('cmp1',))
    found = list(setup_databases.probes(databases, told, hosts))
    databases.close()
    assert mariadb.PASSWORD not in repr(found)
    return {probe.check: probe for probe in found}


CHECKS = ['database nova_api', "database cell 'cell1'", 'database cinder']


def test_an_account_that_may_write_is_well(cloud):
    found = rows(cloud, cloud.account('nova', *READ, WRITE))
    assert list(found) == CHECKS
    assert {probe.state for probe in found.values()} == {'ok'}
    assert found[CHECKS[1]].detail.endswith('may be read and written')
    assert 'MariaDB' in found[CHECKS[0]].detail


def test_an_account_that_may_only_read_is_told_with_the_grants(cloud):
    found = rows(cloud, cloud.account('reader', *READ))
    assert {probe.state for probe in found.values()} == {'ok'}
    assert 'may be read only' in found[CHECKS[1]].detail
    assert 'GRANT' in found[CHECKS[1]].fix
    assert found[CHECKS[0]].fix == ''


def test_whether_an_attachment_may_be_ended_in_cinder_is_told(cloud):
    reader = rows(cloud, cloud.account('reader', *READ))
    assert 'UPDATE command denied' in reader[CHECKS[2]].detail
    ender = cloud.account('ender', *READ, 'UPDATE ON cinder.*')
    detail = rows(cloud, ender)[CHECKS[2]].detail
    assert detail.endswith('may be read and written')


@pytest.mark.parametrize('right', ['INSERT', 'UPDATE', 'DELETE'])
def test_a_right_that_is_missing_is_found(cloud, right):
    rest = {'INSERT', 'UPDATE', 'DELETE'} - {right}
    grants = [*READ, f'{", ".join(sorted(rest))} ON nova.*']
    found = rows(cloud, cloud.account('nova', *grants))
    assert f'{right} command denied' in found[CHECKS[1]].detail


def test_a_server_that_takes_no_writes_is_told(cloud):
    account = cloud.account('nova', *READ, WRITE)
    cloud.admin('SET GLOBAL read_only = ON')
    try:
        found = rows(cloud, account)
    finally:
        cloud.admin('SET GLOBAL read_only = OFF')
    assert 'takes no writes' in found[CHECKS[1]].detail
    assert 'primary' in found[CHECKS[1]].fix


def test_nothing_is_changed(cloud):
    account = cloud.account('nova', *READ, WRITE)
    cloud.admin(
        "INSERT INTO nova.console_auth_tokens VALUES ('kept')",
        "INSERT INTO nova.instances (host) VALUES ('cmp1')",
    )
    rows(cloud, account)
    assert cloud.admin('SELECT * FROM nova.console_auth_tokens')
    assert cloud.admin('SELECT host FROM nova.instances') == (('cmp1',),)
    assert cloud.admin('SELECT * FROM nova.migrations') == ()


@pytest.mark.parametrize('statement', ['DROP TABLE', 'ALTER TABLE'])
def test_another_release_is_told_by_what_it_lacks(cloud, statement):
    more = ' DROP COLUMN attachment_id' if 'ALTER' in statement else ''
    cloud.admin(f'{statement} nova.block_device_mapping{more}')
    found = rows(cloud, cloud.account('nova', *READ, WRITE))
    assert found[CHECKS[1]].state == 'broken'
    assert 'release' in found[CHECKS[1]].fix
    assert found[CHECKS[2]].state == 'ok'


def test_a_cell_that_is_away_breaks_its_own_row_only(cloud):
    account = cloud.account('nova', *READ, WRITE)
    away = cloud.url(account, 'nova', port=mariadb.free_port())
    found = rows(cloud, account, cell=away)
    states = [found[check].state for check in CHECKS]
    assert states == ['ok', 'broken', 'ok']


def test_where_nova_api_is_away_no_cell_is_known(cloud):
    account = cloud.account('nova', *READ, WRITE)
    away = cloud.url(account, 'nova_api', port=mariadb.free_port())
    found = rows(cloud, account, nova_api=away)
    assert list(found) == [CHECKS[0], CHECKS[2]]
    assert found[CHECKS[0]].state == 'broken'


def test_the_database_of_another_cloud_is_told(cloud):
    account = cloud.account('nova', *READ, WRITE)
    found = rows(cloud, account, hosts=('far1', 'far2'))[CHECKS[0]]
    assert (found.state, 'far1' in found.detail) == ('broken', True)
    assert 'another cloud' in found.detail
    for hosts in ((), ('far1', 'cmp1')):
        assert rows(cloud, account, hosts=hosts)[CHECKS[0]].state == 'ok'


def test_a_cell_that_nova_does_not_have_is_told(cloud):
    account = cloud.account('nova', *READ, WRITE)
    found = rows(cloud, account, cells={'cel1': 'mysql://u@db/x'})
    assert found['database cells'].state == 'unknown'
    assert 'cel1' in found['database cells'].detail
    assert 'cell1' in found['database cells'].detail


def test_where_nothing_is_said_none_is_asked():
    databases = Databases(Sources(DatabaseSettings(), SshSettings()))
    [found] = setup_databases.probes(databases, DatabaseSettings(), ())
    assert (found.check, found.state) == ('databases', 'unused')
