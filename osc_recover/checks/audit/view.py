# SPDX-License-Identifier: Apache-2.0
"""Everything that was observed, with the look-ups that the checks share."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from osc_recover.checks.audit import ages
from osc_recover.checks.finding import Subject
from osc_recover.facts import (
    Allocation,
    Domain,
    HostDomains,
    HostLook,
    Migration,
    Placed,
    Server,
    Service,
)
from osc_recover.facts.audit import (
    DiskMapping,
    Everything,
    ListedAttachment,
    ListedPort,
    ListedVolume,
)

T = TypeVar('T')
MIN_AGE = 600  # seconds
UNKNOWN = 'UNKNOWN'  # the status of a server whose cell does not answer
IRONIC = 'ironic'
EVACUATION = 'evacuation'
# States in which a server is not where its records will be in a moment.
_PASSING = {'building', 'resized', 'deleted', 'soft-delete', 'unknown'}


class AuditView:
    """What the services say, indexed once; nothing is decided yet.

    :param min_age: seconds that a record must have been unchanged
    """

    def __init__(self, seen: Everything, min_age: int = MIN_AGE) -> None:
        self.seen = seen
        self.min_age = min_age
        self.servers = {server.id: server for server in seen.servers}
        self.gone = frozenset(seen.gone)
        self.hosts = {h.id: h.host for h in seen.hypervisors}
        self.ironic = {
            h.host for h in seen.hypervisors if h.type.lower() == IRONIC
        }

    @functools.cached_property
    def services(self) -> Mapping[str, Service]:
        """The nova-compute services, by host."""
        return {
            service.host: service
            for service in self.seen.services
            if service.binary == 'nova-compute'
        }

    @functools.cached_property
    def migrations(self) -> Mapping[str, list[Migration]]:
        """The migrations that have not ended, by server."""
        return _by(self.seen.migrations, lambda row: row.server)

    @functools.cached_property
    def holders(self) -> Mapping[str, list[Allocation]]:
        """What is held of compute nodes, by consumer."""
        mine = (a for a in self.seen.allocations if a.provider in self.hosts)
        return _by(mine, lambda held: held.consumer)

    @functools.cached_property
    def attachments(self) -> Mapping[str, list[ListedAttachment]]:
        """The attachments, by volume."""
        return _by(self.seen.attachments, lambda one: one.volume)

    @functools.cached_property
    def volumes(self) -> Mapping[str, ListedVolume]:
        """The volumes."""
        return {volume.id: volume for volume in self.seen.volumes}

    @functools.cached_property
    def users(self) -> Mapping[str, list[Server]]:
        """The servers that nova gives a volume, by volume."""
        pairs = [(v, s) for s in self.seen.servers for v in s.volumes]
        found: dict[str, list[Server]] = defaultdict(list)
        for volume, server in pairs:
            found[volume].append(server)
        return found

    @functools.cached_property
    def mappings(self) -> Mapping[str, list[DiskMapping]]:
        """What nova's database has of a server's volumes, by server."""
        return _by(self.seen.mappings, lambda mapping: mapping.server)

    @functools.cached_property
    def domains(self) -> Mapping[str, list[Domain]]:
        """The domains of all hosts that answered, by server."""
        every = (d for host in self.told_by.values() for d in host.domains)
        return _by(every, lambda domain: domain.uuid)

    @functools.cached_property
    def told_by(self) -> Mapping[str, HostDomains | HostLook]:
        """What each host that was asked has told, or why it did not."""
        asked = {host.host: host for host in self.seen.domains}
        return {**asked, **{look.host: look for look in self.seen.looks}}

    @functools.cached_property
    def disputed(self) -> frozenset[str]:
        """Servers that may run elsewhere than where nova has them.

        They were evacuated off the host that they are on, or a guest of
        theirs runs somewhere else.
        """
        evacuated = {
            row.server
            for row in self.seen.migrations
            if row.type == EVACUATION and self._is_at(row.server, row.source)
        }
        return frozenset(evacuated) | {
            server.id
            for server in self.seen.servers
            for domain in self.domains[server.id]
            if domain.runs and domain.host != server.host
        }

    def _is_at(self, name: str, host: str) -> bool:
        server = self.servers.get(name)
        return server is not None and server.host == host

    @functools.cached_property
    def all_servers(self) -> tuple[Server, ...]:
        """Every server that nova knows, in its list or not."""
        return *self.seen.servers, *self.seen.known

    @functools.cached_property
    def placed(self) -> Mapping[str, Placed]:
        """The rows of nova's databases, of servers that are not deleted."""
        return {row.uuid: row for row in self.seen.placed if not row.deleted}

    def told(self, *kinds: str) -> bool:
        """Whether all of these were seen, so that a lack is a lack."""
        return not set(kinds) & set(self.seen.unseen)

    def answered(self, host: str) -> bool:
        """Whether a host was asked for its domains, and told."""
        told = self.told_by.get(host)
        return told is not None and not told.problem

    def at_home(self, server: Server) -> Domain | None:
        """Its domain on the host where nova has it."""
        mine = self.domains[server.id]
        return next((d for d in mine if d.host == server.host), None)

    # Is it at rest?

    def age(self, service: str, then: str) -> float | None:
        """Seconds since a service changed a record; None: not known."""
        return ages.seconds(ages.newest(self.seen.now, service), then)

    def young(self, service: str, then: str) -> bool:
        """Whether a record was changed so lately that it may go on.

        One without a time was never changed since it was made, or its service
        tells none: it is judged by its having been seen twice.
        """
        age = self.age(service, then)
        return age is not None and age < self.min_age

    def moving(self, server: Server) -> bool:
        """Whether a migration of it goes on; one that only waits for its
        source to return does not.
        """
        return any(row.status != 'done' for row in self.migrations[server.id])

    def steady(self, server: Server) -> bool:
        """Whether nova is not at it, and has not been for a while."""
        return not (
            server.task_state
            or server.status == UNKNOWN
            or server.vm_state in _PASSING
            or self.moving(server)
            or self.young('nova', server.updated)
        )

    def since(self, service: str, then: str) -> str:
        """How long a record has been as it is, in words; '' if not told."""
        age = self.age(service, then)
        return '' if age is None else f'unchanged for {ages.words(age)}'


def server_subject(
    server: Server, *hosts: str, at: str = '', volumes: Iterable[str] = ()
) -> Subject:
    """A server, with its own host and others that have to do with it."""
    places = tuple(dict.fromkeys(h for h in (server.host, *hosts, at) if h))
    return Subject(
        'server', server.id, server.name, places, server.updated,
        tuple(volumes), at,
    )  # fmt: skip


def port_subject(port: ListedPort, server: Server | None = None) -> Subject:
    """A port, with its own host and that of its server."""
    places = (port.host, server.host if server else '')
    hosts = tuple(dict.fromkeys(h for h in places if h))
    name = server.name if server else ''
    return Subject('port', port.id, name, hosts, port.updated_at)


def volume_subject(volume: ListedVolume) -> Subject:
    """A volume; its host is that of its backend."""
    hosts = (volume.host.partition('#')[0],) if volume.host else ()
    return Subject(
        'volume', volume.id, volume.name, hosts, volume.updated_at,
        (volume.id,),
    )  # fmt: skip


def _by(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found
