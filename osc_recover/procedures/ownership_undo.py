# SPDX-License-Identifier: Apache-2.0
"""Take a change of numbers back: files by its manifests, then accounts.  Pure.

Files that were made since have the new numbers, and are in no manifest.  They
get the former numbers, too, where nobody else can have had the new ones;
otherwise the last step tells them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks.finding import Finding
from osc_recover.checks.numbers import Key
from osc_recover.checks.ownership import Case
from osc_recover.checks.renumbering import Change
from osc_recover.checks.request import OwnershipUndo as OwnershipUndo
from osc_recover.facts import HostAccounts, Manifest, Ownership
from osc_recover.plan import Plan, Step, Verdict
from osc_recover.procedures.ownership import (
    OK,
    Services,
    Traps,
    findings,
    in_phases,
    quiet,
    services_of,
    stopped,
    stops,
)

_GONE = ('absent', 'undone')
_PAIRS = ('uid', 'gid')


def undo(
    facts: Ownership, traps: Traps, plan: Plan, request: OwnershipUndo
) -> Plan:
    """Plan to take back what a run has changed, host by host.

    :param plan: of that run
    :param traps: host -> why its nova-compute must not be started
    """
    services = services_of(facts.services)
    hosts = tuple(verdict.server for verdict in plan.verdicts if verdict.act)
    cases = [_case(facts, plan, host, services) for host in hosts]
    found = findings(facts, traps, cases)
    for case in cases:
        found[case.host] += _of_manifests(facts, case.host)
    _together(plan, found)
    rows = [_verdict(case, found[case.host]) for case in cases]
    acting = [c for c, row in zip(cases, rows, strict=True) if row.act]
    return Plan(
        procedure='ownership-undo',
        hosts=hosts,
        phases=in_phases(
            'take numbers back',
            {
                c.host: _before(facts, request.run, plan, c, services)
                for c in acting
            },
            {c.host: _after(plan, c, services) for c in acting},
            _shared(facts, request.run, plan, [case.host for case in acting]),
        ),
        verdicts=tuple(rows),
        request=records.to_data(request),
    )


def manifests(run: str, plan: Plan) -> list[tuple[str, str]]:
    """The hosts and names of the manifests of a run."""
    return [
        (step.target, manifest(run, step.args['manifest']))
        for step in plan.steps()
        if step.verb == 'tree.change'
    ]


def manifest(run: str, part: str) -> str:
    """The name that a manifest of a run has on its host."""
    return f'{run}-{part}' if part else run


def changed_by(plan: Plan, host: str) -> Iterator[Change]:
    """What a plan changes on a host."""
    step = plan.step(f'accounts:{host}')
    for row in step.args['users'] if step else ():
        if 'uid' in row:
            yield Change('user', row['name'], *row['uid'])
    for row in step.args['groups'] if step else ():
        yield Change('group', row['name'], *row['gid'])


def _case(facts: Ownership, plan: Plan, host: str, services: Services) -> Case:
    made = list(changed_by(plan, host))
    accounts = facts.accounts_of(host)
    back = tuple(Change(c.kind, c.name, c.new, c.old) for c in made)
    open_ = any(m.state not in _GONE for m in _manifests_of(facts, host))
    wanted: dict[Key, int] = {(c.kind, c.name): c.new for c in back}
    return Case(
        host,
        wanted,
        back if open_ or _has_any(accounts, back) else (),
        frozenset(wanted),
        stopped(services.get(host, ())),
        bool(plan.request.get('shared')),
        tuple(plan.request.get('skip', ())),
        lists=host in facts.untaken,
    )


def _has_any(host: HostAccounts, back: Sequence[Change]) -> bool:
    """Whether an account has the number that is taken back."""
    return bool(host.problem) or any(
        (account := host.account(change.kind, change.name)) is not None
        and account.number == change.old
        for change in back
    )


def _manifests_of(facts: Ownership, host: str) -> list[Manifest]:
    return [one for one in facts.manifests if one.host == host]


def _of_manifests(facts: Ownership, host: str) -> Iterator[Finding]:
    for one in _manifests_of(facts, host):
        if one.problem:
            yield Finding(
                'unknown', host, one.problem, '', one.way_out, 'refuse'
            )
        elif one.state == 'busy':
            yield Finding(
                'busy', host, f'its files are being changed ({one.name})', '',
                'wait until that has ended', 'refuse',
            )  # fmt: skip


def _together(plan: Plan, found: dict[str, list[Finding]]) -> None:
    """Files that hosts share are given back for all of them, or for none."""
    shares = any(
        step.args.get('manifest')
        for step in plan.steps()
        if step.verb == 'tree.change'
    )
    held = [host for host, against in found.items() if against]
    if not (shares and held):
        return
    names = ', '.join(held)
    for host, against in found.items():
        if not against:
            what = f'{names} shares files with it, which cannot be given back'
            way_out = f'see what holds up {names}'
            against.append(
                Finding('shared-conflict', host, what, '', way_out, 'refuse')
            )


def _verdict(case: Case, found: Sequence[Finding]) -> Verdict:
    host = case.host
    kind = ', '.join(map(str, case.changes))
    if found:
        return Verdict(
            host, host, kind, found[0].code, False,
            reason='; '.join(dict.fromkeys(f.text for f in found)),
            way_out='; '.join(dict.fromkeys(f.way_out for f in found)),
        )  # fmt: skip
    if case.changes:
        return Verdict(host, host, kind, 'undo', True)
    return Verdict(
        host, host, kind, OK, False, reason='nothing of it is in effect'
    )


def _before(
    facts: Ownership, run: str, plan: Plan, case: Case, services: Services
) -> list[Step]:
    host = case.host
    mine = services.get(host, ())
    return [
        *(s for s in mine if s.verb == 'services.stop'),
        Step(f'quiet:{host}', 'processes.none', host, quiet(case)),
        *_undone(facts, run, plan, host, stops(mine), own=True),
        *_made_since(facts, plan, host, stops(mine)),
        Step(f'accounts:{host}', 'accounts.change', host,
             {**_back(plan, host), **stops(mine)}),
    ]  # fmt: skip


def _made_since(
    facts: Ownership, plan: Plan, host: str, down: Mapping[str, list[str]]
) -> Iterator[Step]:
    """Give what was made after the run the former numbers, too.

    Not where a file had a new number before, or where that was another
    account's: then nobody can tell.
    """
    made = plan.step(f'verify:{host}')
    if made is None or host not in facts.untaken:
        return
    uids, gids = (
        _unmistakable(made.args['uids']),
        _unmistakable(made.args['gids']),
    )
    args = {
        'roots': made.args['roots'],
        'skip': made.args['skip'],
        'uids': uids,
        'gids': gids,
        'manifest': '',
        **down,
    }
    if uids or gids:
        yield Step(f'list:{host}', 'tree.prepare', host, args)
        yield Step(f'files:{host}', 'tree.change', host, args)


def _unmistakable(numbers: Mapping[str, int]) -> dict[str, int]:
    """New -> old, of new numbers that no account had before."""
    return {
        str(new): int(old)
        for old, new in numbers.items()
        if str(new) not in numbers
    }


def _undone(
    facts: Ownership,
    run: str,
    plan: Plan,
    host: str,
    down: Mapping[str, list[str]],
    *,
    own: bool,
) -> Iterator[Step]:
    """Give back the host's own files, or those that it shares."""
    there = {m.name for m in _manifests_of(facts, host) if m.state != 'absent'}
    for step in plan.steps():
        if (step.verb, step.target) != ('tree.change', host):
            continue
        part = step.args['manifest']
        name = manifest(run, part)
        if bool(part) != own and name in there:
            args = {'manifest': name, **down}
            yield Step(f'undo:{name}:{host}', 'tree.undo', host, args)


