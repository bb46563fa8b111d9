# SPDX-License-Identifier: Apache-2.0
"""Migration records that have not ended, and nobody is at them."""

from collections.abc import Iterator

from osc_recover.checks.audit.view import EVACUATION, AuditView
from osc_recover.checks.finding import Finding, Subject, found
from osc_recover.checks.foreign import close
from osc_recover.checks.registry import check
from osc_recover.facts import Migration, Server

_DONE, _FINISHED = 'done', 'finished'
# A starting nova-compute destroys the guests of these (nova/compute/
# manager.py, _destroy_evacuated_instances).
_ARMED = ('accepted', 'pre-migrating', 'done')


@check('evacuated-back', 'audit')
def evacuated_back(view: AuditView) -> Iterator[Finding]:
    """The next start of nova-compute destroys the guest of a server.

    It asks for evacuations off its host, and not where the server is.
    """
    for row, server in _old(view):
        if server is None or not _armed(row, server) or server.task_state:
            continue
        yield found(
            _subject(row, server),
            f'evacuation {row.id} off {row.source} is {row.status}, and nova '
            f'has server {row.server} there: the next start of nova-compute '
            f'on {row.source} destroys its guest',
            f'do not start or restart nova-compute on {row.source}; find out '
            f'where the guest runs; if it is there, {close(row)}',
            _since(view, row),
        )


@check('evacuation-open', 'audit')
def evacuation_open(view: AuditView) -> Iterator[Finding]:
    """Its source is up, and has not removed the guests that were moved.

    Only a start of nova-compute does; one that was never down has them still.
    """
    for row, server in _old(view):
        if row.type != EVACUATION or row.status != _DONE:
            continue
        source = view.services.get(row.source)
        if source is None or not source.up or source.forced_down:
            continue
        # It never completes those of servers that were deleted.
        if server is None or server.host == row.source:
            continue
        yield found(
            _subject(row, server),
            f'evacuation {row.id} off {row.source} is done and not '
            f'completed, and {row.source} is up: its guest may be there still',
            f'openstack recover service restart {row.source}: nova-compute '
            'removes what was evacuated when it starts',
            _since(view, row),
        )


@check('stale-migration', 'audit')
def stale_migration(view: AuditView) -> Iterator[Finding]:
    """nova takes the oldest accepted record for the newest (LP 1713783).

    The task state is set before a record is made, and cleared when it ends:
    a record of a server without one is left over.
    """
    for row, server in _old(view):
        if row.status == _DONE:
            continue
        if server is not None and (
            _goes_on(row, server) or _armed(row, server)
        ):
            continue
        whose = (
            f'server {row.server}, which nova does not know'
            if row.server in view.gone
            else f'server {row.server}, at which nova is not'
        )
        yield found(
            _subject(row, server),
            f'migration {row.id} ({row.type}) is {row.status}, of {whose}',
            f'if nobody is working on it, {close(row)}',
            _since(view, row),
        )


def _old(
    view: AuditView,
) -> Iterator[tuple[Migration, Server | None]]:
    """Records that were not changed lately, of servers that are known or
    known to be gone.
    """
    known = {server.id: server for server in view.seen.known}
    for row in view.seen.migrations:
        server = view.servers.get(row.server) or known.get(row.server)
        if server is None and row.server not in view.gone:
            continue
        if server is not None and server.status == 'UNKNOWN':
            continue
        if not view.young('nova', row.updated_at or row.created_at):
            yield row, server


def _armed(row: Migration, server: Server) -> bool:
    return (
        row.type == EVACUATION
        and row.status in _ARMED
        and row.source == server.host
    )


def _goes_on(row: Migration, server: Server) -> bool:
    # A resize waits to be confirmed as long as somebody likes.
    if row.status == _FINISHED and server.vm_state == 'resized':
        return True
    return server.task_state is not None


def _subject(row: Migration, server: Server | None) -> Subject:
    places = (row.source, row.destination or '')
    return Subject(
        'migration',
        row.uuid or str(row.id),
        server.name if server else '',
        tuple(dict.fromkeys(h for h in places if h)),
        row.updated_at or row.created_at,
    )


def _since(view: AuditView, row: Migration) -> str:
    return view.since('nova', row.updated_at or row.created_at)
