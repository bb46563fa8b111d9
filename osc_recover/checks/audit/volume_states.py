# SPDX-License-Identifier: Apache-2.0
"""Is each volume in a status in which it can stay, and served by somebody?"""

from collections.abc import Iterable, Iterator

from osc_recover.checks.audit.view import AuditView, volume_subject
from osc_recover.checks.finding import Finding, Remedy, found
from osc_recover.checks.registry import check
from osc_recover.facts import Server
from osc_recover.facts.audit import ListedVolume

# cinder sets these for a moment while something is attached or detached.
WEDGED = ('reserved', 'attaching', 'detaching')
# Never touched, whatever else is so: cinder is at it, or its data is of
# unknown worth (cinder/objects/fields.py, VolumeStatus).
ALONE = {
    'creating', 'downloading', 'uploading', 'managing', 'deleting',
    'error_deleting', 'error_managing', 'backing-up', 'restoring-backup',
    'error_backing-up', 'error_restoring', 'extending', 'error_extending',
    'retyping', 'maintenance', 'awaiting-transfer',
}  # fmt: skip
_CODES = {'error': 'volume-error', 'available': 'volume-status'}
_NO_HOST_YET = ('creating', 'error', 'deleting', 'error_deleting')


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
        given = {one.server for one in view.attachments[volume.id]}
        if view.told('attachments') and given.isdisjoint(u.id for u in users):
            continue  # Which is another finding, and comes first.
        yield _stuck(
            view, volume, f'server {_ids(users)} has it: cinder-volume could '
            'not export it when it started', 'in-use',
            [user.id for user in users],
            then='; then start cinder-volume again, once its storage is back, '
            'so that it is exported, and reboot the server hard',
        )  # fmt: skip


@check('volume-status', 'audit', 'instance')
def volume_status(view: AuditView) -> Iterator[Finding]:
    """It is attached and may be given to another server, or the reverse."""
    if not view.told('attachments'):
        return
    # Those that nova has dropped are said to be that.
    mapped = {mapping.volume for mapping in view.seen.mappings}
    for volume in view.seen.volumes:
        if view.young('cinder', volume.updated_at):
            continue
        users = view.users[volume.id]
        given = {one.server for one in view.attachments[volume.id]}
        mine = [user for user in users if user.id in given]
        if volume.status == 'available' and mine:
            if all(view.steady(user) for user in users):
                yield _stuck(
                    view, volume, f'attached to server {_ids(mine)}',
                    'in-use', [user.id for user in mine],
                )  # fmt: skip
        elif volume.status == 'in-use' and not (
            users or given or volume.id in mapped
        ):
            yield found(
                volume_subject(volume),
                f'it is {volume.status}, and neither cinder nor nova knows by '
                'whom',
                f'openstack recover volume reset {volume.id} makes it '
                'available, when every cell of nova has answered',
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


def _wedged(view: AuditView, volume: ListedVolume) -> Iterator[Finding]:
    attached = view.attachments[volume.id]
    users = view.users[volume.id]
    if any(not view.steady(user) for user in users):
        return
    # One without a server is cinder's own, or of an image that is made.
    if any(not one.server for one in attached):
        return
    if users:
        if {a.status for a in attached} == {'attached'}:
            yield _stuck(
                view, volume, 'nova has it attached', 'in-use',
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
    code = _CODES.get(volume.status, 'volume-wedged')
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
