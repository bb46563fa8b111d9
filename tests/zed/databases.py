# SPDX-License-Identifier: Apache-2.0
"""Its schemas in the practice cloud's MariaDB, and its host in RabbitMQ."""

from __future__ import annotations

from tests.cloud import commands, errors, keys, messaging, paths, ports
from tests.zed import services, where

SCHEMAS = ('nova_zed', 'nova_zed_api', 'nova_zed_cell0', 'placement_zed')
_MAP_HOST = """
INSERT INTO nova_zed_api.host_mappings (created_at, cell_id, host)
SELECT NOW(), id, '{host}' FROM nova_zed_api.cell_mappings
WHERE name = 'cell1' AND NOT EXISTS
(SELECT 1 FROM nova_zed_api.host_mappings WHERE host = '{host}');
"""


def broker() -> None:
    """Have a virtual host of its own; before where.enter()."""
    messaging.control('add_vhost', where.REGION)
    messaging.control(
        *('set_permissions', '-p', where.REGION, 'practice'),
        *('.*', '.*', '.*'),
    )


def complete() -> bool:
    """Whether its schemas are there; they go with the practice cloud's."""
    try:
        # The last thing that is made.
        _sql('SELECT id FROM nova_zed_api.host_mappings LIMIT 1')
    except errors.CloudError:
        return False
    return True


def make() -> None:
    """Make every schema, as Debian's nova-manage does."""
    for name in SCHEMAS:
        _sql(f'DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}')
    commands.run(
        'placement-schema',
        [
            f'{paths.venv()}/bin/placement-manage',
            *('--config-file', where.conf('placement.conf'), 'db', 'sync'),
        ],
    )
    _manage('api_db', 'sync')
    cell0 = url('nova_zed_cell0')
    _manage('cell_v2', 'map_cell0', f'--database_connection={cell0}')
    _manage('db', 'sync')
    _manage('cell_v2', 'create_cell', '--name=cell1')


def map_hosts() -> None:
    """Map its hosts to the cell, as the practice cloud's are."""
    _sql(''.join(_MAP_HOST.format(host=host) for host in where.HOSTS))


def url(name: str) -> str:
    """One of the databases, its own or the practice cloud's."""
    server = f'practice:{keys.PASSWORD}@127.0.0.1:{ports.port("mariadb")}'
    return f'mysql+pymysql://{server}/{name}'


def _manage(*words: str) -> None:
    argv = [*services.control('nova-manage'), *words]
    commands.run('nova-manage', argv, env=services.environment())


def _sql(text: str) -> None:
    options = where.PRACTICE / 'conf/mariadb-client.cnf'
    commands.run('sql', ['mariadb', f'--defaults-file={options}'], text)
