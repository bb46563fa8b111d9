# SPDX-License-Identifier: Apache-2.0
"""May a server be rebooted with the volumes that it has?  Pure."""

from collections.abc import Collection, Iterable, Sequence

from osc_recover.checks import ceph
from osc_recover.checks.disaster.view import View, refusal
from osc_recover.checks.finding import Finding, warn
from osc_recover.facts import Server

WRONG, ROOTLESS = 'volumes-wrong', 'root-missing'


def wrong(view: View, server: Server) -> Finding | None:
    """Volumes of which nova and cinder do not tell the same.

    The reboot would make that final, so the server is left alone.
    """
    if missing := unknown(view, server):
        return missing
    found = [*view.mapped(server).wrong()]
    return disagreeing(server, found) if found else None


def unknown(view: View, server: Server) -> Finding | None:
    """Volumes of which nova or cinder did not tell."""
    now = view.seen.now
    if not server.volumes and not view.attachments(server.id):
        return None
    lacks = [p for p in ('volumes', 'attachments') if not now.knows(p)]
    if not lacks and server.id not in now.unasked:
        return None
    return refusal(
        'volumes-unknown',
        'its volumes are not known: '
        + ('cinder' if lacks else 'nova')
        + ' did not tell',
        'openstack recover setup check tells what does not answer; then plan '
        'again',
    )


def disagreeing(server: Server, found: Iterable[tuple[str, str]]) -> Finding:
    """What is said of volumes that a reboot could take away.

    :param found: volume and why
    """
    return refusal(
        WRONG,
        '; '.join(f'volume {volume}: {why}' for volume, why in found)
        + '; a reboot could take it away for good',
        f'openstack recover volume check --server {server.id} names the '
        'command that repairs it; then plan again',
    )


def rootless(view: View, server: Server) -> Finding | None:
    """A root that it had at the snapshot, or must have, and has no more."""
    again = f'openstack recover volume check --server {server.id}'
    gone = view.lost(server)
    if any(one.boot_index == 0 for one in gone):
        names = ', '.join(one.volume for one in gone)
        return refusal(
            ROOTLESS,
            f'it had volume {names} at the snapshot, its root among them, '
            'and has it no more',
            f'{again} names the command that brings its mapping back',
        )
    known = view.seen.now.knows('attachments')
    if server.image or not known or server.id in view.seen.now.unasked:
        return None
    some = server.volumes or view.attachments(server.id)
    if some and not _lacks_root(view, server):
        return None
    return refusal(
        ROOTLESS,
        'it boots from a volume, and nova has '
        + ('dropped that one' if some else 'no volume of it any more'),
        f'{again} names the command that brings its mapping back',
    )


def _lacks_root(view: View, server: Server) -> bool:
    """Whether nova's database has rows of its volumes, and none of a root."""
    mine = [a for a in view.attachments(server.id) if 'nova' in a.sides]
    rows = [view.mapping(one.mapping) for one in mine]
    return bool(rows) and all(row and row.boot_index != 0 for row in rows)


def fewer(
    view: View, server: Server, mended: Collection[str] = ()
) -> Finding | None:
    """Volumes that it had at the snapshot, and nobody says it has now.

    A user may have detached them since.

    :param mended: volumes that it gets back
    """
    gone = [one for one in view.lost(server) if one.volume not in mended]
    if not gone:
        return None
    return warn(
        f'it had volume {", ".join(one.volume for one in gone)} at the '
        'snapshot, and has it no more',
        f'where that is wrong: openstack recover volume check --server '
        f'{server.id}, and openstack recover volume attach --snapshot '
        f'{view.request.snapshot} --server {server.id}',
    )


def kept_from(view: View, server: Server) -> Sequence[ceph.Hint]:
    """What may keep its guest from its volumes in Ceph; it is only said."""
    names = [
        one.target.name
        for one in view.attachments(server.id)
        if one.target.driver == 'rbd'
    ]
    return [*ceph.hints(view.seen.ceph, names)]
