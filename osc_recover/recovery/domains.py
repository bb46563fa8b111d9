# SPDX-License-Identifier: Apache-2.0
"""The domains of servers, as libvirt on the hosts and as nova see them."""

from collections.abc import Iterable, Mapping, Sequence

from osc_recover import errors
from osc_recover.checks.domains.rows import Row, rows
from osc_recover.checks.request import DomainRepair
from osc_recover.facts import DomainsSeen, NetworkFilter, Server
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe.domains import domains as observe
from osc_recover.plan import Plan
from osc_recover.procedures.domains import repair_domains, wanted_filters
from osc_recover.recovery.known import check_hosts
from osc_recover.settings import Settings


class DomainsOfServers:
    """Checks the domains of servers, and plans their repair."""

    def __init__(self, compute: Compute, settings: Settings) -> None:
        self._compute = compute
        self._settings = settings

    def check(
        self, servers: Iterable[Server], hosts: Sequence[str]
    ) -> list[Row]:
        """A row for each thing that is wrong; changes nothing.

        :param hosts: hosts of which everything is looked at
        :raises errors.UnknownHost: for a name that is no compute host
        """
        computes = self._computes(hosts)
        with Hosts(self._settings.ssh) as asked:
            seen = observe(
                self._compute, Domains(asked), servers, computes, hosts
            )
        return rows(seen)

    def plan(self, request: DomainRepair) -> Plan:
        """Plan the repair of domains; changes nothing.

        :raises errors.UnknownHost: for a reference that is no compute host
        :raises errors.Refused: when the reference cannot be asked
        :raises errors.Gone: for a server that is not there any more
        """
        reference = [request.reference] if request.reference else []
        computes = self._computes(reference)
        servers = [self._compute.server(name) for name in request.servers]
        with Hosts(self._settings.ssh) as asked:
            gateway = Domains(asked)
            seen = observe(self._compute, gateway, servers, computes)
            filters = _filters(gateway, seen, request)
        return repair_domains(seen, filters, request)

    def _computes(self, named: Sequence[str]) -> list[str]:
        known = sorted(
            service.host
            for service in self._compute.services()
            if service.binary == 'nova-compute'
        )
        check_hosts(named, known)
        return known


def _filters(
    gateway: Domains, seen: DomainsSeen, request: DomainRepair
) -> Mapping[str, Mapping[str, NetworkFilter]]:
    """Network filters that can be had for hosts that need some."""
    return {
        host: _had(gateway, request.reference or host, names, request)
        for host, names in wanted_filters(seen, request).items()
    }


def _had(
    gateway: Domains, host: str, names: Sequence[str], request: DomainRepair
) -> Mapping[str, NetworkFilter]:
    try:
        return gateway.filters(host, names, shipped=not request.reference)
    except (errors.HostError, errors.ApiError) as exc:
        raise errors.Refused(
            f'network filters could not be read: {exc.sentence}',
            exc.way_out,
            'no-reference',
        ) from exc
