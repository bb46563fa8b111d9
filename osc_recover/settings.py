# SPDX-License-Identifier: Apache-2.0
"""The ``recover:`` section of a cloud in clouds.yaml, read and checked."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from osc_recover import errors

_TRUE, _FALSE = ('true', 'yes', 'on', '1'), ('false', 'no', 'off', '0')
# Read by other commands of this tool.
_OTHERS = {'ssh', 'hosts', 'database', 'guests', 'service_auth'}


@dataclasses.dataclass(frozen=True, slots=True)
class FenceDevice:
    """The power switch of one host: a fence-agents program, its options."""

    host: str
    agent: str
    options: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What the operator has written down about a cloud.

    ``shared_storage`` is None where nothing is said; times are seconds.
    ``request_timeout`` is the longest that any proxy or service of the cloud
    keeps a request that it may still carry out.  ``unknown`` are the keys that
    mean nothing to this release, often misspelt ones.
    """

    workers: int = 32
    journal: pathlib.Path | None = None
    shared_storage: bool | None = None
    shared_hosts: tuple[str, ...] = ()
    request_timeout: float = 60.0
    timeout: int = 1800
    fence_timeout: float = 120.0
    fence: tuple[FenceDevice, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def journal_path(self) -> pathlib.Path:
        """Where the journal lies."""
        return self.journal or _state_home() / 'osc-recover/journal.sqlite'


_TIMES = {'request_timeout', 'fence_timeout'}
_WHOLE = {'workers', 'timeout'}
KEYS = _TIMES | _WHOLE | _OTHERS | {'journal', 'shared_storage', 'fence'}


def read(section: Any) -> Settings:
    """Read the section as the SDK hands it over (numbers may be text).

    :raises errors.BadSettings: naming the key that cannot be used
    """
    if not isinstance(section, Mapping):
        raise errors.BadSettings('(all of it)', 'is no map')
    shared, hosts = _shared(section.get('shared_storage'))
    return Settings(
        journal=_journal(section.get('journal')),
        shared_storage=shared,
        shared_hosts=hosts,
        fence=_fence(section.get('fence') or ()),
        unknown=tuple(sorted(str(k) for k in section if k not in KEYS)),
        **_numbers(section),
    )


def _numbers(section: Mapping[str, Any]) -> dict[str, Any]:
    times = {key: _number(key, section[key]) for key in _TIMES & set(section)}
    whole = {key: _whole(key, section[key]) for key in _WHOLE & set(section)}
    return {**times, **whole}


def _number(key: str, value: Any) -> float:
    try:
        number = float('' if isinstance(value, bool) else value)
    except (TypeError, ValueError) as exc:
        raise errors.BadSettings(key, f'is no number: {value!r}') from exc
    if not 0 < number < 1e7:
        raise errors.BadSettings(key, f'is out of range: {value!r}')
    return number


def _whole(key: str, value: Any) -> int:
    number = _number(key, value)
    if number != int(number):
        raise errors.BadSettings(key, f'is no whole number: {value!r}')
    return int(number)


def _journal(value: Any) -> pathlib.Path | None:
    if not value:
        return None
    path = pathlib.Path(str(value)).expanduser()
    # Another folder would mean another journal, and a second evacuation.
    if not path.is_absolute():
        raise errors.BadSettings('journal', f'is no absolute path: {value!r}')
    return path


def _shared(value: Any) -> tuple[bool | None, tuple[str, ...]]:
    if isinstance(value, list | tuple):
        return None, tuple(str(host) for host in value)
    text = str(value).lower()
    if value is None or text in ('', 'none'):
        return None, ()
    if text in _TRUE + _FALSE:
        return text in _TRUE, ()
    raise errors.BadSettings(
        'shared_storage', f'is {value!r}, not true, false or a list of hosts'
    )


def _fence(value: Any) -> tuple[FenceDevice, ...]:
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


def _state_home() -> pathlib.Path:
    given = os.environ.get('XDG_STATE_HOME', '')
    # The XDG specification has relative paths ignored.
    if pathlib.Path(given).is_absolute():
        return pathlib.Path(given)
    return pathlib.Path.home() / '.local/state'
