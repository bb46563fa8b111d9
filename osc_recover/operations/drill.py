# SPDX-License-Identifier: Apache-2.0
"""A drill looked at: nothing has changed, sessions are lost, they are back."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Looking, Operation, Result
from osc_recover.facts.snapshot import HostState
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.links import Links
from osc_recover.operations.look import find
from osc_recover.plan import Step

_DEADLINE = 120.0  # seconds until a host tells, or sessions are back


def verbs(
    compute: Compute, links: Links, closing: Operation, *, tick: float
) -> Mapping[str, Operation]:
    """The operations that a drill alone has, by their verbs.

    :param closing: closes a session
    """
    return {
        'drill.close': Close(compute, closing),
        'drill.detect': Detect(links, tick),
        'drill.back': Back(links, tick),
    }


class Close:
    """Close a session of a server that nobody has touched since the plan.

    What was rebooted since, by a drill or by somebody else, has its sessions
    for good.

    :param closing: what closes it
    """

    writes = True

    def __init__(self, compute: Compute, closing: Operation) -> None:
        self._compute = compute
        self._closing = closing
        self.grace = closing.grace

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether it is closed, by us.

        :raises errors.StepFailed: when the server is not as it was planned
        """
        if not lost:
            self._see_unchanged(step)
        return self._closing.in_effect(step, lost)

    def apply(self, step: Step) -> Result:
        """Have it closed.

        :raises errors.StepFailed: when it must not be
        """
        self._see_unchanged(step)
        return self._closing.apply(step)

    def follow(self, step: Step, control: Control) -> Result:
        """See that it is gone."""
        return self._closing.follow(step, control)

    def _see_unchanged(self, step: Step) -> None:
        if problem := self._problem(step, step.args['server']):
            raise errors.StepFailed(
                f'session {step.args["session"]} is not closed: {problem}',
                'make a new plan: openstack recover drill power-loss',
            )

    def _problem(self, step: Step, name: str) -> str:
        newest = self._compute.happened(name)[:1]
        if any(one.request != step.args['after'] for one in newest):
            return f'the server was told to {newest[0].action} meanwhile'
        server = find(self._compute, name)
        if server.host != step.target:
            return f'nova has the server on {server.host or "no host"} now'
        # A guest that has lost its first disk may be paused by now.
        return (
            '' if server.vm_state == 'active' else f'it is {server.vm_state}'
        )


class _OnHost(Looking):
    """Asks the host of a server for its sessions, until a deadline."""

    def __init__(
        self,
        links: Links,
        tick: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = links
        self._tick = tick
        self._clock = clock


class Detect(_OnHost):
    """See on the host that sessions of the server are lost.

    How soon that is, the journal tells; a host that does not answer is asked
    again, as after a power loss.
    """

    def follow(self, step: Step, control: Control) -> Result:
        """Ask until the host tells.

        :raises errors.StepFailed: when it does not, or nothing is lost
        """
        host = step.args['host']
        deadline = self._clock() + _DEADLINE
        while problem := _problem(state := self._links.state(host)):
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'whether sessions are lost is not known: {problem}',
                    f'{state.way_out or "have the host tell"}; then resume, '
                    'or openstack server reboot --hard '
                    f'{step.target}',
                )
            control.wait(self._tick)
        lost = _lost(step, state)
        if not lost:
            raise errors.StepFailed(
                f'{host} has all sessions of it, none is lost',
                f'openstack recover session list {host}',
            )
        return Result(f'{host} has no session to {", ".join(lost.values())}')


class Back(_OnHost):
    """See that there are as many sessions to each target as there were."""

    def follow(self, step: Step, control: Control) -> Result:
        """Ask until they are; nova has logged in before it tells an end.

        :raises errors.StepFailed: naming the targets that lack some
        """
        host = step.args['host']
        deadline = self._clock() + _DEADLINE
        while problem := self._problem(step):
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'it runs again, but {problem}',
                    f'openstack recover session open {host}; then resume',
                )
            control.wait(self._tick)
        return Result(f'its sessions are open on {host} again')

    def _problem(self, step: Step) -> str:
        state = self._links.state(step.args['host'])
        if problem := _problem(state):
            return problem
        there = Counter(session.target for session in state.sessions)
        fewer = [
            f'{there[target]} of {paths} sessions to {target} are there'
            for target, paths in step.args['paths'].items()
            if there[target] < paths
        ]
        return '; '.join(fewer)


def _problem(state: HostState) -> str:
    return state.problem or state.problems.get('sessions', '')


def _lost(step: Step, state: HostState) -> dict[int, str]:
    """The sessions of the plan that are not there: number -> target.

    The kernel gives their numbers anew after a boot.
    """
    there = {(one.number, one.target) for one in state.sessions}
    return {
        number: target
        for number, target in step.args['sessions']
        if (number, target) not in there
        or state.boot_id != step.args['boot_id']
    }
