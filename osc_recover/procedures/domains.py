# SPDX-License-Identifier: Apache-2.0
"""Repair the domains of servers where they are kept.  Pure.

The guide's steps for libvirt.xml and for network filters, on hosts of today:
through libvirt, and in each libvirt.xml that is left of old.
"""

import ipaddress
from collections.abc import Iterator, Sequence

from osc_recover import records
from osc_recover.checks.domains import findings as checks
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import DomainRepair as DomainRepair
from osc_recover.facts import DomainsSeen, Server
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.procedures import domain_steps
from osc_recover.procedures.domain_steps import Filters, Left

_UNTIL = (
    'an address that is written into a domain lasts until nova generates its '
    'XML again, as a hard reboot or a migration does; a guest that runs '
    'listens there when it has been stopped and started'
)
_EXPOSED = (
    '{name}: at {listen} its console is open to everybody who reaches {host} '
    'over any network, and VNC asks for no password'
)


def wanted_filters(
    seen: DomainsSeen, request: DomainRepair
) -> dict[str, list[str]]:
    """Host -> the network filters that are to be defined there."""
    found: dict[str, list[str]] = {}
    for server in seen.servers:
        look = seen.look(server.host)
        names = domain_steps.filters(server, look, request) if look else []
        if names:
            found.setdefault(server.host, []).extend(names)
    return found


def repair_domains(
    seen: DomainsSeen, filters: Filters, request: DomainRepair
) -> Plan:
    """Plan the repair of servers' domains.

    A server of which a part cannot be repaired is left alone, and says why.

    :param filters: network filters that can be had for a host
    """
    planned = [_planned(s, seen, filters, request) for s in seen.servers]
    lanes = tuple(
        Lane(verdict.server, steps) for verdict, steps in planned if steps
    )
    hosts = {str(s.args['host']) for lane in lanes for s in lane.steps}
    homes = {server.host for server in seen.servers if server.host}
    return Plan(
        procedure='domain',
        hosts=tuple(sorted(hosts or homes)),
        phases=(Phase('repair domains', lanes),) if lanes else (),
        verdicts=tuple(verdict for verdict, _ in planned),
        notes=tuple(_notes(seen, lanes)),
        request=records.to_data(request),
    )


def _planned(
    server: Server,
    seen: DomainsSeen,
    filters: Filters,
    request: DomainRepair,
) -> tuple[Verdict, tuple[Step, ...]]:
    findings = checks.of_server(server, seen)
    stops = [f for f in findings if f.weight == 'refuse']
    if stops:
        return _left(server, stops), ()
    try:
        steps = tuple(
            domain_steps.steps(server, seen, filters, request, findings)
        )
    except Left as left:
        return _alone(server, *left.args), ()
    if steps:
        return _acting(server, steps), steps
    wrong = [f for f in findings if f.weight != 'note']
    return _left(server, wrong) if wrong else _nothing(server), ()


def _acting(server: Server, steps: Sequence[Step]) -> Verdict:
    kind = '; '.join(_said(step) for step in steps)
    return Verdict(server.id, server.name, kind, 'repair', True, server.host)


def _left(server: Server, findings: Sequence[Finding]) -> Verdict:
    reason = '; '.join(f.text for f in findings)
    way_out = '; '.join(f.way_out for f in findings)
    return _alone(server, findings[0].code, reason, way_out)


def _nothing(server: Server) -> Verdict:
    return _alone(
        server,
        'nothing',
        'nothing that can be repaired here is wrong',
        f'openstack recover domain check {server.id} tells what was seen; '
        '--listen, --dhcp-server and --recreate-filters change what is right',
    )


def _alone(server: Server, code: str, reason: str, way_out: str) -> Verdict:
    return Verdict(
        server.id, server.name, '', code, False, server.host,
        reason=reason, way_out=way_out,
    )  # fmt: skip


def _said(step: Step) -> str:
    """What a step does, in a few words for the table."""
    args = step.args
    if step.verb == 'domain.filters':
        return f'filters {", ".join(args["filters"])}'
    if step.verb == 'domain.forget':
        return f'forget {args["domain"]} on {args["host"]}'
    listen = f'listen {args["listen"]}' if args['listen'] else ''
    dhcp = f'DHCPSERVER {args["dhcp"]}' if args['dhcp'] else ''
    return '; '.join(part for part in (listen, dhcp) if part)


def _notes(seen: DomainsSeen, lanes: Sequence[Lane]) -> Iterator[str]:
    listening = {
        lane.name: step
        for lane in lanes
        for step in lane.steps
        if step.args.get('listen')
    }
    if listening:
        yield _UNTIL
    acting = {lane.name for lane in lanes}
    for server in seen.servers:
        if server.id in listening:
            yield from _exposed(server, listening[server.id])
        if server.id in acting:
            yield from _beyond(server, seen)
    for look in seen.looks:
        if look.problem:
            yield f'what is left there is not seen: {look.problem}'


def _exposed(server: Server, step: Step) -> Iterator[str]:
    listen, host = str(step.args['listen']), step.args['host']
    if ipaddress.ip_address(listen).is_unspecified:
        yield _EXPOSED.format(name=server.name, listen=listen, host=host)


def _beyond(server: Server, seen: DomainsSeen) -> Iterator[str]:
    """What is wrong and is not repaired here."""
    for finding in checks.of_server(server, seen):
        ours = finding.code in domain_steps.REPAIRED
        if not ours and finding.weight != 'note':
            yield f'{server.name}: {finding.text}; {finding.way_out}'
