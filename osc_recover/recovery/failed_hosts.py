# SPDX-License-Identifier: Apache-2.0
"""Hosts that have failed, and their return."""

import dataclasses
import time
from collections.abc import Sequence

from osc_recover import errors, markers
from osc_recover.checks.request import Request, Return
from osc_recover.evidence import beats
from osc_recover.facts import Situation
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.fence import FenceAgents
from osc_recover.observe import situation as observe
from osc_recover.operations import evacuations
from osc_recover.plan import Plan
from osc_recover.procedures import host as procedure
from osc_recover.procedures import returning
from osc_recover.recovery.asking import with_returned, with_storage
from osc_recover.recovery.by_hand import ByHand
from osc_recover.recovery.known import check_hosts
from osc_recover.recovery.runs import RunsOfCloud
from osc_recover.runs import Run
from osc_recover.settings import Settings


class FailedHosts:
    """Plans recoveries of hosts, and their return into service.

    ``looked`` is the plan's list of servers, and when it was read.
    """

    def __init__(
        self,
        cloud: Cloud,
        settings: Settings,
        runs: RunsOfCloud,
        by_hand: ByHand,
    ) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._settings = settings
        self._runs = runs
        self._by_hand = by_hand
        self.looked: evacuations.Looked | None = None

    def plan(self, request: Request) -> Plan:
        """Look at the cloud, and plan the recovery of failed hosts.

        Sends nothing that writes.

        :raises errors.Refused: when no server may be touched at all
        :raises errors.UnknownHost: when nova has no such compute host
        :raises errors.DatabaseError: when servers are to be moved in nova's
            database, and that does not answer
        """
        began = time.monotonic()
        facts = observe.situation(self._cloud, request.hosts)
        self.looked = began, {server.id: server for server in facts.servers}
        _check_known(facts)
        self._check_switches(request)
        request = self._with_own_run(facts, request)
        facts = with_storage(facts, request, self._settings.ssh)
        facts = self._by_hand.with_records(facts, request)
        return procedure.recover_host(facts, request)

    def _with_own_run(self, facts: Situation, request: Request) -> Request:
        """Let a new run take over from a run of ours that has ended."""
        for service in map(facts.service, request.hosts):
            marked = markers.run_in(service.disabled_reason) if service else ''
            ours = marked and not request.take_over
            if ours and self._runs.has_ended(marked):
                return dataclasses.replace(request, take_over=marked)
        return request

    def _check_switches(self, request: Request) -> None:
        config = self._settings
        agents = FenceAgents(config.fence, config.fence_timeout)
        missing = [host for host in request.hosts if not agents.knows(host)]
        if request.fence and missing:
            raise errors.Refused(
                f'--fence: no fence device is configured for '
                f'{", ".join(missing)}',
                'add it to recover: fence in clouds.yaml, or switch the host '
                'off by hand and say so with --fenced "how you know"',
                'no-fence-device',
            )

    def plan_return(self, host: str) -> Plan:
        """Look whether a repaired host can go back into service.

        :raises errors.Refused: while something is still open, saying what
        """
        facts = observe.situation(self._cloud, (host,))
        _check_known(facts)
        service = facts.service(host)
        assert service is not None
        mine = self._runs.of_host(host)
        request = Return(
            host=host,
            alive=(service.up and not service.forced_down)
            or beats(self._compute, host, service.updated_at),
            open_runs=tuple(r.id for r in mine if self._runs.is_open(r)),
            was_enabled=_was_enabled(mine),
        )
        facts = with_returned(facts, host, self._compute, self._settings.ssh)
        return returning.return_host(facts, request)

    def return_refusal(self, plan: Plan) -> errors.Refused | None:
        """Why a plan to return a host has no steps; None: none are needed."""
        return returning.refusal(plan)


def _check_known(facts: Situation) -> None:
    check_hosts(facts.hosts, [s.host for s in facts.computes()])


def _was_enabled(runs: Sequence[Run]) -> bool:
    """Whether the service was enabled before the newest run disabled it."""
    for run in runs:
        for step in run.plan.steps():
            if step.verb == 'service.force-down':
                return bool(step.args.get('was_enabled', True))
    return True
