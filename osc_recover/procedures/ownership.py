# SPDX-License-Identifier: Apache-2.0
"""Recover from a UID/GID mismatch: the guide's second procedure.  Pure.

The guide's steps, with what must be known before each: services stopped, no
process left, the files listed, accounts changed, the files of the list
changed, services started, all of it verified.  A lane a host, so that a host
that fails goes no further and holds up nobody; where hosts share files, they
wait for each other before and after those are changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import ownership, renumbering, sharing
from osc_recover.checks.finding import Finding
from osc_recover.checks.ownership import Case
from osc_recover.checks.request import OwnershipFix as OwnershipFix
from osc_recover.checks.request import ServiceChange
from osc_recover.checks.sharing import Share
from osc_recover.facts import HostServices, Ownership
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures import ownership_notes
from osc_recover.procedures.services import change_services

OK = 'ok'
Traps = Mapping[str, Sequence[Finding]]
Services = dict[str, tuple[Step, ...]]  # host -> stop, start, seen


def fix(facts: Ownership, traps: Traps, request: OwnershipFix) -> Plan:
    """Plan to give the accounts of hosts their numbers, and the files along.

    A host on which anything is in the way is left as it is.

    :param traps: host -> why its nova-compute must not be started
    :raises errors.Refused: when two accounts would get the same number
    """
    wanted = renumbering.wanted(facts.accounts, request)
    services = services_of(facts.services)
    cases = [_case(facts, host, wanted, services, request) for host in
             dict.fromkeys(request.hosts)]  # fmt: skip
    found = findings(facts, traps, cases)
    _add_shares(facts, cases, found)
    rows = [_verdict(facts, case, found[case.host]) for case in cases]
    acting = [c for c, row in zip(cases, rows, strict=True) if row.act]
    return Plan(
        procedure='ownership',
        hosts=tuple(case.host for case in cases),
        phases=_phases(facts, acting, services),
        verdicts=tuple(rows),
        notes=ownership_notes.of(facts, acting, request),
        request=records.to_data(request),
    )


def services_of(found: Sequence[HostServices]) -> Services:
    """The steps that stop and start exactly what runs on each host."""
    hosts = tuple(host.host for host in found)
    change = ServiceChange(hosts, 'restart', libvirt=True)
    lanes = change_services(found, {}, change).lanes()
    return {lane.name: tuple(_useful(lane.steps)) for lane in lanes}


def _useful(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        # Where just libvirt runs, nova waits for nothing.
        if step.verb != 'services.seen' or ownership_notes.has_nova(steps):
            yield step


def findings(
    facts: Ownership, traps: Traps, cases: Sequence[Case]
) -> dict[str, list[Finding]]:
    """Host -> everything that is in the way there."""
    found = {c.host: ownership.refusals(facts, c) for c in cases}
    for case in cases:
        if case.changes and any(map(ownership_notes.is_nova, case.stopped)):
            found[case.host] += traps.get(case.host, ())
    return found


def _add_shares(
    facts: Ownership,
    cases: Sequence[Case],
    found: Mapping[str, list[Finding]],
) -> None:
    """Add what is in the way of files that hosts share, to each of them."""
    acting = [c for c in cases if c.changes and not found[c.host]]
    for share in sharing.shares(facts, acting):
        against = list(sharing.refusals(facts, share, acting))
        for host in share.mounts:
            found[host].extend(against)


def _case(
    facts: Ownership,
    host: str,
    wanted: Mapping[Any, int],
    services: Services,
    request: OwnershipFix,
) -> Case:
    accounts = facts.accounts_of(host)
    return Case(
        host,
        wanted,
        renumbering.changes(accounts, wanted, request),
        renumbering.named(request),
        stopped(services.get(host, ())),
        request.shared,
        request.skip,
        acls=request.acls,
    )


def stopped(steps: Sequence[Step]) -> tuple[str, ...]:
    """The units and containers that steps stop."""
    return tuple(name for names in stops(steps).values() for name in names)


def _verdict(
    facts: Ownership, case: Case, found: Sequence[Finding]
) -> Verdict:
    host = case.host
    kind = ', '.join(map(str, case.changes))
    if found:
        return Verdict(
            host, host, kind, found[0].code, False,
            reason='; '.join(dict.fromkeys(f.text for f in found)),
            way_out='; '.join(dict.fromkeys(f.way_out for f in found)),
        )  # fmt: skip
    if case.changes:
        return Verdict(host, host, kind, 'renumber', True)
    return Verdict(
        host, host, kind, OK, False,
        reason=ownership_notes.nothing(facts, host),
    )  # fmt: skip


def _phases(
    facts: Ownership, cases: Sequence[Case], services: Services
) -> tuple[Phase, ...]:
    shares = sharing.shares(facts, cases)
    before = {c.host: _before(facts, c, services) for c in cases}
    after = {c.host: _after(facts, c, services) for c in cases}
    return in_phases(
        'change numbers', before, after, _shared(shares, cases, services)
    )


def in_phases(
    title: str,
    before: Mapping[str, Sequence[Step]],
    after: Mapping[str, Sequence[Step]],
    shared: Mapping[str, Sequence[Step]],
) -> tuple[Phase, ...]:
    """One phase; or three, where hosts wait for files that they share."""
    if not before:
        return ()
    if not shared:
        both = {host: (*before[host], *after[host]) for host in before}
        return (Phase(title, _lanes(both)),)
    return (
        Phase(title, _lanes(before), must=True),
        Phase('shared files', _lanes(shared), must=True),
        Phase('start services and verify', _lanes(after)),
    )


def _lanes(steps: Mapping[str, Sequence[Step]]) -> tuple[Lane, ...]:
    return tuple(Lane(host, tuple(mine)) for host, mine in steps.items())


def _before(facts: Ownership, case: Case, services: Services) -> list[Step]:
    host = case.host
    down = stops(services.get(host, ()))
    walk = {**_walk(facts, case), **_whose(case)}
    accounts = renumbering.account_args(facts.accounts_of(host), case.changes)
    return [
        *(s for s in services.get(host, ()) if s.verb == 'services.stop'),
        Step(f'quiet:{host}', 'processes.none', host, quiet(case)),
        Step(f'list:{host}', 'tree.prepare', host, {**walk, **down}),
        Step(f'accounts:{host}', 'accounts.change', host,
             {**accounts, **down}),
        Step(f'files:{host}', 'tree.change', host, {**walk, **down}),
    ]  # fmt: skip


def _after(facts: Ownership, case: Case, services: Services) -> list[Step]:
    host = case.host
    accounts = renumbering.account_args(facts.accounts_of(host), case.changes)
    args = {**_walk(facts, case), **accounts}
    return [
        *(s for s in services.get(host, ()) if s.verb != 'services.stop'),
        Step(f'verify:{host}', 'ownership.verify', host, args),
    ]


def quiet(case: Case) -> dict[str, list[int]]:
    """The numbers under which no process may be left."""
    return {
        'uids': sorted(renumbering.of_kind(case.changes, 'user')),
        'gids': sorted(renumbering.of_kind(case.changes, 'group')),
    }


def stops(steps: Sequence[Step]) -> dict[str, list[str]]:
    """What must not run while accounts and files change."""
    for step in steps:
        if step.verb == 'services.stop':
            return {key: list(step.args[key]) for key in step.args}
    return {'units': [], 'containers': []}


def _walk(facts: Ownership, case: Case) -> dict[str, Any]:
    files = facts.files_of(case.host)
    roots = [m.point for m in files.mounts
             if ownership.is_walked(m, case.skip)]  # fmt: skip
    return {
        'roots': roots,
        'skip': [*files.skip, *case.skip],
        'uids': _text(renumbering.of_kind(case.changes, 'user')),
        'gids': _text(renumbering.of_kind(case.changes, 'group')),
        'manifest': '',
    }


def _whose(case: Case) -> dict[str, str]:
    """Whose ACLs are looked at; nothing where it is what the host does."""
    return {} if case.acls == 'every' else {'attributes': case.acls}


def _shared(
    shares: Sequence[Share], cases: Sequence[Case], services: Services
) -> dict[str, list[Step]]:
    """Host -> the shared file systems that it walks for all."""
    found: dict[str, list[Step]] = {}
    for number, share in enumerate(shares, 1):
        walker = share.walker([case.host for case in cases])
        maps = sharing.maps(share, cases)
        name = f'shared-{number}'
        args = {
            'roots': [share.mounts[walker].point],
            'skip': list(cases[0].skip),
            'uids': _text(maps['user']),
            'gids': _text(maps['group']),
            'manifest': name,
            'merge': True,
            **stops(services.get(walker, ())),
        }
        verify = {**args, 'users': [], 'groups': []}
        args |= _whose(cases[0])
        found.setdefault(walker, []).extend(
            (
                Step(f'list-{name}:{walker}', 'tree.prepare', walker, args),
                Step(f'files-{name}:{walker}', 'tree.change', walker, args),
                Step(
                    f'verify-{name}:{walker}',
                    'ownership.verify',
                    walker,
                    verify,
                ),
            )
        )
    return found


def _text(numbers: Mapping[int, int]) -> dict[str, int]:
    return {str(old): new for old, new in sorted(numbers.items())}
