# SPDX-License-Identifier: Apache-2.0
"""A private MariaDB on loopback, and what comes between it and a client."""

import contextlib
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.unit.local_agent import wait_for

PATH = f'{os.environ.get("PATH", "")}:/usr/sbin:/sbin'
PASSWORD = 'correct horse'  # of every account but root
# Nothing here must survive a power cut, so nothing waits for the disk.
_OPTIONS = (
    '--skip-log-bin', '--skip-name-resolve', '--innodb-flush-method=nosync',
    '--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=off',
    '--innodb-log-file-size=16M', '--innodb-buffer-pool-size=32M',
    '--bind-address=127.0.0.1,127.0.0.2',
)  # fmt: skip


class Server:
    """One that may be started and stopped; root gets in by its socket."""

    def __init__(
        self, folder: pathlib.Path, *options: str, account: str = ''
    ) -> None:
        self._account = account or getpass.getuser()
        self.folder = folder
        self.port = free_port()
        self.socket = folder / 's'
        self._options = options
        self._process: subprocess.Popen | None = None

    def start(self, *more: str) -> None:
        with open(self.folder / 'log', 'a') as log:
            self._process = subprocess.Popen(
                [
                    # It is not left behind where the tests are killed.
                    *('setpriv', '--pdeathsig', 'KILL'),
                    program('mariadbd'),
                    '--no-defaults',
                    f'--user={self._account}',
                    f'--datadir={self.folder}/data',
                    f'--socket={self.socket}',
                    f'--port={self.port}',
                    *_OPTIONS,
                    *self._options,
                    *more,
                ],
                stdout=log,
                stderr=log,
            )
        wait_for('MariaDB', self._answers)

    def stop(self) -> None:
        """The power goes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def admin(self, *statements: str) -> Any:
        """What the last of some statements of root answers."""
        with self.open() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        """A connection of root's."""
        with contextlib.closing(self._connected()) as link:
            with link.cursor() as cursor:
                yield cursor

    def connections(self) -> set[int]:
        """The numbers of those that there are."""
        return {row[0] for row in self.admin('SHOW PROCESSLIST')}

    def account(self, user: str, *grants: str) -> str:
        """Make an account anew; returns its user part of a URL."""
        self.admin(
            f'DROP USER IF EXISTS {user}@`%`',
            f"CREATE USER {user}@`%` IDENTIFIED BY '{PASSWORD}'",
            *(f'GRANT {grant} TO {user}@`%`' for grant in grants),
        )
        return f'{user}:{urllib.parse.quote(PASSWORD)}'

    def url(self, account: str, database: str, **more: Any) -> str:
        """The URL of a database; ``more`` is its query."""
        port = more.pop('port', self.port)
        query = urllib.parse.urlencode(more)
        return f'mysql+pymysql://{account}@127.0.0.1:{port}/{database}?{query}'

    def _connected(self) -> Any:
        return pymysql.connect(
            unix_socket=str(self.socket), user='root', autocommit=True
        )

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / 'log').read_text()
        try:
            self._connected().close()
        except pymysql.OperationalError:
            return False
        return True


def program(name: str) -> str:
    """The path of a program of MariaDB's; skips where there is none."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f'there is no {name}: apt-get install mariadb-server')
    return found


def install(folder: pathlib.Path, account: str = '') -> None:
    """An empty data directory.

    Of two that are made at once in one folder for temporary files, one fails:
    both name theirs alike.
    """
    subprocess.run(
        [
            program('mariadb-install-db'),
            '--no-defaults',
            f'--user={account or getpass.getuser()}',
            f'--datadir={folder}/data',
            f'--tmpdir={folder}',
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
            *_OPTIONS,
        ],
        check=True,
        capture_output=True,
    )


@contextlib.contextmanager
def running(folder: pathlib.Path, *options: str) -> Iterator[Server]:
    """A server with nothing in it."""
    install(folder)
    server = Server(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return int(found.getsockname()[1])


class Cutter:
    """Stands before a server, and cuts a connection at a statement.

    :param word: bytes of the statement; those that are encrypted are not seen
    :param late: only when the server has answered it
    """

    def __init__(self, port: int, word: bytes, late: bool) -> None:
        self._server = port
        self._word = word
        self._late = late
        self.cuts = 0
        self._listening = socket.create_server(('127.0.0.1', 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(
                    target=self._talk, args=(client,), daemon=True
                ).start()

    def _talk(self, client: socket.socket) -> None:
        server = socket.create_connection(('127.0.0.1', self._server))
        with client, server:
            client_turn = False
            while True:
                # The client speaks only when the server has answered.
                source, target = server, client
                if client_turn:
                    source, target = client, server
                data = source.recv(65536)
                if not data:
                    return
                if client_turn and self._word in data:
                    self.cuts += 1
                    if self._late:
                        server.sendall(data)
                        server.recv(65536)
                    return
                target.sendall(data)
                client_turn = not client_turn


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections, and says nothing."""
    with socket.create_server(('127.0.0.1', 0)) as listening:
        yield listening.getsockname()[1]
