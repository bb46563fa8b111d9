# SPDX-License-Identifier: Apache-2.0
"""What became of a run, told per server, per step, and in seconds.  Pure."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from osc_recover.plan import Lane, Plan, Verdict
from osc_recover.runs import Event

PLANNED, LEFT, RECOVERED, FAILED = 'planned', 'left', 'recovered', 'failed'
IN_DOUBT, UNDER_WAY, NOT_BEGUN = 'in-doubt', 'under way', 'not begun'
RETURNED, CHECKED, DONE = 'returned', 'checked', 'done'
GOOD = (PLANNED, RECOVERED, RETURNED, CHECKED, DONE)

# Procedure -> how its success is called, and what it does not act on.
_WORDS = {
    'host': (RECOVERED, LEFT),
    'return': (RETURNED, CHECKED),
    'service': (DONE, LEFT),
    'domain': (DONE, LEFT),
    'mount': (DONE, LEFT),
    'session-close': (DONE, LEFT),
    'session-open': (DONE, LEFT),
    'instance': (DONE, LEFT),
    'attach': (DONE, LEFT),
    'cloud': (RECOVERED, LEFT),
    'drill': (RECOVERED, LEFT),
    'audit': (DONE, LEFT),
    'ownership': (DONE, LEFT),
    'volume': (DONE, LEFT),
    'volume-reset': (DONE, LEFT),
    'ownership-undo': (DONE, LEFT),
    'host-undo': (DONE, LEFT),
}

# Verdicts on what is as it was asked for without being acted on.
_FINE = ('excluded', 'moved', 'elsewhere', 'ok')

# State of a lane's newest step -> how the lane is called.
_STATES = {'failed': FAILED, 'in-doubt': IN_DOUBT, 'not-done': NOT_BEGUN}

_RESUME = 'openstack recover run resume {run}'
_CUT = 'cut off after its request was noted'


class _Stopped(NamedTuple):
    """Why a lane was not begun, and what to do."""

    reason: str
    way_out: str


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A server (or a host), what was decided, and what became of it."""

    server: str
    name: str
    kind: str = ''
    verdict: str = ''
    destination: str = ''
    loss: str = ''
    state: str = ''
    reason: str = ''
    way_out: str = ''


def is_good(row: Row) -> bool:
    """Whether a server is as it was asked for."""
    return row.state in GOOD or row.verdict in _FINE


def planned(plan: Plan) -> list[Row]:
    """The rows of a plan that was not begun."""
    _, left = _words(plan)
    return [
        _row(verdict, PLANNED if verdict.act else left)
        for verdict in plan.verdicts
    ]


def outcomes(run: str, plan: Plan, events: Iterable[Event]) -> list[Row]:
    """The rows of a run, from its plan and its journal."""
    last = newest(events)
    lanes = _lanes(plan)
    stopped = _stopped(run, plan, last)
    done, left = _words(plan)
    return [
        _outcome(run, verdict, lanes[verdict.server], last, stopped, done)
        if verdict.act
        else _row(verdict, left)
        for verdict in plan.verdicts
    ]


def _lanes(plan: Plan) -> dict[str, Lane]:
    """Each lane by its name; one that goes on in a later phase is whole."""
    found: dict[str, Lane] = {}
    for lane in plan.lanes():
        before = found[lane.name].steps if lane.name in found else ()
        found[lane.name] = Lane(lane.name, (*before, *lane.steps))
    return found


def _words(plan: Plan) -> tuple[str, str]:
    return _WORDS.get(plan.procedure, _WORDS['host'])


def newest(events: Iterable[Event]) -> dict[str, Event]:
    """The newest event of each step."""
    return {event.step: event for event in events}


def _stopped(run: str, plan: Plan, last: Mapping[str, Event]) -> _Stopped:
    """Why lanes were not begun: a host's own step failed, or a guard did.

    A host's step stops others only in a phase that must succeed.
    """
    resume = _RESUME.format(run=run)
    lanes = [
        lane for phase in plan.phases if phase.must for lane in phase.lanes
    ]
    for step in (step for lane in lanes for step in lane.steps):
        event = last.get(step.name)
        if step.target in plan.hosts and event and event.state != 'done':
            return _Stopped(event.note or _CUT, _way_out(run, event))
    told = last.get('')
    if told and told.state in ('stopped', 'ended') and told.note:
        return _Stopped(told.note, resume)
    return _Stopped('the run was cut off before its turn', resume)


def _outcome(
    run: str,
    verdict: Verdict,
    lane: Lane,
    last: Mapping[str, Event],
    stopped: _Stopped,
    done: str,
) -> Row:
    events = [last[s.name] for s in lane.steps if s.name in last]
    places = [str(e.data['destination']) for e in events if _has_place(e)]
    place = places[-1] if places else verdict.destination
    if len(events) == len(lane.steps) and _all_done(events):
        told = _notes(verdict, events), _advice(events)
        return _row(verdict, done, place, *told)
    if not events:
        return _row(verdict, NOT_BEGUN, place, *stopped)
    # A lane may go on in a later phase, where the same goes wrong again.
    wrong = next((e for e in events if e.state != 'done'), None)
    if wrong is None:
        reason = f'{events[-1].step} is done; then: {stopped.reason}'
        return _row(verdict, UNDER_WAY, place, reason, stopped.way_out)
    state = _STATES.get(wrong.state, UNDER_WAY)
    reason = wrong.note or _CUT
    return _row(verdict, state, place, reason, _way_out(run, wrong))


