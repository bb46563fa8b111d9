# SPDX-License-Identifier: Apache-2.0
"""Its services: how each starts, and when it is ready."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable

from tests import debian
from tests.cloud import errors, ports, processes, rest, services
from tests.zed import where

_RUN = pathlib.Path(__file__).resolve().with_name('run.py')


@dataclasses.dataclass(frozen=True)
class Service(services.Service):
    """A service whose port is not one of the practice cloud's."""

    number: int = 0

    def launch(self) -> None:
        """Start it, unless it runs or others listen at its port."""
        if self.number and not processes.running(self.name):
            ports.claim_number(self.number, self.name)
        super().launch()


def everything() -> list[services.Service]:
    """All of it but the computes."""
    return [
        Service(
            'placement-api',
            services.uwsgi('placement.wsgi.api', where.port('placement')),
            lambda _: rest.answers_at(where.urls()['placement']),
            {'OS_PLACEMENT_CONFIG_DIR': where.conf('')},
            number=where.port('placement'),
        ),
        _nova(
            'nova-api',
            lambda _: rest.answers_at(where.urls()['nova']),
            where.port('nova'),
        ),
        _nova('nova-conductor', _beats('nova-conductor', where.CONTROLLER)),
        _nova('nova-scheduler', _beats('nova-scheduler', where.CONTROLLER)),
        services.Service(
            services.AGENT,
            services.double(
                services.AGENT, '--config-file', where.conf('neutron.conf')
            ),
            _agents_beat,
        ),
    ]


def compute(host: str) -> services.Service:
    """The nova-compute of a host."""
    return Service(
        services.compute_name(host),
        program('nova-compute', f'nova-{host}.conf', 'nova-all.conf'),
        _beats('nova-compute', host),
        environment(),
    )


def program(name: str, *confs: str) -> tuple[str, ...]:
    """The argv of one of nova's programs, with configuration files."""
    options = [f'--config-file={where.conf(conf)}' for conf in confs]
    # -P, or the folder of the script would be searched for modules first.
    return (debian.PYTHON, '-P', str(_RUN), name, *options)


def control(name: str) -> tuple[str, ...]:
    """The argv of one that may see the databases."""
    return program(name, 'nova.conf', 'nova-all.conf', 'nova-control.conf')


@functools.cache
def environment() -> dict[str, str]:
    """In which Debian's nova runs."""
    return dict(debian.environment(debian.unpacked()))


@functools.cache
def admin() -> rest.Admin:
    """Calls to its own nova and placement, and to what it shares."""
    return rest.Admin(where.urls())


def _nova(
    name: str, ready: Callable[[float], bool], number: int = 0
) -> Service:
    return Service(name, control(name), ready, environment(), number=number)


def _beats(binary: str, host: str) -> Callable[[float], bool]:
    def beats(since: float) -> bool:
        return any(
            row['binary'] == binary
            and row['host'] == host
            and services.seconds(row['updated_at']) > since
            for row in _rows('nova', '/os-services', 'services')
        )

    return beats


def _agents_beat(since: float) -> bool:
    alive = {
        row['host']
        for row in _rows('neutron', '/agents', 'agents')
        if services.seconds(row['heartbeat_timestamp']) > since
    }
    powered = {host for host in where.HOSTS if services.powered(host)}
    return powered <= alive


def _rows(api: str, path: str, key: str) -> list[dict[str, str]]:
    try:
        return list(admin().get(api, path)[key])
    except errors.CloudError:
        # That API is still on its way up, beside the asker.
        return []
