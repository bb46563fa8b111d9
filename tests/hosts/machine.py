# SPDX-License-Identifier: Apache-2.0
"""One host: a systemd container over the shared tree.

Its leader, which keeps a systemd-nspawn running, is a process of the practice
cloud's kind: known by pid and start time, logged, and ended with the cloud.

A boot of a host is known by /proc/sys/kernel/random/boot_id as on any
machine: systemd-nspawn mounts a new one over the kernel's at each boot of the
container.  What is *not* the host's own are the kernel, its clock and uptime,
and /proc/sys beyond the network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import socket
import uuid
from collections.abc import Sequence

from tests.cloud import processes, services, waiting
from tests.hosts import calls, cgroups, errors, layers, network, paths

BOOT_ID = '/proc/sys/kernel/random/boot_id'
# A host that reboots ends systemd-nspawn --keep-unit with status 133: in a
# unit, it would be started again.
_LEAD = 'trap : TERM; while "$0" "$@"; [ $? -eq 133 ]; do :; done'
# The first words of its argv, up to "--", are cgroups to go into.
_ENTER = (
    'while [ "$1" != -- ]; do mkdir -p "$1"; echo $$ > "$1/cgroup.procs"; '
    'shift; done; shift; exec "$@"'
)
_ENVIRONMENT = {
    'HOME': '/root',
    'LC_ALL': 'C.UTF-8',
    'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of the bed, as tests dial it and look at it.

    :param key: the private key that lets root, operator (sudo without a
        password) and nosudo (whose sudo asks for one, "secret") in
    :param known_hosts: the keys of all hosts of the bed, by address
    :param upper: what was written on the host since it was made or reset
    :param joined: whether the practice cloud's nova-compute runs on it
    """

    name: str
    address: str
    joined: bool
    key: pathlib.Path
    known_hosts: pathlib.Path
    upper: pathlib.Path
    port: int = 22


def leader(host: Host) -> str:
    """The name of its leader among the practice cloud's processes."""
    return services.compute_name(host.name) if host.joined else host.name


def seed(host: Host, bed_key: str) -> None:
    """Write what only this host has: its names, its keys, who may come."""
    etc = layers.folder(host.name, 'etc')
    layers.folder(host.name, 'etc/ssh')
    (etc / 'hostname').write_text(f'{host.name}\n')
    (etc / 'hosts').write_text(
        f'127.0.0.1 localhost\n{host.address} {host.name}\n'
    )
    (etc / 'machine-id').write_text(f'{uuid.uuid4().hex}\n')
    (etc / 'ssh/bed_keys').write_text(bed_key)
    keygen(etc / 'ssh/ssh_host_ed25519_key', host.name)


def keygen(path: pathlib.Path, comment: str) -> None:
    quiet = ['-q', '-t', 'ed25519', '-N', '']
    calls.call(['ssh-keygen', *quiet, '-C', comment, '-f', str(path)])


def public_key(name: str) -> str:
    """The public key of a host's sshd: its type and the key itself."""
    path = paths.host(name) / 'own/etc/ssh/ssh_host_ed25519_key.pub'
    return ' '.join(path.read_text().split()[:2])


def argv(name: str, binds: Sequence[str] = ()) -> list[str]:
    """What boots the host, as a process that leads it until it is off."""
    tun = '/dev/net/tun'
    return [
        *('sh', '-c', _LEAD),
        *('sh', '-c', _ENTER, 'sh'),
        *map(str, cgroups.folders(name)),
        '--',
        'systemd-nspawn',
        '--quiet',
        f'--directory={paths.host(name)}/root',
        f'--machine={name}',
        f'--network-namespace-path={network.path(name)}',
        # There is neither a machined nor a unit around it.
        '--register=no',
        '--keep-unit',
        '--settings=no',
        '--link-journal=no',
        '--resolv-conf=off',
        '--timezone=off',
        '--console=pipe',
        '--capability=all',
        *([f'--bind={tun}'] if pathlib.Path(tun).exists() else []),
        *binds,
        '--boot',
    ]


def start(host: Host) -> None:
    """Power on, unless it is, and wait until it is of use.

    :raises tests.cloud.errors.CloudError: when it is not, in time
    """
    if not running(host):
        processes.start(leader(host), argv(host.name), os.environ)
    ready(host)


def running(host: Host) -> bool:
    return processes.running(leader(host))


def kill(host: Host) -> None:
    """Cut the power: nothing on it has the time to say good-bye."""
    processes.kill(leader(host))
    cgroups.kill(host.name)


def ready(host: Host) -> None:
    """Wait for sshd, and for the last unit of the boot.

    :raises errors.BedError: when a unit failed
    """
    waiting.until(
        lambda: _greets(host.address),
        f'{host.name} is to answer at {host.address}',
        leader(host),
        90,
    )
    ask = ['systemctl', 'is-system-running', '--wait']
    state = run(host.name, ask, check=False).stdout.strip()
    if state != 'running':
        failed = run(host.name, ['systemctl', '--failed', '--no-legend'])
        raise errors.BedError(
            f'{host.name} is {state}, not running: {failed.stdout.strip()}'
        )


def run(
    name: str,
    command: Sequence[str],
    *,
    feed: str = '',
    timeout: float = 60,
    check: bool = True,
) -> calls.Done:
    """Run something on a host as root, without SSH, to arrange a test.

    :raises errors.BedError: when the host is off, or (with ``check``) when
        it failed
    """
    inside = ['-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w']
    whole = ['nsenter', '-t', str(init(name)), *inside, '--', *command]
    done = calls.run(whole, feed, timeout, _ENVIRONMENT)
    if check:
        calls.checked(done, [f'{name}:', *command])
    return done


def boot_id(name: str) -> str:
    """What identifies this boot of the host; nothing while it is between."""
    with contextlib.suppress(errors.BedError):
        return run(name, ['cat', BOOT_ID]).stdout.strip()
    return ''


def reboot(host: Host) -> None:
    """Reboot it in order, and wait until it is of use again."""
    before = boot_id(host.name)
    run(host.name, ['systemctl', 'reboot'], check=False)
    waiting.until(
        lambda: boot_id(host.name) not in ('', before),
        f'{host.name} is to boot again',
        leader(host),
        90,
    )
    ready(host)


def forget(name: str) -> None:
    """Remove all that the bed has of a host that is off."""
    layers.remove(name)
    network.remove(name)
    cgroups.remove(name)


def listens(address: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), timeout=2).close()
        return True
    return False


def _greets(address: str) -> bool:
    with contextlib.suppress(OSError):
        with socket.create_connection((address, 22), timeout=2) as client:
            return client.recv(4) == b'SSH-'
    return False


def init(name: str) -> int:
    """The pid 1 of a host, as this machine numbers it.

    :raises errors.BedError: when the host is off
    """
    for pid in cgroups.processes(name):
        with contextlib.suppress(OSError):
            if _numbers(pid)[1:] == ['1']:
                return pid
    raise errors.BedError(f'{name} is off; power it on first')


def _numbers(pid: int) -> list[str]:
    """What a process is called in each process namespace, ours first."""
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('NSpid:'):
            return line.split()[1:]
    return []
