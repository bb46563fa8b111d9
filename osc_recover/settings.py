# SPDX-License-Identifier: Apache-2.0
"""The ``recover:`` section of a cloud in clouds.yaml, read and checked."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from osc_recover import errors

_TRUE, _FALSE = ('true', 'yes', 'on', '1'), ('false', 'no', 'off', '0')


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
    keeps a request that it may still carry out.
    """

    workers: int = 8
    journal: pathlib.Path | None = None
    shared_storage: bool | None = None
    shared_hosts: tuple[str, ...] = ()
    request_timeout: float = 60.0
    timeout: float = 1800.0
    fence_timeout: float = 120.0
    fence: tuple[FenceDevice, ...] = ()

    @property
    def journal_path(self) -> pathlib.Path:
        """Where the journal lies."""
        return self.journal or _state_home() / 'osc-recover/journal.sqlite'


def read(section: Mapping[str, Any]) -> Settings:
    """Read the section as the SDK hands it over (numbers may be text).

    :raises errors.BadSettings: naming the key that cannot be used
    """
    known = {field.name for field in dataclasses.fields(Settings)}
    known -= {'shared_hosts'}
    # Sections of other commands of this tool share the file.
    values = {key: value for key, value in section.items() if key in known}
    shared, hosts = _shared(values.pop('shared_storage', None))
    fence = _fence(values.pop('fence', None) or ())
    journal = values.pop('journal', None)
    workers = int(_number('workers', values.pop('workers', 8)))
    times = {key: _number(key, value) for key, value in values.items()}
    return Settings(
        workers=workers,
        journal=pathlib.Path(str(journal)).expanduser() if journal else None,
        shared_storage=shared,
        shared_hosts=hosts,
        fence=fence,
        **times,
    )


def _number(key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as exc:
        raise errors.BadSettings(key, f'is no number: {value!r}') from exc
    if not 0 < number < 1e7:
        raise errors.BadSettings(key, f'is out of range: {value!r}')
    return number


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
        raise errors.BadSettings('fence', 'is not a list of hosts')
    return tuple(_device(item) for item in value)


def _device(item: Any) -> FenceDevice:
    if not isinstance(item, Mapping) or not item.get('host'):
        raise errors.BadSettings('fence', f'has an entry without host: {item}')
    if not item.get('agent'):
        raise errors.BadSettings('fence', f'has no agent for {item["host"]}')
    options = item.get('options') or {}
    if not isinstance(options, Mapping):
        raise errors.BadSettings(
            'fence', f'has options for {item["host"]} that are no mapping'
        )
    texts = {str(key): str(option) for key, option in options.items()}
    return FenceDevice(str(item['host']), str(item['agent']), texts)


def _state_home() -> pathlib.Path:
    given = os.environ.get('XDG_STATE_HOME', '')
    # The XDG specification has relative paths ignored.
    if pathlib.Path(given).is_absolute():
        return pathlib.Path(given)
    return pathlib.Path.home() / '.local/state'
