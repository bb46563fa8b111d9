# SPDX-License-Identifier: Apache-2.0
"""The first start of a server that was moved by hand."""

import time
from collections.abc import Callable

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.facts import Server
from osc_recover.gateways.compute import Compute
from osc_recover.operations.look import find
from osc_recover.plan import Step

_ON = 'powering-on'
# nova/db/main/api.py, migration_get_in_progress_by_host_and_node
_ENDED = {
    'completed', 'confirmed', 'reverted', 'error', 'failed', 'cancelled',
    'done',
}  # fmt: skip
# What says nothing of whether its guest ran.
_HARMLESS = {'lock', 'unlock'}


class Start:
    """Start a server where its record is now.

    nova makes the guest anew from its records (nova/virt/libvirt/driver.py,
    power_on), as a hard reboot does.
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
        self._tick = tick
        self.grace = grace
        self._timeout = timeout
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it runs there, or is on its way."""
        server = find(self._compute, step.target)
        there = server.host == step.args['host']
        return there and (_runs(server) or server.task_state == _ON)

    def apply(self, step: Step) -> Result:
        """One os-start, if nobody else is at it.

        :raises errors.StepFailed: when somebody is
        """
        server = find(self._compute, step.target)
        if problem := self._problem(server, step.args['host']):
            raise errors.StepFailed(
                f'it is not started: {problem}',
                f'see openstack server show {server.id}; when that is over, '
                'resume',
            )
        reply = self._compute.start(step.target)
        return Result('', reply.request_id)

    def _problem(self, server: Server, host: str) -> str:
        if server.host != host:
            return f'nova has it on {server.host or "no host"} now'
        if server.task_state:
            return f'its task state is {server.task_state}'
        if server.vm_state != 'stopped':
            return f'it is {server.vm_state}, not stopped'
        others = [
            row
            for row in self._compute.migrations(server=server.id)
            if row.status not in _ENDED
        ]
        if others:
            return f'migration {others[0].id} of it is {others[0].status}'
        return ''

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until it runs; nova sets the task state before it answers.

        :raises errors.StepFailed: when it ended badly, or not in time
        """
        deadline = self._clock() + self._timeout
        while not _runs(server := find(self._compute, step.target)):
            if server.task_state != _ON:
                raise _not_started(server)
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'not started after {self._timeout:.0f} s',
                    'openstack recover run resume looks again',
                )
            control.wait(self._tick)
        return Result(f'started on {server.host}')


class Unstarted(Looking):
    """See that a moved server has not been started since, or touched.

    What is taken back afterwards must not be in use.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def follow(self, step: Step, control: Control) -> Result:
        """Compare its state and its actions with those of the move.

        :raises errors.StepFailed: when it may have run
        """
        server = find(self._compute, step.target)
        if server.host == step.args['source']:
            return Result('it was not moved')
        told = self._since(step, server)
        if told:
            failed = errors.AlreadyStarted(server.id, server.host, told)
            raise errors.StepFailed(failed.sentence, failed.way_out)
        return Result(f'not started on {server.host}')

    def _since(self, step: Step, server: Server) -> str:
        if server.vm_state != 'stopped' or server.task_state:
            return server.task_state or server.vm_state
        for action, request in self._compute.actions(step.target):
            if request == step.args['request']:
                return ''
            if action not in _HARMLESS:
                return f'told to {action}'
        return 'without the record of its move'


def _runs(server: Server) -> bool:
    return server.vm_state == 'active' and not server.task_state


def _not_started(server: Server) -> errors.StepFailed:
    why = server.fault or 'see the log of nova-compute there'
    return errors.StepFailed(
        f'it did not start on {server.host} ({server.vm_state}): {why}',
        'its records are right: once the cause is gone, openstack recover '
        f'run resume starts it; openstack recover domain check {server.id} '
        'tells what may keep it from starting',
    )
