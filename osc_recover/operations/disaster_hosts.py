# SPDX-License-Identifier: Apache-2.0
"""Hosts and backends after a power loss: waited for, and compared."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

from osc_recover import errors
from osc_recover.effects import Control, Looking, Operation, Result
from osc_recover.facts.snapshot import HostState
from osc_recover.gateways import inventory
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.host_states import states
from osc_recover.gateways.hosts import Hosts
from osc_recover.operations import firewall
from osc_recover.operations.watch import Shared
from osc_recover.plan import Step

_TICK = 1.0  # seconds
_TIMEOUT = 300.0  # seconds that services may take to come up
_MOST = 5  # rules and targets that are named, of many


def verbs(
    cloud: Cloud, hosts: Hosts, timeout: float
) -> Mapping[str, Operation]:
    """Those of hosts and backends, by their verbs.

    :param timeout: seconds that they may take to come up, if it is few
    """
    timeout = min(timeout, _TIMEOUT)
    return {
        'disaster.compute-up': Up(
            lambda step: is_compute_up(cloud, step.target),
            'nova-compute',
            timeout=timeout,
        ),
        'disaster.storage-up': Up(
            lambda step: is_storage_up(
                cloud, step.target, step.args['cluster']
            ),
            'cinder-volume',
            timeout=timeout,
        ),
        'disaster.compare': Compare(hosts),
    }


def is_compute_up(cloud: Cloud, host: str) -> bool:
    """Whether the nova-compute of a host counts as up."""
    service = Compute(cloud.compute).compute_service(host)
    return service is not None and service.up


def is_storage_up(cloud: Cloud, backend: str, cluster: str = '') -> bool:
    """Whether a cinder-volume counts as up that serves a backend.

    :param cluster: that the backend may be in, or ''
    """
    names = (backend, cluster or backend)
    return any(
        one.up
        for one in inventory.storage(cloud.volume)
        if one.binary == 'cinder-volume'
        and (one.host in names or one.cluster in names)
    )


class Backends:
    """Which backends of cinder have a cinder-volume that is up.

    Steps that ask together share an answer.
    """

    def __init__(self, cloud: Cloud, control: Control) -> None:
        self._control = control
        self._shared = Shared(
            lambda: inventory.storage(cloud.volume), _TICK, gathers=True
        )

    def down(self, backends: Mapping[str, str]) -> list[str]:
        """Those that are down.

        :param backends: name -> the cluster that it may be in, or ''
        :raises errors.ApiError: when cinder does not tell
        """
        if not backends:
            return []
        _, told = self._shared.now(self._control)
        up = {
            name
            for one in told
            if one.binary == 'cinder-volume' and one.up
            for name in (one.host, one.cluster)
        }
        return [
            name
            for name, cluster in backends.items()
            if not up.intersection((name, cluster or name))
        ]

    def check(self, step: Step) -> None:
        """See that those of a step's volumes are up.

        :raises errors.StepFailed: when one is down
        """
        # A plan of an older release has none.
        if down := self.down(step.args.get('backends', {})):
            raise errors.StepFailed(
                f'cinder-volume on {", ".join(down)} is down, and the server '
                'would be started without its volumes',
                'start it, and see its log; then resume',
            )


class Up(Looking):
    """Wait until a service counts as up.

    :param is_up: asks its own API
    :param what: its name, for the operator
    """

    def __init__(
        self,
        is_up: Callable[[Step], bool],
        what: str,
        *,
        timeout: float = _TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_up = is_up
        self._what = what
        self._timeout = timeout
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Ask until it is.

        :raises errors.StepFailed: when it is not in time
        """
        deadline = self._clock() + self._timeout
        while problem := self._problem(step):
            if self._clock() > deadline:
                raise errors.StepFailed(
                    f'{problem}, {self._timeout:.0f} s long',
                    f'start {self._what} there, and see its log; then '
                    'resume: servers that need it are left until then',
                )
            control.wait(_TICK)
        return Result(f'{self._what} is up')

    def _problem(self, step: Step) -> str:
        try:
            if self._is_up(step):
                return ''
        except errors.CALL as exc:
            return exc.sentence
        return f'{self._what} on {step.target} is down'


class Compare(Looking):
    """See that a host has the firewall rules and iSCSI sessions of before."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def follow(self, step: Step, control: Control) -> Result:
        """One look.

        :raises errors.StepFailed: naming what is missing, and the commands
        """
        [now] = states(self._hosts, [step.target])
        if now.problem:
            raise errors.StepFailed(now.problem, now.way_out)
        if mute := _mute(step, now):
            raise errors.StepFailed(
                f'{step.target} does not tell all that it has: {mute}',
                'see to that there; then resume',
            )
        rules = firewall.missing(step.args['rules'], now.firewalls)
        has = {session.target for session in now.sessions}
        targets = [one for one in step.args['targets'] if one not in has]
        if rules or targets:
            raise errors.StepFailed(
                '; '.join(_told(step.target, rules, targets)),
                _way_out(step, now, targets),
            )
        return Result('its firewall rules and sessions are as they were')


def _mute(step: Step, now: HostState) -> str:
    """Why what is looked for may be there unseen, or ''."""
    parts = {tool for tool, _ in step.args['rules']}
    if step.args['targets']:
        parts.add('sessions')
    return '; '.join(
        f'{part}: {why}' for part, why in now.problems.items() if part in parts
    )


def _told(
    host: str, rules: Sequence[firewall.Rule], targets: Sequence[str]
) -> Sequence[str]:
    told = []
    if rules:
        some = ', '.join(f'{tool} {rule}' for tool, rule in rules[:_MOST])
        told.append(f'{len(rules)} firewall rules of before are not on {host}'
                    f', such as {some}')  # fmt: skip
    if targets:
        told.append(
            f'{len(targets)} iSCSI sessions of before are not on {host}: '
            + ', '.join(targets[:_MOST])
        )
    return told


def _way_out(step: Step, now: HostState, targets: Sequence[str]) -> str:
    host = step.target
    commands = firewall.commands(step.args['rules'], now.firewalls)
    some = '; '.join(itertools.islice(commands, _MOST))
    ways = [f'on {host}: {some}'] if some else []
    if targets:
        ways.append(f'openstack recover session open {host}')
    return f'{"; ".join(ways)}; then resume'
