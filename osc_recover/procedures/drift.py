# SPDX-License-Identifier: Apache-2.0
"""What moved between a stored plan and one made now from fresh facts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from osc_recover.plan import Plan, Step, Verdict

# What of a verdict decides; its texts may be worded anew by another release.
DECIDES = ('code', 'act', 'destination', 'loss', 'ran')


def differences(old: Plan, new: Plan) -> tuple[str, ...]:
    """Name every difference that matters, in words; () for none.

    Notes and the wording of reasons do not matter.  Of the requests the
    fields that both have are compared: a newer release may know more.
    """
    found = [
        *_whole(old, new),
        *_verdicts(old, new),
        *_steps(old, new),
        *_shape(old, new),
    ]
    return tuple(dict.fromkeys(found))


def _whole(old: Plan, new: Plan) -> Iterator[str]:
    if (old.procedure, old.hosts) != (new.procedure, new.hosts):
        yield f'it is for {_for(new)}, not for {_for(old)}'
    for key in sorted(old.request.keys() & new.request.keys()):
        if old.request[key] != new.request[key]:
            yield f'the request has another {key}'


def _for(plan: Plan) -> str:
    return f'{plan.procedure} {", ".join(plan.hosts)}'


def _verdicts(old: Plan, new: Plan) -> Iterator[str]:
    before = {_subject(old, verdict): verdict for verdict in old.verdicts}
    after = {_subject(new, verdict): verdict for verdict in new.verdicts}
    for gone in sorted(before.keys() - after):
        yield f'{before[gone].name} is not there any more'
    for come in sorted(after.keys() - before):
        yield f'{after[come].name} has come'
    for key in sorted(before.keys() & after):
        yield from _verdict(before[key], after[key])


def _subject(plan: Plan, verdict: Verdict) -> str:
    # A return has several verdicts about its one host.
    return verdict.name if plan.procedure == 'return' else verdict.server


def _verdict(old: Verdict, new: Verdict) -> Iterator[str]:
    for field in DECIDES:
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            why = f' ({new.reason})' if field == 'code' and new.reason else ''
            yield f'{new.name}: {field} is {now!r}, was {was!r}{why}'


def _steps(old: Plan, new: Plan) -> Iterator[str]:
    before = {step.name: step for step in old.steps()}
    after = {step.name: step for step in new.steps()}
    for name in sorted(before.keys() - after):
        yield f'there is no step {name} any more'
    for name in sorted(after.keys() - before):
        yield f'there is a new step {name}'
    for name in sorted(before.keys() & after):
        yield from _step(before[name], after[name])


def _step(old: Step, new: Step) -> Iterator[str]:
    if (old.verb, old.target, old.hosts) != (new.verb, new.target, new.hosts):
        yield f'step {new.name} acts on something else'
    for key in _changed(old.args, new.args):
        was, now = old.args.get(key), new.args.get(key)
        if key == 'after':
            # One marker for all servers of a host: say it once.
            source = new.args.get('source')
            yield f'{source} has migration records up to {now}, not {was}'
        else:
            yield f'{new.name}: {key} is {now!r}, was {was!r}'


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    keys = sorted(old.keys() | new.keys())
    return [key for key in keys if old.get(key) != new.get(key)]


def _shape(old: Plan, new: Plan) -> Iterator[str]:
    if _order(old) != _order(new):
        yield 'the order of the steps is another one'
    if _mutexes(old) != _mutexes(new):
        yield 'other servers must wait for each other'


def _order(plan: Plan) -> list[tuple[str, bool, tuple[str, ...]]]:
    return [
        (phase.title, phase.must, tuple(s.name for s in lane.steps))
        for phase in plan.phases
        for lane in phase.lanes
    ]


def _mutexes(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {lane.name: lane.mutexes for lane in plan.lanes() if lane.mutexes}
