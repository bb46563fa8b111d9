# SPDX-License-Identifier: Apache-2.0
"""Accounts of hosts, as facts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from osc_recover import facts
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

# What the kernel has for nobody is above.
LAST = 65533
TIMEOUT = 60.0


class Accounts:
    """Users and groups over many hosts."""

    def __init__(self, hosts: Hosts, timeout: float = TIMEOUT) -> None:
        self._hosts = hosts
        self._timeout = timeout

    def show(
        self,
        names: Sequence[str],
        users: Sequence[str],
        groups: Sequence[str],
        *,
        uids: Iterable[int] = (),
        gids: Iterable[int] = (),
    ) -> tuple[facts.HostAccounts, ...]:
        """Accounts of hosts, in the order of the hosts' names.

        :param uids: numbers to look up one by one: a directory service need
            not list all the accounts that it has
        """
        args = {
            'users': list(users),
            'groups': list(groups),
            'first': 1,
            'last': LAST,
            'uids': sorted(uids),
            'gids': sorted(gids),
        }
        found = dict(self._each(names, args))
        return tuple(found[name] for name in names)

    def change(
        self,
        host: str,
        users: Sequence[Mapping[str, Any]],
        groups: Sequence[Mapping[str, Any]],
    ) -> tuple[str, ...]:
        """Give local accounts of a host other numbers, all at once.

        :param users: ``name``, and ``uid`` and ``gid`` as [old, new]; one of
            them may be left out
        :param groups: ``name`` and ``gid``
        :returns: the files that were written
        :raises errors.HostError: when it cannot be asked, or says no
        """
        args = {'users': list(users), 'groups': list(groups)}
        told = self._hosts.ask(
            host, 'accounts.change', args, timeout=self._timeout
        )
        return Foreign.of(host, 'its accounts', told).texts('changed')

    def _each(
        self, names: Sequence[str], args: dict[str, Any]
    ) -> Iterator[tuple[str, facts.HostAccounts]]:
        asked = self._hosts.each(
            names, 'accounts.show', args, timeout=self._timeout
        )
        for host, outcome in asked:
            yield (
                host,
                fact_of(host, outcome, accounts_from, facts.HostAccounts),
            )


def accounts_from(host: str, data: Any) -> facts.HostAccounts:
    """Read what accounts.show tells of a host."""
    record = Foreign.of(host, 'its accounts', data)
    used, held = record.inner('used'), record.inner('holders')
    return facts.HostAccounts(
        host,
        (*_users(record.inner('users')), *_groups(record.inner('groups'))),
        _numbers(used, held, 'uids'),
        _numbers(used, held, 'gids'),
    )


def _users(found: Foreign) -> Iterator[facts.Account]:
    for name in found.data:
        if found.data[name] is not None:
            user = found.inner(name)
            yield facts.Account(
                'user',
                name,
                user.number('uid'),
                user.number('gid'),
                user.flag('local'),
                user.texts('same_number'),
            )


def _groups(found: Foreign) -> Iterator[facts.Account]:
    for name in found.data:
        if found.data[name] is not None:
            group = found.inner(name)
            yield facts.Account(
                'group',
                name,
                group.number('gid'),
                None,
                group.flag('local'),
                group.texts('same_number'),
                group.texts('primary_of', ()),
            )


def _numbers(used: Foreign, held: Foreign, key: str) -> tuple[int, ...]:
    """Those that are listed, and those that were looked up and are held."""
    looked_up = held.inner(key)
    also = {int(n) for n in looked_up.data if looked_up.word(n)}
    return tuple(sorted({*used.integers(key), *also}))
