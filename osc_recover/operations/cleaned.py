# SPDX-License-Identifier: Apache-2.0
"""The volumes of a server while its data volumes are cleaned: looks."""

import time
from collections.abc import Callable, Iterator, Sequence

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.facts.disaster import Mapped
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.volume import Volumes
from osc_recover.gateways.volume_actions import VolumeActions
from osc_recover.operations.disaster_hosts import (
    is_compute_up,
    is_storage_up,
)
from osc_recover.operations.disaster_volumes import mapped
from osc_recover.plan import Step

_CHECK = 'openstack recover volume check --server {} tells more'
_ANEW = (
    'resume, once what is down is up; where the volumes of the server have '
    'changed, openstack recover cloud --mode clean plans anew'
)
_TICK = 0.5  # seconds
_LISTED = 60.0  # seconds that cinder may take to list what was cleaned


def uncleaned(cloud: Cloud, step: Step) -> errors.StepFailed | None:
    """What keeps a server from being rebooted after its data volumes were
    cleaned, or None: its root is whole, and cinder has no other.

    The reboot drops nova's mappings of what cinder has not.
    """
    now = mapped(cloud, step.target)
    root = step.args['root']
    wrong = _of_root(now, root)
    wrong += [
        f'volume {one.volume}: cinder has attachment {one.id} of it'
        for one in now.attachments
        if one.volume != root and 'cinder' in one.sides
    ]
    return _left(wrong, f'{_CHECK.format(step.target)}; then resume')


def _of_root(now: Mapped, root: str) -> list[str]:
    wrong = [
        f'volume {volume}, its root: {why}'
        for volume, why in now.wrong()
        if volume == root
    ]
    if root and root not in {one.volume for one in now.attachments}:
        wrong.append(f'volume {root}, its root: the server has it no more')
    return wrong


def _left(wrong: Sequence[str], way_out: str) -> errors.StepFailed | None:
    if not wrong:
        return None
    return errors.StepFailed(
        f'{"; ".join(wrong)}; it is left as it is, as a reboot could take '
        'that away for good',
        way_out,
    )


class Related(Looking):
    """See that volumes and their server are related as in the plan.

    Volumes that a storage failed to export when it started are in error by
    themselves: that is seen when they are cleaned.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def follow(self, step: Step, control: Control) -> Result:
        """One look.

        :raises errors.StepFailed: when they are not, or what is to give it
            its volumes again is down
        """
        wrong = [*self._down(step), *self._changed(step)]
        if failed := _left(wrong, _ANEW):
            raise failed
        return Result('its volumes are related as in the plan')

    def _down(self, step: Step) -> Iterator[str]:
        """Without these it would be left without its volumes."""
        if not is_compute_up(self._cloud, step.args['host']):
            yield f'nova-compute on {step.args["host"]} is down'
        for backend, cluster in step.args['backends'].items():
            if not is_storage_up(self._cloud, backend, cluster):
                yield f'cinder-volume on {backend} is down'

    def _changed(self, step: Step) -> list[str]:
        now = mapped(self._cloud, step.target)
        wrong = _of_root(now, step.args['root'])
        for side in ('nova', 'cinder'):
            has = {
                (one.volume, one.id)
                for one in now.attachments
                if side in one.sides
            }
            was = {(volume, one) for volume, one in step.args[side]}
            wrong += [
                f'volume {volume}: {side} has attachment {one} '
                + ('no more' if (volume, one) in was else 'now')
                for volume, one in sorted(has ^ was)
            ]
        return wrong


class Listed(Looking):
    """See that what was cleaned is listed by cinder as available.

    One that other servers share is in use still, by all the others.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        timeout: float = _LISTED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._volumes = Volumes(cloud.volume)
        self._actions = VolumeActions(cloud.volume)
        self._timeout = timeout
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Look until it is so.

        :raises errors.StepFailed: when it is not in time
        """
        deadline = self._clock() + self._timeout
        while wrong := list(self._wrong(step)):
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'{"; ".join(wrong)}; its server is left as it is',
                    'openstack recover volume check tells more; then resume',
                )
            control.wait(_TICK)
        return Result(f'{len(step.args["volumes"])} volumes are available')

    def _wrong(self, step: Step) -> Iterator[str]:
        told = {v.id: v for v in self._volumes.volumes(step.args['volumes'])}
        for volume, others in step.args['volumes'].items():
            now = told.get(volume)
            if now is None:
                yield f'volume {volume} is gone'
                continue
            held = set(self._actions.attachments(volume))
            if gone := set(others) - held:
                yield f'volume {volume} has lost attachment {min(gone)}'
            elif not held and now.status != 'available':
                yield f'volume {volume} is {now.status}'


class Dropped(Looking):
    """See that nova has dropped the mappings of what was cleaned."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def follow(self, step: Step, control: Control) -> Result:
        """One look.

        :raises errors.StepFailed: when a mapping would keep a volume from
            being attached
        """
        left = [
            one.volume
            for one in mapped(self._cloud, step.target).attachments
            if one.volume != step.args['root'] and one.sides == ('nova',)
        ]
        if left:
            raise errors.StepFailed(
                f'nova has volume {", ".join(left)} on it still, and cinder '
                'has not: it cannot be attached',
                'a hard reboot drops that from nova 28: openstack server '
                f'reboot --hard {step.target}; then resume',
            )
        return Result('nova has no mapping of what was cleaned')
