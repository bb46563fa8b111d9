# SPDX-License-Identifier: Apache-2.0
"""Do guests run where nova has their servers, and only there?"""

from collections.abc import Iterator

from osc_recover.checks.audit.view import UNKNOWN, AuditView, server_subject
from osc_recover.checks.finding import Finding, Subject, found
from osc_recover.checks.registry import check
from osc_recover.facts import Domain, Server

RUNNING = 1  # nova/compute/power_state.py


@check('under-way', 'domain')
def under_way(view: AuditView) -> Iterator[Finding]:
    """Of such a server nothing else is said."""
    for server in view.seen.servers:
        if goes_on(view, server):
            yield found(
                server_subject(server, at=server.host),
                f'nova is at it ({server.task_state or server.vm_state}): its '
                'domain may come and go',
                f'wait until openstack server show {server.id} has no task '
                'state, then check again',
                weight='refuse',
            )


@check('two-places', 'audit', 'domain', 'instances')
def two_places(view: AuditView) -> Iterator[Finding]:
    """Two guests that write to one disk destroy it."""
    for server, domain in _elsewhere(view):
        if domain.runs and _home_runs(view, server):
            yield found(
                server_subject(server, at=domain.host),
                f'its guest runs on {domain.host} and on {server.host}: both '
                'may write to its disks',
                _end(server, domain),
                _is(domain, server),
                weight='refuse',
            )


@check('runs-elsewhere', 'audit', 'domain', 'instances')
def runs_elsewhere(view: AuditView) -> Iterator[Finding]:
    """A guest that was left on a host that had failed."""
    for server, domain in _elsewhere(view):
        if domain.runs and not _home_runs(view, server):
            yield found(
                server_subject(server, at=domain.host),
                f'its guest runs on {domain.host}, and nova has it on '
                f'{server.host or "no host"}' + _silent(view, server.host),
                _end(server, domain),
                _is(domain, server),
                weight='refuse',
            )


@check('stale', 'audit', 'domain', 'instances')
def stale(view: AuditView) -> Iterator[Finding]:
    """A domain that was left when its server was moved, and does not run."""
    for server, domain in _elsewhere(view):
        if not domain.runs and server.vm_state != 'resized':
            yield found(
                server_subject(server, at=domain.host),
                f'it is defined on {domain.host}, too, where it does not live',
                f'openstack recover domain repair {server.id}',
                _is(domain, server),
            )


@check('resized', 'domain', 'instances')
def resized(view: AuditView) -> Iterator[Finding]:
    """nova goes back to it, or removes it."""
    for server, domain in _elsewhere(view):
        if not domain.runs and server.vm_state == 'resized':
            yield found(
                server_subject(server, at=domain.host),
                f'its domain is kept on {domain.host} until the resize is '
                'confirmed',
                f'openstack server resize confirm (or revert) {server.id}',
                weight='note',
            )


@check('stranger', 'audit', 'domain', 'instances')
def stranger(view: AuditView) -> Iterator[Finding]:
    """A domain of a server that nova does not know."""
    for uuid in sorted(view.gone & view.domains.keys()):
        for domain in view.domains[uuid]:
            yield found(
                Subject(
                    'domain', uuid, domain.name, (domain.host,),
                    at=domain.host,
                ),
                f'it is {domain.state} on {domain.host}, and nova knows no '
                'such server',
                'it may be of another cloud, or of nobody: see virsh dumpxml '
                f'{uuid}; nova-compute ends by itself, within half an hour, '
                'what was deleted while its host was away',
            )  # fmt: skip


@check('not-running', 'audit', 'instances')
def not_running(view: AuditView) -> Iterator[Finding]:
    """nova stops such a server at its next look at power states.

    nova/compute/manager.py, _sync_power_states: every ten minutes; who ran
    is not known any more after that.
    """
    for server in _answered(view):
        # One that runs elsewhere must not be started here.
        runs = any(d.runs for d in view.domains[server.id])
        if server.vm_state == 'active' and not runs:
            says = (
                'nova says that it runs'
                if server.power_state == RUNNING
                else 'it is to be active'
            )
            yield found(
                server_subject(server, at=server.host),
                f'{says}, and no guest of it does on {server.host}',
                f'openstack server reboot --hard {server.id} starts it',
                view.since('nova', server.updated),
            )


@check('guest-on', 'audit', 'instances')
def guest_on(view: AuditView) -> Iterator[Finding]:
    """nova-compute cuts the power of such a guest.

    nova/compute/manager.py, _sync_instance_power_state.
    """
    for server in _answered(view):
        if server.vm_state == 'stopped' and _home_runs(view, server):
            yield found(
                server_subject(server, at=server.host),
                'it is to be stopped, and its guest runs: nova-compute, when '
                'it runs, ends the guest within ten minutes',
                f'openstack recover instance set {server.id} --vm-state '
                'active keeps it running',
                view.since('nova', server.updated),
            )


def _answered(view: AuditView) -> Iterator[Server]:
    """Servers at rest whose hosts have told of their domains."""
    for server in view.all_servers:
        if server.host in view.ironic or not view.answered(server.host):
            continue
        if view.steady(server):
            yield server


def goes_on(view: AuditView, server: Server) -> bool:
    """Whether nova is at a server, so that its domains come and go."""
    return bool(
        server.task_state
        or server.vm_state == 'building'
        or server.status == UNKNOWN
        or view.moving(server)
    )


def _elsewhere(view: AuditView) -> Iterator[tuple[Server, Domain]]:
    for server in view.all_servers:
        if goes_on(view, server):
            continue
        for domain in view.domains[server.id]:
            if domain.host != server.host:
                yield server, domain


def _home_runs(view: AuditView, server: Server) -> bool:
    mine = view.at_home(server)
    return mine is not None and mine.runs


def _silent(view: AuditView, host: str) -> str:
    if not host or view.answered(host):
        return ''
    asked = host in view.told_by
    return ', which could not be asked' if asked else ', which was not asked'


def _is(domain: Domain, server: Server) -> str:
    return (
        f'{domain.name} is {domain.state} on {domain.host}; nova has it on '
        f'{server.host or "no host"}'
    )


def _end(server: Server, domain: Domain) -> str:
    return (
        f'unless nova is wrong, end it on {domain.host}: virsh destroy '
        f'{domain.name}; then openstack recover domain repair {server.id} '
        'removes what is left of it'
    )
