# SPDX-License-Identifier: Apache-2.0
"""Let a compute host fail, and bring it back."""

from __future__ import annotations

import pathlib

from tests.cloud import errors, files, paths, processes, services

RUNNING = 1
SHUTDOWN = 4


def names() -> list[str]:
    """The compute hosts of this state."""
    return sorted(folder.name for folder in paths.host('').glob('*'))


def fail(host: str, keep_power: bool = False) -> None:
    """End nova-compute; unless the power stays, all else on the host too."""
    check(host)
    if not keep_power:
        power(host, on=False)
    if services.inside(host):
        # Late: most clouds are not joined to hosts, which need root.
        from tests.hosts import joining

        joining.fail(host, keep_power)
    else:
        processes.kill(services.compute_name(host))


def revive(host: str) -> None:
    """Power on, nova-compute started, and its first heartbeat waited for."""
    check(host)
    power(host, on=True)
    if services.inside(host):
        from tests.hosts import joining

        joining.revive(host)
    else:
        services.compute(host).start()


def power(host: str, on: bool) -> None:
    if not on:
        files.update(guests_file(host), {}, _shut_down)
    files.write(paths.host(host) / 'power.json', on)


def guests_file(host: str) -> pathlib.Path:
    return paths.host(host) / 'guests.json'


def check(host: str) -> None:
    if host not in names():
        raise errors.CloudError(
            f'there is no host {host}; there are {", ".join(names())}'
        )


def _shut_down(guests: dict[str, dict[str, object]]) -> None:
    # After a power cut a hypervisor still knows its guests; none runs.
    for guest in guests.values():
        guest['power'] = SHUTDOWN
