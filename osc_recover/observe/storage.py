# SPDX-License-Identifier: Apache-2.0
"""Which hosts see the disks of servers, and which see the same ones."""

import dataclasses
from collections.abc import Iterable, Sequence

from osc_recover.facts import HostStorage
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.storage import Found, Storage
from osc_recover.settings import SshSettings


def storage(
    settings: SshSettings, hosts: Sequence[str], servers: Iterable[str]
) -> Found:
    """Ask hosts for the directories of servers; nothing is written there."""
    with Hosts(settings) as asked:
        return shared(Storage(asked).look(hosts, servers))


def shared(found: Sequence[HostStorage]) -> Found:
    """The same, with which of them are proven to see the same directories.

    Proven is what has one mark on two hosts, on network file systems of one
    name.  Other file systems are copied as a whole, block by block, and
    replicas of network ones are mounted under other names; such copies have
    the marks of what they were made of.
    """
    return tuple(_judged(told, found) for told in found)


def _judged(told: HostStorage, found: Sequence[HostStorage]) -> HostStorage:
    alike = [one for one in found if one is told or _marks(one) & _marks(told)]
    if len(alike) < 2:
        return told
    same = sorted(one.host for one in alike if _called(one) == _called(told))
    share = same[0] if told.network and len(same) > 1 else ''
    # It may well be a cluster's, and is at least not this host's own.
    return dataclasses.replace(told, network=True, share=share)


def _marks(told: HostStorage) -> set[tuple[str, str]]:
    return {(f.server, f.mark) for f in told.folders if f.mark}


def _called(told: HostStorage) -> tuple[str, str]:
    return told.kind, told.source
