# SPDX-License-Identifier: Apache-2.0
"""Does a host have what the domains on it need of it?"""

import dataclasses
from collections.abc import Iterator

from osc_recover.checks import finding
from osc_recover.checks.audit.guests import goes_on
from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.domains.settings import missing_filters
from osc_recover.checks.finding import Finding
from osc_recover.checks.registry import check
from osc_recover.facts import DomainDetail, HostLook, Server


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A server whose domain was read where nova has it."""

    server: Server
    look: HostLook
    detail: DomainDetail

    def found(
        self,
        what: str,
        way_out: str,
        evidence: str = '',
        weight: finding.Weight = 'warn',
    ) -> Finding:
        """A finding about the server, seen on its host."""
        subject = server_subject(self.server, at=self.look.host)
        return finding.found(subject, what, way_out, evidence, weight=weight)


def cases(view: AuditView) -> Iterator[Case]:
    """Servers that nova is not at, and whose domains were read."""
    looks = {look.host: look for look in view.seen.looks}
    for server in view.seen.servers:
        look = looks.get(server.host)
        if look is None or look.problem or goes_on(view, server):
            continue
        detail = look.details.get(server.id)
        if detail is not None and view.at_home(server) is not None:
            yield Case(server, look, detail)


@check('bad-xml', 'audit', 'domain')
def bad_xml(view: AuditView) -> Iterator[Finding]:
    """Nothing is written into what is not understood."""
    for case in cases(view):
        if case.detail.problem:
            yield case.found(
                'its definition could not be read',
                'see virsh dumpxml there',
                case.detail.problem,
                'refuse',
            )


@check('no-conf', 'audit', 'domain')
def no_conf(view: AuditView) -> Iterator[Finding]:
    """What nova will write into the next domain is not known."""
    for case in cases(view):
        if case.look.settings_problem:
            yield case.found(
                f'the nova.conf of {case.look.host} is not known',
                'mend it there, or see how nova-compute is run',
                case.look.settings_problem,
            )


@check('dhcp-server', 'audit', 'domain')
def dhcp_server(view: AuditView) -> Iterator[Finding]:
    """A parameter of nova-network: the guest gets no address."""
    for case in cases(view):
        told = {
            value: where
            for where, definition in case.detail.all()
            for value in definition.dhcp_servers
        }
        for value, where in told.items():
            if value not in case.look.addresses:
                yield case.found(
                    f'a network filter is told of the DHCPSERVER {value}, '
                    f'which is no address of {case.look.host}',
                    f'openstack recover domain repair {case.server.id} '
                    '(--dhcp-server <address> where it is not my_ip)',
                    where,
                )


@check('filter-missing', 'audit', 'domain')
def filter_missing(view: AuditView) -> Iterator[Finding]:
    """libvirt starts no domain whose network filters are not defined."""
    for case in cases(view):
        names = missing_filters(case.look, case.detail)
        if names:
            yield case.found(
                f'{case.look.host} lacks network filters that it needs: '
                f'{", ".join(names)}',
                f'openstack recover domain repair {case.server.id} '
                '(--reference <host> takes them from there, and not from '
                "libvirt's own set)",
            )
