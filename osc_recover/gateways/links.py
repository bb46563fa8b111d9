# SPDX-License-Identifier: Apache-2.0
"""iSCSI sessions of hosts, opened and closed, and what is on them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from osc_recover.facts.sessions import Way
from osc_recover.facts.snapshot import HostState, KeptMount
from osc_recover.gateways import host_states
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts

TIMEOUT = 60.0
CHANGE_TIMEOUT = 200.0  # a login that fails takes minutes


@dataclasses.dataclass(frozen=True, slots=True)
class Groups:
    """Volume groups by name; volumes that are not active, as group/volume.

    ``absent`` are the targets without a session, ``unlisted`` the groups
    that LVM is not to see.
    """

    names: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


class Links:
    """What leads hosts to their storage."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def state(self, host: str) -> HostState:
        """Its sessions, records and mounts; or why they are not known."""
        [state] = host_states.links(self._hosts, [host], TIMEOUT)
        return state

    def close(
        self,
        host: str,
        number: int,
        target: str,
        boot: str,
        servers: Sequence[str],
    ) -> None:
        """Close a session, if in this boot it is the one to the target.

        :param servers: IDs of those whose guests may have its disks
        :raises errors.OperationRefused: when it is not, or is used there
        :raises errors.HostError: when the host cannot be asked
        """
        args = {
            'number': number, 'target': target, 'boot_id': boot,
            'servers': [*servers],
        }  # fmt: skip
        self._hosts.ask(host, 'sessions.close', args, timeout=CHANGE_TIMEOUT)

    def open(self, host: str, way: Way) -> tuple[int, tuple[str, ...]]:
        """Have a session, opened where it is not; its number and disks.

        :raises errors.OperationRefused: when the host or the storage says no
        :raises errors.HostError: when the host cannot be asked
        """
        told = self._ask(host, 'sessions.open', dataclasses.asdict(way))
        return told.number('number'), told.texts('devices')

    def groups(
        self, host: str, targets: Sequence[str], *, activate: bool = False
    ) -> Groups:
        """The volume groups on the disks of targets.

        :param activate: have them active first
        :raises errors.HostError: as open() does
        """
        verb = 'activate' if activate else 'show'
        told = self._ask(host, f'groups.{verb}', {'targets': [*targets]})
        found = [*told.members('groups')]
        return Groups(
            tuple(name for name, _ in found),
            tuple(
                f'{name}/{volume}'
                for name, group in found
                for volume in group.texts('inactive')
            ),
            told.texts('absent'),
            told.texts('unlisted'),
        )

    def is_mounted(self, host: str, mount: KeptMount) -> bool:
        """Whether a file system is mounted where it was.

        :raises errors.HostError: as open() does
        """
        args = {'point': mount.point, 'source': mount.source}
        return self._ask(host, 'mounts.look', args).flag('mounted')

    def mount(
        self, host: str, mount: KeptMount, targets: Sequence[str]
    ) -> None:
        """Mount what lies on a disk of targets.

        :raises errors.HostError: as open() does
        """
        args = {
            'point': mount.point, 'source': mount.source, 'kind': mount.kind,
            'options': [*mount.options], 'targets': [*targets],
        }  # fmt: skip
        self._ask(host, 'mounts.mount', args)

    def _ask(self, host: str, op: str, args: dict[str, Any]) -> Foreign:
        told = self._hosts.ask(host, op, args, timeout=CHANGE_TIMEOUT)
        return Foreign.of(host, op, told)
