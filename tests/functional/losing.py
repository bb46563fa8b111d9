# SPDX-License-Identifier: Apache-2.0
"""Servers of the practice cloud, and what tells how a power loss left them."""

import collections
import pathlib
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

from tests import practice as lib
from tests.cloud import lab

STARTS = ('start', 'reboot')


class Power(Protocol):
    """The power of a host."""

    def lose_power(self) -> None:
        """Its guests stop, and nothing is told to anybody."""

    def power_up(self) -> None:
        """It boots, and its nova-compute starts."""


class Machines(Protocol):
    """Hosts by name, and how they are reached."""

    def __getitem__(self, name: str, /) -> Power: ...

    def section(self) -> dict[str, Any]:
        """What recover: in clouds.yaml says of them."""


class Servers:
    """Servers by name, and our commands for them.

    :ivar ran: names of those that are to run
    :ivar newest: the name of the snapshot saved last
    """

    def __init__(
        self,
        cloud: lib.Practice,
        folder: pathlib.Path,
        machines: Machines,
        **settings: Any,
    ) -> None:
        self.cloud, self.machines = cloud, machines
        self.clouds = lib.write_clouds(
            folder,
            snapshots=str(folder / 'snapshots'),
            **machines.section(),
            **settings,
        )
        self.ids: dict[str, str] = {}
        self.ran: set[str] = set()
        self.newest = ''

    def with_section(self, **more: Any) -> pathlib.Path:
        """A clouds.yaml that says more, or something else."""
        folder = self.clouds.parent / '-'.join(more)
        folder.mkdir(exist_ok=True)
        said = {
            'snapshots': str(self.clouds.parent / 'snapshots'),
            **self.machines.section(),
            **more,
        }
        return lib.write_clouds(folder, **said)

    def boot(self, host: str, *names: str, **how: Any) -> None:
        """Boot servers on a host, all at once."""
        made = self.cloud.boot(names, host, **how)
        self.ids.update(zip(names, made, strict=True))
        self.ran.update(names)

    def stop(self, name: str) -> None:
        """Stop one; it is not to run any more."""
        self.cloud.stop(self.ids[name])
        self.ran.discard(name)

    def recover(
        self, *words: str, clouds: pathlib.Path | None = None, **how: Any
    ) -> lib.Done:
        """Run a command of ours."""
        told = {'cloud': self.cloud.name, **how}
        return lib.recover(clouds or self.clouds, *words, **told)

    def run(self, *words: str, clouds: pathlib.Path | None = None) -> lib.Done:
        """Recover the cloud."""
        return self.recover('cloud', *words, clouds=clouds)

    def save(self, name: str = '', *, whole: bool = True) -> None:
        """Take a snapshot.

        :param whole: whether every host has to tell
        """
        self.newest = name or f'kept-{uuid.uuid4().hex[:6]}'
        done = self.recover('snapshot', 'save', '--name', self.newest)
        assert done.status == 0 or (done.status == 1 and not whole), done

    def starts(self) -> collections.Counter[str]:
        """Server -> how often it was told to start or reboot."""
        found: collections.Counter[str] = collections.Counter()
        for name, server in self.ids.items():
            path = f'/servers/{server}/os-instance-actions'
            told = self.cloud.call('GET', path)['instanceActions']
            found[name] = sum(one['action'] in STARTS for one in told)
        return found

    def states(self) -> dict[str, str]:
        """Server -> its status."""
        told = {one['id']: one['status'] for one in self.cloud.servers()}
        return {name: told[server] for name, server in self.ids.items()}

    def listed(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Server, and what nova lists of its volumes, by their devices."""
        for name, server in self.ids.items():
            path = f'/servers/{server}/os-volume_attachments'
            told = self.cloud.call('GET', path)['volumeAttachments']
            yield name, sorted(told, key=lambda one: str(one['device']))

    def volumes(self) -> dict[str, list[tuple[str, str, str]]]:
        """Server -> volume, device and attachment, in their order."""
        return {
            name: [
                (one['volumeId'], one['device'], one['attachment_id'])
                for one in told
            ]
            for name, told in self.listed()
        }

    def power(self) -> set[str]:
        """Names whose guests run, as the hypervisors have it.

        A guest that nova lost with its server may run beside them.
        """
        held = [*lab.guests().values()]
        return {
            name
            for name, server in self.ids.items()
            if any(
                guests[server]['power'] == 1
                for guests in held
                if server in guests
            )
        }

    def heal(self) -> None:
        """Everything runs that is to, whatever a test has left."""
        for name in self.ran - self.power():
            server = self.ids[name]
            # nova may have just noticed that it is off.
            self.cloud.until(
                lambda server=server: not self.task(server), f'{name} at rest'
            )
            stopped = self.cloud.server(server)['status'] == 'SHUTOFF'
            self.cloud.action(
                server,
                **({'os-start': None} if stopped
                   else {'reboot': {'type': 'HARD'}}),
            )  # fmt: skip
        self.cloud.until(lambda: self.power() == self.ran, 'all running')
        for name, server in self.ids.items():
            wanted = 'ACTIVE' if name in self.ran else 'SHUTOFF'
            self.cloud.wait(server, wanted)

    def task(self, server: str) -> str | None:
        """What nova is at with a server."""
        told = self.cloud.server(server)['OS-EXT-STS:task_state']
        return str(told) if told else None

    def lose(self, *hosts: str) -> None:
        """The power of hosts is lost."""
        for host in hosts:
            self.machines[host].lose_power()

    def power_up(self, *hosts: str) -> None:
        """It is back."""
        for host in hosts:
            self.machines[host].power_up()


def verdicts(done: lib.Done) -> dict[str, str]:
    """By server; when nova notices that a guest is off is its own affair."""
    return {
        row['Name']: 'up' if row['Verdict'] in STARTS else row['Verdict']
        for row in done.rows
        if row['Verdict'] != 'await'
    }
