# SPDX-License-Identifier: Apache-2.0
"""What an audit reads in nova's databases, over a real MariaDB."""

import pytest

from osc_recover.facts.audit import DiskMapping
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.audit import mappings
from osc_recover.gateways.database.sources import Sources
from osc_recover.observe.audit import everything
from osc_recover.settings import DatabaseSettings, SshSettings
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import DATA, DB, OK, WEB, Crooked
from tests.unit.database.conftest import at

TABLES = (
    """CREATE OR REPLACE TABLE shop.instances (
    id INT PRIMARY KEY AUTO_INCREMENT, uuid VARCHAR(36), deleted INT)""",
    """CREATE OR REPLACE TABLE shop.block_device_mapping (
    id INT PRIMARY KEY, instance_uuid VARCHAR(36), volume_id VARCHAR(36),
    destination_type VARCHAR(255), attachment_id VARCHAR(36),
    boot_index INT, deleted INT, deleted_at DATETIME, updated_at DATETIME)""",
    """CREATE OR REPLACE TABLE shop.instance_actions (
    id INT PRIMARY KEY AUTO_INCREMENT, instance_uuid VARCHAR(36),
    action VARCHAR(255), start_time DATETIME)""",
    'INSERT INTO shop.instances (uuid, deleted)'
    f" VALUES ('{WEB}', 0), ('{DB}', 0), ('old', 3)",
)
CELLS = """
CREATE OR REPLACE TABLE nova_api.cell_mappings (
 id INT PRIMARY KEY AUTO_INCREMENT, uuid VARCHAR(36) NOT NULL,
 name VARCHAR(255), database_connection TEXT, disabled BOOL DEFAULT 0)
"""


@pytest.fixture
def put(server):
    """Has a cell give servers these volumes."""

    def rows(*found):
        server.admin(*TABLES)
        with server.open() as cursor:
            cursor.executemany(
                'INSERT INTO shop.block_device_mapping VALUES'
                " (%s, %s, %s, %s, %s, %s, %s, NULL, '2026-11-20 12:00')",
                found,
            )

    return rows


def test_live_mappings_and_dropped_roots_are_read(put, server, writer):
    put(
        (1, DB, DATA, 'volume', OK, None, 0),
        (2, WEB, 'root', 'volume', None, 0, 2),
        (3, WEB, 'detached', 'volume', 'a3', None, 3),
        (4, WEB, None, 'local', None, 0, 0),
        (5, 'old', 'v5', 'volume', 'a5', 0, 0),
    )
    found = at(server.url(writer, 'shop'))
    when = '2026-11-20T12:00:00'
    assert mappings(found) == (
        DiskMapping(DB, DATA, OK, updated_at=when),
        DiskMapping(WEB, 'root', root=True, dropped=True, updated_at=when),
    )
    found.close()


@pytest.mark.parametrize(
    'actions, is_told',
    [
        ([], False),
        ([('reboot', '11:59:30')], True),
        ([('start', '11:50:01')], True),
        ([('reboot', '11:49:00')], False),
        ([('reboot', '12:00:05')], False),
        ([('stop', '11:59:30')], False),
        ([('detach_volume', '11:59:58')], False),
        ([('reboot', '11:58:00'), ('detach_volume', '11:59:00')], False),
        ([('detach_volume', '11:40:00'), ('reboot', '11:59:30')], True),
    ],
)
def test_what_a_reboot_dropped_is_told_from_what_was_detached(
    put, server, writer, actions, is_told
):
    put((3, WEB, 'lost', 'volume', 'a3', None, 3))
    with server.open() as cursor:
        cursor.execute(
            "UPDATE shop.block_device_mapping SET deleted_at = '2026-11-20"
            " 12:00:00'"
        )
        cursor.executemany(
            'INSERT INTO shop.instance_actions (instance_uuid, action,'
            ' start_time) VALUES (%s, %s, %s)',
            [(WEB, name, f'2026-11-20 {time}') for name, time in actions],
        )
    found = at(server.url(writer, 'shop'))
    assert [one.volume for one in mappings(found)] == ['lost'] * is_told
    found.close()


def test_a_cell_whose_database_is_down_is_a_gap(put, server):
    put((1, DB, DATA, 'volume', 'other', None, 0))
    nova = server.account('nova', 'ALL ON nova_api.*', 'ALL ON shop.*')
    server.admin('CREATE DATABASE IF NOT EXISTS nova_api', CELLS)
    with server.open() as cursor:
        cursor.executemany(
            'INSERT INTO nova_api.cell_mappings (uuid, name,'
            ' database_connection) VALUES (%s, %s, %s)',
            [
                ('u1', 'one', server.url(nova, 'shop')),
                ('u2', 'two', server.url(nova, 'nowhere')),
            ],
        )
    told = DatabaseSettings(nova_api=server.url(nova, 'nova_api'))
    databases = Databases(Sources(told, SshSettings()))
    with crooked_cloud.cloud(Crooked()) as (_, cloud):
        seen = everything(cloud, lambda hosts: (), databases)
    databases.close()
    assert [m.attachment for m in seen.mappings] == ['other']
    [gap] = seen.gaps
    assert gap.what == 'mappings of cell two'
    assert 'nowhere' in gap.problem
