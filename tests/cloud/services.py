# SPDX-License-Identifier: Apache-2.0
"""Every OpenStack service of the cloud: how it starts, when it is ready."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from tests.cloud import (
    configs,
    errors,
    files,
    paths,
    ports,
    processes,
    rest,
    waiting,
)

APIS = ('keystone', 'placement', 'glance', 'neutron', 'cinder', 'nova')
# Keystone caches in its own memory; glance has next to nothing to do.
ALONE = ('keystone', 'glance')
AGENT = 'l2-agent'
# Through it, the hosts of tests.hosts reach the services.
FORWARDER = 'bed-forwarder'


@dataclasses.dataclass(frozen=True)
class Service:
    name: str
    argv: tuple[str, ...]
    ready: Callable[[float], bool]
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    port: str = ''

    def start(self) -> None:
        """Start it, unless it runs, and wait until it is of use."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        if not processes.running(self.name):
            if self.port:
                ports.claim(self.port)
            processes.start(self.name, self.argv, {**_env(), **self.env})

    def wait(self) -> None:
        since = processes.started_at(self.name)
        waiting.until(
            lambda: self.ready(since),
            f'{self.name} is to be ready',
            self.name,
            pause=0.5,
        )


def compute(host: str) -> Service:
    return Service(
        compute_name(host),
        inside(host) or compute_argv(host),
        lambda since: _nova_beats('nova-compute', host, since),
    )


def compute_argv(host: str) -> tuple[str, ...]:
    # By its path, beside which the host's nova-manage is looked for.
    conf = _conf(f'nova-{host}.conf')
    return double(_bin('nova-compute'), '--config-file', conf)


def inside(host: str) -> tuple[str, ...]:
    """What boots the host of tests.hosts in which this compute is a unit."""
    return tuple(files.read(inside_file(host), ()))


def inside_file(host: str) -> pathlib.Path:
    return paths.host(host) / 'inside.json'


def compute_name(host: str) -> str:
    return f'nova-compute-{host}'


def powered(host: str) -> bool:
    return bool(files.read(paths.host(host) / 'power.json', True))


def apis() -> list[Service]:
    return [
        _api(
            'keystone',
            'keystone.wsgi.api',
            OS_KEYSTONE_CONFIG_FILES=_conf('keystone.conf'),
        ),
        _api(
            'placement',
            'placement.wsgi.api',
            OS_PLACEMENT_CONFIG_DIR=_conf(''),
        ),
        _api('glance', 'glance.wsgi.api', OS_GLANCE_CONFIG_DIR=_conf('')),
        _api(
            'neutron',
            'neutron.wsgi.api',
            OS_NEUTRON_CONFIG_FILES=_conf('neutron.conf'),
        ),
        _api(
            'nova',
            'nova.wsgi.osapi_compute',
            OS_NOVA_CONFIG_FILES=';'.join(
                (_paste('nova'), _conf('nova.conf'))
            ),
        ),
        # Its module reads the name of its configuration only from argv.
        _api(
            'cinder',
            'cinder.wsgi.api',
            '--pyargv',
            f'--config-file {_conf("cinder.conf")}',
        ),
    ]


def workers() -> list[Service]:
    return [
        _nova('nova-conductor'),
        _nova('nova-scheduler'),
        _cinder('cinder-scheduler', 'practice'),
        _cinder('cinder-volume', 'practice@lab', _has_pool),
        Service(
            'neutron-rpc-server',
            (
                _bin('neutron-rpc-server'),
                '--config-file',
                _conf('neutron.conf'),
            ),
            lambda since: True,
        ),
        Service(
            AGENT,
            double(AGENT, '--config-file', _conf('neutron.conf')),
            lambda since: all(
                _agent_beats(host, since)
                for host in configs.HOSTS
                if powered(host)
            ),
        ),
    ]


def uwsgi(module: str, port: int, processes: int = 2) -> tuple[str, ...]:
    """What serves a WSGI module of the virtual environment."""
    return (
        _bin('uwsgi'),
        '--http-socket',
        f'127.0.0.1:{port}',
        '--home',
        str(paths.venv()),
        '--module',
        f'{module}:application',
        '--need-app',
        '--die-on-term',
        '--enable-threads',
        # Threads would race: neutron's first requests see half a policy.
        '--processes',
        str(processes),
        '--buffer-size',
        '65535',
        '--add-header',
        'Connection: close',
        '--listen',
        '100',
        '--disable-logging',
    )


def _api(name: str, module: str, *more: str, **env: str) -> Service:
    argv = uwsgi(module, ports.port(name), 1 if name in ALONE else 2)
    return Service(
        f'{name}-api',
        (*argv, *more),
        lambda since: rest.answers(name),
        env,
        name,
    )


def _nova(name: str) -> Service:
    return Service(
        name,
        (_bin(name), '--config-file', _conf('nova.conf')),
        lambda since: _nova_beats(name, 'practice', since),
    )


def _cinder(
    name: str, host: str, also: Callable[[], bool] = lambda: True
) -> Service:
    return Service(
        name,
        double(name, '--config-file', _conf('cinder.conf')),
        lambda since: (
            _beats('cinder', _cinder_path('/os-services'), name, host, since)
            and also()
        ),
    )


def _has_pool() -> bool:
    """Whether the scheduler would place a volume: it may hold the back end
    for down, by an old heartbeat, after the API shows a new one."""
    return bool(
        _rows('cinder', _cinder_path('/scheduler-stats/get_pools'), 'pools')
    )


def _cinder_path(path: str) -> str:
    return f'/{_admin().project}{path}'


def _nova_beats(binary: str, host: str, since: float) -> bool:
    return _beats('nova', '/os-services', binary, host, since)


def _beats(api: str, path: str, binary: str, host: str, since: float) -> bool:
    return any(
        row['binary'] == binary
        and row['host'] == host
        and seconds(row['updated_at']) > since
        for row in _rows(api, path, 'services')
    )


def _agent_beats(host: str, since: float) -> bool:
    return any(
        row['host'] == host and seconds(row['heartbeat_timestamp']) > since
        for row in _rows('neutron', '/agents', 'agents')
    )


def _rows(api: str, path: str, key: str) -> list[dict[str, Any]]:
    try:
        return list(_admin().get(api, path)[key])
    except errors.CloudError:
        # That API is still on its way up, beside the asker.
        return []


def seconds(text: str | None) -> float:
    """A service's time of its last heartbeat; they run on our clock."""
    if text is None:
        return 0.0
    moment = datetime.datetime.fromisoformat(text)
    return moment.replace(tzinfo=datetime.UTC).timestamp()


@functools.cache
def _admin() -> rest.Admin:
    return rest.Admin()


def _env() -> dict[str, str]:
    # Some look for their tools on PATH, and the doubles for the state.
    return {
        **os.environ,
        'OSC_RECOVER_CLOUD': str(paths.state()),
        'PATH': f'{paths.venv()}/bin:{os.environ.get("PATH", "")}',
    }


def double(*argv: str) -> tuple[str, ...]:
    """What starts a service of the virtual environment with our doubles."""
    # -P, or the folder of the script would be searched for modules first.
    return (_bin('python'), '-P', str(paths.HERE / 'doubles/run.py'), *argv)


def _bin(name: str) -> str:
    return str(paths.venv() / 'bin' / name)


def _conf(name: str) -> str:
    return f'{paths.state()}/conf/{name}'


def _paste(project: str) -> str:
    return f'{paths.venv()}/etc/{project}/api-paste.ini'
