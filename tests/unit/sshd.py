# SPDX-License-Identifier: Apache-2.0
"""Real sshds on loopback, with keys and a configuration of their own."""

import contextlib
import dataclasses
import getpass
import os
import pathlib
import random
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator

import pytest

from osc_recover import errors
from osc_recover.gateways.hosts import Hosts
from osc_recover.settings import HostAddress, SshSettings
from tests.unit.local_agent import runs, wait_for

PROGRAM = '/usr/sbin/sshd'
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 200
LogLevel DEBUG1
"""


@dataclasses.dataclass
class Sshd:
    """One that runs: where, and what a client of it has in ``folder``."""

    folder: pathlib.Path
    port: int
    process: subprocess.Popen

    @property
    def key(self) -> pathlib.Path:
        """A private key that it lets in."""
        return self.folder / 'key'

    @property
    def known_hosts(self) -> pathlib.Path:
        """A file with its host key."""
        return self.folder / 'known_hosts'

    @property
    def log(self) -> str:
        return (self.folder / 'log').read_text(errors='replace')

    def settings(self, *hosts: str, **more) -> SshSettings:
        """How to get in; every host is this one."""
        told = {
            'user': getpass.getuser(),
            'identity_file': str(self.key),
            'config_file': self.folder / 'ssh_config',
            'known_hosts': self.known_hosts,
            'connect_timeout': 30.0,
            'hosts': tuple(
                HostAddress(name, '127.0.0.1', self.port)
                for name in hosts or ('cmp1',)
            ),
        }
        return SshSettings(**{**told, **more})

    def section(self, hosts: Iterable[str], **more) -> dict:
        """The same, as recover: in clouds.yaml has it."""
        told = self.settings()
        ssh = {
            'user': told.user,
            'identity_file': told.identity_file,
            'config_file': str(told.config_file),
            'known_hosts': str(told.known_hosts),
        }
        return {
            'ssh': {**ssh, **more},
            'hosts': [
                {'name': host, 'address': '127.0.0.1', 'port': self.port}
                for host in hosts
            ],
        }

    def alias(self, name: str, *lines: str) -> str:
        """A block of ~/.ssh/config."""
        return '\n    '.join(
            [f'Host {name}', 'HostName 127.0.0.1', f'Port {self.port}', *lines]
        ) + '\n'  # fmt: skip

    def logins(self) -> int:
        """How many times somebody was let in."""
        return len(re.findall('Accepted publickey', self.log))

    def descendants(self) -> list[int]:
        """The processes of everybody who is logged in."""
        found, todo = [], [self.process.pid]
        while todo:
            todo = [p for parent in todo for p in _children(parent)]
            found += todo
        return found

    def agents(self) -> list[int]:
        """The processes of our program."""
        return [p for p in self.descendants() if 'python3' in _command(p)[0]]

    def end(self) -> None:
        everybody = [self.process.pid, *self.descendants()]
        for process in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, 9)
        self.process.wait()


@contextlib.contextmanager
def running(
    folder: pathlib.Path, *lines: str, program: str = PROGRAM, **env: str
) -> Iterator[Sshd]:
    """An sshd with further lines of configuration.

    :param program: what starts it, with its arguments
    :param env: what those who log in have in their environment
    """
    assert os.access(PROGRAM, os.X_OK), (
        f'there is no {PROGRAM}: apt-get install openssh-server'
    )
    folder.mkdir(exist_ok=True)
    port = free_port()
    for name in ('host_key', 'key'):
        keygen(folder / name)
    write_known_hosts(folder, port)
    (folder / 'authorized_keys').write_text((folder / 'key.pub').read_text())
    _configure(folder, port, lines, env)
    found = Sshd(folder, port, _start(folder, program))
    try:
        wait_for(
            f'sshd does not start: {found.log}',
            lambda: 'listening on' in found.log or _failed(found),
        )
        yield found
    finally:
        found.end()


def answer(settings: SshSettings, *names: str, **options) -> set[str]:
    """Those of these hosts that answer."""
    with Hosts(settings, **options) as hosts:
        every = dict(hosts.each(names, 'hello', {}, timeout=60))
    return {name for name, said in every.items() if isinstance(said, dict)}


def works(settings: SshSettings, **options) -> bool:
    """Whether cmp1 answers."""
    return answer(settings, 'cmp1', **options) == {'cmp1'}


def refused_by(tmp_path, kind, *lines, env=None, **settings):
    """The error of an sshd with these lines of configuration."""
    with running(tmp_path / 'sshd', *lines, **(env or {})) as server:
        return refused(server.settings(**settings), kind)


def refused(
    settings: SshSettings,
    kind: type,
    host: str = 'cmp1',
    op: str = 'hello',
    timeout: float = 60,
) -> errors.HostError:
    """The error of this kind of a host that is asked."""
    with Hosts(settings) as hosts, pytest.raises(errors.HostError) as caught:
        hosts.ask(host, op, {}, timeout=timeout)
    assert caught.value.host == host
    assert type(caught.value) is kind, str(caught.value)
    return caught.value


def keygen(path: pathlib.Path, *more: str, kind: str = 'ed25519') -> None:
    """A new key pair, without a passphrase unless told."""
    passphrase = [] if '-N' in more else ['-N', '']
    subprocess.run(
        ['ssh-keygen', '-q', '-t', kind, '-f', path, *passphrase, *more],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def lock(key: pathlib.Path, passphrase: str = 'open sesame') -> None:
    """Give a private key a passphrase."""
    subprocess.run(
        ['ssh-keygen', '-q', '-p', '-P', '', '-N', passphrase, '-f', key],
        check=True, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip


def write_known_hosts(folder: pathlib.Path, port: int) -> None:
    """Have the clients of this folder know the host key that is there."""
    key = (folder / 'host_key.pub').read_text()
    (folder / 'known_hosts').write_text(f'[127.0.0.1]:{port} {key}')


def free_port() -> int:
    """A port below those that the kernel gives away."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(('127.0.0.1', port))
                return port


def _configure(
    folder: pathlib.Path, port: int, lines: Iterable[str], env: dict[str, str]
) -> None:
    # Not the home of whoever runs the tests: its start files count.
    home = folder / 'home'
    home.mkdir()
    told = ' '.join(f'{k}={v}' for k, v in {'HOME': home, **env}.items())
    config = CONFIG.format(port=port, folder=folder)
    # The first line that says something counts.
    text = '\n'.join([*lines, f'SetEnv {told}', config])
    (folder / 'sshd_config').write_text(text)


def _start(folder: pathlib.Path, program: str) -> subprocess.Popen:
    if os.geteuid() == 0:
        pathlib.Path('/run/sshd').mkdir(mode=0o755, exist_ok=True)
    with (folder / 'log').open('w') as log:
        return subprocess.Popen(
            [program, '-D', '-e', '-f', folder / 'sshd_config'],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def _failed(found: Sshd) -> bool:
    assert found.process.poll() is None, found.log
    return False


def _children(process: int) -> list[int]:
    every = (int(name) for name in os.listdir('/proc') if name.isdecimal())
    return [each for each in every if _parent(each) == process]


def _parent(process: int) -> int:
    try:
        stat = pathlib.Path(f'/proc/{process}/stat').read_text()
    except OSError:
        return 0
    return int(stat.rpartition(')')[2].split()[1])


def _command(process: int) -> list[str]:
    try:
        data = pathlib.Path(f'/proc/{process}/cmdline').read_bytes()
    except OSError:
        return ['']
    return data.decode(errors='replace').split('\0') if runs(process) else ['']
