# SPDX-License-Identifier: Apache-2.0
"""What nova, placement, neutron, cinder and hosts contradict each other in."""

from collections.abc import Iterable, Sequence

from osc_recover.checks import audit
from osc_recover.checks.audit.rows import Audit, compared, rows
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import AuditFix
from osc_recover.facts import HostDomains, Service
from osc_recover.facts.audit import Everything
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.markers import run_in
from osc_recover.observe.audit import everything
from osc_recover.observe.domains import closer
from osc_recover.plan import Plan
from osc_recover.procedures.audit import check_codes, mend
from osc_recover.recovery.known import check_hosts
from osc_recover.recovery.runs import RunsOfCloud
from osc_recover.settings import Settings, SshSettings


class AuditOfCloud:
    """Looks for what is inconsistent, and plans to mend it."""

    def __init__(
        self,
        cloud: Cloud,
        databases: Databases,
        settings: Settings,
        runs: RunsOfCloud,
    ) -> None:
        self._cloud = cloud
        self._databases = databases
        self._settings = settings
        self._runs = runs

    def look(self, host: str, min_age: int) -> Audit:
        """A row for each thing that is inconsistent; changes nothing.

        :param host: only what has to do with it; '' for everything
        :param min_age: seconds that a record must have been unchanged
        :raises errors.UnknownHost: for a name that is no compute host
        :raises errors.ApiError: when nova does not tell
        """
        findings, seen = self.found(host, min_age)
        return Audit(rows(findings, seen.gaps), compared(seen))

    def plan(self, request: AuditFix) -> Plan:
        """Plan to mend what was found; changes nothing.

        :raises errors.Refused: for a code that is not mended from here
        :raises errors.UnknownHost: for a name that is no compute host
        """
        check_codes(request.codes)
        findings, seen = self.found(request.host, request.min_age)
        return mend(findings, seen.gaps, request)

    def found(
        self, host: str, min_age: int
    ) -> tuple[list[Finding], Everything]:
        """What is inconsistent at two looks, and the last look.

        :param host: only what has to do with it; '' for everything
        :raises errors.UnknownHost: for a name that is no compute host
        :raises errors.ApiError: when nova does not tell
        """
        if host:
            self._check_host(host)
        seen = self._look(host)
        found = audit.findings(seen, min_age)
        if found:
            seen = self._look(host)
            again = audit.findings(seen, min_age)
            found = audit.held_back(
                audit.confirmed(found, again), self._taken(seen.services)
            )
        return (audit.on_host(found, host) if host else found), seen

    def _taken(self, services: Iterable[Service]) -> dict[str, str]:
        """The hosts that a run has marked which is not known to be over."""
        marked = {s.host: run_in(s.disabled_reason) for s in services}
        return {
            host: run
            for host, run in marked.items()
            if run and not self._runs.is_finished(run)
        }

    def _look(self, host: str) -> Everything:
        databases = self._databases
        known = databases if databases.configured else None
        seen = everything(self._cloud, self._domains, known)
        if not host or not seen.domains:
            return seen
        with Hosts(self._settings.ssh) as asked:
            return closer(seen, host, Domains(asked))

    def _domains(self, hosts: Sequence[str]) -> tuple[HostDomains, ...]:
        """What hosts tell of their domains, where it is said how to ask."""
        if self._settings.ssh == SshSettings():
            return ()
        with Hosts(self._settings.ssh) as asked:
            return Domains(asked).list(hosts)

    def _check_host(self, host: str) -> None:
        # A host that servers are on may have lost its service.
        compute = Compute(self._cloud.compute)
        known = [
            service.host
            for service in compute.services()
            if service.binary == 'nova-compute'
        ]
        if host not in known and not compute.servers(host):
            check_hosts([host], known)
