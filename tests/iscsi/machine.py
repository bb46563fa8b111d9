# SPDX-License-Identifier: Apache-2.0
"""One machine that runs: emulated, as that needs nothing of the kernel here.

It is reached over SSH at a port of the loopback interface, and reaches
nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

from tests import packages
from tests.cloud import commands
from tests.iscsi import image

PROGRAMS = {
    'mke2fs': 'e2fsprogs',
    'mmdebstrap': 'mmdebstrap',
    'qemu-img': 'qemu-utils',
    'qemu-system-x86_64': 'qemu-system-x86',
    'ssh': 'openssh-client',
    'ssh-keygen': 'openssh-client',
}
_BOOT = 480.0  # seconds; half a minute where nothing else runs
# A login alone takes a tenth of a minute there, and many times that else.
_LOGIN = 60.0
# Without a driver that the kernel lacks, it would wait for each of them.
_KERNEL = 'root=/dev/vda rw console=ttyS0 quiet net.ifnames=0'


class Machine:
    """One of them, while it runs."""

    def __init__(self, folder: pathlib.Path, made: image.Image) -> None:
        self.folder, self.made = folder, made
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = int(free.getsockname()[1])
        self.known_hosts = folder / 'known_hosts'
        self.known_hosts.write_text(f'[127.0.0.1]:{self.port} {made.host_key}')
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def console(self) -> str:
        """What it has said of itself."""
        return (self.folder / 'console').read_text(errors='replace')

    def start(self) -> None:
        """Switch it on, and wait until it lets us in."""
        disk = self.folder / 'disk.qcow2'
        if not disk.exists():
            commands.run('iscsi', [
                'qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw',
                '-b', str(self.made.disk), str(disk),
            ])  # fmt: skip
        self._process = subprocess.Popen(
            self._words(disk), stdin=subprocess.DEVNULL,
            stdout=open(self.folder / 'log', 'ab'),  # noqa: SIM115
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + _BOOT
        while self._asked('true', _LOGIN).returncode:
            assert self._process.poll() is None, 'the machine has ended'
            assert time.monotonic() < end, f'no login: {self.console[-2000:]}'
            time.sleep(1)

    def lose_power(self) -> None:
        """Switch it off at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def run(self, script: str, timeout: float = 120.0) -> str:
        """Have a shell there do something; what it said.

        :raises AssertionError: when it failed
        """
        done = self._asked(script, timeout)
        assert done.returncode == 0, f'{script}: {done.stdout}{done.stderr}'
        return done.stdout

    def _asked(
        self, script: str, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        argv = [
            'ssh', '-F', 'none', '-i', str(self.made.key), '-p',
            str(self.port), '-o', f'UserKnownHostsFile={self.known_hosts}',
            '-o', 'BatchMode=yes', '-o', f'ConnectTimeout={timeout:.0f}',
            'root@127.0.0.1', f'sh -euc {shlex.quote(script)}',
        ]  # fmt: skip
        try:
            return subprocess.run(
                argv, capture_output=True, text=True, timeout=timeout,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as exc:
            return subprocess.CompletedProcess(argv, 124, '', str(exc))

    def _words(self, disk: pathlib.Path) -> list[str]:
        forwarded = f'hostfwd=tcp:127.0.0.1:{self.port}-:22'
        return [
            'qemu-system-x86_64', '-M', 'q35', '-cpu', 'max', '-m', '768',
            '-accel', 'tcg,tb-size=128', '-nodefaults', '-display', 'none',
            '-kernel', str(self.made.kernel),
            '-initrd', str(self.made.first), '-append', _KERNEL,
            '-drive', f'file={disk},if=virtio,format=qcow2,cache=unsafe',
            '-netdev', f'user,id=net,restrict=on,{forwarded}',
            '-device', 'virtio-net-pci,netdev=net',
            '-device', 'virtio-rng-pci',
            '-serial', f'file:{self.folder}/console',
        ]  # fmt: skip


def lacks() -> str:
    """What this machine cannot give one, or nothing."""
    if os.geteuid() and packages.missing(PROGRAMS):
        return 'a machine with iSCSI needs root, to install qemu and others'
    if os.geteuid():
        return 'a machine with iSCSI needs root, to make its disk'
    return ''


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[Machine]:
    """A machine that is on; it is off at the end.

    :raises tests.cloud.errors.CloudError: when what it needs cannot be had
    """
    packages.install(packages.missing(PROGRAMS))
    machine = Machine(folder, image.made())
    try:
        machine.start()
        yield machine
    finally:
        machine.lose_power()
