# SPDX-License-Identifier: Apache-2.0
"""recover: ssh, hosts and guests: how hosts and guests are reached."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from osc_recover import errors
from osc_recover.settings import values


@dataclasses.dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a host of nova is dialled, where its name is not enough.

    What is empty or None is left to ``SshSettings`` and ~/.ssh/config.
    """

    name: str
    address: str = ''
    port: int | None = None
    user: str = ''
    sudo: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SshSettings:
    """How hosts are reached; it goes before what ~/.ssh/config says.

    ``connect_timeout`` is the seconds that each stage of a connection may
    take: TCP, the key exchange, each answer to a key.  ``known_hosts``
    replaces every other file of known hosts.
    """

    user: str = ''
    sudo: bool = False
    identity_file: str = ''
    config_file: pathlib.Path = pathlib.Path('~/.ssh/config')
    known_hosts: pathlib.Path | None = None
    connect_timeout: float = 10.0
    hosts: tuple[HostAddress, ...] = ()


_Reader = Callable[[str, Any], Any]
_SSH: Mapping[str, _Reader] = {
    'user': values.text,
    'sudo': values.flag,
    'identity_file': values.text,
    'config_file': values.path,
    'known_hosts': values.path,
    'connect_timeout': values.number,
}
_HOST: Mapping[str, _Reader] = {
    'name': values.text,
    'address': values.text,
    'port': values.whole,
    'user': values.text,
    'sudo': values.flag,
}


def read(ssh: Any, hosts: Any) -> SshSettings:
    """Read both parts; either may be missing.

    :raises errors.BadSettings: naming the key that cannot be used
    """
    found = _read('ssh', ssh or {}, _SSH)
    return SshSettings(hosts=_hosts(hosts or ()), **found)


def unknown(ssh: Any, hosts: Any) -> tuple[str, ...]:
    """Keys that mean nothing in either part, which ``read`` has read."""
    return (
        *(f'ssh: {key}' for key in ssh or {} if key not in _SSH),
        *(
            f'hosts: {key}'
            for item in hosts or ()
            for key in item
            if key not in _HOST
        ),
    )


def read_guests(guests: Any) -> SshSettings:
    """Read how guests are reached: as ssh, with its own hosts.

    :raises errors.BadSettings: naming the key that cannot be used
    """
    section = values.section('guests', guests or {})
    found = _read('guests', section, _SSH)
    return SshSettings(hosts=_hosts(section.get('hosts') or ()), **found)


def unknown_of_guests(guests: Any) -> tuple[str, ...]:
    """Keys that mean nothing there, which ``read_guests`` has read."""
    own = dict(guests or {})
    hosts = own.pop('hosts', ())
    return tuple(
        f'guests: {key.removeprefix("ssh: ")}' for key in unknown(own, hosts)
    )


def _hosts(value: Any) -> tuple[HostAddress, ...]:
    if not isinstance(value, list | tuple):
        raise errors.BadSettings('hosts', 'is no list of hosts')
    found = tuple(_host(number, item) for number, item in enumerate(value, 1))
    names = [host.name for host in found]
    for name in names:
        if names.count(name) > 1:
            raise errors.BadSettings('hosts', f'names {name} twice')
    return found


def _host(number: int, item: Any) -> HostAddress:
    found = _read(f'hosts, entry {number},', item, _HOST)
    if 'name' not in found:
        raise errors.BadSettings('hosts', f'entry {number} has no name')
    if not 0 < found.get('port', 22) < 65536:
        raise errors.BadSettings('hosts', f'entry {number} has no usable port')
    return HostAddress(**found)


def _read(
    where: str, value: Any, readers: Mapping[str, _Reader]
) -> dict[str, Any]:
    return {
        key: readers[key](f'{where}: {key}', item)
        for key, item in values.section(where, value).items()
        if key in readers and item is not None
    }
