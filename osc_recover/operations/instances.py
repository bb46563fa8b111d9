# SPDX-License-Identifier: Apache-2.0
"""States of servers: in their rows, and through the API."""

from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Cell, Databases
from osc_recover.gateways.database.instances import Instances
from osc_recover.operations.look import find
from osc_recover.plan import Step


def verbs(
    compute: Compute, databases: Databases, grace: float
) -> Mapping[str, Operation]:
    """The operations on states, by their verbs."""
    return {
        'instance.set': SetStates(databases, grace),
        'instance.reset': Reset(compute, grace),
    }


class SetStates:
    """Change states in a server's row, if it is as the plan has seen it."""

    writes = True

    def __init__(self, databases: Databases, grace: float) -> None:
        self._databases = databases
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether the row has the wanted states.

        :raises errors.StepFailed: when the server is gone
        """
        try:
            row = self._instances(step).row(step.target)
        except errors.DatabaseError as exc:
            if lost:
                return None
            raise _failed(exc) from exc
        if row is None or row.deleted:
            raise _gone(step)
        wanted = step.args['to'].items()
        return all(row.columns.get(key) == value for key, value in wanted)

    def apply(self, step: Step) -> Result:
        """One transaction; the row is compared with the plan inside it."""
        to = dict(step.args['to'])
        try:
            now = self._instances(step).set_states(
                step.target, dict(step.args['was']), to
            )
        except errors.CommitUnknown as exc:
            raise errors.Uncertain(
                exc.database, 'change of states', exc.problem
            ) from exc
        except errors.DatabaseError as exc:
            raise _failed(exc) from exc
        if now is not None:
            raise _moved(step, now)
        done = ', '.join(f'{key} is {_word(to[key])}' for key in sorted(to))
        return Result(f'in the database: {done}')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it is committed; nova may change it again."""
        return Result()

    def _instances(self, step: Step) -> Instances:
        cell = self._cell(str(step.args['cell']))
        return Instances(cell.name or cell.uuid, cell.database)

    def _cell(self, uuid: str) -> Cell:
        for cell in self._databases.cells():
            if cell.uuid == uuid:
                return cell
        raise errors.StepFailed(
            f'nova has no enabled cell {uuid} any more',
            'nova-manage cell_v2 list_cells shows the cells; make a new plan',
        )


class Reset:
    """Have nova set a server's vm_state, and its task state to none."""

    writes = True

    def __init__(self, compute: Compute, grace: float) -> None:
        self._compute = compute
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it has the state, and no task.

        :raises errors.StepFailed: when the server is gone
        """
        server = find(self._compute, step.target)
        state = str(step.args['state'])
        return server.vm_state == state and not server.task_state

    def apply(self, step: Step) -> Result:
        """One os-resetState."""
        state = str(step.args['state'])
        reply = self._compute.reset_state(step.target, state)
        return Result(
            f'through the API: vm_state is {state}, task_state is none',
            reply.request_id,
        )

    def follow(self, step: Step, control: Control) -> Result:
        """os-resetState is done when it answers."""
        return Result()


def _failed(exc: errors.DatabaseError) -> errors.StepFailed:
    return errors.StepFailed(exc.sentence, exc.way_out)


def _gone(step: Step) -> errors.StepFailed:
    return errors.StepFailed(
        f'server {step.target} is not in its cell any more, or was deleted',
        f'openstack recover instance show {step.target}',
    )


def _moved(step: Step, now: Mapping[str, Any]) -> errors.StepFailed:
    if not now:
        return _gone(step)
    was = step.args['was']
    told = ', '.join(
        f'{key} is {_word(now[key])}, was {_word(was[key])}'
        for key in sorted(now)
        if now[key] != was.get(key)
    )
    return errors.StepFailed(
        f'its row has changed since the plan was made: {told}; nothing was '
        'changed',
        'make a new plan with the same command',
    )


def _word(value: Any) -> str:
    return 'NULL' if value is None else str(value)
