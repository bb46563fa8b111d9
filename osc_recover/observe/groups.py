# SPDX-License-Identifier: Apache-2.0
"""Server groups, with the hosts of their members, which nova does not tell."""

import dataclasses
from collections.abc import Iterable, Sequence

from osc_recover import facts
from osc_recover.gateways.compute import Compute
from osc_recover.observe.gathering import Future, Gathering
from osc_recover.observe.servers import Servers, distinct, one


def ask_strangers(
    nova: Compute,
    groups: Iterable[facts.Group],
    servers: Servers,
    crowd: Gathering,
) -> 'list[Future[Servers]]':
    """Ask where the other members of our servers' groups are."""
    ours = {s.id for s in servers}
    others: set[str] = set()
    for group in groups:
        if ours & set(group.members):
            others |= set(group.members) - ours
    return [crowd.ask(one, nova, server) for server in sorted(others)]


def placed(
    groups: Sequence[facts.Group],
    servers: Servers,
    strangers: 'Iterable[Future[Servers]]',
) -> tuple[facts.Group, ...]:
    """Put the hosts of their members into the groups."""
    known = (*servers, *distinct(strangers))
    host = {s.id: s.host for s in known if s.host}
    return tuple(
        dataclasses.replace(
            group,
            member_hosts={m: host[m] for m in group.members if m in host},
        )
        for group in groups
    )
