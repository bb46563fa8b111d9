# SPDX-License-Identifier: Apache-2.0
"""Two MariaDB servers that are one Galera cluster, on loopback."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests import mariadb
from tests.unit.local_agent import wait_for

PROVIDER = pathlib.Path('/usr/lib/galera/libgalera_smm.so')
_OPTIONS = (
    '--wsrep-on=1', f'--wsrep-provider={PROVIDER}', '--binlog-format=ROW',
    '--innodb-autoinc-lock-mode=2', '--wsrep-sst-method=rsync',
)  # fmt: skip


# The rsync that brings the data to a node gives up its rights if it is root's.
_ACCOUNT = '' if os.geteuid() else 'mysql'


@contextlib.contextmanager
def running() -> Iterator[tuple[mariadb.Server, ...]]:
    """Both nodes, with nothing in them."""
    if not PROVIDER.exists():
        pytest.skip(f'there is no {PROVIDER}: apt-get install galera-4')
    with tempfile.TemporaryDirectory() as name:
        # Another account's folders of tests are closed to it.
        os.chmod(name, 0o755)
        with _both(pathlib.Path(name)) as nodes:
            yield nodes


@contextlib.contextmanager
def _both(folder: pathlib.Path) -> Iterator[tuple[mariadb.Server, ...]]:
    ports = [mariadb.free_port() for _ in range(2)]
    first, second = (
        _node(folder / str(number), port, ports)
        for number, port in enumerate(ports)
    )
    mariadb.install(first.folder, _ACCOUNT)
    with contextlib.ExitStack() as ended:
        for node in (first, second):
            ended.callback(node.stop)
        first.start('--wsrep-new-cluster')
        # The second takes its data from the first.
        second.start()
        wait_for('a cluster of two', lambda: _size(second) == '2')
        yield first, second


def _node(folder: pathlib.Path, port: int, ports: list[int]) -> mariadb.Server:
    (folder / 'data').mkdir(parents=True)
    if _ACCOUNT:
        for path in (folder, folder / 'data'):
            shutil.chown(path, _ACCOUNT)
    others = ','.join(f'127.0.0.1:{one}' for one in ports)
    return mariadb.Server(
        folder,
        *_OPTIONS,
        f'--wsrep-cluster-address=gcomm://{others}',
        f'--wsrep-node-address=127.0.0.1:{port}',
        f'--wsrep-sst-receive-address=127.0.0.1:{mariadb.free_port()}',
        '--wsrep-provider-options='
        f'gmcast.listen_addr=tcp://127.0.0.1:{port};'
        f'ist.recv_addr=127.0.0.1:{mariadb.free_port()};gcache.size=16M',
        account=_ACCOUNT,
    )


def _size(node: mariadb.Server) -> str:
    [[_, size]] = node.admin("SHOW STATUS LIKE 'wsrep_cluster_size'")
    return str(size)
