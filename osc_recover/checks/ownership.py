# SPDX-License-Identifier: Apache-2.0
"""What keeps the numbers of a host from being changed.  Pure.

All of it is asked before the first step: a refusal leaves the host as it is.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from osc_recover.checks import numbers, renumbering
from osc_recover.checks.finding import Finding
from osc_recover.checks.numbers import Key
from osc_recover.checks.renumbering import Change
from osc_recover.facts import Account, HostFiles, Mount, Ownership, Process

# An object takes some 100 bytes of the manifest: this is for 80,000 of them.
ROOM = 8 << 20
_MANY = 5  # of a kind that are named


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A host, and what is to become of its numbers.

    ``wanted`` has the numbers that accounts are to have; ``named`` are those
    that the operator named, so that they must be there; ``stopped`` the units
    and containers that the plan stops before anything else; ``lists``: a list
    of the files is written; ``acls``: see the request.
    """

    host: str
    wanted: Mapping[Key, int]
    changes: tuple[Change, ...]
    named: frozenset[Key] = frozenset()
    stopped: Collection[str] = ()
    shared: bool = False
    skip: tuple[str, ...] = ()
    lists: bool = True
    acls: str = 'every'


Check = Callable[[Ownership, Case], Iterator[Finding]]


def refusals(facts: Ownership, case: Case) -> list[Finding]:
    """Everything that is in the way, the gravest first."""
    first = [*_unknown(facts, case), *_unfinished(facts, case)]
    if first:
        return first
    checks = _CHECKS if case.changes else (_accounts,)
    return [found for check in checks for found in check(facts, case)]


def is_walked(mount: Mount, skip: Collection[str]) -> bool:
    """Whether a pass over the host goes over a file system."""
    return mount.covered and not is_below(mount.point, skip)


def is_below(path: str, folders: Collection[str]) -> bool:
    """Whether a path is one of the folders, or in one."""
    inside = tuple(folder.rstrip('/') + '/' for folder in folders)
    return bool(inside) and (path.rstrip('/') + '/').startswith(inside)


def _unknown(facts: Ownership, case: Case) -> Iterator[Finding]:
    host = case.host
    asked = [facts.accounts_of(host)]
    more = [facts.services_of(host), facts.files_of(host)]
    for one in (*asked, *(more if case.changes else ())):
        if one.problem:
            yield _refuse('unknown', case, one.problem, one.way_out)
            return


def _unfinished(facts: Ownership, case: Case) -> Iterator[Finding]:
    """Its accounts may be right already, and its files be not."""
    if run := facts.unfinished.get(case.host):
        yield _refuse(
            'unfinished', case,
            f'run {run} has begun to change its numbers, and was cut off',
            f'openstack recover run resume {run}, or openstack recover '
            f'ownership undo {run}',
        )  # fmt: skip


def _accounts(facts: Ownership, case: Case) -> Iterator[Finding]:
    """Numbers of others, accounts of a directory, accounts that are not."""
    host = facts.accounts_of(case.host)
    for row in numbers.rows([host], list(case.wanted), case.wanted):
        key = (row.kind, row.account)
        missed = row.state == 'missing' and key in case.named
        if row.state in ('collision', 'directory') or missed:
            what = f'{row.kind} {row.account}: {row.reason}'
            yield _refuse(row.state, case, what, row.way_out)


def _old_numbers(facts: Ownership, case: Case) -> Iterator[Finding]:
    """Whose files those of an old number are."""
    host = facts.accounts_of(case.host)
    for change in case.changes:
        account = renumbering.current(host, change)
        if account is None:
            continue
        if account.number not in (change.old, change.new):
            yield _refuse(
                'other-number', case,
                f'{change.kind} {change.name} has the number '
                f'{account.number}, neither {change.old} nor {change.new}',
                'openstack recover ownership check tells the numbers',
            )  # fmt: skip
        others = [*_sharing(account, change), *_holding(facts, case, change)]
        if others:
            yield _refuse(
                'shared-number', case,
                f'{change.old} is the number of {", ".join(others)}, too, '
                f"whose files cannot be told from {change.name}'s",
                'give one of them another number by hand first, and sort out '
                'their files',
            )  # fmt: skip


def _sharing(account: Account, change: Change) -> list[str]:
    return list(account.sharing) if account.number == change.old else []


