# SPDX-License-Identifier: Apache-2.0
"""A volume given to a server by nova."""

import time
from collections.abc import Callable, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts import VolumeAttachment
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.server_volumes import ServerVolumes
from osc_recover.plan import Step

_ATTACHED, _RESERVED = 'attached', 'reserved'
_TICK = 0.3  # seconds
_TIMEOUT = 300.0  # seconds


def verbs(cloud: Cloud, grace: float) -> Mapping[str, Operation]:
    """The operations that give volumes to servers, by their verbs."""
    return {
        'volume.attach': Attach(
            ServerVolumes(cloud.compute),
            Attachments(cloud.volume),
            grace=grace,
        )
    }


class Attach:
    """Have nova attach a volume, and see that cinder says so, too.

    nova keeps the volume on its own list from before it answers
    (nova/compute/api.py, _attach_volume), and takes it off the list where the
    host could not attach it.
    """

    writes = True

    def __init__(
        self,
        volumes: ServerVolumes,
        attachments: Attachments,
        *,
        grace: float,
        tick: float = _TICK,
        timeout: float = _TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._volumes = volumes
        self._attachments = attachments
        self.grace = grace
        self._tick = tick
        self._timeout = timeout
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether nova lists it for the server.

        :raises errors.StepFailed: when the server is gone
        """
        return step.args['volume'] in self._listed(step)

    def apply(self, step: Step) -> Result:
        """One request."""
        args = step.args
        reply = self._volumes.attach(
            step.target,
            args['volume'],
            device=args.get('device', ''),
            tag=args.get('tag', ''),
            delete_on_termination=args.get('delete_on_termination'),
        )
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until cinder has it as attached.

        :raises errors.StepFailed: when nova has given up, or not in time
        """
        deadline = self._clock() + self._timeout
        volume = step.args['volume']
        while not self._is_complete(step):
            # Asked before the other list: it may be done in between.
            gone = volume not in self._listed(step)
            if gone and not self._is_complete(step):
                raise _given_up(step)
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'volume {volume} is not attached after '
                    f'{self._timeout:.0f} s',
                    'openstack recover run resume looks again; openstack '
                    f'recover volume check {volume} tells how it is',
                )
            control.wait(self._tick)
        return Result(f'volume {volume} is attached')

    def _is_complete(self, step: Step) -> bool:
        found = self._attachments.of_volume(step.target, step.args['volume'])
        return any(self._is_good(step, one) for one in found)

    def _is_good(self, step: Step, one: VolumeAttachment) -> bool:
        # A server on no host gets its volumes when it is unshelved.
        wanted = _ATTACHED if step.args['host'] else _RESERVED
        return one.status == wanted

    def _listed(self, step: Step) -> tuple[str, ...]:
        try:
            return self._volumes.of(step.target)
        except errors.Gone as exc:
            raise errors.StepFailed(
                f'server {step.target} was deleted meanwhile',
                'there is nothing left to do',
            ) from exc


def _given_up(step: Step) -> errors.StepFailed:
    volume, host = step.args['volume'], step.args['host']
    return errors.StepFailed(
        f'nova could not attach volume {volume}',
        f'the log of nova-compute on {host or "its host"} says why; once that '
        'is mended, openstack recover run resume tries again',
    )
