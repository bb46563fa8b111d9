# SPDX-License-Identifier: Apache-2.0
"""What the bed has made, and what it must put back: one JSON file."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable
from typing import Any

from tests.cloud import files
from tests.cloud import paths as cloud_paths
from tests.hosts import errors, network, paths
from tests.hosts.machine import Host

Record = dict[str, Any]


def read() -> Record:
    """The record; empty when there is no bed.

    :raises errors.BedError: when its hosts are processes of another cloud
    """
    found: Record = files.read(paths.record(), {})
    cloud = found.get('cloud', _cloud())
    if cloud != _cloud():
        raise errors.BedError(
            f'the bed is up with the practice cloud in {cloud}; set '
            f'OSC_RECOVER_CLOUD={cloud}, then run "down"'
        )
    return found


def begin(limits: dict[str, int], netns: bool) -> None:
    """A bed without hosts.

    :param limits: kernel limits to put back
    :param netns: whether /run/netns was there before
    """
    fresh = {'limits': limits, 'netns': netns, 'hosts': {}}
    files.write(
        paths.record(), {**fresh, 'boot': this_boot(), 'cloud': _cloud()}
    )


def bridged() -> None:
    """Its network is whole; before that, the bed is begun anew."""
    _update(lambda record: record.update(bridge=True))


def usable() -> bool:
    found = read()
    return bool(found.get('bridge')) and found['boot'] == this_boot()


def add(name: str, number: int, joined: bool) -> None:
    _update(
        lambda record: record['hosts'].update(
            {name: {'number': number, 'joined': joined}}
        )
    )


def free() -> int:
    """A number that no host has."""
    taken = {row['number'] for row in read()['hosts'].values()}
    return next(n for n in itertools.count(1) if n not in taken)


def end() -> None:
    paths.record().unlink(missing_ok=True)


def hosts() -> list[Host]:
    """Every host of the bed, in the order they were made."""
    known = read().get('hosts', {})
    rows = sorted(known.items(), key=lambda item: item[1]['number'])
    return [made(name, row['number'], row['joined']) for name, row in rows]


def host(name: str) -> Host:
    """One of them.

    :raises errors.BedError: when there is none of that name
    """
    for one in hosts():
        if one.name == name:
            return one
    names = ', '.join(one.name for one in hosts()) or 'none'
    raise errors.BedError(f'there is no host {name}; there are {names}')


def made(name: str, number: int, joined: bool) -> Host:
    """Host number 1, 2, … of the bed."""
    return Host(
        name,
        network.address(number),
        joined,
        paths.key(),
        paths.known_hosts(),
        paths.host(name) / 'up',
    )


def this_boot() -> str:
    """What identifies this boot of the machine: past it, nothing is left."""
    return pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()


def _update(change: Callable[[Record], None]) -> None:
    files.update(paths.record(), {}, change)


def _cloud() -> str:
    return str(cloud_paths.state())