def _shared(
    facts: Ownership, run: str, plan: Plan, hosts: Sequence[str]
) -> dict[str, list[Step]]:
    down: dict[str, list[str]] = {'units': [], 'containers': []}
    found = {
        host: list(_undone(facts, run, plan, host, down, own=False))
        for host in hosts
    }
    return {host: steps for host, steps in found.items() if steps}


def _after(plan: Plan, case: Case, services: Services) -> list[Step]:
    host = case.host
    made = plan.step(f'verify:{host}')
    assert made is not None
    args: dict[str, Any] = {
        **made.args,
        **_back(plan, host),
        'uids': _swapped(made.args['uids']),
        'gids': _swapped(made.args['gids']),
        'manifest': None,
    }
    return [
        *(s for s in services.get(host, ()) if s.verb != 'services.stop'),
        Step(f'verify:{host}', 'ownership.verify', host, args),
    ]


def _back(plan: Plan, host: str) -> dict[str, list[dict[str, Any]]]:
    """The change of accounts, the other way."""
    step = plan.step(f'accounts:{host}')
    assert step is not None
    return {
        what: [
            {
                key: list(reversed(value)) if key in _PAIRS else value
                for key, value in row.items()
            }
            for row in step.args[what]
        ]
        for what in ('users', 'groups')
    }


def _swapped(numbers: Mapping[str, int]) -> dict[str, int]:
    return {str(new): int(old) for old, new in numbers.items()}
