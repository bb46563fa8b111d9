# SPDX-License-Identifier: Apache-2.0
"""Carry a plan out, each effect once.

The journal has the intent before an effect and the result after it.  Before
the first try and after every cut, the operation is asked whether the effect
is there; only a believed no leads to a (further) request.
"""

import concurrent.futures
import contextlib
import itertools
import time
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future
from typing import Any

from osc_recover import errors
from osc_recover.effects import Control, Cut, Guard, Operation, Result
from osc_recover.journal import Journal
from osc_recover.plan import Lane, Plan, Step
from osc_recover.runs import Event, State

_LOOK_AGAIN = 1.0  # seconds between two looks for a lost request's traces
_WAIT = 1.0  # seconds
# Lanes that only look wait for no slot, so it is this that keeps them from
# asking everything at once; what they do not compete for is a place.
_LOOKS = 0.1  # of the seconds between others


Watcher = Callable[[Step, str, str], None]  # (step, state, note)


class _InDoubt(Exception):
    """Cut off, and nobody can tell."""


class _NotBegun(Exception):
    """The brake is on: this effect is left for a resume."""


class Engine:
    """Carries plans out.

    :param operations: verb -> operation
    :param guard: asked before each effect about the step's failed hosts
    :param workers: how many lanes run side by side
    :param max_failures: lanes that may fail before no more are begun; 0: all
    :param stagger: seconds between the begins of two lanes that write
    :param watch: told of every change of a step
    """

    def __init__(
        self,
        journal: Journal,
        operations: Mapping[str, Operation],
        guard: Guard,
        *,
        workers: int = 8,
        max_failures: int = 0,
        stagger: float = 0.0,
        watch: Watcher = lambda step, state, note: None,
        control: Control | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._operations = operations
        self._guard = guard
        self._workers = max(workers, 1)
        self._max_failures = max_failures
        self._stagger = stagger
        self._watch = watch
        self._clock = clock
        self._next_begin = 0.0
        self.control = control or Control()

    def carry_out(self, run: str, plan: Plan) -> bool:
        """Do what of a plan is not in effect yet.

        A lane that failed does not go on in later phases, where it has the
        same name.  Returns whether all is in effect now; the journal has the
        rest.

        :raises errors.Interrupted: after ^C; what is under way goes on
        """
        failed: set[str] = set()
        for phase in plan.phases:
            lanes = [one for one in phase.lanes if one.name not in failed]
            failed |= self._phase(run, lanes)
            if self.control.is_cut:
                raise errors.Interrupted(run)
            if failed and (phase.must or self.control.braked):
                break
        return not failed

    # Lanes side by side

    def _phase(self, run: str, lanes: Sequence[Lane]) -> set[str]:
        """Carry lanes out; returns the names of those that failed."""
        waiting = list(lanes)
        running: dict[Future[bool], Future[None]] = {}
        lane_of: dict[Future[bool], Lane] = {}
        slots: dict[Future[None], Lane] = {}
        failed: list[str] = []
        with self._pool(len(waiting)) as pool:
            while waiting or running:
                ready = self._ready(waiting, slots.values())
                self.control.waiting = len(waiting) - len(ready)
                for lane in ready:
                    waiting.remove(lane)
                    self._space_out(writes=self._last_write(lane) >= 0)
                    slot: Future[None] = Future()
                    slots[slot] = lane
                    begun = pool.submit(self._lane, run, lane, slot)
                    running[begun], lane_of[begun] = slot, lane
                for future in _first_ended(running, slots):
                    if future in running:
                        slots.pop(running.pop(future), None)
                        if not future.result():
                            failed.append(lane_of[future].name)
                    slots.pop(future, None)
                self._count(len(failed))
        return set(failed)

    def _space_out(self, *, writes: bool) -> None:
        """Wait until the lane begun last is old enough for another one."""
        now = time.monotonic()
        time.sleep(max(self._next_begin - now, 0))
        pause = self._stagger * (1 if writes else _LOOKS)
        self._next_begin = max(self._next_begin, now) + pause

    @contextlib.contextmanager
    def _pool(
        self, lanes: int
    ) -> Iterator[concurrent.futures.ThreadPoolExecutor]:
        # Lanes that have given their slot back may be any number.
        pool = concurrent.futures.ThreadPoolExecutor(max(lanes, 1))
        try:
            yield pool
        except KeyboardInterrupt:
            self.control.cut()
        except BaseException:
            self.control.cut()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _ready(
        self, waiting: list[Lane], holding: Collection[Lane]
    ) -> list[Lane]:
        held = {mutex for lane in holding for mutex in lane.mutexes}
        ready: list[Lane] = []
        for lane in waiting:
            if len(holding) + len(ready) >= self._workers:
                break
            if held.isdisjoint(lane.mutexes):
                ready.append(lane)
                held.update(lane.mutexes)
        return ready

    def _count(self, failures: int) -> None:
        if self._max_failures and failures >= self._max_failures:
            self.control.brake(
                f'{failures} failed, as many as --max-failures allows'
            )

    def _lane(self, run: str, lane: Lane, slot: 'Future[None]') -> bool:
        """The steps of a lane; its slot is free after the last that writes."""
        last = self._last_write(lane)
        try:
            for number, step in enumerate(lane.steps):
                if number == last + 1:
                    slot.set_result(None)
                if not self._step(run, step):
                    return False
        except (Cut, _NotBegun):
            return False
        return True

    def _last_write(self, lane: Lane) -> int:
        writes = [self._operations[step.verb].writes for step in lane.steps]
        return max((n for n, one in enumerate(writes) if one), default=-1)

    # One step

    def _step(self, run: str, step: Step) -> bool:
        before = self._journal.last(run, step.name)
        if before is not None and before.state == State.DONE:
            return True
        try:
            result = self._bring_about(run, step, before)
        except _InDoubt as exc:
            self._record(run, step, State.IN_DOUBT, Result(str(exc)))
        except (errors.StepFailed, *errors.CALL) as exc:
            self._fail(run, step, exc)
        else:
            self._record(run, step, State.DONE, result)
            return True
        return False

    def _fail(self, run: str, step: Step, exc: errors.RecoverError) -> None:
        data = {'code': exc.code, 'way_out': exc.way_out}
        self._record(run, step, State.FAILED, Result(exc.sentence, data=data))

    def _bring_about(
        self, run: str, step: Step, before: Event | None
    ) -> Result:
        operation = self._operations[step.verb]
        sent = before is not None and before.state in (
            State.BEGUN,
            State.IN_DOUBT,
        )
        if before is not None and sent:
            effect = self._look(step, operation, before.at)
        else:
            effect = operation.in_effect(step)
        if effect:
            told = Result('already in effect')
        elif effect is None and sent:
            raise _InDoubt('cut off while it was asked for; nobody can tell')
        else:
            told = self._send(run, step, operation)
        return _joined(told, operation.follow(step, self.control))

    def _send(self, run: str, step: Step, operation: Operation) -> Result:
        try:
            return self._try(run, step, operation)
        except errors.Unauthorized:
            # Rejected before the service saw it, so a new token may ask once
            # more, if the effect has not come from elsewhere meanwhile.
            if operation.in_effect(step, lost=True):
                return Result('already in effect')
            return self._try(run, step, operation)

    def _try(self, run: str, step: Step, operation: Operation) -> Result:
        if operation.writes:
            self._permit(run, step)
        event = self._record(run, step, State.BEGUN, Result())
        try:
            return operation.apply(step)
        except errors.Uncertain as exc:
            return self._traced(step, operation, event.at, exc)

    def _permit(self, run: str, step: Step) -> None:
        if self.control.is_cut:
            raise Cut
        if not self.control.braked:
            try:
                for host in step.hosts:
                    self._guard(run, host)
            except errors.RunStopped as exc:
                self._journal.record(run, '', 'stopped', str(exc))
                self.control.brake(str(exc))
        if self.control.braked:
            raise _NotBegun

    def _traced(
        self,
        step: Step,
        operation: Operation,
        since: float,
        lost: errors.Uncertain,
    ) -> Result:
        effect = self._look(step, operation, since)
        if effect:
            return Result(f'no answer ({lost.problem}), but it happened')
        if effect is None:
            raise _InDoubt(f'{lost.sentence}; nobody can tell if it happened')
        raise errors.StepFailed(
            f'{lost.sentence}; {operation.grace:.0f} s later there is no '
            'trace of it: it did not happen'
        ) from lost

    def _look(
        self, step: Step, operation: Operation, since: float
    ) -> bool | None:
        """Look for the traces of a request that may still be queued.

        A yes is believed at once, a no only when the grace has passed.

        :raises errors.StepFailed: what a look says; when the grace has passed,
            too, as a resume waits for no traces of a step that failed
        """
        until = min(since, self._clock()) + operation.grace
        while True:
            effect, failed = None, None
            try:
                effect = operation.in_effect(step, lost=True)
            except errors.StepFailed as exc:
                failed = exc
            except errors.CALL:
                # Whatever keeps us from looking, it is no answer.
                pass
            left = until - self._clock()
            if effect or left <= 0:
                if failed:
                    raise failed
                return effect
            self.control.wait(min(left, _LOOK_AGAIN))

    def _record(
        self, run: str, step: Step, state: State, result: Result
    ) -> Event:
        event = self._journal.record(
            run, step.name, state, result.note, result.request_id, result.data
        )
        self._watch(step, str(state), result.note)
        return event


def _first_ended(*futures: Iterable['Future[Any]']) -> 'set[Future[Any]]':
    every = set(itertools.chain(*futures))
    ended: set[Future[Any]] = set()
    while not ended:
        # Python tells of a ^C just before a wait only after the wait.
        ended = concurrent.futures.wait(
            every, _WAIT, concurrent.futures.FIRST_COMPLETED
        ).done
    return ended


def _joined(told: Result, seen: Result) -> Result:
    return Result(
        '; '.join(note for note in (seen.note, told.note) if note),
        told.request_id or seen.request_id,
        {**told.data, **seen.data},
    )
