# SPDX-License-Identifier: Apache-2.0
"""What the servers of the failed hosts hold, and where that would fit.

nova names a compute node's resource provider by the node's own uuid.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from osc_recover import facts
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.placement import Placement
from osc_recover.observe.gathering import Future, Gathering

Allocations = tuple[facts.Allocation, ...]
Candidates = tuple[facts.Candidate, ...]
Offers = Mapping[str, 'Future[Candidates]']


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """What is held on the failed hosts, and the other hosts' nodes.

    ``host`` maps a provider that is a compute node elsewhere to its host.
    """

    cloud: Cloud
    allocations: Allocations
    host: Mapping[str, str]
    crowd: Gathering

    def ask_candidates(self, servers: Iterable[facts.Server]) -> Offers:
        """Ask once for each distinct set of resources the servers hold."""
        ours = {s.id for s in servers}
        wanted = {
            facts.request_key(a.resources): a.resources
            for a in self.allocations
            if a.consumer in ours and a.resources
        }
        placement = Placement(self.cloud.placement)
        return {
            key: self.crowd.ask(placement.candidates, wanted[key])
            for key in sorted(wanted)
        }

    def usable(self, offers: Offers) -> dict[str, Candidates]:
        """Name the hosts of the candidates and leave the failed ones out.

        A request without an answer is left out: it counts as not asked.
        """
        found: dict[str, Candidates] = {}
        for key, answer in offers.items():
            given: Candidates | None
            given = self.crowd.may('destinations', answer, None)
            if given is not None:
                found[key] = tuple(
                    dataclasses.replace(c, host=self.host[c.provider])
                    for c in given
                    if c.provider in self.host
                )
        return found


def ask(
    cloud: Cloud,
    hosts: Sequence[str],
    hypervisors: Iterable[facts.Hypervisor],
    crowd: Gathering,
) -> Room:
    """Ask what is held on the failed hosts, and wait for it."""
    nodes = {h.id: h.host for h in hypervisors}
    placement = Placement(cloud.placement)
    failed = [node for node, host in nodes.items() if host in hosts]
    answers = [crowd.ask(placement.allocations_of, node) for node in failed]
    held = tuple(
        allocation
        for answer in answers
        for allocation in crowd.may('allocations', answer, ())
    )
    others = {n: host for n, host in nodes.items() if host not in hosts}
    return Room(cloud, held, others, crowd)
