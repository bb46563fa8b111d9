# SPDX-License-Identifier: Apache-2.0
"""Servers started or rebooted after a power loss, each of them once."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts import HostDomains, Server
from osc_recover.facts.disaster import Happened
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.operations import disaster_hosts, disaster_volumes
from osc_recover.operations.look import Looks, deleted, find
from osc_recover.operations.proof import Prove
from osc_recover.operations.watch import Together
from osc_recover.plan import Step

_TICK = 0.5  # seconds
_ONCE = ('start', 'reboot')  # actions of nova that start a guest
_RUNNING = 1  # nova/compute/power_state.py
_STOPPED = 'stopped'
_STOPPING = 60.0  # seconds that a stop of nova may take


def verbs(
    cloud: Cloud,
    hosts: Hosts,
    control: Control,
    *,
    tick: float,
    grace: float,
    timeout: float,
) -> Mapping[str, Operation]:
    """The operations of a recovery of a cloud, by their verbs."""
    compute, volumes = Compute(cloud.compute), Volumes(cloud.volume)
    return {
        **disaster_hosts.verbs(cloud, hosts),
        'disaster.attachments': disaster_volumes.Agreed(cloud),
        'disaster.start': Start(
            cloud, hosts, control, tick=tick, grace=grace, timeout=timeout
        ),
        'server.prove': Prove(
            compute,
            Network(cloud.network),
            volumes,
            tick=tick,
            hurried=lambda: True,
        ),
    }


class Start:
    """Start a server, or reboot it hard: one request, and never a second.

    Any start or reboot that nova has noted since the plan is this one, or
    does instead of it.
    """

    writes = True

    def __init__(
        self,
        cloud: Cloud,
        hosts: Hosts,
        control: Control,
        *,
        tick: float,
        grace: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._looks: Together[None, Server | None] = Together(
            Looks(self._compute), tick
        )
        self._guests = Together[str, HostDomains](
            functools.partial(_on_hosts, Domains(hosts)), tick
        )
        self._control = control
        self.grace = grace
        self._timeout = timeout
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it was asked for since the plan, by whomever, or runs.

        nova notes an action before it answers (nova/compute/api.py,
        _record_action_start), and may have started guests by itself when its
        host came up (resume_guests_state_on_host_boot).

        :raises errors.StepFailed: when its host does not tell any more
        """
        if any(one.action in _ONCE for one in self._since(step)):
            return True
        return step.args['proof'] == 'domain' and self._runs(step)

    def _runs(self, step: Step) -> bool:
        host = step.args['host']
        told = self._guests.ask(step.target, host, self._control, hurry=True)
        if told.problem:
            raise errors.StepFailed(
                f'nothing shows any more that it is off: {told.problem}',
                told.way_out,
            )
        return any(d.uuid == step.target and d.runs for d in told.domains)

    def _since(self, step: Step) -> Iterator[Happened]:
        """What was asked for since the plan."""
        for one in self._compute.happened(step.target):
            if one.request == step.args['after']:
                return
            yield one

    def apply(self, step: Step) -> Result:
        """One request, if everything is still as it was planned.

        :raises errors.StepFailed: when it is not
        """
        server = self._settled(step)
        if problem := self._moved(step, server):
            raise errors.StepFailed(
                f'it is not started: {problem}',
                'see whether that is as it should be; openstack recover cloud '
                'plans anew',
            )
        if failed := disaster_volumes.disagreed(self._cloud, step):
            raise failed
        if server.vm_state == _STOPPED:
            reply = self._compute.start(step.target)
        else:
            reply = self._compute.reboot(step.target)
        return Result('', reply.request_id)

    def _settled(self, step: Step) -> Server:
        """The server, when nova has ended a stop of its own."""
        deadline = self._clock() + _STOPPING
        while True:
            server = find(self._compute, step.target)
            stops = server.task_state == 'powering-off'
            if not stops or self._clock() > deadline:
                return server
            self._control.wait(_TICK)

    def _by_nova(self, step: Step) -> bool:
        """Whether nova has stopped it by itself, as it found its guest off.

        It compares some time after its host came up (nova/compute/manager.py,
        _sync_instance_power_state), be it while the plan is made.
        """
        newest = self._compute.happened(step.target)[:1]
        return any(one.action == 'stop' and not one.user for one in newest)

    def _moved(self, step: Step, server: Server) -> str:
        """What is not as it was planned, in words."""
        host = step.args['host']
        if server.host != host:
            return f'nova has it on {server.host or "no host"} now'
        if server.task_state:
            return f'its task state is {server.task_state}'
        if server.vm_state != step.args['state'] and not (
            server.vm_state == _STOPPED and self._by_nova(step)
        ):
            return f'it is {server.vm_state} now, not {step.args["state"]}'
        service = self._compute.compute_service(host)
        if service is None or not service.up:
            return f'nova-compute on {host} is down'
        return ''

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until it runs.

        :raises errors.StepFailed: when it ended badly, or not in time
        """
        deadline = self._clock() + self._timeout
        while not (server := self._look(step, control)) or server.task_state:
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'it does not run after {self._timeout:.0f} s',
                    'openstack recover run resume looks again, and asks for '
                    'no second start',
                )
        if (server.vm_state, server.power_state) != ('active', _RUNNING):
            raise _not_started(server)
        return Result(f'runs on {server.host}')

    def _look(self, step: Step, control: Control) -> Server | None:
        try:
            server = self._looks.ask(step.target, None, control)
        except errors.CALL:
            control.wait(_TICK)
            return None
        if server is None:
            raise deleted(step.target)
        return server


def _on_hosts(
    domains: Domains, asked: Mapping[str, str]
) -> dict[str, HostDomains]:
    """Server -> what its host tells; each host is asked once."""
    told = {one.host: one for one in domains.list(sorted({*asked.values()}))}
    return {server: told[host] for server, host in asked.items()}


def _not_started(server: Server) -> errors.StepFailed:
    why = server.fault or f'see the log of nova-compute on {server.host}'
    return errors.StepFailed(
        f'it does not run: it is {server.vm_state} with power state '
        f'{server.power_state}: {why}',
        'it is not asked for a second time; once the cause is gone: openstack '
        f'server reboot --hard {server.id}, or plan again',
    )
