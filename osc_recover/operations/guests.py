# SPDX-License-Identifier: Apache-2.0
"""Guests that were started: do they answer; and rebooted from inside.

The guide has guests stop at their boot screen until their volumes are there,
and none of them rebooted a second time: one that does not answer is told, and
is no failure.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from osc_recover import errors
from osc_recover.effects import Control, Kept, Looking, Operation, Result
from osc_recover.facts.guests import GuestBoot
from osc_recover.gateways.guests import Guests
from osc_recover.operations.look import deleted
from osc_recover.plan import Step

_PAUSE = 3.0  # seconds between two looks
TIMEOUT = 300.0  # seconds that a guest may take to answer
_MARGIN = 30.0  # seconds by which clocks may run apart while it boots
# A guest that is on its way up may end so, and answer a little later.
_NOT_YET = (
    errors.ConnectFailed,
    errors.ConnectRefused,
    errors.ConnectTimedOut,
    errors.LoginFailed,
    errors.NotOurAgent,
    errors.RequestTimedOut,
    errors.AgentCut,
)
# Nothing of it was reached.
_UNASKED = (
    errors.BadHostName,
    errors.BadSshConfig,
    errors.HostSilent,
    errors.NameUnresolved,
)
_ONCE = 'do not reboot it a second time: some wait at their boot screen'

T = TypeVar('T')


def verbs(
    guests: Guests,
    kept: Kept,
    control: Control,
    *,
    workers: int,
    timeout: float = TIMEOUT,
) -> Mapping[str, Operation]:
    """The operations on guests, by their verbs.

    :param workers: how many guests are asked side by side
    :param timeout: seconds that a guest may take to answer
    """
    patience = Patience(control, workers=workers, timeout=timeout)
    return {
        'guest.reached': Reached(guests, kept, patience),
        'guest.reboot': Reboot(guests, kept, patience),
    }


class Patience:
    """Looks at guests until they answer, a few of them at a time.

    :param control: of the run
    """

    def __init__(
        self,
        control: Control,
        *,
        workers: int,
        timeout: float,
        pause: float = _PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._turns = threading.BoundedSemaphore(max(workers, 1))
        self.timeout = timeout
        self._pause = pause
        self._clock = clock

    def until(self, look: Callable[[], T | str]) -> T | str:
        """What a look finds in the end, or the last thing in its way.

        :param look: returns text for what is not as it should be yet
        """
        deadline = self._clock() + self.timeout
        while True:
            with self._turns:
                found = look()
            if not isinstance(found, str) or self._clock() > deadline:
                return found
            self._control.wait(self._pause)


class Reached(Looking):
    """See whether a guest answers after its start.

    Over SSH where it is said how; else by a knock at its floating address;
    one that has none is not asked.
    """

    def __init__(self, guests: Guests, kept: Kept, patience: Patience) -> None:
        self._guests = guests
        self._kept = kept
        self._patience = patience

    def follow(self, step: Step, control: Control) -> Result:
        """Look until it answers; one that does not is told in the result.

        :raises errors.StepFailed: when the server was deleted
        """
        look = self._over_ssh if self._guests.known else self._knocked
        found = self._patience.until(lambda: look(step))
        if isinstance(found, Result):
            return found
        return _warned(
            f'its guest did not answer within {self._patience.timeout:.0f} s '
            f'({found}); {_ONCE} until their volumes are there',
            f'openstack console log show {step.target}',
        )

    def _knocked(self, step: Step) -> Result | str:
        try:
            silent = self._guests.knock(step.target)
        except errors.Gone as exc:
            raise deleted(step.target) from exc
        except errors.CALL as exc:
            return exc.sentence
        if silent is None:
            return Result('not asked: it has no floating address')
        return silent or Result('something answers at its address')

    def _over_ssh(self, step: Step) -> Result | str:
        try:
            boot = self._guests.boot(step.target)
        except errors.Gone as exc:
            raise deleted(step.target) from exc
        except (*errors.CALL, *_NOT_YET) as exc:
            return exc.sentence
        except _UNASKED as exc:
            return _warned(f'not asked: {exc.sentence}', exc.way_out)
        except errors.HostError as exc:
            return _warned(
                f'something answers at its address: {exc.sentence}',
                exc.way_out,
            )
        if older := _older(self._kept, step, boot):
            return _warned(older, _elsewhere(step))
        return Result('answers over SSH', data={'boot': boot.id})


class Reboot:
    """Reboot a guest from inside, once.

    The boot that is to end is in the journal before the request and in the
    request, and the guest ends no other: a request that was cut off, or is
    asked for again, finds another boot or ends this one.
    """

    writes = True
    grace = 0.0  # what comes late finds another boot, and does nothing

    def __init__(self, guests: Guests, kept: Kept, patience: Patience) -> None:
        self._guests = guests
        self._kept = kept
        self._patience = patience

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether its boot is another one than that which was to end.

        None, where it does not answer in time: it may be on its way.

        :raises errors.StepFailed: when the server was deleted
        """
        ended = str(self._kept.of(step).get('boot', ''))
        if not ended:
            return False

        def look() -> bool | str:
            try:
                return self._guests.boot(step.target).id != ended
            except errors.Gone as exc:
                raise deleted(step.target) from exc
            except errors.HostError as exc:
                return exc.sentence

        found = self._patience.until(look)
        return None if isinstance(found, str) else found

    def apply(self, step: Step) -> Result:
        """Ask its shutdown for a reboot, if it is the guest that is meant.

        :raises errors.StepFailed: when it cannot be asked, or says no
        """
        try:
            boot = self._guests.boot(step.target)
            # It may come up while it is given up waiting for.
            if boot.id != self._kept.of(step).get('boot', boot.id):
                return Result('it had rebooted by then')
            if older := _older(self._kept, step, boot):
                raise errors.StepFailed(older, _elsewhere(step))
            self._kept.keep(step, {'boot': boot.id})
            self._guests.reboot(step.target, boot.id)
        except errors.Gone as exc:
            raise deleted(step.target) from exc
        except (errors.AgentCut, errors.RequestTimedOut):
            # Its sshd may have ended before the answer was sent.
            return Result('it was gone before it had answered')
        except errors.HostError as exc:
            if exc.code != 'booted-anew':
                raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        return Result()

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until it answers with another boot.

        :raises errors.StepFailed: when it does not in time
        """
        ended = str(self._kept.of(step)['boot'])

        def look() -> GuestBoot | str:
            try:
                boot = self._guests.boot(step.target)
            except errors.Gone as exc:
                raise deleted(step.target) from exc
            except (*errors.CALL, errors.HostError) as exc:
                return exc.sentence
            if boot.id == ended:
                return 'it answers, and has not gone down yet'
            return boot

        found = self._patience.until(look)
        if isinstance(found, str):
            raise errors.StepFailed(
                'its guest was told to reboot, and is not back after '
                f'{self._patience.timeout:.0f} s: {found}',
                f'openstack console log show {step.target}; it is rebooted '
                'once and no more: openstack recover run resume looks again',
            )
        return Result('rebooted from inside', data={'boot': found.id})


def _warned(what: str, way_out: str) -> Result:
    """What the row of the server is to tell, though nothing has failed."""
    return Result(what, data={'warning': what, 'way_out': way_out})


def _older(kept: Kept, step: Step, boot: GuestBoot) -> str:
    """Why what answers is not the guest that this run has started, or ''."""
    since = kept.since(f'start:{step.target}')
    if since is None or boot.up_for is None or boot.up_for <= since + _MARGIN:
        return ''
    return (
        f'what answers at its address runs for {boot.up_for} s, longer than '
        f'the {since:.0f} s since its start'
    )


def _elsewhere(step: Step) -> str:
    return (
        f'see whether that is another machine: openstack server show '
        f'{step.target}; recover: guests: hosts in clouds.yaml names the '
        'address of a guest'
    )
