# SPDX-License-Identifier: Apache-2.0
"""Which accounts of a host get which numbers.  Pure.

The guide's rule: one number an account everywhere, "not in use for other
users or groups".
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from osc_recover import errors
from osc_recover.checks import numbers
from osc_recover.checks.numbers import Key
from osc_recover.checks.request import Number, OwnershipFix
from osc_recover.facts import Account, HostAccounts
from osc_recover.facts.hosts import Kind

HIGHEST = 0xFFFFFFFE  # chown(2) takes the one above for "leave it"
# nobody, and what 16 bits have for "no number".
RESERVED = (65534, 65535)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """An account that gets another number on a host."""

    kind: Kind
    name: str
    old: int
    new: int

    def __str__(self) -> str:
        what = 'uid' if self.kind == 'user' else 'gid'
        return f'{what} {self.name} {self.old} to {self.new}'


def parse(kind: Kind, word: str) -> Number:
    """Read ``NAME=NEW`` or ``NAME=OLD:NEW``.

    :raises errors.Refused: for what is neither, and for a number that no
        account of a service may have
    """
    name, _, values = word.partition('=')
    told = values.split(':')
    if not name or not 1 <= len(told) <= 2 or not all(map(_is_whole, told)):
        raise errors.Refused(
            f'{word!r} is neither NAME=NUMBER nor NAME=OLD:NEW',
            'such as nova=64060, or nova=108:64060 where the account has its '
            'new number already and its files have not',
            'bad-number',
        )
    found = [int(part) for part in told]
    for number in found:
        if not is_number(number):
            raise errors.Refused(
                f'{name} cannot get or have had the number {number}',
                f'1 to {HIGHEST} are numbers for accounts, without 65534 and '
                '65535',
                'bad-number',
            )
    return Number(kind, name, found[-1], found[0] if len(found) == 2 else 0)


def is_number(number: int) -> bool:
    """Whether an account of a service may have it."""
    return 0 < number <= HIGHEST and number not in RESERVED


def keys(request: OwnershipFix) -> list[Key]:
    """The accounts that a request is about."""
    given = [_key(number) for number in request.numbers]
    return numbers.keys_of(
        (*request.users, *(n for kind, n in given if kind == 'user')),
        (*request.groups, *(n for kind, n in given if kind == 'group')),
    )


def named(request: OwnershipFix) -> frozenset[Key]:
    """Those of them that the operator named."""
    return frozenset(
        (
            *(('user', name) for name in request.users),
            *(('group', name) for name in request.groups),
            *map(_key, request.numbers),
        )
    )


def wanted(
    hosts: Sequence[HostAccounts], request: OwnershipFix
) -> dict[Key, int]:
    """The number of each account on all hosts.

    :param hosts: every compute host, as a number must be free on each
    :raises errors.Refused: when two accounts would get the same one
    """
    given = {_key(number): number.new for number in request.numbers}
    _check_apart(given)
    return numbers.proposals(hosts, keys(request), request.reference, given)


def changes(
    host: HostAccounts, wanted: Mapping[Key, int], request: OwnershipFix
) -> tuple[Change, ...]:
    """What changes on a host."""
    before = {_key(n): n.old for n in request.numbers if n.old}
    return tuple(
        Change(*key, old, number)
        for key, number in wanted.items()
        if (account := host.account(*key))
        and (old := before.get(key, account.number)) != number
    )


def of_kind(changes: Iterable[Change], kind: Kind) -> dict[int, int]:
    """Old numbers -> new ones, of users or of groups."""
    return {
        change.old: change.new for change in changes if change.kind == kind
    }


def account_args(
    host: HostAccounts, changes: Sequence[Change]
) -> dict[str, list[dict[str, Any]]]:
    """What accounts.change is asked for.

    A user whose primary group moves is told to move with it, whether its own
    number changes or not.
    """
    gids = of_kind(changes, 'group')
    users = {
        change.name: {'name': change.name, 'uid': [change.old, change.new]}
        for change in changes
        if change.kind == 'user'
    }
    for name, gid in _primaries(host, changes):
        if gid in gids:
            row = users.setdefault(name, {'name': name})
            row['gid'] = [gid, gids[gid]]
    groups = [
        {'name': change.name, 'gid': [change.old, change.new]}
        for change in changes
        if change.kind == 'group'
    ]
    return {'users': list(users.values()), 'groups': groups}


def _primaries(
    host: HostAccounts, changes: Sequence[Change]
) -> Iterator[tuple[str, int]]:
    """Users, and the old number of their primary group."""
    for change in changes:
        if change.kind == 'group':
            group = host.account('group', change.name)
            for name in group.primary_of if group else ():
                yield name, change.old
    for account in host.accounts:
        if account.kind == 'user' and account.primary is not None:
            yield account.name, account.primary


def current(host: HostAccounts, change: Change) -> Account | None:
    """The account of a change, as it is now."""
    return host.account(change.kind, change.name)


def _check_apart(given: Mapping[Key, int]) -> None:
    seen: dict[tuple[Kind, int], str] = {}
    for (kind, name), number in given.items():
        other = seen.setdefault((kind, number), name)
        if other != name:
            raise errors.Refused(
                f'the {kind}s {other} and {name} would both get {number}',
                'give each a number of its own',
                'merged-numbers',
            )


def _key(number: Number) -> Key:
    return cast(Kind, number.kind), number.name


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 12
