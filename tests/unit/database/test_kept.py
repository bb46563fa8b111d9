# SPDX-License-Identifier: Apache-2.0
"""The mappings that a snapshot reads, on the tables of every nova we know."""

import re

import pytest

from osc_recover.facts.snapshot import KeptMapping
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.kept import mappings
from osc_recover.gateways.database.sources import Sources
from osc_recover.observe.snapshot import snapshot
from osc_recover.settings import DatabaseSettings, SshSettings
from tests import schemas
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import DATA, DB, OK
from tests.unit.database import cells
from tests.unit.database.conftest import at
from tests.unit.test_observe_snapshot import Whole

TABLES = ('instances', 'block_device_mapping')
SERVER = 'INSERT INTO {0}.instances (uuid, deleted) VALUES (%s, %s)'
ROW = """
INSERT INTO {0}.block_device_mapping (uuid, instance_uuid, volume_id,
 attachment_id, device_name, boot_index, source_type, destination_type,
 disk_bus, tag, volume_size, delete_on_termination, deleted, connection_info)
VALUES (%s, %s, %s, %s, '/dev/vdb', %s, 'volume', 'volume', 'virtio', 'data',
 1, 1, %s, '{{"auth_password": "secret"}}')
"""


def create(release, table):
    """The statement that makes a table, without keys to other tables."""
    text = schemas.path(release, 'nova').read_text()
    made = re.search(rf'CREATE TABLE `{table}` \(.*?\n\).*?;', text, re.DOTALL)
    lines = [
        line for line in made[0].split('\n') if 'CONSTRAINT `' not in line
        or 'FOREIGN KEY' not in line
    ]  # fmt: skip
    return re.sub(r',\n\)', '\n)', '\n'.join(lines)).rstrip(';')


def put(server, name, *rows):
    with server.open() as cursor:
        for uuid, deleted in ((DB, 0), ('old', 7)):
            cursor.execute(SERVER.format(name), (uuid, deleted))
        for row in rows:
            cursor.execute(ROW.format(name), row)


def make(server, release):
    """A database with the two tables of a release; returns its name."""
    name = f'kept_{release}'
    server.admin(f'CREATE OR REPLACE DATABASE {name}')
    for table in TABLES:
        made = create(release, table)
        server.admin(made.replace(f'`{table}`', f'{name}.`{table}`', 1))
    return name


@pytest.fixture(params=schemas.RELEASES)
def release(request, server):
    return make(server, request.param)


def test_live_rows_of_live_servers_are_read(server, release):
    put(
        server,
        release,
        ('b1', DB, DATA, OK, 0, 0),
        ('b2', DB, 'v2', None, None, 2),
        ('b3', 'old', 'v3', None, None, 0),
    )
    account = server.account('reader', f'SELECT ON {release}.*')
    found = at(server.url(account, release))
    assert mappings('cell1', found) == (
        KeptMapping(
            'b1', DB, 'cell1', DATA, OK, '/dev/vdb', 0, 'volume', 'volume',
            'virtio', '', 'data', '', '', 1, True,
        ),
    )  # fmt: skip
    found.close()


def test_with_one_cell_mute_the_rows_of_the_others_are_kept(server):
    make(server, '34')
    put(server, 'kept_34', (OK, DB, DATA, OK, 3, 0))
    account = cells.make(server, ())
    server.admin(f"GRANT ALL ON kept_34.* TO '{account.partition(':')[0]}'")
    cells.map_cell(server, 'one', server.url(account, 'kept_34'))
    cells.map_cell(server, 'two', server.url(account, 'nowhere'))
    told = DatabaseSettings(nova_api=server.url(account, 'nova_api'))
    databases = Databases(Sources(told, SshSettings()))
    with crooked_cloud.cloud(Whole()) as (_, cloud):
        seen = snapshot(cloud, None, databases)
    databases.close()
    [row] = seen.mappings
    [one] = [a for a in seen.attachments if a.id == OK]
    assert (row.cell, one.boot_index) == ('one', 3)
    assert not seen.knows('mappings')
    [gap] = seen.gaps
    assert 'two' in gap.problem
