# SPDX-License-Identifier: Apache-2.0
"""Servers started or rebooted after a power loss, each of them once."""

import dataclasses
import time
from collections.abc import Callable, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Looking, Operation, Result
from osc_recover.facts import Server
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.operations import (
    attach,
    cleaned,
    cleaning,
    disaster_hosts,
    disaster_volumes,
)
from osc_recover.operations.look import Looks, deleted
from osc_recover.operations.proof import Prove
from osc_recover.operations.server import Stop as StopServer
from osc_recover.operations.standing import (
    BY_LIBVIRT,
    STARTS,
    STOPPED,
    Standing,
)
from osc_recover.operations.watch import Together
from osc_recover.plan import Step

_TICK = 0.5  # seconds
_CONFLICT = 409  # nova is at the server
_RUNNING = 1  # nova/compute/power_state.py


def verbs(
    cloud: Cloud,
    hosts: Hosts,
    control: Control,
    databases: Callable[[], Databases],
    *,
    tick: float,
    grace: float,
    timeout: float,
) -> Mapping[str, Operation]:
    """The operations of a recovery of a cloud, by their verbs.

    :param databases: of the cloud; asked only for what acts on them
    """
    compute, volumes = Compute(cloud.compute), Volumes(cloud.volume)
    standing = Standing(compute, hosts, control, tick=tick)
    backends = disaster_hosts.Backends(cloud, control)
    starts = {
        name: Start(
            cloud,
            standing,
            control,
            manner,
            tick=tick,
            grace=grace,
            timeout=timeout,
        )
        for name, manner in (('start', KEEPING), ('restart', CLEANED))
    }
    return {
        **disaster_hosts.verbs(cloud, hosts, timeout),
        **cleaning.verbs(cloud, databases, standing, grace),
        **attach.verbs(cloud, grace),
        'disaster.attachments': disaster_volumes.Agreed(cloud, backends),
        'disaster.relations': cleaned.Related(cloud),
        'disaster.listed': cleaned.Listed(cloud),
        'disaster.dropped': cleaned.Dropped(cloud),
        'disaster.off': Off(cloud, standing, backends),
        'disaster.stop': StopOff(
            compute, standing, tick=tick, grace=grace, timeout=timeout
        ),
        **{f'disaster.{name}': start for name, start in starts.items()},
        'server.prove': Prove(
            compute,
            Network(cloud.network),
            volumes,
            tick=tick,
            hurried=lambda: True,
        ),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Manner:
    """How servers are brought up in a mode of the recovery.

    ``once``: actions of nova, one of which since the plan is ours, or does
    instead of it.  ``ready``: what keeps it from being asked for, or None.
    ``hard``: always by a hard reboot, and of no guest that runs.
    """

    once: tuple[str, ...]
    ready: Callable[[Cloud, Step], errors.StepFailed | None]
    hard: bool = False


KEEPING = Manner(STARTS, disaster_volumes.disagreed)
# A start of nova's drops no mappings (nova/compute/manager.py).
CLEANED = Manner(('reboot',), cleaned.uncleaned, hard=True)


class Start:
    """Start a server, or reboot it hard: one request, and never a second.

    Any start or reboot that nova has noted since the plan is this one, or
    does instead of it.
    """

    writes = True

    def __init__(
        self,
        cloud: Cloud,
        standing: Standing,
        control: Control,
        manner: Manner,
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
        self._standing = standing
        self._control = control
        self._manner = manner
        self.grace = grace
        self._timeout = timeout
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it was asked for since the plan, by whomever, or runs.

        nova notes an action before it answers (nova/compute/api.py,
        _record_action_start), and may have started guests by itself when its
        host came up (resume_guests_state_on_host_boot).

        :raises errors.StepFailed: when its host does not tell any more, or
            when a guest runs that was to be rebooted
        """
        asked = {
            one.action for one in self._standing.since(step.target, step.args)
        }
        if asked.intersection(self._manner.once):
            return True
        runs = self._standing.runs(step.target, step.args)
        if self._manner.hard and (runs or asked.intersection(STARTS)):
            raise _runs_uncleaned(step)
        return runs

    def apply(self, step: Step) -> Result:
        """One request, if everything is still as it was planned.

        nova may begin at any moment to stop by itself what it finds off, and
        refuses it then: it is asked once more when that has ended.

        :raises errors.StepFailed: when all is not as it was planned
        """
        try:
            return self._ask(step)
        except errors.ApiRefused as exc:
            if exc.status != _CONFLICT:
                raise
        return self._ask(step)

    def _ask(self, step: Step) -> Result:
        server = self._standing.settled(step.target)
        if problem := self._moved(step, server):
            raise errors.StepFailed(
                f'it is not started: {problem}',
                'see whether that is as it should be; openstack recover cloud '
                'plans anew',
            )
        if failed := self._manner.ready(self._cloud, step):
            raise failed
        if server.vm_state == STOPPED and not self._manner.hard:
            reply = self._compute.start(step.target)
        else:
            reply = self._compute.reboot(step.target)
        return Result('', reply.request_id)

    def _moved(self, step: Step, server: Server) -> str:
        """What is not as it was planned, in words."""
        if problem := self._standing.moved(server, step.args):
            return problem
        woken = self._standing.woken(step.target, step.args)
        if woken and step.args['proof'] != BY_LIBVIRT:
            return woken
        service = self._compute.compute_service(server.host)
        if service is None or not service.up:
            return f'nova-compute on {server.host} is down'
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


class Off(Looking):
    """See that a server is off still, before its volumes are mended."""

    def __init__(
        self,
        cloud: Cloud,
        standing: Standing,
        backends: disaster_hosts.Backends,
    ) -> None:
        self._cloud = cloud
        self._standing = standing
        self._backends = backends

    def follow(self, step: Step, control: Control) -> Result:
        """One look, when nova has ended a stop of its own.

        :raises errors.StepFailed: when it may run, or is not as it was, or
            what serves its volumes or has nova stop it is down
        """
        self._backends.check(step)
        host = step.args['host']
        if not disaster_hosts.is_compute_up(self._cloud, host):
            raise errors.StepFailed(
                f'its volumes are not mended: nova-compute on {host} is down',
                'start it, and see its log; then resume',
            )
        _check_off(self._standing, step)
        return Result('it is off')


class StopOff(StopServer):
    """Have nova stop, in its records, a server that is off still."""

    def __init__(
        self,
        compute: Compute,
        standing: Standing,
        *,
        tick: float,
        grace: float,
        timeout: float,
    ) -> None:
        super().__init__(compute, tick=tick, grace=grace, timeout=timeout)
        self._standing = standing

    def apply(self, step: Step) -> Result:
        """One os-stop.

        :raises errors.StepFailed: when it may run, or is not as it was
        """
        _check_off(self._standing, step)
        return super().apply(step)


def _check_off(standing: Standing, step: Step) -> None:
    if problem := standing.not_off(step.target, step.args):
        raise errors.StepFailed(
            f'its volumes are not mended: {problem}',
            'see whether that is as it should be; openstack recover cloud '
            'plans anew',
        )


def _not_started(server: Server) -> errors.StepFailed:
    why = server.fault or f'see the log of nova-compute on {server.host}'
    return errors.StepFailed(
        f'it does not run: it is {server.vm_state} with power state '
        f'{server.power_state}: {why}',
        'it is not asked for a second time; once the cause is gone: openstack '
        f'server reboot --hard {server.id}, or plan again',
    )


def _runs_uncleaned(step: Step) -> errors.StepFailed:
    return errors.StepFailed(
        'it was started without this run, and nova drops the mappings of '
        'volumes that were cleaned in a reboot alone',
        f'openstack server reboot --hard {step.target}, once nobody works in '
        'its guest; then resume, which attaches its volumes',
    )
