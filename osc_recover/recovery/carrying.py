# SPDX-License-Identifier: Apache-2.0
"""Carrying a run out: locked, with its evidence, by its operations."""

import contextlib
import functools
import getpass
from collections.abc import Callable, Iterator, Mapping

from osc_recover import operations
from osc_recover.effects import Control
from osc_recover.engine import Engine, Watcher
from osc_recover.evidence import Evidence, HostsOff
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.fence import FenceAgents
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.inventory import storage
from osc_recover.journal import Journal
from osc_recover.observe.sessions import serving
from osc_recover.procedures import attaching, disaster, volumes
from osc_recover.recovery.services import ServicesOfHosts
from osc_recover.runs import Run
from osc_recover.settings import Settings

# nova's scheduler gives requests that come together the same best host: it
# does not see yet what the others take (nova/scheduler/manager.py).
_STAGGER = 0.1  # seconds
_SEEN = 120.0  # seconds that nova may take to see a started service
# What runs on hosts that are alive, over SSH.
_OF_HOSTS = ('service', 'ownership', 'ownership-undo', 'domain')
_OF_SESSIONS = ('session-close', 'session-open')


class Carrying:
    """Joins journal, evidence, engine and operations for a run."""

    def __init__(
        self,
        cloud: Cloud,
        settings: Settings,
        journal: Journal,
        services: ServicesOfHosts,
        databases: Callable[[], Databases],
        looked: operations.Looked | None = None,
    ) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._settings = settings
        self._journal = journal
        self._services = services
        self._databases = databases
        self._looked = looked
        self._power = FenceAgents(settings.fence, settings.fence_timeout)
        self._hosts_off = HostsOff(journal, self._compute, self._power)

    def carry_out(self, run: Run, watch: Watcher, evidence: Evidence) -> bool:
        """Do what of a run is not in effect yet; returns whether all is.

        :raises errors.HostLocked: when another process is at it
        :raises errors.Refused: when the evidence no longer holds
        :raises errors.Interrupted: after ^C
        """
        control = Control()
        with self._locked(run):
            if run.plan.procedure == 'host':
                self._hosts_off.check(run, evidence)
            self._journal.record(run.id, '', 'started', data=_who())
            with self._operations(run, control, watch) as made:
                engine = self._engine(run, made, control, watch)
                done = engine.carry_out(run.id, run.plan)
            if done:
                self._journal.record(run.id, '', 'finished')
            else:
                self._journal.record(run.id, '', 'ended', control.braked)
            return done

    @contextlib.contextmanager
    def _locked(self, run: Run) -> Iterator[None]:
        with contextlib.ExitStack() as locks:
            for host in sorted(run.plan.hosts):
                held = self._journal.held(run.cloud, host, run.id)
                locks.enter_context(held)
            yield

    @contextlib.contextmanager
    def _operations(
        self, run: Run, control: Control, watch: Watcher
    ) -> Iterator[operations.OfRun]:
        grace = self._settings.request_timeout
        if run.plan.procedure == 'audit':
            yield operations.of_audit(self._cloud, grace)
            return
        if run.plan.procedure == attaching.PROCEDURE:
            yield operations.of_attaching(self._cloud, grace)
            return
        if run.plan.procedure == volumes.PROCEDURE:
            yield operations.of_volumes(
                self._cloud,
                operations.Services.of(self._cloud, self._databases),
                run.id,
                grace=grace,
                timeout=self._settings.timeout,
            )
            return
        if run.plan.procedure == disaster.PROCEDURE:
            with Hosts(self._settings.ssh) as hosts:
                yield operations.of_disaster(
                    self._cloud, hosts, run, control, grace=grace
                )
            return
        if run.plan.procedure in _OF_HOSTS:
            with Hosts(self._settings.ssh) as hosts:
                yield operations.of_hosts(
                    self._compute,
                    hosts,
                    run=run.id,
                    watch=watch,
                    trap=self._services.trap,
                    grace=grace,
                    timeout=_SEEN,
                )
            return
        if run.plan.procedure == 'mount':
            guests = self._settings.guests_at(run.plan.request['addresses'])
            with Hosts(self._settings.ssh) as hosts, Hosts(guests) as inside:
                yield operations.of_mounts(hosts, inside, grace)
            return
        if run.plan.procedure in _OF_SESSIONS:
            with Hosts(self._settings.ssh) as hosts:
                yield operations.of_sessions(
                    functools.partial(serving, self._cloud),
                    functools.partial(storage, self._cloud.volume),
                    hosts,
                    grace=grace,
                    timeout=_SEEN,
                )
            return
        if run.plan.procedure == 'instance':
            yield operations.of_instances(
                self._compute, self._databases(), grace
            )
            return
        yield operations.of_run(
            operations.Services.of(self._cloud, self._databases),
            run,
            control,
            power=self._power,
            grace=grace,
            mark=lambda host: self._hosts_off.mark(run.id, host),
            looked=self._looked,
        )

    def _engine(
        self,
        run: Run,
        made: operations.OfRun,
        control: Control,
        watch: Watcher,
    ) -> Engine:
        request = run.plan.request
        return Engine(
            self._journal,
            made.operations,
            made.guard,
            workers=int(request.get('workers', 1)),
            max_failures=int(request.get('max_failures') or 0),
            stagger=_STAGGER,
            watch=watch,
            control=control,
        )


def _who() -> Mapping[str, str]:
    try:
        return {'user': getpass.getuser()}
    except (KeyError, OSError):
        return {'user': '?'}
