# SPDX-License-Identifier: Apache-2.0
"""What stands on the disks of a volume server: groups, mounts, the service."""

import time
from collections.abc import Callable, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Looking, Operation, Result
from osc_recover.facts.audit import StorageService
from osc_recover.facts.snapshot import KeptMount
from osc_recover.gateways.links import Groups, Links
from osc_recover.operations.telling import told
from osc_recover.plan import Step

_TICK = 1.0

Storage = Callable[[], tuple[StorageService, ...]]


def verbs(
    links: Links, storage: Storage, *, grace: float, timeout: float
) -> Mapping[str, Operation]:
    """The operations on a volume server, by their verbs.

    :param storage: the services of cinder
    :param timeout: seconds that cinder-volume may take to be seen
    """
    return {
        'groups.activate': Activate(links, grace),
        'mounts.mount': Mount(links, grace),
        'storage.seen': Seen(storage, timeout=timeout),
    }


class Activate:
    """Have the volume groups on targets active; twice does no harm."""

    writes = True

    def __init__(self, links: Links, grace: float) -> None:
        self._links = links
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether every volume is active; without a session nobody is.

        Groups that LVM has not seen yet are not told: no group is no yes.
        """
        found = self._groups(step)
        wrong = (*found.inactive, *found.absent, *found.unlisted)
        return bool(found.names) and not wrong

    def apply(self, step: Step) -> Result:
        """Have LVM look, and activate."""
        with told(step.target, 'vgchange -ay'):
            found = self._links.groups(
                step.target, step.args['targets'], activate=True
            )
        if not found.names:
            return Result('there is no volume group on them')
        return Result(f'active: {", ".join(found.names)}')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that they are active."""
        found = self._groups(step)
        wrong = (*found.inactive, *found.absent)
        if wrong:
            raise errors.StepFailed(
                f'{step.target}: not active: {", ".join(wrong)}',
                f'see lvs -a and dmesg on {step.target}',
            )
        return Result()

    def _groups(self, step: Step) -> Groups:
        with told(step.target):
            return self._links.groups(step.target, step.args['targets'])


class Mount:
    """Mount a file system where it was; twice does no harm."""

    writes = True

    def __init__(self, links: Links, grace: float) -> None:
        self._links = links
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is mounted there."""
        with told(step.target):
            return self._links.is_mounted(step.target, _mount(step))

    def apply(self, step: Step) -> Result:
        """Have it mounted."""
        mount = _mount(step)
        with told(step.target, 'mount'):
            self._links.mount(step.target, mount, step.args['targets'])
        return Result(f'{mount.point} mounted')

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it stays."""
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{step.target}: {step.args["point"]} is not mounted',
                f'see dmesg on {step.target}',
            )
        return Result()


def _mount(step: Step) -> KeptMount:
    args = step.args
    return KeptMount(
        args['point'], args['kind'], args['source'], tuple(args['options'])
    )


class Seen(Looking):
    """Wait until cinder sees the cinder-volume of a host."""

    def __init__(
        self,
        storage: Storage,
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._timeout = timeout
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until every backend that is awaited is up, by a new heartbeat.

        :raises errors.StepFailed: when one is not in time
        """
        deadline = self._clock() + self._timeout
        first: dict[str, str] = {}
        while True:
            beats = self._beats(step)
            late = [
                name
                for name, (up, beat) in beats.items()
                if beat == first.setdefault(name, beat) or not up
            ]
            if beats and not late:
                return Result('cinder sees its cinder-volume up')
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'cinder does not see {", ".join(late) or step.target} '
                    f'up, after {self._timeout:.0f} s',
                    f'start cinder-volume on {step.target} anew: it looks '
                    'for its volume group when it starts',
                )
            control.wait(_TICK)

    def _beats(self, step: Step) -> dict[str, tuple[bool, str]]:
        try:
            services = self._storage()
        except errors.CALL:
            return {}
        return {
            one.host: (one.up, one.updated_at)
            for one in services
            if one.binary == 'cinder-volume'
            and one.host.partition('@')[0] == step.target
            and one.host in step.args.get('backends', (one.host,))
        }
