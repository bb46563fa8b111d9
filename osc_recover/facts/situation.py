# SPDX-License-Identifier: Apache-2.0
"""All that a plan is made from."""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.by_hand import ByHand
from osc_recover.facts.cloud import (
    Agent,
    Allocation,
    Candidate,
    Group,
    Hypervisor,
    Image,
    MasakariHost,
    Migration,
    Port,
    Server,
    Service,
    Volume,
)
from osc_recover.facts.returning import Returned
from osc_recover.facts.storage import HostStorage


@dataclasses.dataclass(frozen=True, slots=True)
class Situation:
    """All that was observed of a cloud around some failed hosts.

    ``servers``, ``ports``, ``volumes``, ``migrations`` (source one of the
    hosts, or status accepted), ``allocations`` (of the hosts' providers) are
    those of ``hosts``; ``services``, ``hypervisors``, ``groups``, ``agents``
    are the cloud's.  ``candidates`` maps a request, as ``request_key`` writes
    it, to what placement offers for it; a request that is missing was not
    asked.  ``storage`` is what the destinations say of the servers' disks,
    if they were asked, ``returned`` what a host says that returns, and
    ``by_hand`` what else a move in the database is planned from.
    ``gaps`` says what could not be observed, and why; ``unseen`` has the
    kinds of facts, such as ports, that are missing for that.
    """

    hosts: tuple[str, ...]
    compute_max: str = '2.94'  # newest microversion nova speaks
    services: tuple[Service, ...] = ()
    hypervisors: tuple[Hypervisor, ...] = ()
    servers: tuple[Server, ...] = ()
    images: tuple[Image, ...] = ()
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    migrations: tuple[Migration, ...] = ()
    groups: tuple[Group, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    candidates: Mapping[str, tuple[Candidate, ...]] = dataclasses.field(
        default_factory=dict
    )
    agents: tuple[Agent, ...] = ()
    masakari: tuple[MasakariHost, ...] = ()
    storage: tuple[HostStorage, ...] = ()
    returned: Returned | None = None
    by_hand: ByHand | None = None
    gaps: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def service(self, host: str) -> Service | None:
        """The nova-compute service of a host, or None."""
        for service in self.services:
            if service.host == host and service.binary == 'nova-compute':
                return service
        return None

    def computes(self) -> tuple[Service, ...]:
        """Every nova-compute service."""
        return tuple(s for s in self.services if s.binary == 'nova-compute')
