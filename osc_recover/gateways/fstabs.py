# SPDX-License-Identifier: Apache-2.0
"""The fstab of hosts and guests, as facts; and changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from osc_recover.facts.mounts import Fstab, FstabEntry, Role
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

TIMEOUT = 150.0  # findmnt looks for every device


class Fstabs:
    """What machines mount at boot.

    :param hosts: machines that are reached over SSH
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def show(
        self, names: Sequence[str], roles: Mapping[str, Role] | None = None
    ) -> tuple[Fstab, ...]:
        """The fstab of machines, in the order of their names.

        :param roles: what each of them is
        """
        known = roles or {}
        homes = any(role == 'guest' for role in known.values())
        asked = self._hosts.each(
            names, 'fstab.show', {'homes': homes}, timeout=TIMEOUT
        )

        def made(host: str, **more: Any) -> Fstab:
            return Fstab(host, known.get(host, 'host'), **more)

        def read(host: str, data: Any) -> Fstab:
            return made(host, **_told(host, data))

        found = {
            host: fact_of(host, outcome, read, made) for host, outcome in asked
        }
        return tuple(found[name] for name in names)

    def change(self, host: str, edits: Sequence[Mapping[str, Any]]) -> str:
        """Change entries; where what was there is kept, '' where it was so.

        :raises errors.OperationRefused: when it would be wrong then
        :raises errors.HostError: when it cannot be asked
        """
        args = {'edits': [dict(edit) for edit in edits]}
        told = self._hosts.ask(host, 'fstab.change', args, timeout=TIMEOUT)
        return Foreign.of(host, 'fstab.change', told).text('kept')


def _told(host: str, data: Any) -> dict[str, Any]:
    record = Foreign.of(host, 'its fstab', data)
    below = record.data.get('keys_below')
    return {
        'entries': tuple(map(_entry, record.objects('entries'))),
        'recorded': tuple(map(_entry, record.objects('recorded'))),
        'root': record.texts('root'),
        'keys_below': None if below is None else record.flag('keys_below'),
    }


def _entry(told: Foreign) -> FstabEntry:
    return FstabEntry(
        told.text('spec'),
        told.text('point'),
        told.text('kind'),
        told.texts('options'),
        told.texts('disks', []),
        told.text('target', ''),
    )
