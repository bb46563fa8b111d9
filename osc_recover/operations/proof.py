# SPDX-License-Identifier: Apache-2.0
"""The proof that an evacuated server is where and as it should be."""

import time
from collections.abc import Callable, Iterable

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.facts import Port, Server, Volume
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.operations.server import find
from osc_recover.plan import Step

_UNBOUND = ('unbound', 'binding_failed', '')
_TICK = 0.5
_DEADLINE = 60.0  # seconds until ports, volumes and power state must agree


class Prove:
    """See for oneself that a server is where and as it should be."""

    writes = False
    grace = 0.0

    def __init__(
        self,
        compute: Compute,
        network: Network,
        volumes: Volumes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._network = network
        self._volumes = volumes
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """A proof is made anew each time."""
        return False

    def apply(self, step: Step) -> Result:
        """Nothing to bring about."""
        return Result()

    def follow(self, step: Step, control: Control) -> Result:
        """Compare server, ports and volumes with what the plan wants.

        :raises errors.StepFailed: naming all that is still wrong
        """
        deadline = self._clock() + _DEADLINE
        while True:
            host, wrong = self._look(step)
            if not wrong:
                return Result(f'on {host}', data={'destination': host})
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'it arrived, but {"; ".join(wrong)}',
                    'openstack recover run resume looks again; see '
                    f'openstack server show {step.target}',
                )
            control.wait(_TICK)

    def _look(self, step: Step) -> tuple[str, list[str]]:
        try:
            server = find(self._compute, step.target)
            return server.host, list(self._wrong(step, server))
        except errors.CALL as exc:
            return '', [f'it cannot be looked at: {exc.sentence}']

    def _wrong(self, step: Step, server: Server) -> Iterable[str]:
        yield from wrong_state(step, server)
        if step.args['ports']:
            yield from wrong_ports(
                step, server.host, self._network.ports([step.target])
            )
        if step.args['volumes']:
            yield from wrong_volumes(
                step, server, self._volumes.volumes(step.args['volumes'])
            )


def wrong_state(step: Step, server: Server) -> Iterable[str]:
    """What is wrong with host, task and power state of an arrived server."""
    if server.host == step.args['source']:
        yield f'nova still has it on {server.host}'
    if server.task_state:
        yield f'its task state is {server.task_state}'
    wanted = ('active', 1) if step.args['running'] else ('stopped', 4)
    if (server.vm_state, server.power_state) != wanted:
        yield (
            f'it is {server.vm_state} with power state {server.power_state}, '
            f'not {wanted[0]} with {wanted[1]}'
        )


def wrong_ports(step: Step, host: str, ports: Iterable[Port]) -> Iterable[str]:
    """What is wrong with the bindings of an arrived server's ports."""
    found = {port.id: port for port in ports}
    for name in step.args['ports']:
        port = found.get(name)
        if port is None:
            yield f'port {name} is gone'
        elif port.host != host or port.vif_type in _UNBOUND:
            yield f'port {name} is bound to {port.host} ({port.vif_type})'


def wrong_volumes(
    step: Step, server: Server, volumes: Iterable[Volume]
) -> Iterable[str]:
    """What is wrong with the attachments of an arrived server's volumes."""
    found = {volume.id: volume for volume in volumes}
    for name in step.args['volumes']:
        if name not in found:
            yield f'volume {name} is gone'
            continue
        hosts = [
            attachment.host
            for attachment in found[name].attachments
            if attachment.server == server.id
        ]
        if hosts != [server.host]:
            yield f'volume {name} is attached on {", ".join(hosts) or "none"}'
