# SPDX-License-Identifier: Apache-2.0
"""What a server holds in placement, on two hosts while it moves."""

import dataclasses

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.facts import Holdings
from osc_recover.gateways.allocations import Allocations
from osc_recover.plan import Step


class Double:
    """Have a server hold of a destination what it holds of its source."""

    writes = True

    def __init__(self, allocations: Allocations, grace: float) -> None:
        self._allocations = allocations
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it holds it of the destination."""
        held = self._allocations.of(step.target)
        return _has(held, step.args['destination'], step)

    def apply(self, step: Step) -> Result:
        """One PUT of all that it holds, with the generation that was read.

        :raises errors.StepFailed: when it does not hold what was planned
        """
        held = self._allocations.of(step.target)
        if not _has(held, step.args['source'], step):
            raise _changed(step, step.args['source'])
        more = {step.args['destination']: step.args['resources']}
        reply = self._allocations.put(
            dataclasses.replace(held, resources={**held.resources, **more})
        )
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """placement has written it when it answers."""
        return Result()


class Drop:
    """Have a server hold nothing of its source any more."""

    writes = True

    def __init__(self, allocations: Allocations, grace: float) -> None:
        self._allocations = allocations
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it holds nothing of it."""
        held = self._allocations.of(step.target)
        return step.args['source'] not in held.resources

    def apply(self, step: Step) -> Result:
        """One PUT of what is left, never of nothing.

        :raises errors.StepFailed: when it holds nothing of the destination
        """
        held = self._allocations.of(step.target)
        if not _has(held, step.args['destination'], step):
            raise _changed(step, step.args['destination'])
        left = {
            provider: resources
            for provider, resources in held.resources.items()
            if provider != step.args['source']
        }
        reply = self._allocations.put(
            dataclasses.replace(held, resources=left)
        )
        return Result('', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """placement has written it when it answers."""
        return Result()


def _has(held: Holdings, provider: str, step: Step) -> bool:
    wanted = dict(step.args['resources'])
    return dict(held.resources.get(provider, {})) == wanted


def _changed(step: Step, provider: str) -> errors.StepFailed:
    return errors.StepFailed(
        f'it does not hold of {provider} what the plan has: somebody changed '
        'its allocations meanwhile',
        'see openstack resource provider allocation show '
        f'{step.target}, and make a new plan',
    )
