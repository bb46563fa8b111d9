# SPDX-License-Identifier: Apache-2.0
"""The region as a whole: up, and down."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from tests import debian
from tests.cloud import cloud, errors, files, paths, processes, steps
from tests.cloud import services as practice
from tests.zed import configs, databases, seeds, services, where


def up(say: Callable[[str], None]) -> None:
    """Start what is not running; the practice cloud must be up.

    :raises errors.CloudError: when something does not start
    """
    if not cloud.complete():
        raise errors.CloudError(
            f'the practice cloud in {paths.state()} is not up: '
            'python -m tests.cloud up'
        )
    known = databases.complete()
    if not known:
        steps.run([steps.Step('virtual host', databases.broker)], say)
    where.enter()
    with files.locked(paths.state() / 'zed'):
        if not known:
            _forget()
        steps.run([steps.Step('Debian packages', _debian)], say)
        steps.run(_steps(), say)


def down() -> None:
    """End every process of it; what it knows stays on the disk."""
    where.enter()
    if not paths.state().exists():
        return
    with files.locked(paths.state() / 'zed'):
        processes.stop(processes.names(), 8)
    if seeds.reachable():
        seeds.forget_agents()


def wanted() -> list[practice.Service]:
    """Every service that should run now."""
    computes = [
        services.compute(host)
        for host in where.HOSTS
        if practice.powered(host)
    ]
    return [*services.everything(), *computes]


def _forget() -> None:
    """Its schemas went with the practice cloud's; the rest goes too."""
    processes.stop(processes.names(), 8)
    shutil.rmtree(paths.host(''), ignore_errors=True)
    shutil.rmtree(paths.state() / 'shared', ignore_errors=True)


def _debian() -> None:
    configs.write(debian.unpacked())


def _steps() -> list[steps.Step]:
    started = [
        steps.Step(service.name, service.start, ('schemas', 'catalogue'))
        for service in wanted()
    ]
    return [
        steps.Step('catalogue', seeds.catalogue),
        steps.Step('schemas', _schemas),
        *started,
        steps.Step('flavors', seeds.flavors, ('nova-api',)),
    ]


def _schemas() -> None:
    if not databases.complete():
        databases.make()
        databases.map_hosts()
