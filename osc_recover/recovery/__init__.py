# SPDX-License-Identifier: Apache-2.0
"""The one object that commands talk to: observe, check, plan, carry out."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self, TypeVar

from osc_recover import errors, markers, operations, settings
from osc_recover.checks.request import (
    DomainRepair,
    Request,
    Return,
    ServiceChange,
)
from osc_recover.engine import Watcher
from osc_recover.evidence import Evidence as Evidence
from osc_recover.evidence import beats
from osc_recover.facts import Probe, Server, Situation
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.fence import FenceAgents
from osc_recover.journal import Journal
from osc_recover.observe import setup
from osc_recover.observe import situation as observe
from osc_recover.plan import Plan
from osc_recover.procedures import host as host_procedure
from osc_recover.procedures import returning
from osc_recover.records import from_data
from osc_recover.recovery.asking import with_returned, with_storage
from osc_recover.recovery.carrying import Carrying
from osc_recover.recovery.domains import DomainsOfServers
from osc_recover.recovery.known import check_hosts
from osc_recover.recovery.ownership import Ownership
from osc_recover.recovery.renumbering import Renumbering
from osc_recover.recovery.requests import Requests
from osc_recover.recovery.services import ServicesOfHosts
from osc_recover.runs import Run

_RUN_STATES = ('started', 'stopped', 'finished', 'ended')

T = TypeVar('T')


class Recovery:
    """Plans recoveries of one cloud, and carries them out.

    :param cloud: the cloud's services
    :param config: its ``recover:`` section
    """

    def __init__(self, cloud: Cloud, config: settings.Settings) -> None:
        self.cloud = cloud
        self.compute = Compute(cloud.compute)
        self.settings = config
        self._journal: Journal | None = None
        self._looked: operations.Looked | None = None

    @classmethod
    def from_osc(cls, instance: Any) -> Self:
        """Use the client's own configuration, session and endpoints."""
        region = instance.sdk_connection.config
        section = region.config.get('recover') or {}
        config = settings.read(section)
        return cls(Cloud(region, timeout=config.request_timeout), config)

    @property
    def journal(self) -> Journal:
        """The journal, opened when it is first needed."""
        if self._journal is None:
            self._journal = Journal(self.settings.journal_path)
        return self._journal

    @property
    def ownership(self) -> Ownership:
        """The numbers of accounts on the hosts."""
        return Ownership(self.compute, self.settings)

    @property
    def renumbering(self) -> Renumbering:
        """New numbers of accounts and files on the hosts."""
        return Renumbering(self.cloud, self.settings, self.journal)

    @property
    def services(self) -> ServicesOfHosts:
        """The services on the hosts."""
        return ServicesOfHosts(self.cloud, self.settings)

    @property
    def domains(self) -> DomainsOfServers:
        """The domains of servers on the hosts."""
        return DomainsOfServers(self.compute, self.settings)

    @property
    def requests(self) -> Requests:
        """What is asked for, with what the configuration says."""
        return Requests(self.settings)

    def probes(self) -> Iterator[Probe]:
        """What a recovery needs, tried; changes nothing."""
        return setup.probes(self.cloud, self.settings, lambda: self.journal)

    # Plans

    def find_servers(self, names: Sequence[str]) -> list[Server]:
        """The servers of these names or IDs.

        :raises errors.UnknownServer: for none, or several
        """
        found = []
        for name in names:
            hits = self.compute.find_servers(name)
            if len(hits) != 1:
                raise errors.UnknownServer(name, tuple(s.id for s in hits))
            found.append(hits[0])
        return found

    def plan_host(self, request: Request) -> Plan:
        """Look at the cloud, and plan the recovery of failed hosts.

        Sends nothing that writes.

        :raises errors.Refused: when no server may be touched at all
        :raises errors.UnknownHost: when nova has no such compute host
        """
        began = time.monotonic()
        facts = observe.situation(self.cloud, request.hosts)
        self._looked = began, {server.id: server for server in facts.servers}
        self._check_hosts(facts)
        self._check_switches(request)
        request = self._with_own_run(facts, request)
        facts = with_storage(facts, request, self.settings.ssh)
        return host_procedure.recover_host(facts, request)

    def _with_own_run(self, facts: Situation, request: Request) -> Request:
        """Let a new run take over from a run of ours that has ended."""
        for service in map(facts.service, request.hosts):
            marked = markers.run_in(service.disabled_reason) if service else ''
            if marked and not request.take_over and self._has_ended(marked):
                return dataclasses.replace(request, take_over=marked)
        return request

    def _has_ended(self, name: str) -> bool:
        try:
            return self.state(self.run(name)) in ('finished', 'failed')
        except (errors.UnknownRun, errors.WrongCloud):
            return False

    def _check_switches(self, request: Request) -> None:
        agents = FenceAgents(self.settings.fence, self.settings.fence_timeout)
        missing = [host for host in request.hosts if not agents.knows(host)]
        if request.fence and missing:
            raise errors.Refused(
                f'--fence: no fence device is configured for '
                f'{", ".join(missing)}',
                'add it to recover: fence in clouds.yaml, or switch the host '
                'off by hand and say so with --fenced "how you know"',
                'no-fence-device',
            )

    def _check_hosts(self, facts: Situation) -> None:
        check_hosts(facts.hosts, [s.host for s in facts.computes()])

    def plan_return(self, host: str) -> Plan:
        """Look whether a repaired host can go back into service.

        :raises errors.Refused: while something is still open, saying what
        """
        facts = observe.situation(self.cloud, (host,))
        self._check_hosts(facts)
        service = facts.service(host)
        assert service is not None
        mine = self._runs_on(host)
        request = Return(
            host=host,
            alive=(service.up and not service.forced_down)
            or beats(self.compute, host, service.updated_at),
            open_runs=tuple(r.id for r in mine if self.is_open(r)),
            was_enabled=_was_enabled(mine),
        )
        facts = with_returned(facts, host, self.compute, self.settings.ssh)
        return returning.return_host(facts, request)

    def return_refusal(self, plan: Plan) -> errors.Refused | None:
        """Why a plan to return a host has no steps; None: none are needed."""
        return returning.refusal(plan)

    def _runs_on(self, host: str) -> list[Run]:
        return [
            run
            for run in self.journal.runs()
            if run.cloud == self.cloud.key
            and host in run.plan.hosts
            and run.plan.procedure == 'host'
        ]

    # Runs

    def store(self, plan: Plan) -> Run:
        """Keep a plan in the journal."""
        return self.journal.store(plan, self.cloud.key, self.cloud.name)

    def run(self, name: str) -> Run:
        """A run of this cloud.

        :raises errors.UnknownRun: when the journal has no such run
        :raises errors.WrongCloud: when it belongs elsewhere
        """
        run = self.journal.run(name)
        if run.cloud != self.cloud.key:
            theirs, ours = run.cloud_name, self.cloud.name
            if theirs == ours:
                theirs, ours = run.cloud, self.cloud.key
            raise errors.WrongCloud(run.id, theirs, ours)
        return run

    def state(self, run: Run) -> str:
        """planned, running, finished, failed, stopped or cut off."""
        told = [e.state for e in self.journal.events(run.id, '')]
        told = [state for state in told if state in _RUN_STATES]
        if not told:
            return 'planned'
        if told[-1] == 'finished':
            return 'finished'
        if any(
            f'run {run.id},' in self.journal.holder(run.cloud, host)
            for host in run.plan.hosts
        ):
            return 'running'
        return {'ended': 'failed', 'stopped': 'stopped'}.get(
            told[-1], 'cut off'
        )

    def is_open(self, run: Run) -> bool:
        """Whether a run was begun and has neither finished nor ended."""
        return self.state(run) in ('running', 'cut off', 'stopped')

    def check_unmoved(self, run: Run) -> None:
        """See that the cloud still is what the stored plan was made for.

        :raises errors.FactsMoved: naming what has changed
        :raises errors.Refused: when it was made without fencing evidence
        """
        if run.plan.request.get('rehearsal'):
            raise errors.Refused(
                f'plan {run.id} is a rehearsal: nothing shows that '
                f'{", ".join(run.plan.hosts)} is off',
                'make a plan with --fence or --fenced "how you know"',
                'no-evidence',
            )
        fresh = self._anew(run.plan)
        changes = host_procedure.differences(run.plan, fresh)
        if changes:
            raise errors.FactsMoved(run.id, changes)

    def _anew(self, plan: Plan) -> Plan:
        """The same plan from facts of now."""
        if plan.procedure == 'return':
            return self.plan_return(plan.hosts[0])
        if plan.procedure == 'service':
            return self.services.plan(_request(plan, ServiceChange))
        if plan.procedure == 'domain':
            return self.domains.plan(_request(plan, DomainRepair))
        if plan.procedure in ('ownership', 'ownership-undo'):
            return self.renumbering.anew(plan)
        return self.plan_host(_request(plan, Request))

    def carry_out(
        self, run: Run, watch: Watcher, evidence: Evidence | None = None
    ) -> bool:
        """Do what of a run is not in effect yet; returns whether all is.

        :param evidence: fresh evidence that the hosts are off, on a resume
        :raises errors.HostLocked: when another process is at it
        :raises errors.Refused: when the evidence no longer holds
        :raises errors.Interrupted: after ^C
        """
        carrying = Carrying(
            self.cloud,
            self.settings,
            self.journal,
            self.services,
            self._looked,
        )
        return carrying.carry_out(run, watch, evidence or Evidence())


def _request(plan: Plan, kind: type[T]) -> T:
    request = from_data(kind, dict(plan.request))
    assert isinstance(request, kind)
    return request


def _was_enabled(runs: Sequence[Run]) -> bool:
    """Whether the service was enabled before the newest run disabled it."""
    for run in runs:
        for step in run.plan.steps():
            if step.verb == 'service.force-down':
                return bool(step.args.get('was_enabled', True))
    return True
