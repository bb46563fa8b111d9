# SPDX-License-Identifier: Apache-2.0
"""The ``recover:`` section of a cloud in clouds.yaml, read and checked."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.settings import (
    database,
    fence,
    service_auth,
    ssh,
    values,
)
from osc_recover.settings.database import DatabaseSettings as DatabaseSettings
from osc_recover.settings.fence import FenceDevice as FenceDevice
from osc_recover.settings.ssh import HostAddress as HostAddress
from osc_recover.settings.ssh import SshSettings as SshSettings


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
    snapshots: pathlib.Path | None = None
    shared_storage: bool | None = None
    shared_hosts: tuple[str, ...] = ()
    request_timeout: float = 60.0
    timeout: int = 1800
    fence_timeout: float = 120.0
    fence: tuple[FenceDevice, ...] = ()
    ssh: SshSettings = dataclasses.field(default_factory=SshSettings)
    guests: SshSettings = dataclasses.field(default_factory=SshSettings)
    database: DatabaseSettings = dataclasses.field(
        default_factory=DatabaseSettings
    )
    service_auth: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False
    )
    unknown: tuple[str, ...] = ()

    def guests_at(self, addresses: Mapping[str, str]) -> SshSettings:
        """How guests are reached: where it is said, or else at addresses.

        :param addresses: ID of a server -> its address
        """
        named = {host.name for host in self.guests.hosts}
        found = tuple(
            HostAddress(name, address)
            for name, address in addresses.items()
            if name not in named
        )
        return dataclasses.replace(
            self.guests, hosts=(*self.guests.hosts, *found)
        )

    @property
    def journal_path(self) -> pathlib.Path:
        """Where the journal lies."""
        return self.journal or _state_home() / 'osc-recover/journal.sqlite'

    @property
    def snapshots_path(self) -> pathlib.Path:
        """The folder of the snapshots: beside the journal."""
        return self.snapshots or self.journal_path.with_name('snapshots')


_TIMES = {'request_timeout', 'fence_timeout'}
_WHOLE = {'workers', 'timeout'}
KEYS = (
    _TIMES
    | _WHOLE
    | {'journal', 'snapshots', 'shared_storage', 'service_auth'}
    | {'fence', 'ssh', 'hosts', 'guests', 'database'}
)


def read(section: Any) -> Settings:
    """Read the section as the SDK hands it over (numbers may be text).

    :raises errors.BadSettings: naming the key that cannot be used
    """
    if not isinstance(section, Mapping):
        raise errors.BadSettings('(all of it)', 'is no map')
    shared, hosts = _shared(section.get('shared_storage'))
    reach = section.get('ssh'), section.get('hosts')
    return Settings(
        journal=_path('journal', section),
        snapshots=_path('snapshots', section),
        shared_storage=shared,
        shared_hosts=hosts,
        fence=fence.read(section.get('fence') or ()),
        ssh=ssh.read(*reach),
        guests=ssh.read_guests(section.get('guests')),
        database=database.read(section.get('database')),
        service_auth=service_auth.read(section.get('service_auth')),
        unknown=(
            *sorted(str(key) for key in section if key not in KEYS),
            *ssh.unknown(*reach),
            *ssh.unknown_of_guests(section.get('guests')),
            *database.unknown(section.get('database')),
            *service_auth.unknown(section.get('service_auth')),
        ),
        **_numbers(section),
    )


def _numbers(section: Mapping[str, Any]) -> dict[str, Any]:
    times = {
        key: values.number(key, section[key]) for key in _TIMES & set(section)
    }
    whole = {
        key: values.whole(key, section[key]) for key in _WHOLE & set(section)
    }
    return {**times, **whole}


def _path(key: str, section: Mapping[str, Any]) -> pathlib.Path | None:
    # A relative path would mean another journal in another folder, and a
    # second evacuation.
    value = section.get(key)
    return values.path(key, value) if value else None


def _shared(value: Any) -> tuple[bool | None, tuple[str, ...]]:
    if isinstance(value, list | tuple):
        return None, tuple(str(host) for host in value)
    text = str(value).lower()
    if value is None or text in ('', 'none'):
        return None, ()
    if text in values.TRUE + values.FALSE:
        return text in values.TRUE, ()
    raise errors.BadSettings(
        'shared_storage', f'is {value!r}, not true, false or a list of hosts'
    )


def _state_home() -> pathlib.Path:
    given = os.environ.get('XDG_STATE_HOME', '')
    # The XDG specification has relative paths ignored.
    if pathlib.Path(given).is_absolute():
        return pathlib.Path(given)
    return pathlib.Path.home() / '.local/state'
