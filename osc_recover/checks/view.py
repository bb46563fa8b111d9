# SPDX-License-Identifier: Apache-2.0
"""A situation seen with a request: the look-ups that checks share.

Everything is indexed once, so that a host with a thousand servers is judged
in one pass and not in a thousand.
"""

import functools
import operator
from collections import Counter
from collections.abc import Collection, Mapping

from osc_recover.checks import places
from osc_recover.checks.known import Known, by
from osc_recover.checks.request import Request
from osc_recover.facts import (
    Allocation,
    ByHand,
    Candidate,
    Folder,
    Group,
    HostStorage,
    Image,
    Migration,
    Port,
    Resources,
    Server,
    Service,
    Situation,
    Volume,
    request_key,
)

HARD = {'affinity', 'anti-affinity'}


class View:
    """Facts and request together, with nothing decided yet."""

    def __init__(self, situation: Situation, request: Request) -> None:
        self.situation = situation
        self.request = request
        self.hosts = request.hosts

    @functools.cached_property
    def known(self) -> Known:
        """What moves by hand are judged by."""
        return Known(self.situation.by_hand or ByHand())

    @functools.cached_property
    def servers(self) -> tuple[Server, ...]:
        """The servers in question: on the hosts and, if any are, named."""
        return tuple(s for s in self.all_servers if self.wanted(s))

    @functools.cached_property
    def all_servers(self) -> tuple[Server, ...]:
        """Every server on the hosts."""
        hosts = set(self.hosts)
        return tuple(s for s in self.situation.servers if s.host in hosts)

    @functools.cached_property
    def usable(self) -> Mapping[str, Service]:
        """The computes that can take servers, by host and in its order.

        nova lists services as they once registered.
        """
        return {
            service.host: service
            for service in sorted(
                self.situation.computes(), key=operator.attrgetter('host')
            )
            if service.host not in self.hosts and can_take(service)
        }

    @functools.cached_property
    def destinations(self) -> Mapping[str, Service]:
        """The usable computes, narrowed to the target if there is one."""
        target = self.request.target
        if not target:
            return self.usable
        return {h: s for h, s in self.usable.items() if h == target}

    def may_go(self, server: Server, host: str) -> bool:
        """Whether a server may be placed on a host, as far as zones tell."""
        service = self.destinations.get(host)
        if service is None:
            return False
        return not server.pinned_zone or service.zone == server.pinned_zone

    @functools.cached_property
    def ids(self) -> frozenset[str]:
        """The ids of every server on the hosts."""
        return frozenset(server.id for server in self.all_servers)

    def names(self, wanted: Collection[str], server: Server) -> bool:
        """Whether a server is among ids and names; an id comes first."""
        if server.id in wanted:
            return True
        return server.name in wanted and server.name not in self.ids

    def wanted(self, server: Server) -> bool:
        """Whether the request is about this server."""
        named = self.request.servers
        return not named or self.names(named, server)

    def shared(self, server: Server) -> bool:
        """Whether its disks are on shared storage: asserted, or proven."""
        return self.asserted(server) or self.proven(server)

    def asserted(self, server: Server) -> bool:
        """Whether the configuration says so."""
        request = self.request
        return (
            request.shared_storage is True
            or server.host in request.shared_hosts
        )

    def proven(self, server: Server) -> bool:
        """Whether every host that it may go to sees the same disk of it."""
        seen = self.seen(server)
        shares = {self._storage[h].share for h in seen if h in self._storage}
        return set(seen.values()) == {'shared'} and len(shares) == 1

    def seen(self, server: Server) -> Mapping[str, places.State]:
        """What each host that it may go to sees of its disk."""
        return {
            host: places.state(
                self._storage.get(host),
                self._folders.get((host, server.id)),
                server,
            )
            for host in self.destinations
            if self.may_go(server, host)
        }

    def path(self, host: str) -> str:
        """Where a host that was asked keeps the directories of servers."""
        return self._storage[host].path

    def ports(self, server: Server) -> tuple[Port, ...]:
        """The ports of a server."""
        return self._ports.get(server.id, ())

    def volumes(self, server: Server) -> tuple[Volume, ...]:
        """The volumes of a server that cinder told about."""
        known = self._volumes
        return tuple(known[v] for v in server.volumes if v in known)

    def migrations(self, server: Server) -> tuple[Migration, ...]:
        """The migration records of a server."""
        return self._migrations.get(server.id, ())

    def group(self, server: Server) -> Group | None:
        """The server group of a server; nova allows one."""
        return self._groups.get(server.id)

    def hard_group(self, server: Server) -> Group | None:
        """The group of a server, if nova enforces its policy."""
        group = self.group(server)
        return group if group and group.policy in HARD else None

    def held(self, group: Group) -> Counter[str]:
        """How many members of a group each host holds, failed ones aside."""
        hosts = group.member_hosts.values()
        return Counter(h for h in hosts if h and h not in self.hosts)

    def image(self, server: Server) -> Image | None:
        """The image that a server was made from."""
        return self._images.get(server.image or '')

    def resources(self, server: Server) -> Resources:
        """What a server holds of its host, and will need elsewhere."""
        total: Counter[str] = Counter()
        for allocation in self._allocations.get(server.id, ()):
            if self._elsewhere(allocation, server):
                continue
            total.update(allocation.resources)
        return dict(total)

    def candidates(self, server: Server) -> tuple[Candidate, ...] | None:
        """What placement offers for a server; None: it was not asked."""
        resources = self.resources(server)
        if not resources:
            return None
        return self.situation.candidates.get(request_key(resources))

    def newest_migration(self, host: str) -> int:
        """The highest id of a migration from a host; 0 if there is none."""
        rows = self.situation.migrations
        return max((m.id for m in rows if m.source == host), default=0)

    def _elsewhere(self, allocation: Allocation, server: Server) -> bool:
        # A half evacuated server holds room on two hosts.
        owner = self._nodes.get(allocation.provider)
        return owner is not None and owner != server.host

    @functools.cached_property
    def _storage(self) -> dict[str, HostStorage]:
        return {told.host: told for told in self.situation.storage}

    @functools.cached_property
    def _folders(self) -> dict[tuple[str, str], Folder]:
        return {
            (told.host, folder.server): folder
            for told in self.situation.storage
            for folder in told.folders
        }

    @functools.cached_property
    def _nodes(self) -> dict[str, str]:
        return {h.id: h.host for h in self.situation.hypervisors}

    @functools.cached_property
    def _ports(self) -> dict[str, tuple[Port, ...]]:
        return by(self.situation.ports, lambda port: port.server)

    @functools.cached_property
    def _volumes(self) -> dict[str, Volume]:
        return {volume.id: volume for volume in self.situation.volumes}

    @functools.cached_property
    def _migrations(self) -> dict[str, tuple[Migration, ...]]:
        return by(self.situation.migrations, lambda row: row.server)

    @functools.cached_property
    def _allocations(self) -> dict[str, tuple[Allocation, ...]]:
        return by(self.situation.allocations, lambda one: one.consumer)

    @functools.cached_property
    def _images(self) -> dict[str, Image]:
        return {image.id: image for image in self.situation.images}

    @functools.cached_property
    def _groups(self) -> dict[str, Group]:
        groups = self.situation.groups
        return {member: group for group in groups for member in group.members}


def can_take(service: Service) -> bool:
    """Whether nova would schedule to this compute."""
    return service.up and service.enabled and not service.forced_down


def ran(server: Server) -> bool:
    """Whether a server ran before its host failed, and must run after it.

    An ERROR server tells it only by its last power state: 4 is shut down
    (nova/compute/power_state.py).
    """
    if server.vm_state == 'error':
        return server.power_state != 4
    return server.vm_state != 'stopped'
