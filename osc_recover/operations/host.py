# SPDX-License-Identifier: Apache-2.0
"""A failed host's power."""

from typing import Protocol

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.plan import Step


class Power(Protocol):
    """What switches hosts off and knows whether they are."""

    timeout: float

    def off(self, host: str) -> None:
        """Switch a host off; raises errors.FenceFailed."""

    def is_off(self, host: str) -> bool | None:
        """Whether it is off; None: it does not say."""


class Fence:
    """Switch a host off, and believe only the switch's own word that it is."""

    writes = True

    def __init__(self, power: Power) -> None:
        self._power = power
        self.grace = power.timeout

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether the host is off."""
        off = self._power.is_off(step.target)
        # Switching off what is off harms nothing: a no need not be waited for.
        return bool(off)

    def apply(self, step: Step) -> Result:
        """Switch it off."""
        self._power.off(step.target)
        return Result('fenced')

    def follow(self, step: Step, control: Control) -> Result:
        """Verify that it is off."""
        if not self._power.is_off(step.target):
            raise errors.FenceFailed(
                f'{step.target} is not verified to be off',
                'nothing was moved; switch it off by hand, then use --fenced',
            )
        return Result('verified off')