def _holding(facts: Ownership, case: Case, change: Change) -> list[str]:
    """Who has an old number that is not its account's any more."""
    host = facts.accounts_of(case.host)
    account = renumbering.current(host, change)
    if account is None or account.number == change.old:
        return []
    key: Key = (change.kind, change.name)
    return numbers.holders(host, key, change.old, case.wanted)


def _bad_numbers(facts: Ownership, case: Case) -> Iterator[Finding]:
    for change in case.changes:
        for number in (change.old, change.new):
            if not renumbering.is_number(number):
                yield _refuse(
                    'bad-number', case,
                    f'{change.kind} {change.name}: {number} is no number for '
                    'an account of a service',
                    f'1 to {renumbering.HIGHEST} are, without 65534 and 65535',
                )  # fmt: skip


def _guests(facts: Ownership, case: Case) -> Iterator[Finding]:
    found = [p for p in facts.files_of(case.host).processes if p.guest]
    if found:
        yield _refuse(
            'guests', case,
            'guests run under a number that changes: '
            + _listed([f'{p.guest} ({_how(p)})' for p in found]),
            f'stop their servers or move them away: openstack server list '
            f'--all-projects --host {case.host}',
        )  # fmt: skip


def _processes(facts: Ownership, case: Case) -> Iterator[Finding]:
    found = [
        process
        for process in facts.files_of(case.host).processes
        if not process.guest and process.unit not in case.stopped
    ]
    if found:
        yield _refuse(
            'processes', case,
            'processes run under a number that changes, and are not of the '
            'services that are stopped: ' + _listed(map(_named, found)),
            f'stop them on {case.host}, such as with systemctl stop UNIT, and '
            'start them afterwards',
        )  # fmt: skip


def _network(facts: Ownership, case: Case) -> Iterator[Finding]:
    found = [
        f'{mount.point} ({mount.kind} {mount.source})'
        for mount in facts.files_of(case.host).mounts
        if mount.group == 'network' and not is_below(mount.point, case.skip)
    ]
    if found and not case.shared:
        yield _refuse(
            'network-files', case,
            f'other hosts may use the files of {_listed(found)}',
            '--shared has one of the hosts change them for all that mount '
            'them; --skip PATH leaves them out',
            '--shared',
        )  # fmt: skip


def _read_only(facts: Ownership, case: Case) -> Iterator[Finding]:
    files = facts.files_of(case.host)
    found = [m.point for m in files.mounts if _is_frozen(m, case)]
    if found:
        yield _refuse(
            'read-only', case,
            f'{_listed(found)} cannot be written to: mounted read-only',
            'see dmesg there for errors of the disk, then mount -o remount,rw '
            'PATH; or --skip PATH, if nothing of these accounts is on it',
            '--skip',
        )  # fmt: skip


def _is_frozen(mount: Mount, case: Case) -> bool:
    whole = mount.point == '/' and mount.read_only
    return (
        mount.group == 'local'
        and (mount.frozen or whole)
        and not is_below(mount.point, case.skip)
    )


def _room(facts: Ownership, case: Case) -> Iterator[Finding]:
    files = facts.files_of(case.host)
    if case.lists and (files.full or files.free < ROOM):
        why = 'is read-only' if files.full else _left(files)
        yield _refuse(
            'no-room', case,
            f'{files.folder} {why}, and the list of what is changed needs '
            'room there',
            f'make room in {files.folder} on {case.host}: {ROOM >> 20} MiB '
            'hold 80,000 files',
        )  # fmt: skip


def _left(files: HostFiles) -> str:
    return f'has {files.free >> 10} KiB left'


_CHECKS: tuple[Check, ...] = (
    _accounts,
    _bad_numbers,
    _old_numbers,
    _guests,
    _processes,
    _network,
    _read_only,
    _room,
)


def _refuse(
    code: str, case: Case, what: str, way_out: str, flag: str = ''
) -> Finding:
    return Finding(code, case.host, what, '', way_out, 'refuse', flag)


def _named(process: Process) -> str:
    unit = f' of {process.unit}' if process.unit else ''
    return f'{process.command}{unit} ({_how(process)})'


def _how(process: Process) -> str:
    under = f', {process.under[0]}' if process.under else ''
    return f'pid {process.pid}{under}'


def _listed(words: Iterable[str]) -> str:
    every = list(words)
    more = len(every) - _MANY
    told = ', '.join(every[:_MANY])
    return f'{told} and {more} more' if more > 0 else told
