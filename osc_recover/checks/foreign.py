# SPDX-License-Identifier: Apache-2.0
"""What others have begun: masakari, evacuations, migrations."""

from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.registry import check
from osc_recover.checks.servers import by_hand
from osc_recover.checks.view import View
from osc_recover.facts import Migration, Server

ENDED = {
    'completed',
    'confirmed',
    'reverted',
    'error',
    'failed',
    'cancelled',
    'done',
}
BEGUN = {'accepted', 'pre-migrating'}
LIVE = 'live-migration'


@check('masakari', 'host')
def masakari(view: View, host: str) -> Finding | None:
    """Two evacuators move servers twice; on maintenance masakari rests."""
    active = [
        m
        for m in view.situation.masakari
        if m.host == host and not m.on_maintenance
    ]
    if not active:
        return None
    segment = active[0].segment
    return refuse(
        f'masakari watches {host} and may evacuate its servers as well',
        'openstack segment host update --on_maintenance True '
        f'{segment} {host}, and see that it has no notification running: '
        'openstack notification list',
        f'segment {segment}',
    )


@check('under-way')
def under_way(view: View, server: Server) -> Finding | None:
    """nova accepts a second evacuation: one a server is our duty."""
    rows = [r for r in view.migrations(server) if _going(r, server)]
    if not rows:
        return None
    return refuse(
        f'an evacuation from {server.host} is under way already',
        'wait until it ends (openstack server migration list --server '
        f'{server.id}), then plan again; openstack recover run list tells '
        'whether it is ours',
        _row(rows[-1]),
    )


@check('stale-accepted')
def stale_accepted(view: View, server: Server) -> Finding | None:
    """The conductor takes the oldest accepted row, whatever it is.

    nova/conductor/manager.py, rebuild_instance: our own would stay accepted,
    and a returning host act on it (LP 1713783).
    """
    rows = [
        row
        for row in view.migrations(server)
        if row.status == 'accepted' and not _going(row, server)
    ]
    if not rows:
        return None
    ours = rows[0].type == 'evacuation' and rows[0].source == server.host
    return refuse(
        'an old migration record of it is still accepted, and nova would '
        'take it for the new one',
        _close(rows[0], 'if nobody is working on it')
        + (f'; or {by_hand(server)}' if ours else ''),
        _row(rows[0]),
    )


@check('live-migrating')
def live_migrating(view: View, server: Server) -> Finding | None:
    """The guest may run on the target of its live migration."""
    rows = [r for r in _unfinished(view, server) if r.type == LIVE]
    if not rows:
        return None
    there = rows[0].destination or 'the target'
    return refuse(
        'it was being live-migrated: its guest may be running on the target',
        f'look with virsh list --all on {there}; '
        + _close(rows[0], 'if its guest is not there'),
        _row(rows[0]),
    )


@check('cold-migrating')
def cold_migrating(view: View, server: Server) -> Finding | None:
    """A resize or migration cut off in the middle moves the disks about.

    The instance directory is renamed to <uuid>_resize while it runs, and an
    evacuation that does not find it makes the disks anew.
    """
    rows = [
        row
        for row in _unfinished(view, server)
        if row.type not in (LIVE, 'evacuation') and row.status != 'finished'
    ]
    if not rows:
        return None
    return refuse(
        'it was being migrated or resized: its disks may be half moved',
        'look for <instances_path>/'
        f'{server.id}_resize and put it back; '
        + _close(rows[0], 'when the disks are in place'),
        _row(rows[0]),
    )


def _going(row: Migration, server: Server) -> bool:
    """Whether this row is an evacuation that nova works on.

    The task state is set before the row is made and is cleared, at the end,
    before the row is: an accepted row without one was left behind.
    """
    ours = row.type == 'evacuation' and row.source == server.host
    if not ours or row.status not in BEGUN:
        return False
    return row.status != 'accepted' or server.task_state is not None


def _unfinished(view: View, server: Server) -> list[Migration]:
    return [
        row
        for row in view.migrations(server)
        if row.status not in ENDED and row.status != 'accepted'
    ]


def close(row: Migration) -> str:
    """How to end a row by hand; no API does it.  Said, never carried out."""
    sql = f"SET status='error' WHERE id={row.id} AND status='{row.status}'"
    return f"in nova's cell database: UPDATE migrations {sql}"


def _close(row: Migration, when: str) -> str:
    return f'{when}, {close(row)}; then plan again'


def _row(row: Migration) -> str:
    when = row.updated_at or row.created_at
    since = f' since {when}' if when else ''
    return f'migration {row.id}, {row.type} {row.status}{since}'
