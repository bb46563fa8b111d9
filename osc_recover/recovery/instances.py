# SPDX-License-Identifier: Apache-2.0
"""Servers as nova's databases have them: shown, compared, set."""

import dataclasses
from collections.abc import Iterator, Sequence

from osc_recover import errors
from osc_recover.checks.instances import hosts as of_hosts
from osc_recover.checks.instances import ids, states
from osc_recover.checks.instances import rows as of_rows
from osc_recover.checks.request import InstanceChange
from osc_recover.facts import HostDomains, InstanceRow, Placed
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Cell, Databases
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe import instances as observe
from osc_recover.plan import Plan
from osc_recover.procedures.instances import change_instance
from osc_recover.recovery.known import check_hosts
from osc_recover.settings import Settings, SshSettings

# vm_states that depend on whether the guest runs.
_OF_GUESTS = ('active', 'stopped')


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """The rows of a server, and what its id has turned out to be."""

    rows: tuple[of_rows.Row, ...]
    note: str = ''


class InstancesOfCells:
    """Looks servers up in the databases of all cells, and sets states."""

    def __init__(
        self, cloud: Cloud, databases: Databases, settings: Settings
    ) -> None:
        self._cloud = cloud
        self._databases = databases
        self._settings = settings

    def show(self, text: str, others: bool = False) -> Shown:
        """The row of a server, or the servers that an id may mean.

        :param others: add what API, placement, neutron and cinder say
        :raises errors.Refused: when no cell has such a server
        :raises errors.DatabaseError: when no cell answers
        """
        found = observe.find(self._databases, ids.readings(text))
        hits = ids.meant(text, found)
        gaps = tuple(of_rows.of_gaps(found.gaps))
        if len(hits) != 1:
            several = tuple(of_rows.of_several(hits))
            return Shown((*several, *gaps), _not_one(text, hits))
        note = ids.said(text, hits[0], found)
        cell, row = self._row(hits[0])
        rows = [*of_rows.of_row(row)]
        if others:
            seen = observe.seen(self._cloud, self._databases, cell, row)
            rows += of_rows.of_others(seen)
        return Shown((*rows, *gaps), note)

    def list(self, hosts: Sequence[str]) -> Iterator[of_hosts.Row]:
        """What each of three thinks is on hosts, a row a server.

        :raises errors.UnknownHost: for a name that is no compute host
        """
        hosts = list(dict.fromkeys(hosts))
        self._check(hosts)
        told = self._domains(hosts)
        for host in hosts:
            seen = observe.host_seen(
                self._cloud, self._databases, host, told.get(host)
            )
            beside = tuple(d for d in told.values() if d.host != host)
            yield from of_hosts.rows(dataclasses.replace(seen, beside=beside))

    @property
    def asks_hosts(self) -> bool:
        """Whether it was said how hosts are reached."""
        return self._settings.ssh != SshSettings()

    def request(
        self, text: str, vm_state: str, power_state: str, task_state: str
    ) -> InstanceChange:
        """What is asked for, with the server's ID.

        :param vm_state: and the other two: empty for what stays as it is
        :raises errors.Refused: for values that are none of today, for those
            that would have nova lose something, and for an id that is not
            that of one server
        """
        if not (vm_state or power_state or task_state):
            raise errors.Refused(
                'no state was given',
                'give --vm-state, --power-state or --task-state',
                'nothing-named',
            )
        vm = states.vm_state(vm_state) if vm_state else ''
        power = states.power_state(power_state) if power_state else None
        task = states.task_state(task_state) if task_state else ''
        return InstanceChange(self._one(text).uuid, vm, power, task)

    def plan(self, request: InstanceChange) -> Plan:
        """Plan the change of a server's states; changes nothing.

        :raises errors.Refused: when the server is gone
        :raises errors.ApiError: when nova does not answer
        """
        cell, row = self._row(self._one(request.server))

        def ask(host: str) -> HostDomains | None:
            if request.vm_state not in _OF_GUESTS:
                return None
            return self._domains([host]).get(host)

        seen = observe.standing(self._cloud, cell, row, ask)
        return change_instance(seen, request)

    def _one(self, text: str) -> Placed:
        readings = ids.readings(text)
        found = observe.find(self._databases, readings)
        return ids.the_one(text, found)

    def _row(self, placed: Placed) -> tuple[Cell, InstanceRow]:
        found = observe.row(self._databases, placed)
        if found is None:
            raise errors.UnknownServer(placed.uuid)
        return found

    def _domains(self, hosts: Sequence[str]) -> dict[str, HostDomains]:
        if not self.asks_hosts:
            return {}
        with Hosts(self._settings.ssh) as asked:
            return {d.host: d for d in Domains(asked).list(hosts)}

    def _check(self, hosts: Sequence[str]) -> None:
        """Refuse misspelt names; where nova is silent, databases may know."""
        try:
            services = Compute(self._cloud.compute).services()
        except errors.ApiError:
            return
        known = [s.host for s in services if s.binary == 'nova-compute']
        check_hosts(hosts, sorted(known))


def _not_one(text: str, hits: Sequence[Placed]) -> str:
    if not hits:
        return (
            f'no cell that answered has a server {text!r}; one that did not '
            'answer may have it'
        )
    return f'{text!r} may be any of {len(hits)} servers: give the UUID of one'
