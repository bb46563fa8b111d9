# SPDX-License-Identifier: Apache-2.0
"""What sessions are for, and which are missing.  Pure."""

import dataclasses
from collections.abc import Iterator

from osc_recover.facts import sessions as facts
from osc_recover.facts.sessions import SessionsSeen, Way
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptSession,
    SessionDevice,
)

# nova leaves them on their host, and logs in when it starts them.
_AT_REST = ('stopped', 'shelved', 'shelved_offloaded', 'soft-delete')
# Of cinder, and of the interface that os-brick and open-iscsi have for it.
_ISER = 'iser'
_IN_ORDER = ('LOGGED_IN', '')


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What a disk of a session is for: a volume of a server."""

    volume: str
    server: str


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A disk of a session, a session without any, or one that is missing."""

    host: str
    session: int | None
    target: str
    portal: str
    state: str
    lun: int | None
    device: str
    map: str
    volume: str
    server: str
    reason: str = ''
    way_out: str = ''


def rows(seen: SessionsSeen) -> Iterator[Row]:
    """A row a disk and path, host by host; then what is missing there."""
    for host in seen.hosts:
        why = host.problem or host.problems.get('sessions', '')
        if why:
            yield _unknown(host, why)
            continue
        for session in host.sessions:
            yield from _of_session(seen, host.host, session)
        for way, use in missing(seen, host):
            yield Row(
                host.host, None, way.target, way.portal, 'missing', None, '',
                '', _volume(seen, use.volume), named(seen, use.server),
                'a server of this host has its volume there',
                f'openstack recover session open {host.host}',
            )  # fmt: skip


def is_in_order(row: Row) -> bool:
    """Whether a row says nothing that is wrong."""
    return not row.reason


def uses(seen: SessionsSeen, host: str, target: str) -> list[Use]:
    """The volumes and servers that a target serves, on a host.

    What nova alone has of a volume is a use as well.
    """
    both = (*_of_cinder(seen, host, target), *_of_nova(seen, host, target))
    return list(dict.fromkeys(both))


def _of_cinder(
    seen: SessionsSeen, host: str, target: str, lun: int | None = None
) -> list[Use]:
    """What cinder has at a target, or at one disk of it.

    Those of servers that live on another host are not this session's.
    """
    return [
        Use(one.volume, one.server)
        for one in of_target(seen.attachments, target)
        if (lun is None or not one.target.luns or lun in one.target.luns)
        and home(seen, one) in (host, '')
    ]


def _of_nova(seen: SessionsSeen, host: str, target: str) -> list[Use]:
    """What nova has of the volume that a target is called by."""
    return [
        Use(volume, server.id)
        for server in seen.servers
        for volume in facts.named(target, server.volumes)
        if facts.home(server) in (host, '')
    ]


def of_target(
    attachments: tuple[KeptAttachment, ...], target: str
) -> list[KeptAttachment]:
    """The attachments that lead to a target."""
    return [
        one
        for one in attachments
        if target in (one.target.name, *one.target.names)
    ]


def home(seen: SessionsSeen, attachment: KeptAttachment) -> str:
    """Where the server of an attachment lives; '' where nobody knows."""
    return facts.home(seen.server(attachment.server))


def named(seen: SessionsSeen, id: str) -> str:
    """A server as people know it."""
    server = seen.server(id)
    return f'{server.name} ({id})' if server else id


def missing(seen: SessionsSeen, host: HostState) -> Iterator[tuple[Way, Use]]:
    """Where a host has no session, and a server that runs there needs one.

    With one path or more nothing is missing: cinder tells of more portals
    than a host without multipath uses.
    """
    if not host.knows('sessions'):
        return
    there = {session.target for session in host.sessions}
    several = any(
        layer.kind == 'mpath'
        for session in host.sessions
        for device in session.devices
        for layer in device.over
    )
    for one in seen.attachments:
        server = seen.server(one.server)
        if (
            server is None
            or server.host != host.host
            or server.vm_state in _AT_REST
            or not is_iscsi(one)
        ):
            continue
        ways = ways_to(one)
        if ways and not there & {way.target for way in ways}:
            for way in ways if several else ways[:1]:
                yield way, Use(one.volume, one.server)


def is_iscsi(attachment: KeptAttachment) -> bool:
    """Whether a volume is reached by iSCSI, be it over TCP or RDMA."""
    return attachment.target.driver.startswith(('iscsi', _ISER))


def ways_to(attachment: KeptAttachment) -> list[Way]:
    """Every target and portal of an attachment, the first one first."""
    target = attachment.target
    names = target.names or (target.name,) * len(target.portals)
    iface = _ISER if target.driver == _ISER else ''
    return [
        Way(name, portal, iface)
        for name, portal in zip(names, target.portals, strict=False)
        if name and portal
    ]


def _of_session(
    seen: SessionsSeen, host: str, session: KeptSession
) -> Iterator[Row]:
    reason = way_out = ''
    if session.state not in _IN_ORDER:
        reason = f'the kernel has it as {session.state}: it does not answer'
        way_out = (
            f'see that {session.portal} can be reached from {host}; the '
            'kernel logs in again by itself'
        )
    for device in session.devices or (None,):
        found = _found(seen, host, session.target, device)
        yield Row(
            host, session.number, session.target, session.portal,
            session.state,
            device.lun if device else None,
            device.name if device else '',
            _map(device) if device else '',
            ', '.join(dict.fromkeys(_volume(seen, u.volume) for u in found)),
            ', '.join(dict.fromkeys(named(seen, u.server) for u in found)),
            reason or (_disk_trouble(device) if device else ''),
            way_out or (_disk_way_out(device, host) if device else ''),
        )  # fmt: skip


def _found(
    seen: SessionsSeen, host: str, target: str, device: SessionDevice | None
) -> list[Use]:
    lun = device.lun if device else None
    return _of_cinder(seen, host, target, lun) or _of_nova(seen, host, target)


def _map(device: SessionDevice) -> str:
    names = [layer.name for layer in device.over if layer.kind == 'mpath']
    return ', '.join(names)


def _disk_trouble(device: SessionDevice) -> str:
    if device.state in ('', 'running'):
        return ''
    return f'the kernel has its disk {device.name} as {device.state}'


def _disk_way_out(device: SessionDevice, host: str) -> str:
    return f'see dmesg on {host}' if _disk_trouble(device) else ''


def _unknown(host: HostState, why: str) -> Row:
    return Row(
        host.host, None, '', '', 'unknown', None, '', '', '', '', why,
        host.way_out or 'mend that on the host',
    )  # fmt: skip


def _volume(seen: SessionsSeen, id: str) -> str:
    names = [v.name for v in seen.volumes if v.id == id and v.name]
    return f'{names[0]} ({id})' if names else id
