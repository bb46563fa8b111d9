# SPDX-License-Identifier: Apache-2.0
"""Attachments of cinder that nova does not know, or whose server is gone.

A reboot of the server deletes them from 2023.2 on (nova/compute/manager.py,
_delete_dangling_bdms); until then the volume cannot be attached again.
"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.finding import Finding, Remedy, Subject, found
from osc_recover.checks.registry import check
from osc_recover.facts import Server
from osc_recover.facts.audit import ListedAttachment, ListedVolume

_RESERVED, _FAILED = 'reserved', 'error_attaching'
# Of these no host has been told how to connect.
_UNCONNECTED = (_RESERVED, _FAILED)
_LIVE = ('attached', 'attaching', *_UNCONNECTED)
_DELETE = (
    'openstack --os-volume-api-version 3.44 volume attachment delete {id}'
)
_SHOW = 'openstack --os-volume-api-version 3.27 volume attachment show {id}'


@check('attachment-of-nobody', 'audit')
def attachment_of_nobody(view: AuditView) -> Iterator[Finding]:
    """Its server was deleted; the volume cannot be used by another one.

    Others than nova attach volumes, too, and give ids of their own (zun,
    ironic): where nova remembers nothing of the server, we delete nothing.
    """
    for one, volume in _old(view):
        if one.server not in view.gone:
            continue
        ours = one.server in view.seen.deleted
        runs = [d.host for d in view.domains[one.server] if d.runs]
        safe = ours and not runs
        yield found(
            _subject(one, volume),
            f'volume {one.volume} is {one.status} to server {one.server}, '
            + ('which was deleted' if ours else 'which nova does not know'),
            'openstack recover audit --fix attachment-of-nobody deletes it'
            if safe
            else _unsafe(one, runs),
            view.since('cinder', volume.updated_at),
            _delete(one, gone=True) if safe else None,
        )


@check('attachment-reserved', 'audit')
def attachment_reserved(view: AuditView) -> Iterator[Finding]:
    """What an attach that failed has left: nothing is exported for it."""
    for one, volume in _unknown(view):
        if one.status == _RESERVED:
            yield found(
                _subject(one, volume),
                f'it reserves volume {one.volume} for server {one.server}, '
                'and nova knows nothing of it',
                'openstack recover audit --fix attachment-reserved deletes it',
                view.since('cinder', volume.updated_at),
                _delete(one, gone=False),
            )


@check('attachment-failed', 'audit')
def attachment_failed(view: AuditView) -> Iterator[Finding]:
    """cinder could not connect it, and so nova was told of no connection.

    cinder/volume/manager.py, attachment_update.
    """
    for one, volume in _unknown(view):
        if one.status == _FAILED:
            yield found(
                _subject(one, volume),
                f'cinder failed to attach volume {one.volume} to server '
                f'{one.server}, and nova knows nothing of it',
                'openstack recover audit --fix attachment-failed deletes it',
                view.since('cinder', volume.updated_at),
                _delete(one, gone=False),
            )


@check('attachment-unknown', 'audit')
def attachment_unknown(view: AuditView) -> Iterator[Finding]:
    """The guest may have the disk, though nova has dropped it."""
    for one, volume in _unknown(view):
        if one.status not in _UNCONNECTED:
            yield found(
                _subject(one, volume),
                f'volume {one.volume} is {one.status} to server '
                f'{one.server}, and nova knows nothing of it',
                'see whether the guest has the disk (virsh domblklist on its '
                'host) and whether it is its root; if neither, openstack '
                f'recover volume reset {one.volume} ends it once the server '
                'is off, and at once: ' + _DELETE.format(id=one.id),
                view.since('cinder', volume.updated_at),
            )


@check('attachment-twice', 'audit')
def attachment_twice(view: AuditView) -> Iterator[Finding]:
    """Two attachments of a volume to one server: one is left over.

    A migration or an evacuation that was cut off leaves the other host's.
    Which of them nova has, its database tells, and no list does.
    """
    for volume in view.seen.volumes:
        for server in view.users[volume.id]:
            mine = [
                one
                for one in view.attachments[volume.id]
                if one.server == server.id and one.status in _LIVE
            ]
            if len(mine) < 2 or not view.steady(server):
                continue
            known = _known(view, server)
            left = [one for one in mine if one.id not in known]
            if len(left) == len(mine):
                yield _twice(view, volume, mine)
            for one in left if len(left) < len(mine) else ():
                yield _left_over(view, volume, one, server)


def _known(view: AuditView, server: Server) -> set[str]:
    """The attachments that nova has of a server, where its database told."""
    told = view.mappings[server.id]
    return {mapping.attachment for mapping in told if not mapping.dropped}


def _twice(
    view: AuditView, volume: ListedVolume, mine: list[ListedAttachment]
) -> Finding:
    server = mine[0].server
    hosts = ', '.join(one.host or one.status for one in mine)
    return found(
        _subject(mine[0], volume),
        f'volume {volume.id} has {len(mine)} attachments to server {server}',
        'keep the one that nova has (openstack --os-compute-api-version 2.89 '
        f'server volume list {server}), and delete the others: '
        + _DELETE.format(id='<attachment>'),
        f'{", ".join(one.id for one in mine)} ({hosts})',
    )


def _left_over(
    view: AuditView,
    volume: ListedVolume,
    one: ListedAttachment,
    server: Server,
) -> Finding:
    """Its end would end the export to its host, which the guest may use."""
    away = one.status in _UNCONNECTED or one.host not in ('', server.host)
    remedy = _delete(one, gone=False)
    return found(
        _subject(one, volume),
        f'volume {volume.id} has a second attachment to server {server.id}, '
        f'which nova has not ({one.host or one.status})',
        'openstack recover audit --fix attachment-twice deletes it'
        if away
        else f'stop the server first, as its end may end the export that the '
        f'guest uses: {_DELETE.format(id=one.id)}; then openstack server '
        f'reboot --hard {server.id}',
        view.since('cinder', volume.updated_at),
        Remedy(remedy.verb, {**remedy.args, 'second': True}) if away else None,
    )


@check('attachment-elsewhere', 'audit', 'instance')
def attachment_elsewhere(view: AuditView) -> Iterator[Finding]:
    """The storage lets another host have it than that of its server."""
    for one, volume in _old(view):
        server = view.servers.get(one.server)
        if server is None or not server.host or server.host in view.ironic:
            continue
        if not one.host or one.host == server.host or not view.steady(server):
            continue
        if one.status in _UNCONNECTED:
            continue
        known = _known(view, server)
        if known and one.id not in known:
            continue  # It is a second one, or nova has quite another.
        if one.volume in server.volumes:
            yield found(
                _subject(one, volume),
                f'volume {one.volume} is attached on {one.host}, not on '
                f'{server.host}, where server {one.server} is',
                f'openstack server reboot --hard {one.server}; if it stays '
                f'so, see {_SHOW.format(id=one.id)}',
                view.since('cinder', volume.updated_at),
            )


def _old(
    view: AuditView,
) -> Iterator[tuple[ListedAttachment, ListedVolume]]:
    """Attachments of servers, whose volumes were not changed lately."""
    for one in view.seen.attachments:
        volume = view.volumes.get(one.volume)
        if volume is None or not one.server or one.status not in _LIVE:
            continue
        if not view.young('cinder', volume.updated_at):
            yield one, volume


def _unknown(
    view: AuditView,
) -> Iterator[tuple[ListedAttachment, ListedVolume]]:
    """Those to servers that nova knows, and that have not the volume."""
    for one, volume in _old(view):
        server = view.servers.get(one.server)
        if server is None or not server.launched or not view.steady(server):
            continue
        if one.volume not in server.volumes:
            yield one, volume


def _subject(one: ListedAttachment, volume: ListedVolume) -> Subject:
    hosts = (one.host,) if one.host else (volume.host.partition('#')[0],)
    return Subject(
        'attachment', one.id, volume.name, hosts, volume.updated_at,
        (volume.id,),
    )  # fmt: skip


def _delete(one: ListedAttachment, *, gone: bool) -> Remedy:
    return Remedy(
        'attachment.delete',
        {
            'volume': one.volume,
            'server': one.server,
            'status': one.status,
            'gone': gone,
        },
    )


def _unsafe(one: ListedAttachment, runs: list[str]) -> str:
    if runs:
        return (
            f'a guest of that ID runs on {", ".join(runs)}: end it first; '
            f'then {_DELETE.format(id=one.id)}'
        )
    return (
        'find out whose it is: others than nova attach volumes, too; then '
        + _DELETE.format(id=one.id)
    )
