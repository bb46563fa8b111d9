# SPDX-License-Identifier: Apache-2.0
"""Servers kept from their users while they are moved by hand."""

from osc_recover import errors, markers
from osc_recover.effects import Control, Result
from osc_recover.gateways.compute import Compute
from osc_recover.operations.look import find
from osc_recover.plan import Step


class Lock:
    """Lock a server, with the run as the reason."""

    writes = True

    def __init__(self, compute: Compute, run: str, grace: float) -> None:
        self._compute = compute
        self._reason = markers.marker(run)
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether this run has locked it.

        :raises errors.StepFailed: when somebody else has, meanwhile
        """
        server = find(self._compute, step.target)
        told = server.locked_reason
        if server.locked and not markers.run_in(told):
            raise errors.StepFailed(
                'somebody locked it since the plan was made '
                f'({told or "without a reason"})',
                'make a new plan',
            )
        return server.locked and told == self._reason

    def apply(self, step: Step) -> Result:
        """One lock action."""
        reply = self._compute.lock(step.target, self._reason)
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is locked when nova answers."""
        return Result()


class Unlock:
    """Unlock a server that this run has locked, or another one before it."""

    writes = True

    def __init__(self, compute: Compute, grace: float) -> None:
        self._compute = compute
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether no run has it locked; a person's own lock stays."""
        server = find(self._compute, step.target)
        return not (server.locked and markers.run_in(server.locked_reason))

    def apply(self, step: Step) -> Result:
        """One unlock action."""
        reply = self._compute.unlock(step.target)
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is unlocked when nova answers."""
        return Result()
