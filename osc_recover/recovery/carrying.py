# SPDX-License-Identifier: Apache-2.0
"""Carrying a run out: locked, with its evidence, by its operations."""

import contextlib
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
from osc_recover.journal import Journal
from osc_recover.operations import evacuations
from osc_recover.recovery.services import ServicesOfHosts
from osc_recover.recovery.tools import Tools
from osc_recover.runs import Run
from osc_recover.settings import Settings

# nova's scheduler gives requests that come together the same best host: it
# does not see yet what the others take (nova/scheduler/manager.py).
_STAGGER = 0.1  # seconds


class Carrying:
    """Joins journal, evidence, engine and operations for a run."""

    def __init__(
        self,
        cloud: Cloud,
        settings: Settings,
        journal: Journal,
        services: ServicesOfHosts,
        databases: Callable[[], Databases],
        looked: evacuations.Looked | None = None,
    ) -> None:
        self._journal = journal
        power = FenceAgents(settings.fence, settings.fence_timeout)
        self._hosts_off = HostsOff(journal, Compute(cloud.compute), power)
        self._tools = Tools(
            cloud,
            settings,
            services,
            databases,
            power,
            self._hosts_off,
            looked,
            journal,
        )

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
            with contextlib.ExitStack() as opened:
                made = self._tools.of(run, control, watch, opened)
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
