# SPDX-License-Identifier: Apache-2.0
"""Servers as nova has them, and their domains on all hosts, as facts."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from osc_recover import errors
from osc_recover.facts import Domain, DomainsSeen, HostLook, Server
from osc_recover.facts.audit import Everything, Gap
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.domains import Domains


def domains(
    compute: Compute,
    gateway: Domains,
    servers: Iterable[Server],
    computes: Sequence[str],
    hosts: Sequence[str] = (),
) -> DomainsSeen:
    """What was seen of servers, and of all that is on some hosts.

    Every compute host is asked: a guest may have been left anywhere.

    :param computes: the compute hosts of nova
    :param hosts: those of which every server and every domain is looked at
    """
    known = {server.id: server for server in servers}
    for host in hosts:
        known |= {server.id: server for server in compute.servers(host)}
    looks = gateway.look(computes, list(known))
    further = [d for d in _on(looks, hosts) if d.uuid not in known]
    found = dict(_servers(compute, further))
    return DomainsSeen(
        (*known.values(), *found.values()),
        looks,
        tuple(d for d in further if d.uuid not in found),
    )


def closer(seen: Everything, host: str, gateway: Domains) -> Everything:
    """What was seen of a cloud, with a closer look at one host.

    One that has not told of its domains is not asked again.
    """
    told = [one for one in seen.domains if one.host == host]
    if not told or told[0].problem:
        return seen
    mine = [server.id for server in seen.servers if server.host == host]
    [look] = gateway.look([host], mine)
    if look.problem:
        gap = Gap(f'consoles of {host}', look.problem, look.way_out)
        return dataclasses.replace(seen, gaps=(*seen.gaps, gap))
    return dataclasses.replace(seen, looks=(look,))


def _on(looks: Iterable[HostLook], hosts: Sequence[str]) -> Iterator[Domain]:
    for look in looks:
        if look.host in hosts:
            yield from look.domains


def _servers(
    compute: Compute, found: Iterable[Domain]
) -> Iterator[tuple[str, Server]]:
    """Those servers that live elsewhere than their domains."""
    for domain in found:
        try:
            yield domain.uuid, compute.server(domain.uuid)
        except errors.Gone:
            continue
