# SPDX-License-Identifier: Apache-2.0
"""A nova of several cells, as far as its servers go, in a real MariaDB."""

from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.settings import DatabaseSettings, SshSettings

CELLS = ('cell1', 'cell2')
UUID = '3f57699a-e773-4650-a443-b4b37eed5a06'

# Of nova/db/api/models.py and nova/db/main/models.py: names, types and
# character sets; further columns are left out.
_NOVA_API = """
CREATE TABLE IF NOT EXISTS nova_api.cell_mappings (
 id INT PRIMARY KEY AUTO_INCREMENT, uuid VARCHAR(36) NOT NULL,
 name VARCHAR(255), database_connection TEXT, disabled BOOL NOT NULL
) CHARSET utf8mb3
""", """
CREATE TABLE IF NOT EXISTS nova_api.instance_mappings (
 id INT PRIMARY KEY AUTO_INCREMENT, instance_uuid VARCHAR(36) NOT NULL,
 cell_id INT
) CHARSET utf8mb3
"""  # fmt: skip
_CELL = """
CREATE TABLE IF NOT EXISTS {0}.instances (
 created_at DATETIME, updated_at DATETIME, deleted_at DATETIME,
 id INT PRIMARY KEY AUTO_INCREMENT, display_name VARCHAR(255),
 host VARCHAR(255), node VARCHAR(255), power_state INT,
 vm_state VARCHAR(255), task_state VARCHAR(255), user_data MEDIUMTEXT,
 launched_on MEDIUMTEXT, uuid VARCHAR(36) NOT NULL UNIQUE, deleted INT,
 hidden BOOL
) CHARSET utf8mb3
""", """
CREATE TABLE IF NOT EXISTS {0}.instance_id_mappings (
 id INT PRIMARY KEY AUTO_INCREMENT, uuid VARCHAR(36) NOT NULL, deleted INT
) CHARSET utf8mb3
""", """
CREATE TABLE IF NOT EXISTS {0}.block_device_mapping (
 id INT PRIMARY KEY AUTO_INCREMENT, instance_uuid VARCHAR(36),
 volume_id VARCHAR(36), attachment_id VARCHAR(36), device_name VARCHAR(255),
 boot_index INT, destination_type VARCHAR(255), deleted INT
) CHARSET utf8mb3
"""  # fmt: skip
_TABLES = {
    'nova_api': ('cell_mappings', 'instance_mappings'),
    '': ('instances', 'instance_id_mappings', 'block_device_mapping'),
}


def make(server, cells=CELLS, account='nova', grant='ALL'):
    """Empty databases; returns the account's part of a URL."""
    schemas = ('nova_api', *cells)
    server.admin(
        *(f'CREATE DATABASE IF NOT EXISTS {name}' for name in schemas),
        *_NOVA_API,
        *(sql.format(cell) for cell in cells for sql in _CELL),
        *(f'DELETE FROM nova_api.{name}' for name in _TABLES['nova_api']),
        *(f'DELETE FROM {c}.{name}' for c in cells for name in _TABLES['']),
    )
    told = server.account(
        account, *(f'{grant} ON {name}.*' for name in schemas)
    )
    for cell in cells:
        map_cell(server, cell, server.url(told, cell))
    return told


def map_cell(server, name, url):
    with server.open() as cursor:
        cursor.execute(
            'REPLACE INTO nova_api.cell_mappings '
            '(id, uuid, name, database_connection, disabled) VALUES '
            '((SELECT c.id FROM nova_api.cell_mappings c WHERE c.name = %s), '
            '%s, %s, %s, 0)',
            (name, f'uuid-of-{name}', name, url),
        )


def put(server, cell, uuid=UUID, *, ec2=None, mapped='', **values):
    """A server in a cell."""
    row = {
        'display_name': 'web-1', 'host': 'cmp1', 'node': 'cmp1.example.org',
        'power_state': 1, 'vm_state': 'active', 'deleted': 0, 'hidden': 0,
        'created_at': '2012-06-19 00:48:11', 'user_data': 'c2VjcmV0',
        'updated_at': '2012-07-03 00:35:11', **values, 'uuid': uuid,
    }  # fmt: skip
    names = ', '.join(row)
    marks = ', '.join(f'%({name})s' for name in row)
    with server.open() as cursor:
        cursor.execute(
            f'INSERT INTO {cell}.instances ({names}) VALUES ({marks})', row
        )
        if ec2 is not None:
            cursor.execute(
                f'INSERT INTO {cell}.instance_id_mappings VALUES (%s, %s, 0)',
                (ec2, uuid),
            )
        cursor.execute(
            'INSERT INTO nova_api.instance_mappings (instance_uuid, cell_id) '
            'SELECT %s, id FROM nova_api.cell_mappings WHERE name = %s',
            (uuid, mapped or cell),
        )
    return uuid


def databases(server, account):
    """What our commands read."""
    told = DatabaseSettings(nova_api=server.url(account, 'nova_api'))
    return Databases(Sources(told, SshSettings()))
