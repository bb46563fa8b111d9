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
    first = start(situation, request)
    mine = here(situation, request)
    for row in opened(situation, request):
        if row.server not in mine:
            yield refuse(
                f'evacuation {row.id} of server {row.server} to '
                f'{row.destination or "nowhere yet"} is {row.status}, not '
                'completed',
                f'{first}: it removes the guests that were evacuated and '
                'completes the records',
            )


@check('evacuated-back', 'return')
def evacuated_back(situation: Situation, request: Return) -> Iterator[Finding]:
    """A starting nova-compute never asks where the server is now."""
    for row in _traps(situation, request):
        ended = row.status == 'done'
        yield refuse(
            f'evacuation {row.id} of server {row.server} is {row.status}, '
            'and nova says that the server is here: the next start of '
            'nova-compute destroys its guest',
            'do not start or restart nova-compute; '
            + (
                f'find out where the guest runs; if it is here, {close(row)}'
                if ended
                else 'wait until the evacuation has ended; if nobody is '
                f'working on it, {close(row)}'
            ),
        )


@check('double-allocation', 'return')
def double_allocation(
    situation: Situation, request: Return
) -> Iterator[Finding]:
    """Room that is held here for servers that are elsewhere."""
    own = {h.id for h in situation.hypervisors if h.host == request.host}
    holders = _holders(situation, request)
    for held in situation.allocations:
        if held.provider in own and held.consumer not in holders:
            yield refuse(
                f'{_who(situation, held.consumer)} holds room on '
                f'{request.host} and is not there',
                f'{start(situation, request)}: it lets go of what was '
                'evacuated; for the rest: openstack recover audit --host '
                f'{request.host} --fix double-allocation --fix '
                'orphan-allocation',
            )


@check('no-heartbeat', 'return')
def no_heartbeat(situation: Situation, request: Return) -> Finding | None:
    """A service that does not report must not be announced as up."""
    if request.alive:
        return None
    return refuse(
        f'no heartbeat of nova-compute on {request.host} was seen',
        f'{start(situation, request)}, then try again',
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


def opened(situation: Situation, request: Return) -> list[Migration]:
    """Evacuations off the host that its nova-compute has not completed."""
    return [
        row
        for row in situation.migrations
        if row.type == 'evacuation'
        and row.source == request.host
        and row.status in OPEN
    ]


def here(situation: Situation, request: Return) -> set[str]:
    """The servers that nova has on the host."""
    return {s.id for s in situation.servers if s.host == request.host}


def _traps(situation: Situation, request: Return) -> list[Migration]:
    mine = here(situation, request)
    return [row for row in opened(situation, request) if row.server in mine]


def start(situation: Situation, request: Return) -> str:
    """What is to be done with nova-compute there, and what before that."""
    verb = 'restart' if request.alive else 'start'
    done = f'{verb} nova-compute on {request.host}'
    if not _traps(situation, request):
        return done
    return f'settle the evacuations of servers that are here, then {done}'


def _holders(situation: Situation, request: Return) -> set[str]:
    """Who may hold room on a host: its servers, and moves under way."""
    moves = {
        row.uuid
        for row in situation.migrations
        if row.status not in ENDED and row.type != 'evacuation'
    }
    return here(situation, request) | moves


def _who(situation: Situation, consumer: str) -> str:
    for row in situation.migrations:
        if row.uuid == consumer:
            return (
                f'consumer {consumer}, migration {row.id} ({row.type} '
                f'{row.status}) of server {row.server},'
            )
    return f'consumer {consumer}'
