# SPDX-License-Identifier: Apache-2.0
"""Which numbers accounts have on the hosts, and which they should have."""

from collections.abc import Iterator, Sequence

from osc_recover import errors
from osc_recover.checks import numbers
from osc_recover.checks.numbers import Key, Row
from osc_recover.facts import HostAccounts
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe.accounts import Numbers, accounts
from osc_recover.recovery.known import check_hosts
from osc_recover.settings import Settings

# The accounts of a compute host as Debian, RPM and older releases name them.
USERS = ('nova', 'libvirt-qemu', 'qemu')
GROUPS = ('nova', 'libvirt', 'libvirtd', 'kvm', 'libvirt-qemu', 'qemu')


class Ownership:
    """Compares the numbers of accounts over compute hosts."""

    def __init__(self, compute: Compute, settings: Settings) -> None:
        self._compute = compute
        self._settings = settings

    def check(
        self,
        hosts: Sequence[str],
        *,
        users: Sequence[str] = (),
        groups: Sequence[str] = (),
        reference: str = '',
    ) -> list[Row]:
        """A row an account and host; changes nothing.

        :param hosts: none means every compute host of nova
        :param users: more than those of every compute host
        :param reference: the host whose numbers are right
        :raises errors.UnknownHost: for a name that is no compute host
        :raises errors.Refused: when the reference cannot be asked
        """
        names = self._names(hosts, reference)
        users, groups = _more(USERS, users), _more(GROUPS, groups)
        keys = [*_keys(users, groups)]
        with Hosts(self._settings.ssh) as asked:
            found = accounts(
                Accounts(asked), names, users, groups,
                lambda seen: _of(numbers.proposals(seen, keys, reference)),
            )  # fmt: skip
        _answered(found, reference)
        wanted = numbers.proposals(found, keys, reference)
        return list(numbers.rows(found, keys, wanted))

    def _names(self, hosts: Sequence[str], reference: str) -> list[str]:
        known = sorted(
            service.host
            for service in self._compute.services()
            if service.binary == 'nova-compute'
        )
        wanted = {*hosts, *([reference] if reference else [])}
        check_hosts(sorted(wanted), known)
        return [name for name in known if name in wanted or not hosts]


def _keys(users: Sequence[str], groups: Sequence[str]) -> Iterator[Key]:
    yield from (('user', name) for name in users)
    yield from (('group', name) for name in groups)


def _more(usual: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*usual, *more)))


def _of(wanted: dict[Key, int]) -> Numbers:
    return (
        frozenset(n for (kind, _), n in wanted.items() if kind == 'user'),
        frozenset(n for (kind, _), n in wanted.items() if kind == 'group'),
    )


def _answered(found: Sequence[HostAccounts], reference: str) -> None:
    for host in found:
        if host.host == reference and host.problem:
            raise errors.Refused(
                f'the reference could not be asked: {host.problem}',
                host.way_out,
                'no-reference',
            )
