# SPDX-License-Identifier: Apache-2.0
"""A database as SQL, of one moment, by the client program of its server.

The program gets its password from a file in memory that only it and we have:
nothing secret is in its arguments, in its environment or on disk.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from osc_recover import errors
from osc_recover.gateways.database.url import Url

PROGRAMS = ('mariadb-dump', 'mysqldump')
# One transaction: tables of InnoDB as they are at one moment, and nobody
# waits.  Tablespaces would want a right on the whole server.
_OPTIONS = (
    '--single-transaction', '--quick', '--skip-lock-tables', '--triggers',
    '--hex-blob', '--no-tablespaces', '--default-character-set=utf8mb4',
)  # fmt: skip
# The end of a dump that came to its end.
_END = b'-- Dump completed'
# MySQL's program asks for statistics that MariaDB and MySQL 5.7 do not have.
_OF_MYSQL = ('[mysqldump]', 'loose-column-statistics=0')
_TLS = ('ca', 'capath', 'cert', 'key', 'cipher')


def dump(name: str, where: Url, path: pathlib.Path) -> None:
    """Write a database to a new file, readable to its owner.

    :param name: the database's, for messages
    :raises errors.DumpFailed: when it could not be dumped; there is no file
        then
    """
    if not where.database or where.database.startswith('-'):
        raise errors.DumpFailed(name, 'its URL names no database')
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with open(os.open(path, flags, 0o600), 'r+b') as out:
            _run(name, where, out.fileno())
            _check_end(name, out.fileno())
            os.fsync(out.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def settings(name: str, where: Url) -> str:
    """An option file for the client programs.

    :raises errors.DumpFailed: for what such a file cannot hold
    """
    known = {
        'host': where.host,
        'port': str(where.port or ''),
        'socket': str(where.options.get('unix_socket', '')),
        'user': where.user,
        'password': where.password,
    }
    tls = where.options.get('ssl') or {}
    known |= {f'ssl-{key}': str(tls.get(key, '')) for key in _TLS}
    lines = [
        f'{key}={_quoted(name, known[key])}' for key in known if known[key]
    ]
    lines += _proof(tls)
    if where.options.get('ssl_disabled'):
        lines += ['loose-skip-ssl', 'loose-ssl-mode=DISABLED']
    file = where.options.get('read_default_file')
    included = [f'!include {file}'] if file else []
    return '\n'.join([*included, '[client]', *lines, *_OF_MYSQL, ''])


def _proof(tls: Mapping[str, Any]) -> list[str]:
    """Whether the server has to prove its name, as for our own connection.

    For MariaDB's program, and for MySQL's; neither knows the other's option.
    MariaDB's wants it by default from release 11.4, also of a server that has
    no TLS.
    """
    verify = 'loose-ssl-verify-server-cert'
    if tls.get('check_hostname'):
        return [verify, 'loose-ssl-mode=VERIFY_IDENTITY']
    return [] if tls.get('ca') or tls.get('capath') else [f'{verify}=0']


def _quoted(name: str, value: str) -> str:
    """A value between quotes; only backslashes mean something there."""
    if '\n' in value or '\r' in value or '\0' in value:
        raise errors.DumpFailed(name, 'its URL has a line break in a value')
    escaped = value.replace('\\', '\\\\')
    return f'"{escaped}"'


def _run(name: str, where: Url, out: int) -> None:
    with _in_memory(settings(name, where)) as file:
        argv = [
            _program(name),
            f'--defaults-file=/proc/self/fd/{file}',
            *_OPTIONS,
            where.database,
        ]
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            pass_fds=[file],
            env={'PATH': os.environ.get('PATH', ''), 'LC_ALL': 'C'},
            check=False,
        )
    if done.returncode:
        said = ' '.join(done.stderr.decode('utf-8', 'replace').split())
        raise errors.DumpFailed(
            name,
            f'{argv[0]} ended with {done.returncode}: {said[-300:]}',
        )


def _check_end(name: str, out: int) -> None:
    size = os.fstat(out).st_size
    tail = os.pread(out, 200, max(0, size - 200))
    if _END not in tail:
        raise errors.DumpFailed(name, 'the dump does not come to its end')


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[int]:
    file = os.memfd_create('client', os.MFD_CLOEXEC)
    try:
        # The programs ignore a file that everybody may write.
        os.fchmod(file, 0o600)
        os.write(file, text.encode())
        yield file
    finally:
        os.close(file)


def _program(name: str) -> str:
    for program in PROGRAMS:
        if shutil.which(program):
            return program
    raise errors.DumpFailed(
        name,
        f'there is neither {" nor ".join(PROGRAMS)} here',
        'install the client of the database (mariadb-client), or dump it on '
        'its own server',
    )
