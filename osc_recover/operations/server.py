# SPDX-License-Identifier: Apache-2.0
"""Servers of a failed host: reset, evacuated, stopped."""

import itertools
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.facts import Migration, Server
from osc_recover.gateways.compute import Compute
from osc_recover.operations import ways_out
from osc_recover.operations.look import Looks, deleted, find
from osc_recover.operations.watch import Shared, Together, UnderWay
from osc_recover.plan import Step

_ENDED_WELL = ('done', 'completed')
_ENDED_BADLY = ('error', 'failed')
_TICK = 0.5
_RECENT = 2.0  # seconds that records may be old before a first request
_LOOKED = 30.0  # seconds that a list of servers may be old where records tell
_LOOK_EVERY = 15  # readings between two looks for a server itself

T = TypeVar('T')
Migrations = Shared[tuple[Migration, ...]]
Servers = Shared[dict[str, Server]]


class Evacuate:
    """One evacuation, from its request to the end of its migration record.

    nova takes any number of evacuations of a server (nova/compute/api.py,
    evacuate: no guard on the task state), so a request is sent only when the
    migration record, the task state and the instance action all say that
    there is none.  The plan holds the newest ones seen before the run.

    :param migrations: a shared reading of the evacuations off the hosts
    :param servers: a shared reading of the servers still on the hosts
    :param under_way: counts the evacuations that are followed
    :param timeout: seconds that a server may take
    """

    writes = True

    def __init__(
        self,
        compute: Compute,
        migrations: Migrations,
        servers: Servers,
        under_way: UnderWay,
        *,
        grace: float,
        timeout: float,
        control: Control,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._migrations = migrations
        self._servers = servers
        self._under_way = under_way
        self.grace = grace
        self._timeout = timeout
        self._control = control
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether an evacuation newer than the plan is under way or done.

        :raises errors.StepFailed: when the server is gone
        """
        records = self._read(self._migrations, _RECENT, lost)
        newer = newer_evacuations(records, step)
        if newer and newer[-1].status not in _ENDED_BADLY:
            return True
        here = self._read(self._servers, _LOOKED, lost)
        server = here.get(step.target) or self._elsewhere(step)
        if _is_away(step, server):
            return True
        if (server.task_state or '').startswith('rebuild'):
            return True
        return self._unanswered(step, newer) if lost else False

    def _read(self, shared: Shared[T], age: float, lost: bool) -> T:
        # Without a lost request of ours there are only those of others to be
        # found, whom we could miss by as much even if we asked now.
        if lost:
            return shared.now(self._control)[1]
        return shared.recent(age, self._control)[1]

    def _elsewhere(self, step: Step) -> Server:
        try:
            return self._compute.server(step.target)
        except errors.Gone as exc:
            raise deleted(step.target) from exc

    def _unanswered(self, step: Step, newer: list[Migration]) -> bool | None:
        seen = set(step.args['actions'])
        actions = self._compute.evacuate_actions(step.target)
        fresh = list(itertools.takewhile(lambda a: a not in seen, actions))
        # The action is written before the migration record: one more of it
        # is a request that stopped, or still is, between the two.
        return None if len(fresh) > len(newer) else False

    def apply(self, step: Step) -> Result:
        """One request; nova restores the power state up to 2.94."""
        try:
            reply = self._compute.evacuate(
                step.target, step.args['target'], step.args['microversion']
            )
        except errors.Gone as exc:
            raise deleted(step.target) from exc
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """Wait for the end of the migration record, not of a status.

        :raises errors.StepFailed: when it failed, or is not over in time
        """
        with self._under_way:
            return self._end(step, control)

    def _end(self, step: Step, control: Control) -> Result:
        deadline = self._clock() + self._timeout
        number, problem = 0, ''
        while self._clock() < deadline:
            try:
                number, records = self._next(number, control)
                newer = newer_evacuations(records, step)
                if ended := self._ended(step, newer):
                    return ended
                if number % _LOOK_EVERY == 0:
                    self._look_for(step, control)
            except errors.CALL as exc:
                # The failed reading is the newest: ask for another one.
                number, problem = 0, exc.sentence
                control.wait(_TICK)
        raise _late(step, self._timeout, problem)

    def _next(
        self, number: int, control: Control
    ) -> tuple[int, tuple[Migration, ...]]:
        if number:
            return self._migrations.after(number, control)
        return self._migrations.now(control)

    def _look_for(self, step: Step, control: Control) -> None:
        if step.target not in self._servers.recent(_LOOKED, control)[1]:
            self._elsewhere(step)

    def _ended(self, step: Step, newer: list[Migration]) -> Result | None:
        if not newer:
            server = self._elsewhere(step)
            return _moved(server) if _is_away(step, server) else None
        if newer[-1].status in _ENDED_BADLY:
            raise self._failed(step, newer[-1])
        if newer[-1].status in _ENDED_WELL:
            return _arrived(newer[-1])
        return None

    def _failed(self, step: Step, record: Migration) -> errors.StepFailed:
        server = self._elsewhere(step)
        why = server.fault or 'nova gives no fault; see its conductor log'
        return errors.StepFailed(
            f'the evacuation ended as {record.status} '
            f'(migration {record.id}): {why}',
            ways_out.of_failed(record, server),
        )


class ResetState:
    """Give a paused, suspended or rescued server a state nova evacuates."""

    writes = True

    def __init__(self, compute: Compute, grace: float) -> None:
        self._compute = compute
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is in error, or has left the host already."""
        server = find(self._compute, step.target)
        return bool(server.vm_state == step.args['state'])

    def apply(self, step: Step) -> Result:
        """One os-resetState."""
        reply = self._compute.reset_state(step.target, step.args['state'])
        return Result('state reset to error', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """os-resetState is done when it answers."""
        return Result()


class Stop:
    """Stop a server that was stopped before its host failed.

    nova brings a server whose state is ERROR back running
    (nova/compute/manager.py, rebuild_instance).
    """

    writes = True

    def __init__(
        self,
        compute: Compute,
        *,
        tick: float,
        grace: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._together: Together[None, Server | None] = Together(
            Looks(compute), tick
        )
        self.grace = grace
        self._timeout = timeout
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is stopped, or on its way."""
        server = find(self._compute, step.target)
        return (
            server.vm_state == 'stopped' or server.task_state == 'powering-off'
        )

    def apply(self, step: Step) -> Result:
        """One os-stop, to the host where it is now."""
        reply = self._compute.stop(step.target)
        return Result('stopped, as it was', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until it is stopped."""
        deadline = self._clock() + self._timeout
        while problem := self._problem(step, control):
            if self._clock() > deadline:
                raise errors.StepFailed(problem)
        return Result()

    def _problem(self, step: Step, control: Control) -> str:
        try:
            server = self._together.ask(step.target, None, control)
        except errors.CALL as exc:
            control.wait(_TICK)
            return exc.sentence
        if server is None:
            raise deleted(step.target)
        if server.vm_state == 'stopped' and not server.task_state:
            return ''
        return f'it is still {server.vm_state} ({server.task_state})'


def newer_evacuations(
    records: Iterable[Migration], step: Step
) -> list[Migration]:
    """Evacuations of the step's server since the plan, oldest first."""
    return sorted(
        (
            record
            for record in records
            if record.server == step.target
            and record.type == 'evacuation'
            and record.source == step.args['source']
            and record.id > step.args['after']
        ),
        key=lambda record: record.id,
    )


def _arrived(record: Migration) -> Result:
    return Result(
        f'evacuated to {record.destination}',
        data={'destination': record.destination, 'migration': record.id},
    )


def _is_away(step: Step, server: Server) -> bool:
    return bool(server.host != step.args['source'])


def _moved(server: Server) -> Result:
    return Result(
        f'moved to {server.host} by somebody else',
        data={'destination': server.host},
    )


def _late(step: Step, timeout: float, problem: str) -> errors.StepFailed:
    return errors.StepFailed(
        f'not over after {timeout:.0f} s'
        + (f' (last problem: {problem})' if problem else ''),
        'it may go on: openstack recover run resume follows it further, and '
        'sends no second request while it is under way',
    )
