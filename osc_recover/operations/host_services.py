# SPDX-License-Identifier: Apache-2.0
"""Services of hosts: stopped, started, seen by nova."""

import time
from collections.abc import Callable

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.host_services import Services, Wanted
from osc_recover.plan import Step

_TICK = 1.0

Trap = Callable[[str], errors.StepFailed | None]


class Change:
    """Stop or start services of a host.

    Either may be done twice without harm, and what the host says of them
    tells whether it is done.

    :param verb: stop or start
    :param trap: asked right before it, as a run may go on much later: why
        it must not be done on a host, or None
    """

    writes = True

    def __init__(
        self,
        services: Services,
        verb: str,
        grace: float,
        trap: Trap = lambda host: None,
    ) -> None:
        self._services = services
        self._verb = verb
        self._trap = trap
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether all of them run, or none of them."""
        try:
            running = self._services.active(step.target, _wanted(step))
        except errors.HostError as exc:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        return all(running) if self._verb == 'start' else not any(running)

    def apply(self, step: Step) -> Result:
        """Ask systemd or the container engine, and wait for it."""
        if trap := self._trap(step.target):
            raise trap
        try:
            self._services.change(step.target, self._verb, _wanted(step))
        except (errors.RequestTimedOut, errors.AgentCut) as exc:
            raise errors.Uncertain(
                step.target, f'{self._verb} of services', exc.sentence
            ) from exc
        except errors.HostError as exc:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        names = _wanted(step)
        return Result(
            f'{_PAST[self._verb]}: '
            + ', '.join((*names.units, *names.containers))
        )

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it stays so."""
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{step.target}: its services did not {self._verb}',
                f'see systemctl status and journalctl on {step.target}',
            )
        return Result()


_PAST = {'stop': 'stopped', 'start': 'started'}


class Seen(Looking):
    """Wait until nova sees a started nova-compute."""

    def __init__(
        self,
        compute: Compute,
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._timeout = timeout
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Wait for a heartbeat newer than the first look.

        :raises errors.StepFailed: when there is none, or it counts as down
        """
        deadline = self._clock() + self._timeout
        first = beat = ''
        while not beat or beat == first:
            beat = self._beat(step)
            first = first or beat
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'nova has had no heartbeat of {step.target} for '
                    f'{self._timeout:.0f} s',
                    f'see the log of nova-compute on {step.target}: often it '
                    'does not reach the message broker',
                )
            control.wait(_TICK)
        return self._told(step)

    def _beat(self, step: Step) -> str:
        try:
            service = self._compute.compute_service(step.target)
        except errors.CALL:
            return ''
        return service.updated_at if service else ''

    def _told(self, step: Step) -> Result:
        service = self._compute.compute_service(step.target)
        if service is None or service.up:
            return Result('nova sees it up')
        if service.forced_down:
            return Result(
                'it reports, and nova keeps it down, as it is forced down: '
                f'openstack recover return {step.target}'
            )
        raise errors.StepFailed(
            f'nova still sees {step.target} down',
            'openstack compute service list tells when it was last seen',
        )


def _wanted(step: Step) -> Wanted:
    return Wanted(tuple(step.args['units']), tuple(step.args['containers']))
