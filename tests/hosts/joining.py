# SPDX-License-Identifier: Apache-2.0
"""nova-compute of the practice cloud as a unit inside a host of the bed.

The compute cmpN keeps its name, its state and its node; only where it runs
changes.  The practice cloud knows such a compute by what boots its host
(``services.inside``), so failing it is a power cut of that host, and its fence
agent really switches the host off.

The cloud's services listen on loopback; a forwarder on the bed's own address
brings the hosts to them, so a host whose cable is cut is cut off from nova.
"""

from __future__ import annotations

import json
import os
import pathlib
import string
import sys
from collections.abc import Iterable

from tests.cloud import (
    configs,
    files,
    ports,
    processes,
    services,
    waiting,
)
from tests.cloud import paths as cloud_paths
from tests.hosts import (
    cgroups,
    errors,
    layers,
    machine,
    network,
    paths,
    record,
)

PORTS = ('rabbitmq', 'keystone', 'placement', 'glance', 'neutron', 'cinder')
UNIT = 'nova-compute'


def check(count: int) -> None:
    """Refuse what cannot be joined.

    :raises errors.BedError: when the cloud has no such computes, or is down
    """
    if count > len(configs.HOSTS):
        raise errors.BedError(
            f'the practice cloud has {len(configs.HOSTS)} computes, not '
            f'{count}; "up {count}" without --joined has no such limit'
        )
    if not processes.running('nova-api'):
        raise errors.BedError(
            'hosts can be joined to a practice cloud that is up only: '
            'python -m tests.cloud up'
        )


def forward() -> None:
    """Have the forwarder listen on the bed's own address."""
    if not processes.running(services.FORWARDER):
        numbers = [str(ports.port(name)) for name in PORTS]
        program = ['-m', 'tests.hosts.forward', network.GATEWAY, *numbers]
        where = {'PYTHONPATH': str(cloud_paths.REPOSITORY)}
        processes.start(
            services.FORWARDER,
            [sys.executable, *program],
            {**os.environ, **where},
        )
    waiting.until(
        lambda: machine.listens(network.GATEWAY, ports.port(PORTS[-1])),
        'the forwarder is to listen',
        services.FORWARDER,
        20,
    )


def seed(host: machine.Host) -> None:
    """Write the unit, its configuration, and what is mounted where."""
    etc = layers.folder(host.name, 'etc/nova')
    nova_conf = etc / 'nova.conf'
    nova_conf.write_text(_configuration(host))
    os.chown(nova_conf, 0, etc.stat().st_gid)
    nova_conf.chmod(0o640)
    units = layers.folder(host.name, 'etc/systemd/system')
    (units / f'{UNIT}.service').write_text(_unit(host.name))
    _helper(layers.folder(host.name, 'usr/local/bin'))
    for folder in (*_read_only(), *_writable(host.name)):
        folder.mkdir(parents=True, exist_ok=True)
        _open_up(layers.folder(host.name, str(folder)))


def binds(name: str) -> list[str]:
    """What systemd-nspawn is to mount in a joined host."""
    return [
        *(f'--bind-ro={folder}' for folder in _read_only()),
        *(f'--bind={folder}' for folder in _writable(name)),
    ]


def take(name: str) -> None:
    """End the compute outside; from now on the cloud boots the host."""
    # First, so that a bed that is cut off here knows what to give back.
    files.write(services.inside_file(name), machine.argv(name, binds(name)))
    processes.stop([services.compute_name(name)], 8)


def give_back(names: Iterable[str]) -> None:
    """Let computes run outside again, if their cloud runs."""
    back = list(names)
    for name in back:
        services.inside_file(name).unlink(missing_ok=True)
    if not processes.running('nova-api'):
        return
    several = [services.compute(n) for n in back if services.powered(n)]
    for service in several:
        service.launch()
    for service in several:
        service.wait()


def fail(name: str, keep_power: bool) -> None:
    """Cut the power of a joined host, or end just its nova-compute."""
    if not keep_power:
        processes.kill(services.compute_name(name))
        cgroups.kill(name)
    elif processes.running(services.compute_name(name)):
        machine.run(name, ['systemctl', 'kill', '--signal=KILL', UNIT])


def revive(name: str) -> None:
    """Have the host on, its nova-compute started, and nova hear of it."""
    service = services.compute(name)
    if processes.running(service.name):
        machine.run(name, ['systemctl', 'start', UNIT])
    else:
        service.launch()
        machine.ready(record.host(name))
    service.wait()


def _configuration(host: machine.Host) -> str:
    base = cloud_paths.state() / 'conf' / f'nova-{host.name}.conf'
    more = string.Template((paths.CONF / 'nova-compute.conf').read_text())
    urls = {name: ports.url(name) for name in PORTS[2:]}
    whole = base.read_text() + more.substitute(urls, address=host.address)
    return whole.replace('127.0.0.1', network.GATEWAY)


def _unit(name: str) -> str:
    # The last word is the configuration, of which a host has its own.
    words = [*services.compute_argv(name)[:-1], '/etc/nova/nova.conf']
    template = (paths.CONF / 'nova-compute.service').read_text()
    return string.Template(template).substitute(
        cloud=cloud_paths.state(),
        venv=cloud_paths.venv(),
        command=' '.join(json.dumps(word) for word in words),
    )


def _helper(programs: pathlib.Path) -> None:
    """Where sudo finds what nova has root do for it."""
    link = programs / 'privsep-helper'
    link.unlink(missing_ok=True)
    link.symlink_to(cloud_paths.venv() / 'bin' / link.name)


def _open_up(folder: pathlib.Path) -> None:
    """Let nova pass to a folder: access(2) heeds no capabilities."""
    for part in (folder, *folder.parents):
        if part.name == 'own':
            return
        part.chmod(part.stat().st_mode | 0o011)


def _read_only() -> list[pathlib.Path]:
    return [
        *_python(),
        cloud_paths.venv(),
        cloud_paths.REPOSITORY / 'tests',
        cloud_paths.volumes(),
    ]


def _writable(name: str) -> list[pathlib.Path]:
    return [cloud_paths.host(name), cloud_paths.state() / 'shared']


def _python() -> list[pathlib.Path]:
    """Where the Python of the cloud's environment is, unless Debian's own."""
    rows = (cloud_paths.venv() / 'pyvenv.cfg').read_text().splitlines()
    known = dict(row.split(' = ', 1) for row in rows if ' = ' in row)
    prefix = pathlib.Path(known['home']).parent
    return [] if str(prefix) == '/usr' else [prefix]
