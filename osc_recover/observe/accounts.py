# SPDX-License-Identifier: Apache-2.0
"""Accounts of hosts, with every number that matters looked up."""

from collections.abc import Callable, Sequence

from osc_recover.facts import HostAccounts
from osc_recover.gateways.accounts import Accounts

Numbers = tuple[frozenset[int], frozenset[int]]  # uids, gids


def accounts(
    gateway: Accounts,
    names: Sequence[str],
    users: Sequence[str],
    groups: Sequence[str],
    wanted: Callable[[tuple[HostAccounts, ...]], Numbers],
) -> tuple[HostAccounts, ...]:
    """Accounts of hosts.

    A directory service need not list whom it knows, so the numbers that would
    be given are looked up by themselves, until they hold.  A host that did not
    answer is not asked again: each time would take its whole timeout.

    :param wanted: the numbers that would be given by what is known so far
    """
    found = gateway.show(names, users, groups)
    asked: Numbers = (frozenset(), frozenset())
    while True:
        uids, gids = wanted(found)
        if uids <= asked[0] and gids <= asked[1]:
            return found
        asked = (asked[0] | uids, asked[1] | gids)
        there = [host.host for host in found if not host.problem]
        anew = gateway.show(there, users, groups, uids=asked[0], gids=asked[1])
        known = {host.host: host for host in (*found, *anew)}
        found = tuple(known[name] for name in names)
