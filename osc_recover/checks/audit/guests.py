# SPDX-License-Identifier: Apache-2.0
"""Do guests run where nova has their servers, and only there?"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.finding import Finding, Subject, found
from osc_recover.checks.registry import check
from osc_recover.facts import Domain, Server

RUNNING = 1  # nova/compute/power_state.py


@check('two-places', 'audit')
def two_places(view: AuditView) -> Iterator[Finding]:
    """Two guests that write to one disk destroy it."""
    for server, domain in _elsewhere(view):
        if domain.runs and _home_runs(view, server):
            yield found(
                server_subject(server, domain.host),
                f'its guest runs on {domain.host} and on {server.host}: both '
                'may write to its disks',
                _end(server, domain),
                f'{domain.name} is {domain.state} on {domain.host}',
            )


@check('runs-elsewhere', 'audit')
def runs_elsewhere(view: AuditView) -> Iterator[Finding]:
    """A guest that was left on a host that had failed."""
    for server, domain in _elsewhere(view):
        if domain.runs and not _home_runs(view, server):
            place = server.host or 'no host'
            silent = not view.answered(server.host) and server.host
            yield found(
                server_subject(server, domain.host),
                f'its guest runs on {domain.host}, and nova has it on {place}'
                + (', which was not asked' if silent else ''),
                _end(server, domain),
                f'{domain.name} is {domain.state} on {domain.host}',
            )


@check('stranger', 'audit')
def stranger(view: AuditView) -> Iterator[Finding]:
    """A domain of a server that nova does not know."""
    for uuid in sorted(view.gone & view.domains.keys()):
        for domain in view.domains[uuid]:
            yield found(
                Subject('domain', uuid, domain.name, (domain.host,)),
                f'it is {domain.state} on {domain.host}, and nova knows no '
                'such server',
                'it may be of another cloud, or of nobody: see virsh dumpxml '
                f'{uuid}; nova-compute ends by itself, within half an hour, '
                'what was deleted while its host was away',
            )


@check('not-running', 'audit')
def not_running(view: AuditView) -> Iterator[Finding]:
    """nova stops such a server at its next look at power states.

    nova/compute/manager.py, _sync_power_states: every ten minutes; who ran
    is not known any more after that.
    """
    for server in view.seen.servers:
        if server.vm_state != 'active' or not view.steady(server):
            continue
        # One that runs elsewhere must not be started here.
        runs = any(d.runs for d in view.domains[server.id])
        told = view.answered(server.host) and server.host not in view.ironic
        if told and not runs and server.power_state == RUNNING:
            yield found(
                server_subject(server),
                f'nova says that it runs, and no guest of it does on '
                f'{server.host}',
                f'openstack server reboot --hard {server.id} starts it',
                view.since('nova', server.updated),
            )


def _elsewhere(view: AuditView) -> Iterator[tuple[Server, Domain]]:
    for server in view.seen.servers:
        if server.task_state or server.status == 'UNKNOWN':
            continue
        if view.moving(server) or server.vm_state in ('resized', 'building'):
            continue
        for domain in view.domains[server.id]:
            if domain.host != server.host:
                yield server, domain


def _home_runs(view: AuditView, server: Server) -> bool:
    return any(
        domain.runs and domain.host == server.host
        for domain in view.domains[server.id]
    )


def _end(server: Server, domain: Domain) -> str:
    return (
        f'unless nova is wrong, end it on {domain.host}: virsh destroy '
        f'{domain.name}; then openstack recover domain repair {server.id} '
        'removes what is left of it'
    )
