# SPDX-License-Identifier: Apache-2.0
"""What tests ask the practice cloud, and do to it, behind its APIs.

Standard library only: tests run in another environment than the services.
"""

from __future__ import annotations

import pathlib
from typing import Any

from tests.cloud import (
    cloud,
    configs,
    files,
    hosts,
    paths,
    processes,
    services,
)

HOSTS = configs.HOSTS
Record = dict[str, Any]

complete = cloud.complete
fail = hosts.fail
revive = hosts.revive
state_dir = paths.state
clouds_yaml = paths.clouds_yaml


def running(service: str) -> bool:
    """Whether a service runs, by the name that "status" prints."""
    return processes.running(service)


def kill(service: str) -> None:
    """End a service at once, as a power loss does."""
    processes.kill(service)


def stop(service: str) -> None:
    """Have a service end, as an operator does."""
    processes.stop([service])


def start(service: str) -> None:
    """Start a service that was ended, and wait until it is of use."""
    every = (*services.apis(), *services.workers())
    next(s for s in every if s.name == service).start()


def fence_agent() -> pathlib.Path:
    return paths.HERE / 'fence_practice'


def guests() -> dict[str, dict[str, Record]]:
    """By host and UUID: name, domain, power (1 runs, 3 paused, 4 is off)."""
    return {
        host: files.read(hosts.guests_file(host), {}) for host in hosts.names()
    }


def powered(host: str) -> bool:
    return bool(files.read(paths.host(host) / 'power.json', True))


def twice() -> set[str]:
    """Servers that run on more than one powered host: a split brain."""
    seen: set[str] = set()
    again: set[str] = set()
    for host, held in guests().items():
        if powered(host):
            alive = {
                key
                for key, guest in held.items()
                if guest['power'] != hosts.SHUTDOWN
            }
            again |= seen & alive
            seen |= alive
    return again


def did(host: str) -> list[Record]:
    """What the hypervisor of a host did, oldest first.

    Each record has time, what, uuid and name; a spawn also has
    disk (image, reused, volume), running and volumes.
    """
    return files.lines(paths.host(host) / 'journal.jsonl')


def disks(host: str) -> dict[str, str]:
    """The disks a host sees by UUID; an id that a rebuilt disk has not."""
    shared = files.read(_knobs(host), {}).get('shared_storage', False)
    folder = paths.state() / 'shared' if shared else paths.host(host)
    return {
        path.name: path.read_text()
        for path in (folder / 'disks').glob('[!.]*')
    }


def knob(host: str, **values: Any) -> None:
    """Turn knobs of a host.

    spawn_delay (seconds), spawn_fail (true, a count, a list of UUIDs or
    names), shared_storage (true or false), inventory (vcpus, memory_mb,
    disk_gb; in placement some ten seconds later), fence (fail or stuck),
    agent_silent (true: its L2 agent reports no more, soon).
    """
    hosts.check(host)
    files.update(_knobs(host), {}, lambda knobs: knobs.update(values))


def volume_knob(**values: Any) -> None:
    """Turn knobs of the storage: connect_fail (true, a count, hosts)."""
    files.update(_volume_knobs(), {}, lambda knobs: knobs.update(values))


def reset_knobs() -> None:
    """All knobs of all hosts and of the storage back to nothing special."""
    for host in hosts.names():
        _knobs(host).unlink(missing_ok=True)
    _volume_knobs().unlink(missing_ok=True)


def volume_access() -> dict[str, list[str]]:
    """By volume: the hosts that may connect to it, where there are any."""
    return dict(files.read(paths.volumes() / 'access.json', {}))


def let_in(volume: str, host: str) -> None:
    """Let a host connect to a volume, as an attachment of cinder does."""
    files.update(
        paths.volumes() / 'access.json',
        {},
        lambda access: access.update({volume: [host]}),
    )


def volume_calls() -> list[Record]:
    """Each connect and disconnect: time, what, volume, host."""
    return files.lines(paths.volumes() / 'journal.jsonl')


def fence_calls() -> list[Record]:
    """Each call of the fence agent: time, action, plug, status."""
    return files.lines(paths.state() / 'fence.jsonl')


def _knobs(host: str) -> pathlib.Path:
    return paths.host(host) / 'knobs.json'


def _volume_knobs() -> pathlib.Path:
    return paths.volumes() / 'knobs.json'
