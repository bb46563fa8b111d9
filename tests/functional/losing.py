# SPDX-License-Identifier: Apache-2.0
"""Servers of the practice cloud, and what tells how a power loss left them."""

import collections
import pathlib
import uuid
from typing import Any

from tests import practice as lib
from tests.cloud import lab
from tests.functional.powerless import Machines

STARTS = ('start', 'reboot')


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

    def boot(self, host: str, *names: str, **how: Any) -> None:
        """Boot servers on a host, all at once."""
        made = self.cloud.boot(names, host, **how)
        self.ids.update(zip(names, made, strict=True))
        self.ran.update(names)

    def stop(self, name: str) -> None:
        """Stop one; it is not to run any more."""
        self.cloud.stop(self.ids[name])
        self.ran.discard(name)

    def recover(self, *words: str, **how: Any) -> lib.Done:
        """Run a command of ours."""
        return lib.recover(self.clouds, *words, **how)

    def run(self, *words: str) -> lib.Done:
        """Recover the cloud."""
        return self.recover('cloud', *words)

    def save(self, name: str = '') -> None:
        """Take a snapshot."""
        self.newest = name or f'kept-{uuid.uuid4().hex[:6]}'
        done = self.recover('snapshot', 'save', '--name', self.newest)
        assert done.status == 0, done

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

    def volumes(self) -> dict[str, list[tuple[str, str, str]]]:
        """Server -> volume, device and attachment, in their order."""
        found = {}
        for name, server in self.ids.items():
            path = f'/servers/{server}/os-volume_attachments'
            told = self.cloud.call('GET', path)['volumeAttachments']
            found[name] = [
                (one['volumeId'], one['device'], one['attachment_id'])
                for one in told
            ]
        return found

    def power(self) -> set[str]:
        """Names whose guests run, as the hypervisors have it."""
        return {
            str(guest['name'])
            for guests in lab.guests().values()
            for guest in guests.values()
            if guest['power'] == 1
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
