# SPDX-License-Identifier: Apache-2.0
"""The cloud as a whole: up, down, its state, and gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from tests.cloud import (
    configs,
    database,
    errors,
    files,
    install,
    messaging,
    paths,
    processes,
    seeds,
    services,
    steps,
)

# What others need goes last: a service that ends tells keystone, the broker
# and the database.
LAST = (database.NAME, messaging.BROKER)


def up(say: Callable[[str], None]) -> None:
    with files.locked(paths.state() / 'cloud'):
        if complete():
            configs.clouds()
            return
        _check()
        steps.run(
            [
                steps.Step('Debian packages', install.packages),
                steps.Step('virtual environment', install.venv),
            ],
            say,
        )
        configs.write()
        steps.run(_steps(), say)
        files.write_text(paths.ready(), _version())


def down() -> None:
    """End every process of this cloud; what it knows stays on the disk."""
    with files.locked(paths.state() / 'cloud'):
        # Some never end by themselves once the broker's other side is gone,
        # and none has anything to lose.
        processes.stop(processes.names() - {*LAST, messaging.MAPPER}, 8)
        processes.stop(LAST)
        processes.stop([messaging.MAPPER])
        # Whatever was started meanwhile, by a test say.
        processes.stop(processes.names())


def wipe() -> None:
    if not paths.state().exists():
        return
    down()
    shutil.rmtree(paths.state())


def complete() -> bool:
    """Whether all that should run does, and it was seeded."""
    return paths.ready().exists() and all(
        processes.running(name) for name in wanted()
    )


def wanted() -> list[str]:
    return [
        database.NAME,
        messaging.MAPPER,
        messaging.BROKER,
        *(service.name for service in _services()),
    ]


def _services() -> list[services.Service]:
    return [
        *services.apis(),
        *services.workers(),
        *(
            services.compute(host)
            for host in configs.HOSTS
            if services.powered(host)
        ),
    ]


def _check() -> None:
    made_by = (
        paths.ready().read_text() if paths.ready().exists() else _version()
    )
    if made_by != _version():
        raise errors.CloudError(
            f'{paths.state()} was made by another version of the practice '
            'cloud, whose data this one cannot use; run "wipe", then "up"'
        )
    inside = [host for host in configs.HOSTS if services.inside(host)]
    if inside and not processes.running(services.FORWARDER):
        raise errors.CloudError(
            f'{", ".join(inside)} are still joined to hosts that went down '
            'with the cloud; run python -m tests.hosts down, then "up"'
        )


def _version() -> str:
    return paths.digest(configs.everything(), paths.venv().name)


def _steps() -> list[steps.Step]:
    started = [
        _step(service, 'identity', messaging.BROKER)
        for service in _services()
        if service.name != 'keystone-api'
    ]
    keystone = services.apis()[0]
    return [
        steps.Step('schemas', database.prepare),
        steps.Step(database.NAME, database.start, ('schemas',)),
        steps.Step(messaging.BROKER, messaging.start),
        _step(keystone, database.NAME),
        steps.Step('identity', _once(seeds.identity), (keystone.name,)),
        *started,
        steps.Step('volume type', _once(seeds.volume_type), ('cinder-api',)),
        steps.Step('flavors', _once(seeds.flavors), ('nova-api',)),
        steps.Step('image', _once(seeds.image), ('glance-api',)),
        steps.Step('network', _once(seeds.network), ('neutron-api',)),
    ]


def _step(service: services.Service, *needs: str) -> steps.Step:
    return steps.Step(service.name, service.start, needs)


def _once(seed: Callable[[], None]) -> Callable[[], None]:
    return (lambda: None) if paths.ready().exists() else seed


def environment() -> str:
    return f'export OS_CLIENT_CONFIG_FILE={paths.clouds_yaml()}'
