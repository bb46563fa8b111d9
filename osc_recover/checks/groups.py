# SPDX-License-Identifier: Apache-2.0
"""Server groups whose policy nova enforces."""

from collections.abc import Iterable, Iterator, Sequence

from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.registry import check
from osc_recover.checks.servers import by_hand
from osc_recover.checks.view import View
from osc_recover.facts import Group, Server


@check('affinity-all-here')
def affinity_all_here(view: View, server: Server) -> Finding | None:
    """The group's only hosts are those that the scheduler must avoid.

    nova/scheduler/filters/affinity_filter.py passes no host then, and the
    server ends in ERROR.
    """
    group = view.hard_group(server)
    if group is None or group.policy != 'affinity' or view.held(group):
        return None
    return refuse(
        f'every member of its affinity group {group.name} is on the failed '
        'host: the scheduler finds no host for the first one',
        'move one member by force (nova --os-compute-api-version 2.67 '
        f'evacuate --force {server.id} <host>), then plan again: the others '
        f'follow it; or {by_hand(server)}',
        f'{len(group.members)} members',
    )


@check('anti-affinity-full', 'fleet')
def anti_affinity_full(
    view: View, servers: Sequence[Server]
) -> Iterator[Finding]:
    """Each member needs a host of its own (or its share of one)."""
    going: dict[str, list[Server]] = {}
    for server in servers:
        group = view.hard_group(server)
        if group and group.policy == 'anti-affinity':
            going.setdefault(group.id, []).append(server)
    for group in view.situation.groups:
        yield from _too_many(view, group, going.get(group.id, ()))


def _too_many(
    view: View, group: Group, going: Sequence[Server]
) -> Iterable[Finding]:
    held = view.held(group)
    rooms = sum(
        max(0, group.max_per_host - held[host]) for host in view.destinations
    )
    for server in going[rooms:]:
        yield refuse(
            f'its anti-affinity group {group.name} finds no further host',
            'enable another host, or leave out --target'
            if view.request.target
            else 'enable another host, then plan again',
            f'{rooms} places on {len(view.destinations)} hosts for '
            f'{len(going)} members',
            about=server.id,
        )
