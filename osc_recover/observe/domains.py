# SPDX-License-Identifier: Apache-2.0
"""Servers as nova has them, and their domains on all hosts, as facts."""

from collections.abc import Iterable, Iterator, Sequence

from osc_recover import errors
from osc_recover.facts import Domain, DomainsSeen, HostLook, Server
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
