# SPDX-License-Identifier: Apache-2.0
"""The private MariaDB, and the empty schemas kept in the cache."""

from __future__ import annotations

import os
import pathlib
import platform
import pwd
import shutil
import socket
import subprocess

from tests.cloud import (
    commands,
    configs,
    install,
    keys,
    paths,
    ports,
    processes,
    steps,
    waiting,
)

NAME = 'mariadb'
# Computes are mapped to the cell here, because "nova-manage discover_hosts"
# can find only those that have run, and takes longer than all the rest.
MAP_HOSTS = """
INSERT INTO nova_api.host_mappings (created_at, cell_id, host)
SELECT NOW(), id, '{host}' FROM nova_api.cell_mappings WHERE name = 'cell1';
"""


def prepare() -> None:
    """Have a data directory with every schema in it."""
    if _data().exists():
        return
    kept = _kept()
    if not kept.exists():
        _make(kept)
    # Aside first, so that a cut-off copy is never taken for a whole one.
    aside = _data().with_name('mariadb.aside')
    _copy(kept, aside)
    aside.rename(_data())


def start() -> None:
    if not processes.running(NAME):
        ports.claim(NAME)
        processes.start(NAME, _mariadbd(), os.environ)
    waiting.until(answers, 'MariaDB is to take connections', NAME, 60)


def answers() -> bool:
    """Whether the greeting of a server comes, not only a connection."""
    try:
        with socket.create_connection(
            ('127.0.0.1', ports.port(NAME)), timeout=2
        ) as client:
            # Length and sequence number, then protocol version 10.
            return client.recv(5)[4:] == b'\x0a'
    except OSError:
        return False


def _data() -> pathlib.Path:
    return paths.state() / 'mariadb'


def _kept() -> pathlib.Path:
    key = paths.digest(
        paths.CONSTRAINTS.read_bytes(),
        pathlib.Path(__file__).read_bytes(),
        configs.everything(),
        keys.PASSWORD,
        _version(),
    )
    return paths.cache() / f'schemas-{key}'


def _version() -> str:
    ask = [install.mariadbd(), '--version']
    return (
        subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        + platform.machine()
    )


def _mariadbd() -> list[str]:
    # Only root has to name an account, or it refuses to run.
    account = pwd.getpwuid(os.geteuid()).pw_name
    return [
        install.mariadbd(),
        f'--defaults-file={paths.state()}/conf/mariadb.cnf',
        f'--user={account}',
    ]


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    commands.run(
        'copy',
        [
            'cp',
            '-a',
            '--sparse=always',
            '--reflink=auto',
            str(source),
            str(target),
        ],
    )


def _make(kept: pathlib.Path) -> None:
    """Make the schemas in the state's own data directory, then keep them."""
    try:
        _install()
        start()
        steps.run(_syncs(), lambda _: None)
        processes.stop([NAME])
        aside = kept.with_name(f'{kept.name}.aside')
        _copy(_data(), aside)
        aside.rename(kept)
    finally:
        processes.stop([NAME])
        shutil.rmtree(_data(), ignore_errors=True)


def _install() -> None:
    commands.run(
        'mariadb-install',
        [
            'mariadb-install-db',
            *_mariadbd()[1:],
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
        ],
    )


def _syncs() -> list[steps.Step]:
    conf = paths.state() / 'conf'
    nova = ['nova-manage', '--config-file', f'{conf}/nova.conf']
    cell0 = _url('nova_cell0')
    return [
        _sync(
            'keystone-schema',
            [
                'keystone-manage',
                '--config-file',
                f'{conf}/keystone.conf',
                'db_sync',
            ],
        ),
        _sync(
            'keystone-admin',
            [
                'keystone-manage',
                '--config-file',
                f'{conf}/keystone.conf',
                'bootstrap',
                '--bootstrap-password',
                keys.PASSWORD,
            ],
            'keystone-schema',
        ),
        _sync(
            'placement-schema',
            [
                'placement-manage',
                '--config-file',
                f'{conf}/placement.conf',
                'db',
                'sync',
            ],
        ),
        _sync(
            'glance-schema',
            [
                'glance-manage',
                '--config-file',
                f'{conf}/glance-api.conf',
                'db',
                'sync',
            ],
        ),
        _sync(
            'neutron-schema',
            [
                'neutron-db-manage',
                '--config-file',
                f'{conf}/neutron.conf',
                'upgrade',
                'heads',
            ],
        ),
        _sync(
            'cinder-schema',
            [
                'cinder-manage',
                '--config-file',
                f'{conf}/cinder.conf',
                'db',
                'sync',
            ],
        ),
        _sync('nova-api-schema', [*nova, 'api_db', 'sync']),
        _sync(
            'nova-cell0',
            [*nova, 'cell_v2', 'map_cell0', '--database_connection', cell0],
            'nova-api-schema',
        ),
        _sync('nova-schema', [*nova, 'db', 'sync'], 'nova-cell0'),
        _sync(
            'nova-cell1',
            [*nova, 'cell_v2', 'create_cell', '--name', 'cell1'],
            'nova-schema',
        ),
        steps.Step('nova-hosts', _map_hosts, ('nova-cell1',)),
    ]


def _sync(name: str, argv: list[str], *needs: str) -> steps.Step:
    whole = [f'{paths.venv()}/bin/{argv[0]}', *argv[1:]]
    return steps.Step(name, lambda: commands.run(name, whole), needs)


def _map_hosts() -> None:
    commands.run(
        'nova-hosts',
        [
            'mariadb',
            f'--defaults-file={paths.state()}/conf/mariadb-client.cnf',
        ],
        ''.join(MAP_HOSTS.format(host=host) for host in configs.HOSTS),
    )


def _url(name: str) -> str:
    return (
        f'mysql+pymysql://practice:{keys.PASSWORD}@127.0.0.1:'
        f'{ports.port(NAME)}/{name}'
    )
