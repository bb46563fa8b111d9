# SPDX-License-Identifier: Apache-2.0
"""Ports, bound to another host."""

import time
from collections.abc import Callable

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.facts import BoundPort
from osc_recover.gateways.port_bindings import PortBindings
from osc_recover.plan import Step

_PAUSE = 0.5  # seconds between two looks
_DEADLINE = 30.0  # seconds until neutron must have wired it


class Bind:
    """Bind a port to a host.

    To a host that is dead neutron cannot wire it, which is then no failure.
    """

    writes = True

    def __init__(
        self,
        bindings: PortBindings,
        grace: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bindings = bindings
        self.grace = grace
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is bound there, and wired.

        :raises errors.StepFailed: when it is gone, or bound to a third host
        """
        port = self._port(step)
        if port.host not in ('', step.args['source'], step.args['host']):
            raise errors.StepFailed(
                f'port {port.id} is bound to {port.host} now',
                'see who did that, and make a new plan',
            )
        return _is_there(step, port)

    def apply(self, step: Step) -> Result:
        """One PUT, if nobody has changed the port since it was read.

        :raises errors.StepFailed: when another binding is in the way
        """
        port = self._port(step)
        host = step.args['host']
        try:
            reply = self._bindings.bind(port, host, step.args['owner'])
        except errors.ChangedMeanwhile:
            raise
        except (errors.ApiRefused, errors.Uncertain) as exc:
            if self._in_the_way(port, host):
                raise errors.StepFailed(
                    f'port {port.id} has a second binding, for {host}, left '
                    'by a live migration',
                    f'delete it: DELETE /v2.0/ports/{port.id}/bindings/'
                    f'{host}, with a token that has the service role',
                ) from exc
            raise
        return Result('', reply.request_id)

    def _in_the_way(self, port: BoundPort, host: str) -> bool:
        # neutron ends in an error of its database then, and not in a no.
        return any(
            one.host == host and not one.active
            for one in self._bindings.bindings(port.id)
        )

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until neutron has found a way to wire it.

        :raises errors.StepFailed: when it has not, in time
        """
        deadline = self._clock() + _DEADLINE
        while not _is_there(step, port := self._port(step)):
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'neutron cannot wire port {port.id} on '
                    f'{step.args["host"]}: {port.vif_type or "unbound"}',
                    'see whether its agent is alive: openstack network agent '
                    f'list --host {step.args["host"]}; then resume',
                )
            control.wait(_PAUSE)
        return Result()

    def _port(self, step: Step) -> BoundPort:
        try:
            return self._bindings.port(step.args['port'])
        except errors.Gone as exc:
            raise errors.StepFailed(
                f'port {step.args["port"]} was deleted meanwhile',
                'make a new plan',
            ) from exc


def _is_there(step: Step, port: BoundPort) -> bool:
    wired = port.bound or not step.args.get('wired', True)
    return port.host == step.args['host'] and wired
