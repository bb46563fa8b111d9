# SPDX-License-Identifier: Apache-2.0
"""Records that contradict each other, set right; each is asked for again
right before it is written.
"""

import dataclasses
from collections.abc import Mapping

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts import BoundPort, Holdings
from osc_recover.gateways import inventory, kept_lists
from osc_recover.gateways.allocations import Allocations
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.port_bindings import PortBindings
from osc_recover.gateways.volume import Volumes
from osc_recover.gateways.volume_actions import VolumeActions
from osc_recover.operations.at_rest import AGAIN, at_rest, exists, moved
from osc_recover.operations.look import find
from osc_recover.operations.volume_records import (
    DeleteAttachment,
    SettleVolume,
)
from osc_recover.plan import Step


def verbs(cloud: Cloud, grace: float) -> Mapping[str, Operation]:
    """The operations that mend records, by their verbs."""
    compute = Compute(cloud.compute)
    attachments = Attachments(cloud.volume)

    def known(server: str) -> set[str]:
        found = kept_lists.of_server(cloud.compute, server)
        return {one.id for one in found}

    return {
        'allocation.drop': DropAllocation(
            compute, Allocations(cloud.placement), grace
        ),
        'port.bind': BindPort(compute, PortBindings(cloud.network), grace),
        'attachment.delete': DeleteAttachment(
            compute, attachments, known, grace
        ),
        'volume.settle': SettleVolume(
            compute, Volumes(cloud.volume), VolumeActions(cloud.volume), grace
        ),
        'server.end-task': EndTask(compute, grace),
    }


class DropAllocation:
    """Have a consumer hold less room: on some providers nothing, or nothing
    at all.
    """

    writes = True

    def __init__(
        self, compute: Compute, allocations: Allocations, grace: float
    ) -> None:
        self._compute = compute
        self._allocations = allocations
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether nothing is held any more of what is to go."""
        held = self._allocations.of(step.target)
        return _without(held, step) == held

    def apply(self, step: Step) -> Result:
        """Write what is left, if nobody has written since the reading."""
        held = self._allocations.of(step.target)
        left = _without(held, step)
        if step.args['server']:
            self._check_server(step, left)
        else:
            self._check_orphan(step)
        reply = self._allocations.put(left)
        gone = sorted(held.resources.keys() - left.resources.keys())
        return Result(f'given back: {", ".join(gone)}', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is so."""
        if not self.in_effect(step):
            raise errors.StepFailed('it holds the room again', AGAIN)
        return Result()

    def _check_server(self, step: Step, left: Holdings) -> None:
        server = at_rest(self._compute, step.target, step.args['host'])
        rows = self._compute.migrations(server=server.id)
        # One that is done waits for its source to return.
        going = set(inventory.UNENDED) - {'done'}
        if any(row.status in going for row in rows):
            raise moved(f'a migration of {server.id} goes on')
        if not left.resources:
            raise moved(f'{server.id} would hold no room at all')

    def _check_orphan(self, step: Step) -> None:
        if exists(self._compute, step.target):
            raise moved(f'nova knows server {step.target}')
        rows = inventory.migrations(self._compute)
        if any(row.uuid == step.target for row in rows):
            raise moved(f'migration {step.target} goes on')


class BindPort:
    """Bind a port to the host of its server."""

    writes = True

    def __init__(
        self, compute: Compute, ports: PortBindings, grace: float
    ) -> None:
        self._compute = compute
        self._ports = ports
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is bound there."""
        port = self._port(step)
        return port.host == step.args['host'] and port.bound

    def apply(self, step: Step) -> Result:
        """Bind it, if nobody has changed it since the reading."""
        host = step.args['host']
        server = at_rest(self._compute, step.args['server'], host)
        port = self._port(step)
        if port.server != server.id:
            raise moved(f'it belongs to {port.server or "nobody"}')
        if port.host not in (step.args['was'], host):
            raise moved(f'it is bound to {port.host}')
        owner = f'compute:{server.zone}' if server.zone else port.owner
        reply = self._ports.bind(port, host, owner)
        return Result(f'bound to {host}', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """See that neutron could wire it there."""
        port = self._port(step)
        if port.host != step.args['host']:
            raise moved(f'it is bound to {port.host}')
        if not port.bound:
            raise errors.StepFailed(
                f'neutron could not wire it on {port.host}: {port.vif_type}',
                f'openstack network agent list --host {port.host}; then '
                'openstack recover run resume',
            )
        return Result()

    def _port(self, step: Step) -> BoundPort:
        try:
            return self._ports.port(step.target)
        except errors.Gone as exc:
            raise errors.StepFailed(
                'the port was deleted meanwhile',
                'there is nothing left to do',
            ) from exc


class EndTask:
    """Take a task state away, and leave the state as it is."""

    writes = True

    def __init__(self, compute: Compute, grace: float) -> None:
        self._compute = compute
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether nova is not at it any more."""
        return find(self._compute, step.target).task_state is None

    def apply(self, step: Step) -> Result:
        """Set the state that it has, which takes the task away.

        nova/api/openstack/compute/admin_actions.py, _reset_state.
        """
        server, args = find(self._compute, step.target), step.args
        now = (server.task_state, server.vm_state, server.updated)
        if now != (args['task'], args['state'], args['updated']):
            raise moved(f'nova is at it ({server.task_state or "no task"})')
        service = self._compute.compute_service(server.host)
        if service is None or not service.up:
            raise moved(f'{server.host} is down')
        reply = self._compute.reset_state(server.id, args['state'])
        return Result(f'{args["task"]} taken away', reply.request_id)

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is so."""
        if not self.in_effect(step):
            raise errors.StepFailed('nova is at it again', AGAIN)
        return Result()


def _without(held: Holdings, step: Step) -> Holdings:
    """What is left of what is held."""
    drop = set(step.args['providers']) or held.resources.keys()
    left = {p: r for p, r in held.resources.items() if p not in drop}
    return dataclasses.replace(held, resources=left)
