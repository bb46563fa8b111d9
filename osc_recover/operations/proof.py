# SPDX-License-Identifier: Apache-2.0
"""The proof that an evacuated server is where and as it should be."""

import dataclasses
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.facts import Port, Server, Volume
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.operations.look import Looks, deleted
from osc_recover.operations.watch import Together
from osc_recover.plan import Step

_UNBOUND = ('unbound', 'binding_failed', '')
_PAUSE = 0.5  # seconds between two looks at what is still wrong
_DEADLINE = 60.0  # seconds until ports, volumes and power state must agree

T = TypeVar('T')
Seen = tuple[Server | None, tuple[str, ...]]  # a server, what is wrong with it


class Prove(Looking):
    """See for oneself that a server is where and as it should be.

    :param tick: seconds that proofs gather for one look at all of them
    :param hurried: whether nothing more is on its way to wait for
    """

    def __init__(
        self,
        compute: Compute,
        network: Network,
        volumes: Volumes,
        *,
        tick: float,
        hurried: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = Looks(compute)
        self._network = network
        self._volumes = volumes
        self._together = Together(self._look_at_all, tick)
        self._hurried = hurried
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Compare server, ports and volumes with what the plan wants.

        :raises errors.StepFailed: naming all that is still wrong
        """
        deadline = self._clock() + _DEADLINE
        while True:
            host, wrong = self._look(step, control)
            if not wrong:
                return Result(f'on {host}', data={'destination': host})
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'it arrived, but {"; ".join(wrong)}',
                    'openstack recover run resume looks again; if it stays '
                    f'so: openstack recover domain check {step.target}, and '
                    f'openstack server show {step.target}',
                )
            control.wait(_PAUSE)

    def _look(
        self, step: Step, control: Control
    ) -> tuple[str, tuple[str, ...]]:
        hurry = self._hurried()
        try:
            server, wrong = self._together.ask(
                step.name, step, control, hurry=hurry
            )
        except errors.CALL as exc:
            return '', (_unseen(exc),)
        if server is None:
            raise deleted(step.target)
        return server.host, wrong

    def _look_at_all(self, steps: Mapping[str, Step]) -> dict[str, Seen]:
        """One look at servers, at ports and at volumes, for all the steps."""
        with ThreadPoolExecutor(2) as pool:
            ports_read = pool.submit(self._ports, steps.values())
            volumes_read = pool.submit(self._volumes_of, steps.values())
            servers = self._servers([s.target for s in steps.values()])
            ports, volumes = ports_read.result(), volumes_read.result()
        return {
            name: _seen(step, servers[step.target], ports, volumes)
            for name, step in steps.items()
        }

    def _ports(self, steps: Collection[Step]) -> 'Look[Port]':
        wanted = [step.target for step in steps if step.args['ports']]
        return _look(self._network.ports, wanted)

    def _volumes_of(self, steps: Collection[Step]) -> 'Look[Volume]':
        wanted = {name for step in steps for name in step.args['volumes']}
        return _look(self._volumes.volumes, wanted)


@dataclasses.dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """What was found, or why nothing was; who has none of it is not held up
    by that.
    """

    found: tuple[T, ...] = ()
    problem: str = ''


def _look(
    read: Callable[[Iterable[str]], tuple[T, ...]], wanted: Collection[str]
) -> Look[T]:
    if not wanted:
        return Look()
    try:
        return Look(read(wanted))
    except errors.CALL as exc:
        return Look((), _unseen(exc))


def _unseen(exc: errors.RecoverError) -> str:
    return f'it cannot be looked at: {exc.sentence}'


def _seen(
    step: Step, server: Server | None, ports: Look[Port], volumes: Look[Volume]
) -> Seen:
    if server is None:
        return None, ()
    wrong = [*wrong_state(step, server)]
    for kind, look, judge in (
        ('ports', ports, wrong_ports(step, server.host, ports.found)),
        ('volumes', volumes, wrong_volumes(step, server, volumes.found)),
    ):
        if step.args[kind]:
            wrong += [look.problem] if look.problem else judge
    return server, tuple(wrong)


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
