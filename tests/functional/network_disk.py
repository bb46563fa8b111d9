# SPDX-License-Identifier: Apache-2.0
"""A network file system: GlusterFS, with a server and any number of clients.

It is the one that needs no module of the kernel's.  All of it is on this
machine's loopback, and gone with the folder that it is made in.
"""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess

from tests import packages
from tests.unit.local_agent import wait_for

PROGRAM = {'glusterfs': 'glusterfs-client'}
# What mount tables call it, whoever serves it.
CALLED = 'nas:/nova'
_SERVER = """\
volume disk
  type storage/posix
  option directory {folder}
end-volume
volume locks
  type features/locks
  subvolumes disk
end-volume
volume server
  type protocol/server
  option transport-type tcp
  option transport.socket.bind-address 127.0.0.1
  option transport.socket.listen-port {port}
  option auth.addr.locks.allow 127.0.0.1
  subvolumes locks
end-volume
"""
_CLIENT = """\
volume remote
  type protocol/client
  option transport-type tcp
  option remote-host 127.0.0.1
  option remote-port {port}
  option remote-subvolume locks
end-volume
"""


class NetworkDisk:
    """A disk that is served, for clients to mount."""

    def __init__(self, folder: pathlib.Path) -> None:
        packages.install(packages.missing(PROGRAM))
        self._folder, self._port = folder, _free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._mounted: list[pathlib.Path] = []
        served = folder / 'served'
        served.mkdir(parents=True)
        text = _SERVER.format(folder=served, port=self._port)
        self._start('server', text)
        # A client that comes before fails every access until it tries again.
        wait_for('glusterfs does not listen', self._answers)

    def mount(self, name: str) -> pathlib.Path:
        """Where a client of its own has mounted it."""
        point = self._folder / name
        point.mkdir()
        text = _CLIENT.format(port=self._port)
        more = (f'--fs-display-name={CALLED}', str(point))
        self._start(f'client-{name}', text, *more)
        self._mounted.append(point)
        # Not Path.is_mount: it raises until the client has its server.
        wait_for(f'{point} is not mounted', lambda: os.path.ismount(point))
        return point

    def end(self) -> None:
        """End the clients, and then the server."""
        for point in self._mounted:
            subprocess.run(['umount', '--lazy', str(point)], check=False)
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        with socket.socket() as asked:
            return asked.connect_ex(('127.0.0.1', self._port)) == 0

    def _start(self, name: str, text: str, *more: str) -> None:
        volfile = self._folder / f'{name}.vol'
        volfile.write_text(text)
        words = ['-f', str(volfile), '-l', f'{volfile}.log', '--no-daemon']
        pid = ['-p', f'{volfile}.pid']
        argv = ['glusterfs', *words, *pid, *more]
        self._processes.append(subprocess.Popen(argv))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return int(found.getsockname()[1])
