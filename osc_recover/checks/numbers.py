# SPDX-License-Identifier: Apache-2.0
"""Which number each account should have on every host, and who differs.

The guide wants one number an account on all hosts, "not in use for other
users or groups".  Pure: from the accounts of the hosts to proposals and rows.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from osc_recover.facts import Account, HostAccounts
from osc_recover.facts.hosts import Kind

# Debian gives system accounts 100-999 and RPM systems 201-999
# (/etc/adduser.conf, /etc/login.defs), so these are free for both.
SYSTEM = range(201, 1000)

Key = tuple[Kind, str]

# The accounts of a compute host as Debian, RPM and older releases name them.
USERS = ('nova', 'libvirt-qemu', 'qemu')
GROUPS = ('nova', 'libvirt', 'libvirtd', 'kvm', 'libvirt-qemu', 'qemu')

# Where one of them is, the others are not missed: Debian's and RPM's names,
# and what libvirt called its group before.
_ALIKE = ({'libvirt-qemu', 'qemu'}, {'libvirt', 'libvirtd'})


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One account on one host.

    ``state`` is ok, differs, missing, collision, directory or unknown.
    """

    host: str
    kind: str
    account: str
    number: int | None
    proposed: int | None
    state: str
    reason: str = ''
    way_out: str = ''


def keys_of(users: Iterable[str], groups: Iterable[str]) -> list[Key]:
    """The usual accounts, and these; each once."""
    named: list[Key] = [('user', name) for name in (*USERS, *users)]
    named += [('group', name) for name in (*GROUPS, *groups)]
    return list(dict.fromkeys(named))


def proposals(
    hosts: Sequence[HostAccounts],
    keys: Sequence[Key],
    reference: str = '',
    given: Mapping[Key, int] | None = None,
) -> dict[Key, int]:
    """The number that each account should have on all hosts.

    Those of the reference host, if there is one.  Otherwise the number that
    most hosts have, if no other account has it anywhere; otherwise the first
    system number that is in use on no host.  Accounts that no host has are
    left out.

    :param reference: a host whose numbers count, whoever else has them
    :param given: numbers that are settled
    """
    found: dict[Key, int] = dict(given or {})
    for key in keys:
        if key in found:
            continue
        number = _reference(hosts, key, reference)
        if number is None and not reference:
            number = _free(hosts, key, keys, found)
        if number is not None:
            found[key] = number
    return found


def rows(
    hosts: Iterable[HostAccounts],
    keys: Sequence[Key],
    wanted: Mapping[Key, int],
) -> Iterator[Row]:
    """A row an account and host, hosts in their order; unknown hosts one."""
    for host in hosts:
        if host.problem:
            yield Row(
                host.host, '', '', None, None, 'unknown', host.problem,
                host.way_out,
            )  # fmt: skip
            continue
        for key in keys:
            if key in wanted and not _has_another(host, key):
                yield _row(host, key, wanted)


def holders(
    host: HostAccounts, key: Key, number: int, wanted: Mapping[Key, int]
) -> list[str]:
    """Others of its kind that have a number on a host, and keep it."""
    others = [
        account
        for account in host.accounts
        if account.kind == key[0]
        and account.name != key[1]
        and account.number == number
        and wanted.get((account.kind, account.name), number) == number
    ]
    named = {account.name for account in others}
    mine = {a.number for a in host.accounts if a.kind == key[0]}
    if number in _in_use(host, key[0]) and number not in mine:
        named.add('another account')
    for account in host.accounts:
        if (account.kind, account.number) == (key[0], number):
            named |= set(account.sharing) - {key[1]}
    return sorted(named)


def _reference(
    hosts: Iterable[HostAccounts], key: Key, reference: str
) -> int | None:
    for host in hosts:
        if host.host == reference and (account := host.account(*key)):
            return account.number
    return None


def _free(
    hosts: Sequence[HostAccounts],
    key: Key,
    keys: Sequence[Key],
    given: Mapping[Key, int],
) -> int | None:
    """The most used number that is nobody else's, or the first free one."""
    numbers = Counter(a.number for h in hosts if (a := h.account(*key)))
    if not numbers:
        return None
    taken = {n for (kind, _), n in given.items() if kind == key[0]}
    foreign = {n for host in hosts for n in _foreign(host, key[0], keys)}
    ranked = sorted(numbers, key=lambda number: (-numbers[number], number))
    for number in ranked:
        if number not in taken | foreign:
            return number
    used = {n for host in hosts for n in _in_use(host, key[0])}
    return next((n for n in SYSTEM if n not in used | taken), None)


def _foreign(host: HostAccounts, kind: Kind, keys: Sequence[Key]) -> set[int]:
    """Numbers of accounts that are not looked at, so that stay."""
    ours = {
        a.number
        for a in host.accounts
        if a.kind == kind and (kind, a.name) in keys and not a.sharing
    }
    return _in_use(host, kind) - ours


def _in_use(host: HostAccounts, kind: Kind) -> set[int]:
    return set(host.uids if kind == 'user' else host.gids)


def _row(host: HostAccounts, key: Key, wanted: Mapping[Key, int]) -> Row:
    account, number = host.account(*key), wanted[key]
    if account is None:
        return Row(host.host, *key, None, number, 'missing', *_missing(key))
    state, reason, way_out = _judged(host, account, number, wanted)
    return Row(host.host, *key, account.number, number, state, reason, way_out)


def _judged(
    host: HostAccounts,
    account: Account,
    number: int,
    wanted: Mapping[Key, int],
) -> tuple[str, str, str]:
    key: Key = (account.kind, account.name)
    others = holders(host, key, number, wanted)
    if others:
        return (
            'collision',
            f'{number} belongs to {", ".join(others)} here',
            'choose another --reference, or renumber that account first',
        )
    if account.number == number:
        return 'ok', '', ''
    if not account.local:
        return (
            'directory',
            f'it is {account.number} here, from a directory service',
            'change it in LDAP (or whatever the host asks), once for all',
        )
    return (
        'differs',
        f'it is {account.number} here and should be {number}',
        f'openstack recover ownership fix {host.host} stops its services, '
        'changes the number and the files that have it, and starts them',
    )


def _has_another(host: HostAccounts, key: Key) -> bool:
    kind, name = key
    if host.account(kind, name):
        return False
    alike = [names for names in _ALIKE if name in names]
    return any(host.account(kind, n) for names in alike for n in names)


def _missing(key: Key) -> tuple[str, str]:
    kind, name = key
    return (
        f'there is no {kind} {name} here',
        f'install what brings the {kind}, if this is a compute host',
    )
