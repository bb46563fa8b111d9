# SPDX-License-Identifier: Apache-2.0
"""Do nova and cinder agree about which volume is whose?

The lists tell pairs of server and volume; which of several attachments of a
pair nova means, they do not.
"""

from collections.abc import Iterable, Iterator

from osc_recover.checks.audit.view import (
    AuditView,
    server_subject,
    volume_subject,
)
from osc_recover.checks.finding import Finding, Remedy, found
from osc_recover.checks.registry import check
from osc_recover.facts import Server
from osc_recover.facts.audit import DiskMapping, ListedVolume

# cinder sets these for a moment while something is attached or detached.
WEDGED = ('reserved', 'attaching', 'detaching')
_NO_HOST_YET = ('creating', 'error', 'deleting', 'error_deleting')
_REBOOTED = (
    'do not reboot it: from 2023.2 a reboot drops such mappings, that of the '
    'root disk included (nova/compute/manager.py, _delete_dangling_bdms)'
)


@check('rootless', 'audit')
def rootless(view: AuditView) -> Iterator[Finding]:
    """It boots from a volume, and nova has dropped the mapping of it."""
    for server in view.seen.servers:
        if (
            server.image is None
            and not server.volumes
            and _rests(view, server)
        ):
            dropped = [m for m in _dropped(view, server) if m.root]
            yield found(
                server_subject(server, volumes=[m.volume for m in dropped]),
                'it boots from a volume, and nova has no volume of it any '
                'more',
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


@check('volume-wedged', 'audit', 'instance')
def volume_wedged(view: AuditView) -> Iterator[Finding]:
    """A volume in a status that lasts for a moment, since long.

    Attachments that are in the way are findings of their own.
    """
    if not view.told('attachments'):
        return
    for volume in view.seen.volumes:
        if volume.status not in WEDGED:
            continue
        if view.young('cinder', volume.updated_at):
            continue
        yield from _wedged(view, volume)


@check('volume-error', 'audit', 'instance')
def volume_error(view: AuditView) -> Iterator[Finding]:
    """cinder-volume could not export it when it started, and gave it up.

    cinder/volume/manager.py, _do_init_host: ensure_export, for what is in use
    alone.
    """
    for volume in view.seen.volumes:
        users = view.users[volume.id]
        young = view.young('cinder', volume.updated_at)
        if volume.status != 'error' or not users or young:
            continue
        if any(not view.steady(user) for user in users):
            continue
        yield _stuck(
            view, volume, f'server {_ids(users)} has it: cinder-volume could '
            'not export it when it started', 'in-use',
            [user.id for user in users],
            then='; then start cinder-volume again, once its storage is back, '
            'so that it is exported, and reboot the server hard',
        )  # fmt: skip


@check('volume-status', 'audit', 'instance')
def volume_status(view: AuditView) -> Iterator[Finding]:
    """It is attached, and may be taken for a free one."""
    if not view.told('attachments'):
        return
    for volume in view.seen.volumes:
        users = view.users[volume.id]
        if volume.status != 'available' or not users:
            continue
        if view.young('cinder', volume.updated_at):
            continue
        given = {one.server for one in view.attachments[volume.id]}
        mine = [user for user in users if user.id in given]
        if mine and all(view.steady(user) for user in users):
            yield found(
                volume_subject(volume),
                f'it is {volume.status}, and attached to server {_ids(mine)}',
                f'openstack volume set --state in-use {volume.id}',
                view.since('cinder', volume.updated_at),
            )


@check('volume-unknown-host', 'audit')
def volume_unknown_host(view: AuditView) -> Iterator[Finding]:
    """No cinder-volume works for it: nothing can be done with it."""
    if not view.told('cinder services') or not view.seen.storage:
        return
    stores = [s for s in view.seen.storage if s.binary == 'cinder-volume']
    if any(service.cluster for service in stores):
        return
    known = {service.host for service in stores}
    for volume in view.seen.volumes:
        place = volume.host.partition('#')[0]
        if volume.status in _NO_HOST_YET or not place or place in known:
            continue
        yield found(
            volume_subject(volume),
            f'its host {place} is that of no cinder-volume service',
            'cinder-manage volume update_host --currenthost '
            f'{volume.host} --newhost <host@backend#pool>, when another one '
            'serves the same storage',
        )


def _dropped(view: AuditView, server: Server) -> list[DiskMapping]:
    """What nova has forgotten of its volumes that cinder has still."""
    return [
        mapping
        for mapping in view.mappings[server.id]
        if mapping.dropped
        and (mapping.volume in view.volumes or not view.told('volumes'))
    ]


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


def _wedged(view: AuditView, volume: ListedVolume) -> Iterator[Finding]:
    attached = view.attachments[volume.id]
    users = view.users[volume.id]
    if any(not view.steady(user) for user in users):
        return
    # One without a server is cinder's own, or of an image that is made.
    if any(not one.server for one in attached):
        return
    if volume.status == 'detaching' and users:
        if {a.status for a in attached} == {'attached'}:
            yield _stuck(
                view, volume, 'nova has it attached still', 'in-use',
                [user.id for user in users],
            )  # fmt: skip
        return
    if not attached and not users:
        yield _stuck(
            view, volume, 'no server and no attachment has to do with it',
            'available', [],
        )  # fmt: skip


def _stuck(
    view: AuditView,
    volume: ListedVolume,
    why: str,
    to: str,
    servers: list[str],
    then: str = '',
) -> Finding:
    code = 'volume-error' if volume.status == 'error' else 'volume-wedged'
    return found(
        volume_subject(volume),
        f'it is {volume.status}, and {why}',
        f'openstack recover audit --fix {code} makes it {to} again{then}',
        view.since('cinder', volume.updated_at),
        Remedy(
            'volume.settle',
            {'was': volume.status, 'to': to, 'servers': sorted(servers)},
        ),
    )


def _ids(servers: Iterable[Server]) -> str:
    return ', '.join(server.id for server in servers)
