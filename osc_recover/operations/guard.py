# SPDX-License-Identifier: Apache-2.0
"""Right before an effect: is the host still dead, the run still ours?"""

from collections.abc import Callable

from osc_recover import errors, markers
from osc_recover.effects import Control
from osc_recover.facts import Service
from osc_recover.operations.watch import Shared


class StillDead:
    """Looks at the host's service record once a tick at most.

    The record's ``updated_at`` moves with every heartbeat, forced down or not
    (nova/servicegroup/drivers/db.py), and with every change; our own last
    write left it at a value that the journal keeps.

    :param services: a shared reading of host -> nova-compute service
    :param mark: host -> ``updated_at`` after our own last write
    """

    def __init__(
        self,
        services: Shared[dict[str, Service]],
        mark: Callable[[str], str],
        control: Control,
    ) -> None:
        self._services = services
        self._mark = mark
        self._control = control

    def __call__(self, run: str, host: str) -> None:
        """Return when the next effect may be begun.

        :raises errors.RunStopped: when it may not
        """
        _, services = self._services.now(self._control)
        problem = problem_with(services.get(host), run, self._mark(host))
        if problem:
            raise errors.RunStopped(
                f'{host}: {problem}; no further effect is begun',
                f'see that {host} is off, then: openstack recover run resume '
                f'{run} --fence (or --fenced "how you know")',
            )


def problem_with(service: Service | None, run: str, mark: str) -> str:
    """What speaks against going on, or ''."""
    if service is None:
        return 'its nova-compute service is gone from nova'
    if not service.forced_down:
        return 'somebody took its forced-down mark away'
    other = markers.run_in(service.disabled_reason)
    if other != run:
        return (
            f'run {other} has taken it over'
            if other
            else ("this run's marker is gone from the disabled reason")
        )
    if service.updated_at != mark:
        return (
            f'it is alive: a heartbeat, or a change, at {service.updated_at} '
            f"after this run's own last write at {mark}"
        )
    return ''
