# SPDX-License-Identifier: Apache-2.0
"""The operations of a run, by its procedure, and whom they talk to."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import ClassVar

from osc_recover import operations
from osc_recover.effects import Control
from osc_recover.engine import Watcher
from osc_recover.evidence import HostsOff
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.fence import FenceAgents
from osc_recover.gateways.guests import Guests
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.inventory import storage
from osc_recover.journal import Journal
from osc_recover.observe.sessions import serving
from osc_recover.operations import evacuations
from osc_recover.procedures import (
    attaching,
    disaster,
    drill,
    resetting,
    volumes,
)
from osc_recover.recovery.kept import KeptInJournal
from osc_recover.recovery.services import ServicesOfHosts
from osc_recover.runs import Run
from osc_recover.settings import Settings, SshSettings

_SEEN = 120.0  # seconds that a service that was started may take to be seen


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """A run that is carried out, and what has to be closed after it."""

    run: Run
    control: Control
    watch: Watcher
    opened: contextlib.ExitStack

    def hosts(self, ssh: SshSettings) -> Hosts:
        """Connections to hosts, as long as the run is carried out."""
        return self.opened.enter_context(Hosts(ssh))


class Tools:
    """Makes the operations of runs.

    :param databases: of the cloud; asked only for what acts on them
    :param hosts_off: keeps the evidence that failed hosts are off
    :param journal: of the runs
    """

    def __init__(
        self,
        cloud: Cloud,
        settings: Settings,
        services: ServicesOfHosts,
        databases: Callable[[], Databases],
        power: FenceAgents,
        hosts_off: HostsOff,
        looked: evacuations.Looked | None,
        journal: Journal,
    ) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._settings = settings
        self._services = services
        self._databases = databases
        self._power = power
        self._hosts_off = hosts_off
        self._looked = looked
        self._journal = journal
        self._grace = settings.request_timeout

    def of(
        self,
        run: Run,
        control: Control,
        watch: Watcher,
        opened: contextlib.ExitStack,
    ) -> operations.OfRun:
        """The operations of a run.

        :param opened: closes connections when the run is over
        """
        make = self._BY_PROCEDURE.get(run.plan.procedure, Tools._recovery)
        return make(self, Work(run, control, watch, opened))

    def _recovery(self, work: Work) -> operations.OfRun:
        run = work.run
        return operations.of_run(
            operations.Services.of(self._cloud, self._databases),
            run,
            work.control,
            power=self._power,
            grace=self._grace,
            mark=lambda host: self._hosts_off.mark(run.id, host),
            looked=self._looked,
        )

    def _audit(self, work: Work) -> operations.OfRun:
        return operations.of_audit(self._cloud, self._grace)

    def _attach(self, work: Work) -> operations.OfRun:
        return operations.of_attaching(self._cloud, self._grace)

    def _volumes(self, work: Work) -> operations.OfRun:
        return operations.of_volumes(
            self._cloud,
            operations.Services.of(self._cloud, self._databases),
            work.run.id,
            grace=self._grace,
            timeout=self._settings.timeout,
        )

    def _disaster(self, work: Work) -> operations.OfRun:
        hosts = work.hosts(self._settings.ssh)
        return operations.of_disaster(
            self._cloud,
            hosts,
            work.run,
            work.control,
            self._databases,
            guests=Guests(self._cloud.compute, self._settings),
            kept=KeptInJournal(self._journal, work.run.id),
            grace=self._grace,
        )

    def _reset(self, work: Work) -> operations.OfRun:
        return operations.of_reset(
            self._cloud,
            work.hosts(self._settings.ssh),
            work.control,
            self._databases,
            grace=self._grace,
        )

    def _drill(self, work: Work) -> operations.OfRun:
        return operations.of_drill(
            self._cloud,
            functools.partial(serving, self._cloud),
            work.hosts(self._settings.ssh),
            work.run,
            work.control,
            self._databases,
            grace=self._grace,
        )

    def _instances(self, work: Work) -> operations.OfRun:
        return operations.of_instances(
            self._compute, self._databases(), self._grace
        )

    def _hosts(self, work: Work) -> operations.OfRun:
        """What runs on hosts that are alive, over SSH."""
        return operations.of_hosts(
            self._compute,
            work.hosts(self._settings.ssh),
            run=work.run.id,
            watch=work.watch,
            trap=self._services.trap,
            grace=self._grace,
            timeout=_SEEN,
        )

    def _mounts(self, work: Work) -> operations.OfRun:
        addresses = work.run.plan.request['addresses']
        return operations.of_mounts(
            work.hosts(self._settings.ssh),
            work.hosts(self._settings.guests_at(addresses)),
            self._grace,
        )

    def _sessions(self, work: Work) -> operations.OfRun:
        return operations.of_sessions(
            functools.partial(serving, self._cloud),
            functools.partial(storage, self._cloud.volume),
            work.hosts(self._settings.ssh),
            grace=self._grace,
            timeout=_SEEN,
        )

    _BY_PROCEDURE: ClassVar[
        Mapping[str, Callable[['Tools', Work], operations.OfRun]]
    ] = {
        'audit': _audit,
        attaching.PROCEDURE: _attach,
        volumes.PROCEDURE: _volumes,
        resetting.PROCEDURE: _reset,
        disaster.PROCEDURE: _disaster,
        drill.PROCEDURE: _drill,
        'instance': _instances,
        'service': _hosts,
        'ownership': _hosts,
        'ownership-undo': _hosts,
        'domain': _hosts,
        'mount': _mounts,
        'session-close': _sessions,
        'session-open': _sessions,
    }
