# SPDX-License-Identifier: Apache-2.0
"""recover: fence, what switches hosts off."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from osc_recover import errors


@dataclasses.dataclass(frozen=True, slots=True)
class FenceDevice:
    """The power switch of one host: a fence-agents program, its options."""

    host: str
    agent: str
    options: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False
    )


def read(value: Any) -> tuple[FenceDevice, ...]:
    """Read the list.

    :raises errors.BadSettings: without what may be secret in it
    """
    if not isinstance(value, list | tuple):
        raise errors.BadSettings('fence', 'is no list of hosts')
    devices = [_device(number, item) for number, item in enumerate(value, 1)]
    hosts = [device.host for device in devices]
    for host in hosts:
        # One of two power supplies is not off: it takes an agent that
        # switches both.
        if hosts.count(host) > 1:
            raise errors.BadSettings('fence', f'names {host} twice')
    return tuple(devices)


def _device(number: int, item: Any) -> FenceDevice:
    # What is in an item may be secret: it is told by its number.
    if not isinstance(item, Mapping) or not item.get('host'):
        raise errors.BadSettings(
            'fence', f'has an entry without a host, number {number}'
        )
    if not item.get('agent'):
        raise errors.BadSettings('fence', f'has no agent for {item["host"]}')
    options = item.get('options') or {}
    if not isinstance(options, Mapping):
        raise errors.BadSettings(
            'fence', f'has options for {item["host"]} that are no map'
        )
    texts = {str(k): str(v) for k, v in options.items() if v is not None}
    return FenceDevice(str(item['host']), str(item['agent']), texts)
