# SPDX-License-Identifier: Apache-2.0
"""Which hosts see the disks of servers, and which see the same ones."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from osc_recover import errors, facts
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.storage import Found, Storage
from osc_recover.settings import SshSettings


def storage(
    settings: SshSettings, hosts: Sequence[str], servers: Iterable[str]
) -> Found:
    """Ask hosts for the directories of servers.

    Several hosts that see some prove that they see the same ones: a host a
    file system makes a probe file, all look for it, and it is removed again.
    No host but those makes or changes anything.
    """
    with Hosts(settings) as asked:
        return seen(Storage(asked), hosts, servers)


def seen(
    gateway: Storage, hosts: Sequence[str], servers: Iterable[str]
) -> Found:
    """The same, of hosts that are there."""
    found = gateway.look(hosts, servers)
    holders = [told for told in found if told.folders]
    return _shared(gateway, found, holders) if holders[1:] else found


def _shared(
    gateway: Storage, found: Found, holders: Sequence[facts.HostStorage]
) -> Found:
    # What is called the same needs one file only, whether or not it is.
    makers = {_called(told): told.host for told in reversed(holders)}
    marked = gateway.mark(sorted(makers.values()))
    tokens = {h: t for h, t in marked.items() if isinstance(t, str)}
    names = [told.host for told in holders]
    try:
        seen = gateway.seen(names, tokens.values())
    finally:
        gateway.unmark(list(tokens), tokens.values())
    groups = shares(
        {h: set(s) for h, s in seen.items() if isinstance(s, tuple)}
    )
    return tuple(
        _judged(
            told,
            groups.get(told.host, ''),
            marked.get(makers.get(_called(told), '')),
            seen.get(told.host),
        )
        for told in found
    )


def _called(told: facts.HostStorage) -> tuple[str, str]:
    return told.kind, told.source


def _judged(
    told: facts.HostStorage, share: str, *answers: object
) -> facts.HostStorage:
    """A host that was not proven because one fell silent is not known."""
    for answer in answers:
        if told.folders and isinstance(answer, errors.HostError) and not share:
            return facts.HostStorage(
                told.host, problem=answer.sentence, way_out=answer.way_out
            )
    return dataclasses.replace(told, share=share)


def shares(seen: Mapping[str, set[str]]) -> dict[str, str]:
    """The first host of each group that sees a file in common, by host.

    >>> shares({'b': {'1'}, 'a': {'1', '2'}, 'c': {'3'}})
    {'a': 'a', 'b': 'a', 'c': ''}
    """
    found = {}
    for host in sorted(seen):
        others = [h for h in seen if h != host and seen[h] & seen[host]]
        found[host] = min([host, *others]) if others else ''
    return found
