# SPDX-License-Identifier: Apache-2.0
"""The hosts and backends of servers that are started: awaited, compared."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

from osc_recover.checks.disaster import View, repairs
from osc_recover.facts import Server
from osc_recover.facts.snapshot import HostState
from osc_recover.plan import Lane, Step, Verdict

# Rules of chains that neutron and libvirt write anew for each port.
_OTHERS_OWN = ('neutron-', 'libvirt-', 'FI-', 'FO-', 'HI-', 'LIBVIRT_')
# Whose tables nft lists as well, by its families (iptables-nft(8)).
_SHOWN_BY_NFT = {'ip': 'iptables', 'ip6': 'ip6tables', 'bridge': 'ebtables'}


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Compute hosts and cinder backends of the servers.

    ``rules`` and ``targets``: compute host -> what the snapshot has of it;
    ``clusters``: backend -> the cluster that it may be in.
    """

    computes: tuple[str, ...]
    backends: tuple[str, ...]
    clusters: dict[str, str]
    rules: dict[str, list[list[str]]]
    targets: dict[str, list[str]]

    def verdicts(self) -> Iterator[Verdict]:
        """A row for each of them."""
        for name in self.backends:
            yield Verdict(name, name, 'cinder backend', 'await', True)
        for name in self.computes:
            yield Verdict(name, name, 'compute host', 'await', True)

    def awaited(self) -> Iterator[Lane]:
        """Steps that wait until they are up."""
        for name in self.backends:
            args = {'cluster': self.clusters.get(name, '')}
            step = Step(f'up:{name}', 'disaster.storage-up', name, args)
            yield Lane(name, (step,))
        for name in self.computes:
            step = Step(f'up:{name}', 'disaster.compute-up', name)
            yield Lane(name, (step,))

    def compared(self) -> Iterator[Lane]:
        """Steps that look for what the hosts had before."""
        for name, rules in self.rules.items():
            args = {'rules': rules, 'targets': self.targets[name]}
            step = Step(f'compare:{name}', 'disaster.compare', name, args)
            yield Lane(name, (step,))


def places(view: View, going: Sequence[Server]) -> Places:
    """Those that servers need."""
    now = view.seen.now
    computes = sorted({server.host for server in going})
    told = {name: view.host_before(name) for name in computes}
    kept = {name: h for name, h in told.items() if h and _tells(view, name)}
    ids = {server.id for server in going}
    return Places(
        tuple(computes),
        tuple(backends(view, going)),
        {s.host: s.cluster for s in now.storage if s.cluster},
        {name: _rules(host) for name, host in kept.items()},
        {name: _targets(view, host, ids) for name, host in kept.items()},
    )


def backends(view: View, servers: Sequence[Server]) -> list[str]:
    """Those of the volumes of servers, as host@backend."""
    mine = {volume for s in servers for volume in repairs.volumes(view, s)}
    found = (view.volumes[one].host for one in mine if one in view.volumes)
    homes = {host.partition('#')[0] for host in found}
    return sorted(home for home in homes if home)


def served_by(view: View, server: Server) -> dict[str, str]:
    """The backends of its volumes, each with the cluster it may be in."""
    clusters = {s.host: s.cluster for s in view.seen.now.storage}
    return {name: clusters.get(name, '') for name in backends(view, [server])}


def _tells(view: View, name: str) -> bool:
    host = view.host(name)
    return host is not None and not host.problem


def _rules(host: HostState) -> list[list[str]]:
    """What a host had, each rule once: none may be added twice."""
    listed = {
        (firewall.tool, rule.partition(': ')[0])
        for firewall in host.firewalls
        for rule in firewall.rules
    }
    return [
        [firewall.tool, rule]
        for firewall in host.firewalls
        for rule in firewall.rules
        if not any(mark in rule for mark in _OTHERS_OWN)
        and not (firewall.tool == 'nft' and _owner(rule) in listed)
    ]


def _owner(rule: str) -> tuple[str, str]:
    """The other tool, and its table, that a line of nft would be of."""
    around = rule.partition(': ')[0].partition(', ')[0]
    family, _, table = around.removeprefix('table ').partition(' ')
    return _SHOWN_BY_NFT.get(family, ''), table


def _targets(
    view: View, host: HostState, servers: Collection[str]
) -> list[str]:
    """The iSCSI targets of these servers' volumes that it had sessions to."""
    had = {session.target for session in host.sessions}
    now = view.seen.now.attachments
    mine = {one.target.name for one in now if one.server in servers}
    return sorted(had & mine)
