# SPDX-License-Identifier: Apache-2.0
"""May a repaired host take servers again?

The functions see the facts and a Return; the subject is its host.
"""

from collections.abc import Iterator

from osc_recover.checks.finding import Finding, refuse, warn
from osc_recover.checks.foreign import ENDED, close
from osc_recover.checks.registry import check
from osc_recover.checks.request import Return
from osc_recover.facts import Migration, Situation
from osc_recover.markers import former_in, run_in

# nova/compute/manager.py, _destroy_evacuated_instances: rows in one of these
# make a starting nova-compute destroy the guest here.
OPEN = {'accepted', 'pre-migrating', 'done'}


@check('open-evacuations', 'return')
def open_evacuations(
    situation: Situation, request: Return
) -> Iterator[Finding]:
    """nova refuses "up" while a done row exists (LP 1922053)."""
    start = 'restart' if request.alive else 'start'
    here = {s.id for s in situation.servers if s.host == request.host}
    for row in situation.migrations:
        if _open(row, request.host) and row.server not in here:
            yield refuse(
                f'evacuation {row.id} of server {row.server} to '
                f'{row.destination or "nowhere yet"} is {row.status}, not '
                'completed',
                f'{start} nova-compute on {request.host} first: it removes '
                'the guests that were evacuated and completes the records',
            )


@check('evacuated-back', 'return')
def evacuated_back(situation: Situation, request: Return) -> Iterator[Finding]:
    """A starting nova-compute never asks where the server is now."""
    here = {s.id for s in situation.servers if s.host == request.host}
    for row in situation.migrations:
        if _open(row, request.host) and row.server in here:
            yield refuse(
                f'evacuation {row.id} of server {row.server} is '
                f'{row.status}, and nova says that the server is here: the '
                'next start of nova-compute destroys its guest',
                'do not start or restart nova-compute; find out where the '
                f'guest runs; if it belongs here, {close(row)}',
            )


@check('double-allocation', 'return')
def double_allocation(
    situation: Situation, request: Return
) -> Iterator[Finding]:
    """Room that is held here for servers that are elsewhere."""
    own = {h.id for h in situation.hypervisors if h.host == request.host}
    holders = _holders(situation, request.host)
    for held in situation.allocations:
        if held.provider in own and held.consumer not in holders:
            yield refuse(
                f'{_who(situation, held.consumer)} holds room on '
                f'{request.host} and is not there',
                'a start of nova-compute lets go what was evacuated; for the '
                'rest: nova-manage placement audit --verbose, openstack '
                'resource provider allocation unset --provider '
                f'{held.provider} {held.consumer}',
            )


@check('no-heartbeat', 'return')
def no_heartbeat(_situation: Situation, request: Return) -> Finding | None:
    """A service that does not report must not be announced as up."""
    if request.alive:
        return None
    return refuse(
        f'no heartbeat of nova-compute on {request.host} was seen',
        f'start nova-compute on {request.host}, then try again',
    )


@check('open-run', 'return')
def open_run(_situation: Situation, request: Return) -> Iterator[Finding]:
    """A run of this host that is not at its end may still move servers."""
    for run in request.open_runs:
        yield refuse(
            f'run {run} of {request.host} is not finished',
            f'openstack recover run resume {run}',
        )


@check('foreign-reason', 'return')
def foreign_reason(situation: Situation, request: Return) -> Finding | None:
    """It was disabled by somebody for a reason of their own."""
    service = situation.service(request.host)
    if service is None or service.enabled or not request.was_enabled:
        return None
    reason = former_in(service.disabled_reason)
    if not reason:
        return None
    said = 'was disabled before the recovery'
    if not run_in(service.disabled_reason):
        said = 'was disabled by somebody'
    return warn(f'{request.host} {said}; it is enabled now', '', reason)


def _open(row: Migration, host: str) -> bool:
    return (
        row.type == 'evacuation' and row.source == host and row.status in OPEN
    )


def _holders(situation: Situation, host: str) -> set[str]:
    """Who may hold room on a host: its servers, and moves under way."""
    servers = {s.id for s in situation.servers if s.host == host}
    moves = {
        row.uuid
        for row in situation.migrations
        if row.status not in ENDED and row.type != 'evacuation'
    }
    return servers | moves


def _who(situation: Situation, consumer: str) -> str:
    for row in situation.migrations:
        if row.uuid == consumer:
            return (
                f'migration {row.id} ({row.type} {row.status}) of server '
                f'{row.server}'
            )
    return f'server {consumer}'
