# SPDX-License-Identifier: Apache-2.0
"""What an evacuation takes: how it is asked for, awaited together, and proven.

All lanes wait for the same few lists, as a list costs nova as much as one
server does.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Self

from osc_recover.effects import Control, Operation
from osc_recover.facts import Migration, Server, Service
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.operations import proof, server
from osc_recover.operations.watch import Shared, UnderWay
from osc_recover.plan import Plan

_PROOFS = 15  # ticks that proofs gather while more are on their way
_FEW = 4  # evacuations under way whose ends are looked for at every tick
_MOST = 5.0  # ticks between two readings, at the most

Looked = tuple[float, dict[str, Server]]  # time.monotonic(), servers by ID


def verbs(
    compute: Compute,
    network: Network,
    volumes: Volumes,
    plan: Plan,
    control: Control,
    *,
    grace: float,
    looked: Looked | None,
    tick: float,
) -> Mapping[str, Operation]:
    """The operations on servers of failed hosts, by their verbs.

    :param grace: seconds that a request without an answer may be queued
    :param looked: what the plan saw, when this process has made it
    :param tick: seconds between two readings of a list
    """
    timeout = float(plan.request.get('timeout', 0))
    lists, under_way = _Lists.of(compute, plan), UnderWay()
    ends = Shared(
        lists.migrations,
        tick,
        ticks=lambda: ticks_between(control.waiting, len(under_way)),
    )
    return {
        'server.reset-state': server.ResetState(compute, grace),
        'server.evacuate': server.Evacuate(
            compute,
            ends,
            Shared(lists.servers, tick, first=looked),
            under_way,
            grace=grace,
            timeout=timeout,
            control=control,
        ),
        'server.stop': server.Stop(
            compute, tick=tick, grace=grace, timeout=timeout
        ),
        'server.prove': proof.Prove(
            compute,
            network,
            volumes,
            tick=_PROOFS * tick,
            hurried=lambda: not under_way,
        ),
    }


def services(compute: Compute, hosts: Iterable[str]) -> dict[str, Service]:
    """The hosts' own services."""
    found = [compute.compute_service(host) for host in hosts]
    return {service.host: service for service in found if service}


def ticks_between(waiting: int, under_way: int) -> float:
    """Ticks until records are read again.

    A reading costs nova time that evacuations need.  While nobody waits for a
    slot, an end matters the less the more others are still to come.
    """
    return 1.0 if waiting else min(max(under_way / _FEW, 1.0), _MOST)


@dataclasses.dataclass(frozen=True, slots=True)
class _Lists:
    """The lists that all lanes wait for."""

    compute: Compute
    hosts: tuple[str, ...]
    after: int  # records up to it are older than the plan
    page: int  # records of one request: one of each server, and some more

    @classmethod
    def of(cls, compute: Compute, plan: Plan) -> Self:
        """Those that the evacuations of a plan need."""
        steps = [s for s in plan.steps() if s.verb == 'server.evacuate']
        after = min((int(s.args['after']) for s in steps), default=0)
        return cls(compute, plan.hosts, after, min(len(steps) + 10, 1000))

    def migrations(self) -> tuple[Migration, ...]:
        """Evacuations off the hosts, since the plan."""
        return tuple(
            record
            for host in self.hosts
            for record in self.compute.evacuations_since(
                host, self.after, self.page
            )
        )

    def servers(self) -> dict[str, Server]:
        """Servers that are still on the hosts."""
        return {
            server.id: server
            for host in self.hosts
            for server in self.compute.servers(host)
        }
