# SPDX-License-Identifier: Apache-2.0
"""The compute services of hosts, as the hosts and as nova see them."""

import dataclasses
from collections.abc import Iterator, Sequence

from osc_recover import checks, errors
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Return
from osc_recover.facts import HostServices, Service, Situation
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.host_services import Services
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe import situation as observe
from osc_recover.plan import Plan
from osc_recover.procedures.services import ServiceChange, change_services
from osc_recover.recovery.known import check_hosts
from osc_recover.settings import Settings

_TRAP = 'evacuated-back'
_NOVA = ('nova-compute', 'nova_compute')


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A service of a host; ``nova`` is what nova says of its nova-compute."""

    host: str
    service: str
    kind: str
    state: str
    enabled: str
    nova: str
    reason: str = ''
    way_out: str = ''


class ServicesOfHosts:
    """Looks at services on hosts, and plans what is to become of them."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._settings = settings

    def plan(self, request: ServiceChange) -> Plan:
        """Plan to stop, start or restart services; changes nothing.

        :raises errors.UnknownHost: for a name that is no compute host
        """
        facts = observe.situation(self._cloud, request.hosts)
        check_hosts(request.hosts, [s.host for s in facts.computes()])
        with Hosts(self._settings.ssh) as asked:
            found = Services(asked).show(request.hosts)
        traps = {host: _traps(facts, host) for host in request.hosts}
        return change_services(found, traps, request)

    def traps(self, hosts: Sequence[str]) -> dict[str, list[Finding]]:
        """Why nova-compute must not be started on hosts, host by host.

        :raises errors.ApiError: when nova does not tell
        """
        facts = observe.situation(self._cloud, hosts)
        return {host: _traps(facts, host) for host in hosts}

    def trap(self, host: str) -> errors.StepFailed | None:
        """Why nova-compute must not be started on a host now, or None.

        :raises errors.ApiError: when nova does not tell
        """
        found = _traps(observe.situation(self._cloud, (host,)), host)
        if not found:
            return None
        return errors.StepFailed(
            '; '.join(finding.text for finding in found),
            '; '.join(finding.way_out for finding in found),
        )

    def list(self, hosts: Sequence[str]) -> Iterator[Row]:
        """A row a service, hosts in the order given; changes nothing.

        A host that cannot be asked is a row with what nova says of it, and
        why there is no more.

        :raises errors.UnknownHost: for a name that is no compute host
        """
        known = {
            service.host: service
            for service in self._compute.services()
            if service.binary == 'nova-compute'
        }
        check_hosts(hosts, sorted(known))
        with Hosts(self._settings.ssh) as asked:
            found = Services(asked).show(list(dict.fromkeys(hosts)))
        for host in found:
            yield from _rows(host, known[host.host])


def _traps(facts: Situation, host: str) -> list[Finding]:
    """Why a start of nova-compute would destroy guests."""
    found = checks.of_return(facts, Return(host=host))
    return [finding for finding in found if finding.code == _TRAP]


def _rows(host: HostServices, nova: Service) -> Iterator[Row]:
    for service in host.services:
        ours = any(name in service.name for name in _NOVA)
        yield Row(
            host.host, service.name, service.kind, service.state,
            service.enabled, _seen(nova) if ours else '',
        )  # fmt: skip
    if host.problem:
        yield Row(
            host.host, '', '', 'unknown', '', _seen(nova), host.problem,
            host.way_out,
        )  # fmt: skip
    elif not host.services:
        yield Row(
            host.host, '', '', 'missing', '', _seen(nova),
            'nothing that runs nova-compute or libvirt is known there',
            'see how they are run there: systemctl, docker ps, podman ps',
        )  # fmt: skip


def _seen(nova: Service) -> str:
    words = ['up' if nova.up else 'down']
    if nova.forced_down:
        words.append('forced down')
    if not nova.enabled:
        words.append('disabled')
    return ', '.join(words)
