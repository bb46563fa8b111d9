# SPDX-License-Identifier: Apache-2.0
"""What every service says of everything, read side by side.

Requests, with C compute nodes, for lists that fit one page:

=================  =====================================================
nova               1 newest microversion, 1 services, 1 hypervisors,
                   1 servers, 11 migrations (one a status),
                   1 for each server that others name and its list lacks
                   1 for each of these that cinder attaches and is gone
placement          1 providers, C allocations
neutron            1 agents, 1 ports
cinder             1 services, 1 volumes, 2 attachments (the second is
                   empty)
hosts              1 each, where it is said how they are reached
databases          1 + 1 a cell, where it is said where they are
=================  =====================================================
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from osc_recover import errors
from osc_recover.facts import HostDomains, Service
from osc_recover.facts.audit import (
    DiskMapping,
    Everything,
    StorageService,
)
from osc_recover.gateways import inventory
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Cell, Databases
from osc_recover.gateways.database.audit import mappings
from osc_recover.observe.gathering import gathering
from osc_recover.observe.questions import Questions
from osc_recover.observe.servers import one

# As few are told one by one; of more, at most one in so many.
_SOME, _SHARE = 3, 3

T = TypeVar('T')
D = TypeVar('D')
Guests = Callable[[Sequence[str]], tuple[HostDomains, ...]]


def everything(
    cloud: Cloud,
    domains: Guests,
    databases: Databases | None = None,
    *,
    workers: int = 8,
) -> Everything:
    """Observe a whole cloud.

    A service other than nova that is missing, forbidden or out of reach is a
    gap, and so is a cell that nova cannot reach; nothing is concluded from
    what was not seen.

    :param domains: hosts -> what is told of their domains
    :param databases: those of the cloud, where it is said where they are
    :raises errors.ApiError: when nova does not tell
    :raises errors.AuthFailed: no token
    """
    with gathering(workers) as crowd:
        told = _Told(Questions(cloud, crowd), databases)
        seen = told.lists(domains)
        return told.completed(seen)


class _Told:
    """The questions, and what becomes of those without an answer."""

    def __init__(
        self, questions: Questions, databases: Databases | None
    ) -> None:
        self._questions = questions
        self._cloud = questions.cloud
        self._ask, self._may = questions.ask, questions.may
        self._databases = databases
        self._nova = Compute(self._cloud.compute)

    def lists(self, domains: Guests) -> Everything:
        """Every list there is."""
        cloud, ask = self._cloud, self._ask
        services = ask(self._nova.services)
        hypervisors = ask(self._nova.hypervisors)
        servers = ask(inventory.servers, cloud.compute)
        migrations = ask(inventory.migrations, self._nova)
        providers = ask(inventory.providers, cloud.placement)
        agents = ask(inventory.agents, cloud.network)
        ports = ask(inventory.ports, cloud.network)
        volumes = ask(inventory.volumes, cloud.volume)
        attachments = ask(inventory.attachments, cloud.volume)
        storage = ask(inventory.storage, cloud.volume)
        cells = ask(self._cells)
        hosts = self._hosts(services.result())
        trees = self._may('allocations', providers, ())
        held = self._questions.held(
            [one.id for one in trees if one.id == one.root]
        )
        wired, heard = self._may('network agents', agents, ((), ''))
        listed, places = self._may('volumes', volumes, ((), {}))
        stores = self._may('cinder services', storage, ())
        found = self._may('attachments', attachments, ())
        known = self._may('mappings', cells, ())
        return Everything(
            services=services.result(),
            hypervisors=hypervisors.result(),
            servers=servers.result(),
            migrations=migrations.result(),
            allocations=held,
            ports=self._may('ports', ports, ()),
            agents=wired,
            volumes=listed,
            attachments=tuple(
                dataclasses.replace(a, host=places.get(a.id, ''))
                for a in found
            ),
            storage=stores,
            domains=domains(hosts),
            mappings=self._mapped(known),
            now={
                'nova': _newest(services.result()),
                'neutron': heard,
                'cinder': _newest(stores),
            },
        )

    def completed(self, seen: Everything) -> Everything:
        """Ask for the servers that others name, one by one; add the gaps."""
        attached = {a.server for a in seen.attachments if a.server}
        named = attached | _named(seen)
        named -= {server.id for server in seen.servers}
        named -= {row.uuid for row in seen.migrations}
        found = self._each(one, named)
        self._check_volumes(seen)
        gone = {name for name, servers in found.items() if not servers}
        remembered = self._each(_remembered, gone & attached)
        unused = self._unused(seen)
        for host in seen.domains:
            if host.problem:
                self._questions.lack(
                    f'domains of {host.host}', host.problem, host.way_out
                )
        return dataclasses.replace(
            seen,
            known=tuple(s for servers in found.values() for s in servers),
            gone=tuple(sorted(gone)),
            deleted=tuple(name for name, told in remembered.items() if told),
            gaps=tuple(
                g for g in self._questions.gaps if g.what not in unused
            ),
            unseen=tuple(self._questions.unseen),
        )

    def _unused(self, seen: Everything) -> set[str]:
        """What a cloud without cinder, or without neutron, does not have."""
        unused: set[str] = set()
        attached = any(server.volumes for server in seen.servers)
        if not attached and not self._cloud.volume.present():
            unused |= {'volumes', 'attachments', 'cinder services'}
        if not self._cloud.network.present():
            unused |= {'ports', 'network agents'}
        return unused

    def _check_volumes(self, seen: Everything) -> None:
        """See that cinder lists most of what servers have.

        An account that sees one project's volumes alone gets a list, too.
        """
        wanted = {(v, s.id) for s in seen.servers for v in s.volumes}
        listed = {volume.id for volume in seen.volumes}
        given = {(a.volume, a.server) for a in seen.attachments}
        self._check_most('volumes', [v in listed for v, _ in sorted(wanted)])
        self._check_most(
            'attachments', [pair in given for pair in sorted(wanted)]
        )

    def _check_most(self, what: str, shown: Sequence[bool]) -> None:
        missing = shown.count(False)
        if missing > _SOME and _SHARE * missing > len(shown):
            self._questions.lack(
                what,
                f'cinder shows no {what} for {missing} of the {len(shown)} '
                'volumes that servers have',
                'see whether this account may see those of all projects; if '
                'it may, cinder has lost them (a database restored from an '
                'old backup?): do not reboot servers, as a reboot drops the '
                'mappings of such volumes',
            )

    def _each(
        self, question: Callable[[Compute, str], T], names: Iterable[str]
    ) -> dict[str, T]:
        """Ask nova about servers, one by one."""
        answers = {
            name: self._ask(question, self._nova, name)
            for name in sorted(names)
        }
        return {name: answer.result() for name, answer in answers.items()}

    def _cells(self) -> tuple[Cell, ...]:
        return self._databases.cells() if self._databases else ()

    def _mapped(self, cells: Iterable[Cell]) -> tuple[DiskMapping, ...]:
        """What the cells' own databases say of volumes."""
        answers = {
            cell.name or cell.uuid: self._ask(mappings, cell.database)
            for cell in cells
        }
        return tuple(
            one
            for name, answer in answers.items()
            for one in self._may(f'mappings of cell {name}', answer, ())
        )

    def _hosts(self, services: Iterable[Service]) -> list[str]:
        """The compute hosts; those of a cell that is down are a gap."""
        self._questions.lost_cells(services)
        return sorted(
            {
                service.host
                for service in services
                if service.id and service.binary == 'nova-compute'
            }
        )


def _named(seen: Everything) -> set[str]:
    """The servers that ports, allocations, migrations and domains name."""
    nodes = {node.id for node in seen.hypervisors}
    named = {port.server for port in seen.ports if port.server}
    named |= {h.consumer for h in seen.allocations if h.provider in nodes}
    named |= {row.server for row in seen.migrations}
    named |= {d.uuid for host in seen.domains for d in host.domains}
    return named


def _remembered(nova: Compute, server: str) -> bool:
    """Whether nova tells what was done with a server, deleted as it is."""
    try:
        nova.evacuate_actions(server)
    except errors.Gone:
        return False
    return True


def _newest(services: Iterable[Service | StorageService]) -> str:
    return max((service.updated_at for service in services), default='')
