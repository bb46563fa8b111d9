# SPDX-License-Identifier: Apache-2.0
"""The compute service of a host: out of service for a run, and back."""

from osc_recover import errors, markers
from osc_recover.effects import Control, Result
from osc_recover.facts import Service
from osc_recover.gateways.compute import Compute
from osc_recover.plan import Step


class ForceDown:
    """Force a service down and disable it, with the run's marker as reason.

    Across machines the marker is the lock: it is written, then read again,
    and the last writer wins; the guard of every later effect looks at it.
    """

    writes = True

    def __init__(self, compute: Compute, run: str, grace: float) -> None:
        self._compute = compute
        self._run = run
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether the service is down, disabled, and marked as ours."""
        service = _service(self._compute, step.target)
        return (
            service.forced_down
            and not service.enabled
            and markers.run_in(service.disabled_reason) == self._run
        )

    def apply(self, step: Step) -> Result:
        """One request for all three."""
        service = _service(self._compute, step.target)
        other = markers.run_in(service.disabled_reason)
        if other not in ('', self._run, step.args['take_over']):
            raise _other_run(step.target, other)
        reason = markers.marker(self._run, step.args['reason'])
        reply = self._compute.update_service(
            service.id, enabled=False, reason=reason, forced_down=True
        )
        return Result('forced down and disabled', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """Read it again; keep when it was last changed, for the guard."""
        service = _service(self._compute, step.target)
        other = markers.run_in(service.disabled_reason)
        if other != self._run:
            raise _other_run(step.target, other)
        return Result(data={'updated_at': service.updated_at})


class Up:
    """Take the forced-down mark away, and enable the service again.

    nova refuses while evacuation records of the host are 'done' and not yet
    'completed' by its own nova-compute (LP 1922053).
    """

    writes = True

    def __init__(self, compute: Compute, grace: float) -> None:
        self._compute = compute
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether the service is as it should be."""
        service = _service(self._compute, step.target)
        return (
            not service.forced_down
            and service.enabled == step.args['enable']
            and not markers.run_in(service.disabled_reason)
        )

    def apply(self, step: Step) -> Result:
        """One request for both."""
        service = _service(self._compute, step.target)
        enable = step.args['enable']
        reply = self._compute.update_service(
            service.id,
            enabled=enable,
            reason='' if enable else step.args['reason'],
            forced_down=False,
        )
        return Result('up', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """See that nova counts it as up."""
        service = _service(self._compute, step.target)
        if service.forced_down or not service.up:
            raise errors.StepFailed(
                f'nova still sees {step.target} down',
                'see that its nova-compute runs and reports, then try again',
            )
        state = 'enabled' if service.enabled else 'disabled, as before'
        return Result(f'up and {state}')


def _service(compute: Compute, host: str) -> Service:
    service = compute.compute_service(host)
    if service is not None:
        return service
    raise errors.StepFailed(
        f'the nova-compute service of {host} is gone from nova',
        'see who deleted it: openstack compute service list',
    )


def _other_run(host: str, run: str) -> errors.StepFailed:
    if not run:
        return errors.StepFailed(
            f'somebody took the marker of this run off {host}',
            'see who: openstack compute service list --long; then make a new '
            'plan',
        )
    return errors.StepFailed(
        f'{host} is being recovered by run {run}',
        f'resume that run where it was started, or --take-over {run}',
    )