def _way_out(run: str, event: Event) -> str:
    resume = _RESUME.format(run=run)
    if event.state == 'in-doubt':
        return (
            f'look, then: openstack recover step settle {run} {event.step} '
            f'--done (or --not-done), then: {resume}'
        )
    return str(event.data.get('way_out', '')) or resume


def _has_place(event: Event) -> bool:
    return event.state == 'done' and bool(event.data.get('destination'))


def _all_done(events: Sequence[Event]) -> bool:
    return all(event.state == 'done' for event in events)


def _notes(verdict: Verdict, events: Sequence[Event]) -> str:
    told = [event.note for event in events if event.note]
    warned = [str(event.data['warning']) for event in _warned(events)]
    found = [verdict.reason] if verdict.reason else told[-1:]
    return '; '.join(dict.fromkeys([*found, *warned]))


def _warned(events: Sequence[Event]) -> list[Event]:
    """Those that are done, and have something to tell all the same."""
    return [event for event in events if event.data.get('warning')]


def _advice(events: Sequence[Event]) -> str:
    found = [str(e.data.get('way_out', '')) for e in _warned(events)]
    return '; '.join(way for way in dict.fromkeys(found) if way)


def _row(
    verdict: Verdict,
    state: str,
    destination: str | None = None,
    reason: str | None = None,
    way_out: str | None = None,
) -> Row:
    return Row(
        verdict.server,
        verdict.name,
        verdict.kind,
        verdict.code,
        verdict.destination if destination is None else destination,
        verdict.loss,
        state,
        verdict.reason if reason is None else reason,
        verdict.way_out if way_out is None else way_out,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Times:
    """How long a server took, in seconds of the clock that kept the journal.

    ``waited`` from the start of the run to the request (or transaction),
    ``evacuated`` from there to its end, ``proven`` from there to the proof,
    ``total`` from the start of the run to the proof; None: not known.
    ``detected`` and ``restored``: from a loss on purpose until it was seen,
    and until all was there again.  ``phases``: title -> from its first step
    to its last one, of those that are done.
    """

    server: str
    name: str
    waited: float | None
    evacuated: float | None
    proven: float | None
    total: float | None
    request_id: str
    detected: float | None = None
    restored: float | None = None
    phases: Mapping[str, float] = dataclasses.field(default_factory=dict)


def times(plan: Plan, events: Sequence[Event]) -> list[Times]:
    """One record for each server that the plan acts on."""
    start = next((e.at for e in events if not e.step), None)
    return [
        dataclasses.replace(
            _times(verdict, start, events),
            phases=dict(_phases(plan, verdict.server, events)),
        )
        for verdict in plan.verdicts
        if verdict.act
    ]


def _times(
    verdict: Verdict, start: float | None, events: Sequence[Event]
) -> Times:
    # In the database it is moved, and in no request.
    ways = [f'{way}:{verdict.server}' for way in ('move', 'start', 'evacuate')]
    mine = {e.step for e in events}
    step = next((way for way in ways if way in mine), ways[-1])
    asked = _at(events, step, 'begun')
    there = _at(events, step, 'done')
    proven = _at(events, f'prove:{verdict.server}', 'done')
    ids = [e.request_id for e in events if e.step == step and e.request_id]
    lost = _lost_at(events)
    seen = _at(events, f'detect:{verdict.server}', 'done')
    return Times(
        verdict.server,
        verdict.name,
        _between(start, asked),
        _between(asked, there),
        _between(there, proven),
        _between(start, proven),
        ids[-1] if ids else '',
        _between(lost, seen),
        _between(lost, proven),
    )


def _lost_at(events: Sequence[Event]) -> float | None:
    """When the first session was closed; a repeated look is none."""
    closed = (e for e in events if e.step.startswith('close:'))
    return next((e.at for e in closed if e.state == 'done'), None)


def _phases(
    plan: Plan, server: str, events: Sequence[Event]
) -> Iterator[tuple[str, float]]:
    for phase in plan.phases:
        mine = [
            step.name
            for lane in phase.lanes
            if lane.name == server or _serves(lane, server)
            for step in lane.steps
        ]
        began = [e.at for e in events if e.step in mine]
        ended = [_at(events, name, 'done') for name in mine]
        known = [at for at in ended if at is not None]
        if mine and len(known) == len(mine):
            yield phase.title, round(max(known) - min(began), 3)


def _serves(lane: Lane, server: str) -> bool:
    """Whether a lane acts on what a server has on its host."""
    return any(server in step.args.get('servers', ()) for step in lane.steps)


def _at(events: Sequence[Event], step: str, state: str) -> float | None:
    found = [e.at for e in events if e.step == step and e.state == state]
    return found[-1] if found else None


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 3)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0..1) of them do not exceed.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)  # rounded up
    return ordered[max(int(rank), 1) - 1]
