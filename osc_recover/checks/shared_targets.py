# SPDX-License-Identifier: Apache-2.0
"""Whether what is on a target belongs to another host at the moment.  Pure.

Of a pair of volume servers one has the volume group active.  A thin pool or
a file system that two hosts write to is lost.
"""

import dataclasses

from osc_recover.checks import lost_sessions
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import HostState, KeptSession, Snapshot

_HARMLESS = ('part', 'mpath')


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """Why something is not to be activated on a host.

    ``code`` is elsewhere where another host has it, which is in order, or
    unknown.
    """

    code: str
    why: str


def held(
    seen: SessionsSeen, before: Snapshot | None, host: HostState, target: str
) -> Held | None:
    """Why what is on a host's own target is not to be activated there.

    What two hosts had in use both, is a cluster's, whose locks see to it.
    """
    mine = _had(before, host.host, target)
    for other in (*seen.hosts, *seen.others):
        theirs = _had(before, other.host, target)
        if other.host == host.host or (mine and theirs):
            continue
        if _has(other, target):
            return Held('elsewhere', f'{other.host} has it in use')
        if theirs:
            why = f'{other.host} had it in use in the snapshot'
            return Held('elsewhere', why)
        if not mine and _is_to_have(seen, before, other, target):
            return Held(
                'unknown',
                f'{other.host} has it as well, and nobody knows which of the '
                'two had it in use',
            )
    return None


def _had(before: Snapshot | None, host: str, target: str) -> bool:
    states = before.hosts if before else ()
    return any(one.host == host and _has(one, target) for one in states)


def _has(host: HostState, target: str) -> bool:
    """Whether something stands on its disks there."""
    mounted = {mount.source for mount in host.mounts}
    return any(
        _is_in_use(session, mounted)
        for session in host.sessions
        if session.target == target
    )


def _is_in_use(session: KeptSession, mounted: set[str]) -> bool:
    layers = [layer for device in session.devices for layer in device.over]
    names = {f'/dev/{device.name}' for device in session.devices}
    for layer in layers:
        names |= {f'/dev/{layer.kernel}', f'/dev/mapper/{layer.name}'}
    stacked = any(layer.kind not in _HARMLESS for layer in layers)
    return stacked or bool(names & mounted)


def _is_to_have(
    seen: SessionsSeen, before: Snapshot | None, other: HostState, target: str
) -> bool:
    """Whether it is a volume server that is opened in the same run."""
    return (
        other in seen.hosts
        and seen.serves_volumes(other.host)
        and target in lost_sessions.own_targets(seen, before, other)
    )
