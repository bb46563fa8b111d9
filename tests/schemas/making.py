# SPDX-License-Identifier: Apache-2.0
"""Have a release of nova make its own schemas, and keep them as SQL.

A release is installed with what the index had at its time: nova that is a few
years old does not run with today's libraries.  uv can be told a day; pip of
Debian 12 cannot.
"""

import dataclasses
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tests import mariadb, schemas


@dataclasses.dataclass(frozen=True)
class Release:
    """A release, and a day on which the index had all it needs."""

    version: str
    day: str


RELEASES = {
    '26': Release('26.0.0', '2022-12-15'),
    '28': Release('28.0.0', '2023-10-15'),
    '30': Release('30.0.0', '2024-10-15'),
    '34': Release('34.0.0', '2026-10-15'),
}
# Below 70, setuptools has pkg_resources, which older releases import.
_MORE = ('pymysql', 'setuptools<70')
CONF = """\
[DEFAULT]
transport_url = fake:/
[database]
connection = {nova}
[api_database]
connection = {nova_api}
"""


def make(release: str) -> None:
    """Make the files of a release anew; takes some minutes, and the index."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        manage = _install(RELEASES[release], folder / 'venv')
        with mariadb.running(folder) as server:
            _sync(manage, folder, server)
            for kind in schemas.KINDS:
                file = schemas.path(release, kind)
                file.parent.mkdir(exist_ok=True)
                file.write_text(_dump(server, kind))
                print(f'{file}: {file.stat().st_size} bytes')


def _install(release: Release, venv: pathlib.Path) -> pathlib.Path:
    uv = shutil.which('uv')
    if uv is None:
        sys.exit('there is no uv: pip install uv')
    subprocess.run([uv, 'venv', '--python', '3.11', venv], check=True)
    subprocess.run(
        [
            uv, 'pip', 'install', '--exclude-newer', release.day,
            f'nova=={release.version}', *_MORE,
        ],
        env={**os.environ, 'VIRTUAL_ENV': str(venv)}, check=True,
    )  # fmt: skip
    return venv / 'bin/nova-manage'


def _sync(
    manage: pathlib.Path, folder: pathlib.Path, server: mariadb.Server
) -> None:
    account = server.account('nova', 'ALL ON *.*')
    urls = {kind: server.url(account, kind) for kind in schemas.KINDS}
    conf = folder / 'nova.conf'
    # A percent sign is one of oslo.config's own only in templates of cells.
    conf.write_text(CONF.format(**urls))
    server.admin(*(f'CREATE DATABASE {kind}' for kind in schemas.KINDS))
    for words in (['api_db', 'sync'], ['db', 'sync', '--local_cell']):
        subprocess.run([manage, '--config-file', conf, *words], check=True)


def _dump(server: mariadb.Server, kind: str) -> str:
    """A schema without its shadow tables, which are twice as much."""
    tables = [
        row[0]
        for row in server.admin(f'SHOW TABLES FROM {kind}')
        if not row[0].startswith('shadow_')
    ]
    done = subprocess.run(
        [
            mariadb.program('mariadb-dump'), '--no-defaults', '--user=root',
            f'--socket={server.socket}', '--no-data', '--compact',
            '--skip-set-charset', '--skip-add-drop-table', kind, *tables,
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return 'SET foreign_key_checks = 0;\n' + _lean(done.stdout)


def _lean(text: str) -> str:
    """Without what differs from run to run, and what clients are told.

    Migrations go through sets of indexes, so that their order is chance.
    """
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() and not line.startswith(('/*', '--')):
            lines.append(re.sub(r' AUTO_INCREMENT=\d+', '', line))
    pieces = itertools.groupby(lines, key=_is_index)
    return (
        '\n'.join(
            line
            for index, some in pieces
            for line in (_in_order(list(some)) if index else some)
        )
        + '\n'
    )


def _is_index(line: str) -> bool:
    return line.startswith(('  KEY ', '  UNIQUE KEY '))


def _in_order(indexes: list[str]) -> list[str]:
    *rest, last = sorted(line.rstrip(',') for line in indexes)
    more = ',' if indexes[-1].endswith(',') else ''
    return [*(f'{line},' for line in rest), last + more]
