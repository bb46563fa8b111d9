# SPDX-License-Identifier: Apache-2.0
"""Does each server hold room where it is, and nowhere else?

Only compute nodes are looked at; providers below them, and such as share
storage, hold what is of no interest here.
"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.finding import Finding, Remedy, Subject, found
from osc_recover.checks.registry import check
from osc_recover.facts import Allocation, Server

_SHARE = 3  # one in so many
_SOME = 3  # as few are never taken for a lost database


@check('double-allocation', 'audit', 'instance')
def double_allocation(view: AuditView) -> Iterator[Finding]:
    """Room that is held on hosts where the server is not.

    After an evacuation that is meant, until the source has returned: its
    record is done, and not completed (nova/compute/manager.py,
    _destroy_evacuated_instances).
    """
    for server, mine, others in _holding(view):
        left = [a for a in others if not _awaits(view, server, a)]
        if not left:
            continue
        places = [view.hosts[held.provider] for held in left]
        yield found(
            server_subject(server, *places),
            f'it holds room on {", ".join(places)}, and nova has it on '
            f'{server.host}',
            'openstack recover audit --fix double-allocation gives it back'
            if mine
            else _heal(server),
            _amounts(left),
            Remedy(
                'allocation.drop',
                {'server': server.id, 'host': server.host,
                 'providers': sorted(held.provider for held in left)},
            ) if mine else None,
        )  # fmt: skip


@check('missing-allocation', 'audit', 'instance')
def missing_allocation(view: AuditView) -> Iterator[Finding]:
    """A server that holds nothing: placement gives its room to others."""
    for server, mine, _ in _holding(view):
        if not mine:
            yield found(
                server_subject(server),
                f'it holds no room on {server.host}, where it is',
                _heal(server),
                view.since('nova', server.updated),
            )


@check('allocation-left', 'audit', 'instance')
def allocation_left(view: AuditView) -> Iterator[Finding]:
    """Room of a server that is on no host, such as one that was shelved."""
    for server in view.seen.servers:
        held = view.holders[server.id]
        if held and not server.host and view.steady(server):
            places = [view.hosts[one.provider] for one in held]
            yield found(
                server_subject(server, *places),
                f'it is on no host, and holds room on {", ".join(places)}',
                f'openstack resource provider allocation delete {server.id}',
                _amounts(held),
            )


@check('held-until-return', 'instance')
def held_until_return(view: AuditView) -> Iterator[Finding]:
    """What is held twice after an evacuation is meant."""
    for server, _, others in _holding(view):
        for held in others:
            if _awaits(view, server, held):
                host = view.hosts[held.provider]
                yield found(
                    server_subject(server, host),
                    f'it was evacuated off {host}, and holds what it held '
                    'there until that host returns',
                    f'openstack recover return {host}, when it is repaired',
                    _amounts([held]),
                    weight='note',
                )


@check('orphan-allocation', 'audit', 'instance')
def orphan_allocation(view: AuditView) -> Iterator[Finding]:
    """Room that is held for nobody: servers deleted, migrations ended.

    An ended migration's own room is what a live or cold migration leaves that
    was cut off by the loss of its host.
    """
    if not view.told('allocations'):
        return
    orphans = sorted(view.gone & view.holders.keys())
    held = [c for c, found in view.holders.items() if found]
    many = len(orphans) > _SOME and _SHARE * len(orphans) > len(held)
    for consumer in orphans:
        runs = [d.host for d in view.domains[consumer] if d.runs]
        safe = not many and not runs
        places = [view.hosts[a.provider] for a in view.holders[consumer]]
        yield found(
            Subject('consumer', consumer, '', tuple(sorted(set(places)))),
            f'it holds room on {", ".join(places)}, and is neither a server '
            'nor a migration that goes on',
            'openstack recover audit --fix orphan-allocation gives it back'
            if safe
            else _why_not(runs, len(orphans), len(held), consumer),
            _amounts(view.holders[consumer]),
            Remedy('allocation.drop', {'server': '', 'host': '',
                                       'providers': []}) if safe else None,
        )  # fmt: skip


def _holding(
    view: AuditView,
) -> Iterator[tuple[Server, list[Allocation], list[Allocation]]]:
    """Servers at rest, with what they hold where they are, and elsewhere."""
    if not view.told('allocations'):
        return
    nodes = set(view.hosts.values())
    for server in view.seen.servers:
        if server.host not in nodes or not view.steady(server):
            continue
        if not server.launched or server.host in view.ironic:
            continue
        held = view.holders[server.id]
        mine = [a for a in held if view.hosts[a.provider] == server.host]
        yield server, mine, [a for a in held if a not in mine]


def _awaits(view: AuditView, server: Server, held: Allocation) -> bool:
    """Whether the host is the source of an evacuation that is done."""
    host = view.hosts[held.provider]
    return any(
        row.source == host and row.status == 'done'
        for row in view.migrations[server.id]
    )


def _heal(server: Server) -> str:
    return (
        f'nova-manage placement heal_allocations --instance {server.id} '
        'makes the ones it is to have (--dry-run shows them)'
    )


def _why_not(runs: list[str], orphans: int, held: int, consumer: str) -> str:
    if runs:
        return (
            f'a guest of that ID runs on {", ".join(runs)}: find out whose it '
            f'is; then openstack resource provider allocation delete '
            f'{consumer}'
        )
    return (
        f'{orphans} of {held} at once are more often a database of nova that '
        'was restored from an old backup: look there first; then openstack '
        f'resource provider allocation delete {consumer}'
    )


def _amounts(held: list[Allocation]) -> str:
    return '; '.join(
        ', '.join(f'{n} {kind}' for kind, n in sorted(one.resources.items()))
        for one in held
    )
