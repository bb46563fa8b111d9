# SPDX-License-Identifier: Apache-2.0
"""What nova's databases say of servers, and what others say beside them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from osc_recover.facts.cloud import (
    Allocation,
    Migration,
    Port,
    Server,
    Service,
    Volume,
)
from osc_recover.facts.domains import HostDomains


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """One thing that an id may mean.

    ``kind`` is uuid, ec2 (instance_id_mappings.id), id (instances.id) or
    name; ``value`` is what the column must be.
    """

    kind: str
    value: str | int


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """Where and how a cell's table instances has a server.

    ``number`` is instances.id, ``deleted`` that it is not there any more for
    nova; ``readings`` are the kinds of readings that led to it.
    """

    cell: str
    uuid: str
    number: int
    name: str = ''
    host: str = ''
    node: str = ''
    vm_state: str = ''
    power_state: int | None = None
    task_state: str | None = None
    deleted: bool = False
    readings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class CellGap:
    """A cell (or nova_api) that did not answer, and why."""

    cell: str
    problem: str
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """Every server that an id may mean, and the cells that did not answer.

    ``mapped`` is the cell that nova_api maps a UUID to that was not found.
    """

    placed: tuple[Placed, ...] = ()
    gaps: tuple[CellGap, ...] = ()
    mapped: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceRow:
    """One row of a cell's table instances, with every column it has there.

    Times are texts, as the database client prints them; ``user_data`` may
    hold passwords and is never among the columns.
    """

    cell: str
    columns: Mapping[str, Any]

    @property
    def uuid(self) -> str:
        """The server's ID."""
        return self.text('uuid')

    @property
    def name(self) -> str:
        """The server's name."""
        return self.text('display_name')

    @property
    def host(self) -> str:
        """Where nova has it; empty for nowhere."""
        return self.text('host')

    @property
    def vm_state(self) -> str:
        """What it is meant to be."""
        return self.text('vm_state')

    @property
    def task_state(self) -> str | None:
        """What nova is doing to it."""
        return self.text('task_state') or None

    @property
    def power_state(self) -> int | None:
        """What the hypervisor last said of it, as a number."""
        found = self.columns.get('power_state')
        return None if found is None else int(found)

    @property
    def deleted(self) -> bool:
        """Whether it is there no more for nova."""
        return bool(self.columns.get('deleted'))

    def text(self, column: str) -> str:
        """A column as text; empty for NULL and for a column that is not."""
        found = self.columns.get(column)
        return '' if found is None else str(found)


@dataclasses.dataclass(frozen=True, slots=True)
class MappedVolume:
    """A volume in nova's block_device_mapping of a server."""

    volume: str
    attachment: str = ''
    device: str = ''
    boot_index: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceSeen:
    """A row, and what others say about its server.

    ``mapped`` are the cells that nova_api maps the server to, None where it
    was not asked; ``server`` is None where nova's API has none.  ``providers``
    maps the uuids of placement's providers to their names.  ``unasked`` are
    the others (api, placement, neutron, cinder, nova_api) that did not
    answer, and why.
    """

    row: InstanceRow
    devices: tuple[MappedVolume, ...] = ()
    mapped: str | None = None
    server: Server | None = None
    migrations: tuple[Migration, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    providers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    unasked: Mapping[str, tuple[str, str]] = dataclasses.field(
        default_factory=dict
    )


@dataclasses.dataclass(frozen=True, slots=True)
class HostSeen:
    """What database, API and libvirt each think is on a host.

    ``placed`` are the rows of every cell with this host; ``elsewhere`` those
    of further servers that API or libvirt name.  ``servers`` and ``domains``
    are None where nobody was asked.  ``gaps`` are the cells that did not
    answer, and ``silent`` is nova's API, where that did not.  ``beside`` are
    the domains of further hosts that were asked.
    """

    host: str
    placed: tuple[Placed, ...] = ()
    elsewhere: tuple[Placed, ...] = ()
    servers: tuple[Server, ...] | None = None
    domains: HostDomains | None = None
    gaps: tuple[CellGap, ...] = ()
    silent: CellGap | None = None
    beside: tuple[HostDomains, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceStanding:
    """A row that is to change, and what decides whether it may.

    ``cell`` is the cell's uuid.  ``service`` is nova-compute of its host,
    None for no host.  ``domains`` are those of the host, None where nobody
    was asked over SSH.
    """

    cell: str
    row: InstanceRow
    service: Service | None = None
    domains: HostDomains | None = None
    migrations: tuple[Migration, ...] = ()

    @property
    def runs(self) -> bool | None:
        """Whether libvirt has its guest run; None: nobody said."""
        if self.domains is None or self.domains.problem:
            return None
        mine = [d for d in self.domains.domains if d.uuid == self.row.uuid]
        return any(domain.runs for domain in mine)
