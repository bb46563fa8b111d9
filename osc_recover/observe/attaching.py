# SPDX-License-Identifier: Apache-2.0
"""Volumes that are to be attached and their servers, as they are now.

Requests: for each server two of nova (itself, and its volumes), one of cinder
for some hundred volumes, one of nova for its services; and one more for each
server and volume that is given by a name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from osc_recover import errors
from osc_recover.facts.attaching import AttachingSeen, Wanted
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.server_volumes import ServerVolumes
from osc_recover.gateways.volume import Volumes
from osc_recover.observe.gathering import gathering

T = TypeVar('T')

_ID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.I)


def seen(
    cloud: Cloud, wanted: Iterable[Wanted], workers: int
) -> AttachingSeen:
    """Look at what is to be attached; changes nothing.

    Servers and volumes that are not there are left out.

    :param wanted: by IDs
    :raises errors.ApiError: when nova or cinder does not tell
    """
    compute, given = Compute(cloud.compute), ServerVolumes(cloud.compute)
    wanted = [*wanted]
    # It brings the token that every read needs.
    services = compute.services()
    with gathering(workers) as crowd:
        volumes = crowd.ask(
            Volumes(cloud.volume).volumes,
            {one.volume for one in wanted if _ID.fullmatch(one.volume)},
        )
        names = dict.fromkeys(w.server for w in wanted if _is_id(w.server))
        asked = {
            name: (
                crowd.ask(_or_none, compute.server, name),
                crowd.ask(_or_none, given.of, name),
            )
            for name in names
        }
        found = {name: one.result() for name, (one, _) in asked.items()}
        listed = {name: all_.result() for name, (_, all_) in asked.items()}
    return AttachingSeen(
        {name: server for name, server in found.items() if server},
        {volume.id: volume for volume in volumes.result()},
        {name: of or () for name, of in listed.items()},
        tuple(s for s in services if s.binary == 'nova-compute'),
    )


def ids(
    cloud: Cloud, servers: Iterable[str], volumes: Iterable[str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The IDs of servers and of volumes that are given by ID or name.

    What is not there, or there several times, stays as it is.
    """
    compute, cinder = Compute(cloud.compute), Volumes(cloud.volume)

    def named(name: str) -> list[str]:
        return [server.id for server in compute.find_servers(name)]

    def called(name: str) -> list[str]:
        return [volume.id for volume in cinder.named(name)]

    return _found(servers, named), _found(volumes, called)


def _found(
    given: Iterable[str], ask: Callable[[str], list[str]]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in dict.fromkeys(given):
        hits = [name.lower()] if _is_id(name) else ask(name)
        found[name] = hits[0] if len(hits) == 1 else name
    return found


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _or_none(ask: Callable[[str], T], name: str) -> T | None:
    try:
        return ask(name)
    except errors.Gone:
        return None
