# SPDX-License-Identifier: Apache-2.0
"""What a host had open, or ought to have, and has not.  Pure."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from osc_recover.checks import sessions as checks
from osc_recover.facts.sessions import SessionsSeen, Way, named
from osc_recover.facts.snapshot import (
    HostState,
    KeptMount,
    KeptSession,
    Snapshot,
)

# What a mount is given again; the rest is for its file system to choose.
_OPTIONS = (
    'ro', 'rw', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime',
    'relatime', 'sync', 'discard', 'nouuid', 'usrquota', 'grpquota',
    'prjquota',
)  # fmt: skip
# Without the second, Btrfs mounts something else.
_SETTINGS = ('errors=', 'subvol=')


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """A session that is missing; ``why_not`` it is not to be opened, or ''."""

    way: Way
    what: str
    code: str = ''
    why_not: str = ''
    way_out: str = ''


def lost(
    seen: SessionsSeen, before: Snapshot | None, host: HostState
) -> list[Lost]:
    """Each way that is missing, once: as it was kept, and as cinder has it.

    What fstab keeps for a target is missed, too, as open-iscsi's records have
    the way to it.  cinder knows no interfaces; a host may have kept several
    to one portal.
    """
    found: dict[Way, Lost] = {}
    for session in _kept(before, host.host):
        if not _is_open(session, host):
            one = _recorded(seen, before, host.host, session)
            found.setdefault(one.way, one)
    kept = {(way.target, way.portal) for way in found}
    for way, use in checks.missing(seen, host):
        if (way.target, way.portal) not in kept:
            what = f'volume {use.volume} of {checks.named(seen, use.server)}'
            found.setdefault(way, Lost(way, what))
    for way, point in _of_fstab(seen, before, host):
        found.setdefault(way, Lost(way, f"the host's own: {point} of fstab"))
    return list(found.values())


def own_targets(
    seen: SessionsSeen, before: Snapshot | None, host: HostState
) -> list[str]:
    """The targets that are a host's own, and no volumes of servers.

    None of which nobody tells whose they are: the volume groups of a guest
    are not to be activated beside it.
    """
    judged: list[KeptSession] = []
    if before and before.knows('attachments'):
        judged += _kept(before, host.host)
    if 'attachments' not in seen.unseen:
        judged += host.sessions
    every = dict.fromkeys(session.target for session in judged)
    every |= dict.fromkeys(m.target for m in host.recorded if m.target)
    both = (*seen.volumes, *(before.volumes if before else ()))
    volumes = {volume.id for volume in both}
    return [
        target
        for target in every
        if not named(target, volumes)
        and not checks.of_target(seen.attachments, target)
        and not (before and checks.of_target(before.attachments, target))
    ]


def strangers(
    seen: SessionsSeen, before: Snapshot | None, targets: Sequence[str]
) -> list[str]:
    """Those of some targets that nobody has ever heard of.

    None, where a host or cinder does not tell.
    """
    mute = any(not host.knows('sessions') for host in seen.hosts)
    if mute or 'attachments' in seen.unseen:
        return []
    both = (seen, before) if before else (seen,)
    known = {s.target for one in both for h in one.hosts for s in h.sessions}
    known |= {m.target for host in seen.hosts for m in host.recorded}
    return [
        target
        for target in targets
        if target not in known
        and not any(checks.of_target(o.attachments, target) for o in both)
    ]


def is_untold(
    seen: SessionsSeen, before: Snapshot | None, host: HostState
) -> bool:
    """Whether cinder alone could tell what is missing, or whose what is is."""
    if 'attachments' not in seen.unseen:
        return False
    there = {session.target for session in host.sessions}
    strange = there - {*own_targets(seen, before, host)}
    return any(server.host == host.host for server in seen.servers) or bool(
        strange and seen.serves_volumes(host.host)
    )


def mounts(
    before: Snapshot | None,
    host: HostState,
    targets: list[str],
    *,
    alone: bool = False,
) -> Iterator[KeptMount]:
    """What was mounted from disks of targets, and what fstab keeps of it.

    Each point once; what something is mounted at already is left out.

    :param alone: of what fstab keeps, only what is known to be of them
    """
    points = {mount.point for mount in host.mounts}
    was = _state(before, host.host)
    sources = set(_sources(was, targets))
    kept = [m for m in was.mounts if m.source in sources] if was else []
    recorded = [
        m for m in host.recorded if not alone or _target_of(was, m) in targets
    ]
    for mount in (*recorded, *kept):
        if mount.point not in points:
            points.add(mount.point)
            yield dataclasses.replace(
                mount, options=tuple(filter(_may_be_given, mount.options))
            )


def of_nobody(before: Snapshot | None, host: HostState) -> list[str]:
    """Points that fstab keeps, and nobody knows for which target."""
    points = {mount.point for mount in host.mounts}
    was = _state(before, host.host)
    return [
        mount.point
        for mount in host.recorded
        if not _target_of(was, mount) and mount.point not in points
    ]


def unstable(
    before: Snapshot | None, host: HostState, targets: list[str]
) -> list[str]:
    """Points that were mounted by a name that a disk may not have again."""
    was = _state(before, host.host)
    points = {mount.point for mount in host.mounts}
    names = {
        f'/dev/{name}'
        for session in (was.sessions if was else ())
        if session.target in targets
        for device in session.devices
        for name in (
            device.name,
            *(lay.kernel for lay in device.over if lay.kind == 'part'),
        )
    }
    return [
        f'{mount.point} ({mount.source})'
        for mount in (was.mounts if was else ())
        if mount.source in names and mount.point not in points
    ]


def _recorded(
    seen: SessionsSeen,
    before: Snapshot | None,
    host: str,
    session: KeptSession,
) -> Lost:
    assert before is not None
    iface = '' if session.iface in ('', 'default') else session.iface
    way = Way(session.target, session.portal, iface)
    of_servers = checks.of_target(before.attachments, session.target)
    mute: Mapping[str, str] = {g.what: g.problem for g in seen.gaps}
    if not of_servers and before.knows('attachments'):
        return Lost(way, "the host's own")
    if 'attachments' in seen.unseen:
        return Lost(
            way, 'a volume', 'unknown',
            f'nobody knows whose it is now: {mute.get("attachments", "")}',
            'bring cinder back first',
        )  # fmt: skip
    uses = checks.uses(seen, host, session.target)
    if not uses:
        return Lost(
            way, 'a volume', 'moved',
            'no server of this host has its volume any more',
            'openstack recover session list tells what is there now',
        )  # fmt: skip
    names = [checks.named(seen, use.server) for use in uses]
    return Lost(way, f'volume {uses[0].volume} of {", ".join(names)}')


def _of_fstab(
    seen: SessionsSeen, before: Snapshot | None, host: HostState
) -> Iterator[tuple[Way, str]]:
    """Ways to targets of fstab that are not open, and not of the snapshot."""
    known = {s.target for s in (*_kept(before, host.host), *host.sessions)}
    if not seen.serves_volumes(host.host):
        return
    own = set(own_targets(seen, before, host)) - known
    for mount in host.recorded:
        for node in host.nodes if mount.target in own else ():
            if node.target == mount.target:
                iface = '' if node.iface == 'default' else node.iface
                yield Way(node.target, node.portal, iface), mount.point


def _kept(before: Snapshot | None, host: str) -> tuple[KeptSession, ...]:
    was = _state(before, host)
    return was.sessions if was else ()


def _state(before: Snapshot | None, host: str) -> HostState | None:
    hosts = before.hosts if before else ()
    return next((h for h in hosts if h.host == host), None)


def _is_open(session: KeptSession, host: HostState) -> bool:
    return any(
        (one.target, one.portal, one.iface)
        == (session.target, session.portal, session.iface)
        for one in host.sessions
    )


def _sources(was: HostState | None, targets: list[str]) -> Iterator[str]:
    for session in was.sessions if was else ():
        if session.target in targets:
            for device in session.devices:
                yield from (f'/dev/mapper/{lay.name}' for lay in device.over)


def _target_of(was: HostState | None, mount: KeptMount) -> str:
    known = was.sessions if was else ()
    found = (
        session.target
        for session in known
        if mount.source in _sources(was, [session.target])
    )
    return mount.target or next(found, '')


def _may_be_given(option: str) -> bool:
    return option in _OPTIONS or option.startswith(_SETTINGS)
