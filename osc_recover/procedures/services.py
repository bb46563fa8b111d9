# SPDX-License-Identifier: Apache-2.0
"""Stop, start or restart the compute services of hosts.  Pure."""

from collections.abc import Iterator, Mapping, Sequence

from osc_recover import records
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import ServiceChange as ServiceChange
from osc_recover.facts import HostService, HostServices
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

# Stopped, they would take the consoles and locks of running guests with them.
_NEVER = ('virtlogd', 'virtlockd')
_QUEUED = (
    'what was sent to {host} while its nova-compute was stopped waits in the '
    'queue compute.{host} of the message broker, and is carried out when it '
    'starts'
)


def change_services(
    found: Sequence[HostServices],
    traps: Mapping[str, Sequence[Finding]],
    request: ServiceChange,
) -> Plan:
    """Plan a change; a host that cannot or must not be changed is left.

    :param traps: host -> why its nova-compute must not be started
    """
    rows = [_verdict(host, traps, request) for host in found]
    lanes = tuple(
        Lane(host.host, tuple(_steps(host, request)))
        for host, row in zip(found, rows, strict=True)
        if row.act
    )
    acting = [row.server for row in rows if row.act]
    starts = request.action != 'stop'
    return Plan(
        procedure='service',
        hosts=tuple(host.host for host in found),
        phases=(Phase(f'{request.action} services', lanes),) if lanes else (),
        verdicts=tuple(rows),
        notes=tuple(_QUEUED.format(host=h) for h in acting if starts),
        request=records.to_data(request),
    )


def _verdict(
    host: HostServices,
    traps: Mapping[str, Sequence[Finding]],
    request: ServiceChange,
) -> Verdict:
    mine = [service.name for service in _ours(host, request)]
    code, reason, way_out = request.action, '', ''
    trapped = traps.get(host.host, ()) if request.action != 'stop' else ()
    if host.problem:
        code, reason, way_out = 'unknown', host.problem, host.way_out
    elif trapped:
        code = trapped[0].code
        reason = '; '.join(finding.text for finding in trapped)
        way_out = '; '.join(finding.way_out for finding in trapped)
    elif not mine:
        code, reason = 'nothing', _nothing(request)
        way_out = f'openstack recover service list {host.host}'
    act = code == request.action
    return Verdict(
        host.host, host.host, ' '.join(mine), code, act,
        reason=reason, way_out=way_out,
    )  # fmt: skip


def _nothing(request: ServiceChange) -> str:
    state = 'stopped' if request.action == 'start' else 'running'
    return f'no service that this is about is {state} there'


def _ours(host: HostServices, request: ServiceChange) -> Iterator[HostService]:
    """Those that are to change: what runs stops, what is stopped starts."""
    wanted = request.action != 'start'
    for service in host.services:
        is_nova = _is_nova(service.name)
        is_libvirt = not is_nova and not service.name.startswith(_NEVER)
        if service.runs != wanted:
            continue
        if is_nova or (request.libvirt and is_libvirt and _is_used(service)):
            yield service


def _is_nova(name: str) -> bool:
    return 'nova-compute' in name or 'nova_compute' in name


def _is_used(service: HostService) -> bool:
    """Whether it is on by itself, and not only when somebody asks for it."""
    return service.runs or service.enabled == 'enabled'


def _steps(host: HostServices, request: ServiceChange) -> Iterator[Step]:
    args = _wanted(_ours(host, request))
    name = host.host
    if request.action != 'start':
        yield Step(f'stop:{name}', 'services.stop', name, args)
    if request.action != 'stop':
        yield Step(f'start:{name}', 'services.start', name, args)
        yield Step(f'seen:{name}', 'services.seen', name)


def _wanted(services: Iterator[HostService]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {'units': [], 'containers': []}
    for service in services:
        kind = 'units' if service.kind == 'unit' else 'containers'
        found[kind].append(service.name)
    return found
