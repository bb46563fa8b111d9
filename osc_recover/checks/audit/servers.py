# SPDX-License-Identifier: Apache-2.0
"""Servers that nova is at since too long, or that are on no host there is."""

from collections.abc import Iterator

from osc_recover.checks.audit.view import AuditView, server_subject
from osc_recover.checks.finding import Finding, Remedy, found
from osc_recover.checks.foreign import close
from osc_recover.checks.instances.states import power_word
from osc_recover.checks.registry import check
from osc_recover.facts import Migration, Server

HOUR = 3600
# How long a task may take before nobody is at it any more, where that is not
# minutes: images are copied, memory and disks are moved (nova/compute/
# task_states.py).
_PATIENCE = {
    'image_snapshot': 24 * HOUR,
    'image_snapshot_pending': 24 * HOUR,
    'image_pending_upload': 24 * HOUR,
    'image_uploading': 24 * HOUR,
    'image_backup': 24 * HOUR,
    'shelving_image_pending_upload': 24 * HOUR,
    'shelving_image_uploading': 24 * HOUR,
    'migrating': 24 * HOUR,
    'resize_migrating': 24 * HOUR,
}
_LONG = 2 * HOUR
_SHORT = HOUR / 4
# A task of these acts on the guest alone: without it, the server is as it
# was.  For others the way out depends on how far it came.
_HARMLESS = {
    'rebooting', 'reboot_pending', 'reboot_started', 'rebooting_hard',
    'reboot_pending_hard', 'reboot_started_hard', 'powering-off',
    'powering-on', 'pausing', 'unpausing', 'suspending', 'resuming',
    'updating_password', 'image_snapshot', 'image_snapshot_pending',
    'image_pending_upload', 'image_uploading', 'image_backup',
}  # fmt: skip
_ON, _OFF = 1, (4, 6)  # nova/compute/power_state.py
_DELETING = ('deleting', 'soft-deleting')
# The API sets these two, and no other.
_SETTABLE = ('active', 'error')


@check('unknown-host', 'audit')
def unknown_host(view: AuditView) -> Iterator[Finding]:
    """A host without a service can be asked for nothing, nor be evacuated."""
    for server in view.seen.servers:
        if server.status == 'UNKNOWN' or not server.host:
            continue
        if server.host not in view.services:
            yield found(
                server_subject(server),
                f'it is on {server.host}, which has no nova-compute service',
                'if the service was deleted by mistake, start nova-compute '
                f'on {server.host}: it makes it anew; nova evacuates nothing '
                'off a host without one',
                view.since('nova', server.updated),
            )


@check('no-host', 'audit', 'instance')
def no_host(view: AuditView) -> Iterator[Finding]:
    """A server that ran, and that nova has nowhere."""
    for server in view.seen.servers:
        if server.host or server.vm_state not in (
            'active',
            'stopped',
            'paused',
        ):
            continue
        if view.steady(server):
            yield found(
                server_subject(server),
                f'it is {server.vm_state} on no host',
                f'openstack server event list {server.id} tells how it came',
                view.since('nova', server.updated),
            )


@check('states-disagree', 'audit', 'instance')
def states_disagree(view: AuditView) -> Iterator[Finding]:
    """nova-compute compares them every ten minutes by itself.

    Where libvirt was asked, not-running and guest-on say it.
    """
    for server in view.seen.servers:
        if not view.steady(server) or view.answered(server.host):
            continue
        if not server.host or server.host in view.ironic:
            continue
        power = power_word(server.power_state)
        if server.vm_state == 'active' and server.power_state in _OFF:
            yield found(
                server_subject(server),
                'it is to be active, and the hypervisor has it off',
                f'openstack server reboot --hard {server.id}',
                f'power_state {power}',
            )
        if server.vm_state == 'stopped' and server.power_state == _ON:
            yield found(
                server_subject(server),
                'it is to be stopped and its guest runs: nova-compute ends '
                'the guest within ten minutes (_sync_instance_power_state)',
                f'openstack recover instance set {server.id} --vm-state '
                'active keeps it running',
                f'power_state {power}',
            )


@check('wedged-task', 'audit')
def wedged_task(view: AuditView) -> Iterator[Finding]:
    """A task that does not end keeps everybody else off the server."""
    for server in view.seen.servers:
        age = _age(view, server)
        if not server.task_state or age is None:
            continue
        if age < _patience(view, server):
            continue
        remedy = _remedy(view, server)
        yield found(
            server_subject(server),
            f'nova is at it ({server.task_state}) since long',
            'openstack recover audit --fix wedged-task takes the task away'
            if remedy
            else _way_out(view, server),
            '; '.join(filter(None, (
                view.since('nova', server.updated), _host_is(view, server),
            ))),
            remedy,
        )  # fmt: skip


def _age(view: AuditView, server: Server) -> float | None:
    """Since when neither it nor a migration of it has changed."""
    times = [server.updated]
    times += [row.updated_at for row in _moves(view, server)]
    told = [view.age('nova', then) for then in times]
    return min((age for age in told if age is not None), default=None)


def _moves(view: AuditView, server: Server) -> list[Migration]:
    return [r for r in view.migrations[server.id] if r.status != 'done']


def _patience(view: AuditView, server: Server) -> float:
    task = server.task_state or ''
    # Who builds or rebuilds it may be another host.
    if not _up(view, server) and task in _HARMLESS:
        return view.min_age
    short = task in _HARMLESS or task in _DELETING
    usual = _SHORT if short else _LONG
    return max(_PATIENCE.get(task, usual), view.min_age)


def _up(view: AuditView, server: Server) -> bool:
    service = view.services.get(server.host)
    return service is not None and service.up and not service.forced_down


def _host_is(view: AuditView, server: Server) -> str:
    if not server.host:
        return 'it is on no host'
    return '' if _up(view, server) else f'{server.host} is down'


def _remedy(view: AuditView, server: Server) -> Remedy | None:
    """What waits in the queue of a host that is down is still to come."""
    if not _up(view, server) or server.task_state not in _HARMLESS:
        return None
    if server.vm_state not in _SETTABLE or _moves(view, server):
        return None
    return Remedy(
        'server.end-task',
        {
            'task': server.task_state,
            'state': server.vm_state,
            'updated': server.updated,
        },
    )


def _way_out(view: AuditView, server: Server) -> str:
    if server.task_state in _DELETING:
        return f'openstack server delete {server.id}, again'
    if moves := _moves(view, server):
        return (
            f'look where its guest runs ({moves[-1].source} or '
            f'{moves[-1].destination or "no other host yet"}); if nobody is '
            f'working on it, {close(moves[-1])}, and '
            f'openstack server set --state error {server.id}'
        )
    if not _up(view, server) and server.host:
        return (
            f'bring {server.host} back, or recover it: openstack recover '
            f'host {server.host}'
        )
    reset = f'openstack server set --state error {server.id}'
    if server.vm_state == 'building':
        return f'delete it and create it again ({reset} first, if need be)'
    if server.vm_state not in _SETTABLE:
        return (
            f'openstack recover instance set {server.id} --task-state none '
            f'takes the task away, and leaves it {server.vm_state}'
        )
    return (
        f'see what became of it (openstack server event list {server.id}); '
        f'{reset} takes the task away'
    )
