# SPDX-License-Identifier: Apache-2.0
"""Which host takes a server that is moved by hand, where nova's scheduler
is not asked.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from osc_recover.checks.capacity import Room
from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.registry import check
from osc_recover.checks.storage import SHARED, local_disks
from osc_recover.checks.view import View
from osc_recover.facts import BlockDevice, Server

# How a volume is reached is the same on every host (nova/virt/libvirt/
# driver.py VOLUME_DRIVERS): a path or a URL, made for no host.
ANYWHERE = frozenset({
    'rbd', 'nfs', 'smbfs', 'quobyte', 'vzstorage', 'gpfs',
})  # fmt: skip
# One of these wires the ports of the guests on a host.
_WIRES = {
    'Open vSwitch agent',
    'Linux bridge agent',
    'Macvtap agent',
    'OVN Controller agent',
    'OVN Controller Gateway agent',
}
_SOME = 4  # hosts that are named in a reason


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a server goes; or why nowhere, and what to do about it."""

    host: str = ''
    problem: str = ''
    way_out: str = ''


@check('no-place', 'fleet-by-hand')
def no_place(view: View, servers: Sequence[Server]) -> Iterator[Finding]:
    """A server that no host can take stays where it is."""
    for key, place in choose(view, servers).items():
        if not place.host:
            yield refuse(place.problem, place.way_out, about=key)


def choose(view: View, servers: Sequence[Server]) -> Mapping[str, Place]:
    """A host for each server, in order; what one takes is gone for the next.

    The host with the most room left is taken, so that they are spread.
    """
    chooser = _Chooser(view)
    return {server.id: chooser.place(server) for server in servers}


def host_specific(mapping: BlockDevice) -> bool:
    """Whether a volume's connection is made for one host, and no other."""
    return mapping.driver not in ANYWHERE


class _Chooser:
    def __init__(self, view: View) -> None:
        self._view = view
        self._room = Room(view)
        self._joined: dict[str, Counter[str]] = {}

    def place(self, server: Server) -> Place:
        reasons = {
            host: unfit(self._view, server, host) or self._policy(server, host)
            for host in sorted(self._view.destinations)
        }
        fitting = [host for host, reason in reasons.items() if not reason]
        if not fitting:
            return Place(
                problem=_nowhere(reasons), way_out=_way_out(self._view, server)
            )
        host = self._room.take_on(server, fitting)
        if host is None:
            return Place(
                problem='no host that could take it has room for it '
                f'({", ".join(fitting[:_SOME])})',
                way_out='free some room, or leave other servers out with '
                '--exclude, then plan again',
            )
        self._join(server, host)
        return Place(host)

    def _policy(self, server: Server, host: str) -> str:
        """Why a server group forbids a host, or ''."""
        group = self._view.hard_group(server)
        if group is None:
            return ''
        held = self._view.held(group) + self._joined.get(group.id, Counter())
        if group.policy == 'anti-affinity':
            full = held[host] >= group.max_per_host
            return f'its anti-affinity group {group.name} is there' * full
        elsewhere = held and not held[host]
        return f'its affinity group {group.name} is elsewhere' * bool(
            elsewhere
        )

    def _join(self, server: Server, host: str) -> None:
        if group := self._view.hard_group(server):
            self._joined.setdefault(group.id, Counter())[host] += 1


def unfit(view: View, server: Server, host: str) -> str:
    """Why a host cannot take a server, or ''."""
    reasons = (
        _cell(view, server, host),
        _node(view, server, host),
        _zone(view, server, host),
        _network(view, server, host),
        _disk(view, server, host),
        _domain(view, server, host),
        _volumes(view, server, host),
    )
    return next((reason for reason in reasons if reason), '')


def _cell(view: View, server: Server, host: str) -> str:
    cell = view.known.cell(host)
    if not cell:
        return 'which cell it is in is not known'
    # Records of another cell are in another database.
    return 'it is in another cell' * (cell != view.known.cell(server.host))


def _node(view: View, server: Server, host: str) -> str:
    rows = view.known.computes(host)
    if len(rows) != 1:
        return f'it has {len(rows)} compute nodes'
    kinds = {row.hypervisor_type for row in view.known.computes(server.host)}
    kind = rows[0].hypervisor_type
    return f'its hypervisor is {kind}' * (kinds != {kind})


def _zone(view: View, server: Server, host: str) -> str:
    service = view.destinations[host]
    if server.pinned_zone:
        bound = service.zone != server.pinned_zone
        return f'it is bound to zone {server.pinned_zone}' * bound
    former = view.situation.service(server.host)
    same = former is not None and former.zone == service.zone
    # By a person's own word it may leave a zone that it is not bound to.
    return f'it is in zone {service.zone}' * (
        not same and not view.request.target
    )


def _network(view: View, server: Server, host: str) -> str:
    if not view.ports(server):
        return ''
    if 'network agents' in view.situation.unseen:
        return 'whether its network agent is alive is not known'
    wiring = [
        agent.alive and agent.enabled
        for agent in view.situation.agents
        if agent.host == host and agent.type in _WIRES
    ]
    return 'no network agent is alive there' * (not any(wiring))


def _disk(view: View, server: Server, host: str) -> str:
    if not local_disks(server):
        return ''
    state = view.seen(server).get(host, 'unknown')
    if state == 'shared':
        return ''
    if state == 'unknown':
        return _unseen_disk(view, server, host)
    return {
        'absent': 'its disk is not there',
        'empty': 'its directory there has no disk',
        'shut': 'nova may not write to its directory there',
        'stale': 'a directory of it there is not the shared one',
    }[state]


def _unseen_disk(view: View, server: Server, host: str) -> str:
    told = next((s for s in view.situation.storage if s.host == host), None)
    in_ceph = told is not None and not told.problem and told.backend == 'rbd'
    if view.asserted(server) and (in_ceph or not view.request.agent):
        return ''
    if told is None or told.problem or in_ceph:
        problem = f' ({told.problem})' if told and told.problem else ''
        return f'whether it sees the disk is not known{problem}'
    return 'no other host shows that the disk it sees is the shared one'


def _domain(view: View, server: Server, host: str) -> str:
    if not view.request.agent:
        return ''
    told = view.known.asked(host)
    if told is None:
        return 'whether it has a domain of it is not known'
    if told.problem:
        return f'whether it has a domain of it is not known ({told.problem})'
    domain = view.known.domain(host, server.id)
    return f'libvirt there has domain {domain.name}' if domain else ''


def _volumes(view: View, server: Server, host: str) -> str:
    found = view.known.movable(server.id)
    bound = [m for m in found.mappings if host_specific(m)] if found else []
    told = view.known.connector(host)
    if not bound or (told and not told.problem):
        return ''
    problem = f' ({told.problem})' if told else ''
    return f'how it is let in to volumes is not known{problem}'


def _nowhere(reasons: Mapping[str, str]) -> str:
    told = [f'{host}: {why}' for host, why in reasons.items()]
    more = f'; and {len(told) - _SOME} more' if len(told) > _SOME else ''
    return f'no host can take it by hand: {"; ".join(told[:_SOME])}{more}'


def _way_out(view: View, server: Server) -> str:
    if view.request.agent:
        return (
            'see to it on one of them, or --target a host that can; '
            '--no-agent believes what recover: shared_storage says, without '
            'a look at any host'
        )
    if local_disks(server) and not view.asserted(server):
        return SHARED
    return 'see to it on one of them, or --target a host that can'
