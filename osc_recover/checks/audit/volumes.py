# SPDX-License-Identifier: Apache-2.0
"""Do nova and cinder agree about which volume is whose?

The lists tell pairs of server and volume; which of several attachments of a
pair nova means, they do not.
"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.finding import Finding, found
from osc_recover.checks.registry import check
from osc_recover.facts import Server
from osc_recover.facts.audit import DiskMapping

_REBOOTED = (
    'do not reboot it: from 2023.2 a reboot drops such mappings, that of the '
    'root disk included (nova/compute/manager.py, _delete_dangling_bdms)'
)


@check('rootless', 'audit')
def rootless(view: AuditView) -> Iterator[Finding]:
    """It boots from a volume, and nova has dropped the mapping of it.

    Where it has others still, nova's database tells.
    """
    for server in view.seen.servers:
        if server.image is not None or not _rests(view, server):
            continue
        dropped = [m for m in _dropped(view, server) if m.root]
        if not server.volumes or (dropped and not _has_root(view, server)):
            yield found(
                server_subject(server, volumes=[m.volume for m in dropped]),
                'it boots from a volume, and nova has '
                + (
                    'dropped that one'
                    if server.volumes
                    else 'no volume of it any more'
                ),
                'do not delete its volumes, nor start it: openstack recover '
                f'volume repair --server {server.id} brings its root mapping '
                'back',
                _root(dropped) or view.since('nova', server.updated),
            )


@check('mapping-dropped', 'audit')
def mapping_dropped(view: AuditView) -> Iterator[Finding]:
    """A reboot has dropped the mapping of a volume, and nobody detached it.

    Which is what nova does from 2023.2 on where cinder has not the attachment
    (nova/compute/manager.py, _delete_dangling_bdms); its database tells.
    """
    for server in view.seen.servers:
        if not _rests(view, server):
            continue
        lost = [
            m
            for m in _dropped(view, server)
            if not m.root and m.volume not in server.volumes
        ]
        free = [m for m in lost if not view.users[m.volume]]
        if free:
            names = ', '.join(m.volume for m in free)
            yield found(
                server_subject(server, volumes=[m.volume for m in free]),
                f'a reboot has taken volume {names} off it, and nobody had '
                'detached it',
                f'openstack recover volume repair --server {server.id} brings '
                'it back; where the server may not be stopped: openstack '
                'recover volume attach',
                f'dropped since {free[0].updated_at}',
            )


@check('volume-gone', 'audit', 'instance')
def volume_gone(view: AuditView) -> Iterator[Finding]:
    """nova gives a server a volume that cinder does not have."""
    if not view.told('volumes'):
        return
    for server in view.seen.servers:
        lost = [v for v in server.volumes if v not in view.volumes]
        if lost and _rests(view, server):
            yield found(
                server_subject(server, volumes=lost),
                f'cinder does not know its volume {", ".join(lost)}',
                f'{_REBOOTED}; see whether cinder has lost it (a database '
                'restored from an old backup?)',
                view.since('nova', server.updated),
            )


@check('attachment-missing', 'audit', 'instance')
def attachment_missing(view: AuditView) -> Iterator[Finding]:
    """nova gives a server a volume that cinder has not attached to it."""
    if not view.told('volumes', 'attachments'):
        return
    for server in view.seen.servers:
        lost = [v for v in server.volumes if _unattached(view, server, v)]
        if lost and _rests(view, server):
            yield found(
                server_subject(server, volumes=lost),
                f'cinder has not attached its volume {", ".join(lost)} to it',
                f'{_REBOOTED}; attach it anew first: openstack recover volume '
                f'repair --server {server.id}',
                '; '.join(_status(view, volume) for volume in lost),
            )


@check('attachment-differs', 'audit', 'instance')
def attachment_differs(view: AuditView) -> Iterator[Finding]:
    """nova has another attachment of a volume than cinder: the database
    tells, and no list does.
    """
    if not view.told('volumes', 'attachments'):
        return
    for server in view.seen.servers:
        if not _rests(view, server):
            continue
        for one in view.mappings[server.id]:
            volume = view.volumes.get(one.volume)
            if one.dropped or not one.attachment or volume is None:
                continue
            theirs = [
                other.id
                for other in view.attachments[one.volume]
                if other.server == server.id
            ]
            young = view.young('cinder', volume.updated_at)
            if theirs and one.attachment not in theirs and not young:
                yield found(
                    server_subject(server, volumes=[one.volume]),
                    f'nova has attachment {one.attachment} of volume '
                    f'{one.volume}, and cinder has {", ".join(theirs)}',
                    f'{_REBOOTED}; attach it anew first: openstack recover '
                    f'volume repair --server {server.id}',
                    _status(view, one.volume),
                )


def _dropped(view: AuditView, server: Server) -> list[DiskMapping]:
    """What nova has forgotten of its volumes that cinder has still."""
    return [
        mapping
        for mapping in view.mappings[server.id]
        if mapping.dropped
        and (mapping.volume in view.volumes or not view.told('volumes'))
    ]


def _has_root(view: AuditView, server: Server) -> bool:
    """Whether nova's database has a root of it, or one that may be."""
    alive = {m.volume: m for m in view.mappings[server.id] if not m.dropped}
    return any(
        volume not in alive or alive[volume].root for volume in server.volumes
    )


def _root(dropped: list[DiskMapping]) -> str:
    """What its root was, where nova's database was asked."""
    if not dropped:
        return ''
    since = f' since {dropped[-1].updated_at}'
    return f'volume {dropped[-1].volume} was its root, dropped{since}'


def _rests(view: AuditView, server: Server) -> bool:
    return server.launched and view.steady(server)


def _unattached(view: AuditView, server: Server, volume: str) -> bool:
    """Whether cinder has the volume, and none that gives it to the server."""
    known = view.volumes.get(volume)
    if known is None or view.young('cinder', known.updated_at):
        return False
    return all(a.server != server.id for a in view.attachments[volume])


def _status(view: AuditView, volume: str) -> str:
    known = view.volumes[volume]
    since = view.since('cinder', known.updated_at)
    return f'volume {volume} is {known.status}' + (
        f', {since}' if since else ''
    )
