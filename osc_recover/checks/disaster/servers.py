# SPDX-License-Identifier: Apache-2.0
"""What is to become of a server after a power loss, by its states.  Pure."""

from collections.abc import Callable, Sequence

from osc_recover.checks.disaster import proof
from osc_recover.checks.disaster.view import View, fine, refusal
from osc_recover.checks.finding import Finding
from osc_recover.checks.view import ran
from osc_recover.facts import Server
from osc_recover.facts.disaster import Happened

# States that are kept by themselves, and how a server leaves them.
_AT_REST = {
    'suspended': 'resume',
    'shelved': 'unshelve',
    'shelved_offloaded': 'unshelve',
    'soft-delete': 'restore',
    'deleted': 'restore',
}
# Besides active, states of servers whose guests are there, of which nova stops
# none (nova/compute/manager.py, _sync_instance_power_state).
_RUNNING = ('paused', 'rescued', 'resized')
# What nova/compute/api.py starts, and what it reboots hard.
STARTED, REBOOTED = ('stopped',), ('active', 'error')
_STOP, _START = 'stop', {'start', 'reboot'}
_STOPPING = 'powering-off'

Check = Callable[[View, Server], Finding | None]


def first(view: View, server: Server) -> Finding | None:
    """The first thing that keeps a server as it is, or None."""
    found = (check(view, server) for check in CHECKS)
    return next((finding for finding in found if finding), None)


def state(view: View, server: Server) -> str:
    """Its vm_state, or the one that nova is about to give it by itself.

    It stops what it finds off some time after its host came up
    (nova/compute/manager.py, _sync_instance_power_state).
    """
    if server.task_state != _STOPPING:
        return server.vm_state
    newest = _newest_of_power(view, server)
    by_nova = newest and newest.action == _STOP and not newest.user
    return 'stopped' if by_nova else server.vm_state


def has_run(was: Server) -> bool:
    """Whether a server of a snapshot ran then."""
    return was.vm_state in REBOOTED and ran(was)


def way(view: View, server: Server) -> str:
    """What is asked for of a server that is to run: start or reboot."""
    return 'start' if state(view, server) in STARTED else 'reboot'


def _at_rest(_view: View, server: Server) -> Finding | None:
    state = server.vm_state
    if state not in _AT_REST:
        return None
    return fine(
        f'it is {state}, which a power loss does not change (openstack server '
        f'{_AT_REST[state]})'
    )


def _runs(view: View, server: Server) -> Finding | None:
    if not proof.runs(view, server):
        return None
    if server.vm_state == 'active':
        return fine('its guest runs')
    if server.vm_state in _RUNNING:
        return fine(f'it is {server.vm_state}, and its guest is there')
    then = (
        f'nova stops it when it next compares, unless openstack server start '
        f'{server.id} comes first'
        if server.vm_state in STARTED
        else 'where the guest is well: openstack recover instance set '
        f'{server.id} --vm-state active'
    )
    return refusal(
        'runs-unknown-to-nova',
        f'its guest runs, and nova has it {server.vm_state}',
        f'openstack recover instance show {server.id}; {then}',
    )


def _was_not_running(view: View, server: Server) -> Finding | None:
    was = view.was(server)
    if was is None or has_run(was):
        return None
    if was.vm_state == server.vm_state == 'stopped':
        return _was_stopped(view, server)
    if was.vm_state == server.vm_state and was.vm_state in _RUNNING:
        return None  # Its state is what keeps it.
    off = ' and shut down' if was.vm_state in REBOOTED else ''
    return refusal(
        'did-not-run',
        f'it was {was.vm_state}{off} in the snapshot, and nova has it '
        f'{server.vm_state} now',
        f'where it is to run: openstack server reboot --hard {server.id}; '
        f'otherwise openstack server stop {server.id}',
    )


def _was_stopped(view: View, server: Server) -> Finding:
    """What nova stops by itself after a boot ran, whatever was before."""
    booted = view.booted_at(server.host)
    # What has not changed since needs no question of its own.
    changed = server.updated[:19] >= booted[:19]
    if not (
        proof.has_booted(view, server)
        and changed
        and _stopped_after_boot(view, server)
    ):
        return fine('it was stopped before, and stays so')
    return refusal(
        'did-not-run',
        'it was stopped in the snapshot, and nova itself has stopped it after '
        f'{server.host} has booted: it ran in between',
        f'openstack server start {server.id}, if it is to run',
    )


def _stopped_after_boot(view: View, server: Server) -> bool:
    """Whether nova itself has stopped it since its host has booted."""
    newest = _newest_of_power(view, server)
    booted = view.booted_at(server.host)
    if newest is None or newest.action != _STOP or newest.user or not booted:
        return False
    return newest.at[:19] >= booted[:19]


def _stopped_since(view: View, server: Server) -> Finding | None:
    """The snapshot is older than its stop: a user who stopped it meant it."""
    if view.was(server) is None or server.vm_state != 'stopped':
        return None
    newest = _newest_of_power(view, server)
    if newest is None or newest.action != _STOP:
        return None
    if newest.user:
        return fine(
            f'it was stopped by user {newest.user} since the snapshot, and '
            'stays so'
        )
    booted = view.booted_at(server.host)
    if not booted or newest.at[:19] >= booted[:19]:
        return None
    return refusal(
        'stopped-before-boot',
        'nova itself stopped it before its host has booted: its guest had '
        'shut itself down, or the power was lost before',
        f'openstack server start {server.id}, if it is to run',
        f'stopped at {newest.at[:19]}, booted at {booted}',
    )


def _not_known(view: View, server: Server) -> Finding | None:
    """Without a snapshot, a stop by nova after the boot tells who ran."""
    if view.was(server) is not None:
        return None
    missing = (
        'there is no snapshot'
        if view.seen.before is None
        else 'the snapshot does not have it'
    )
    if state(view, server) == 'stopped':
        if _stopped_after_boot(view, server):
            return None
        newest = _newest_of_power(view, server)
        by_nova = newest and newest.action == _STOP and not newest.user
        why = 'nova did not stop it after its host has booted'
        if by_nova and not view.booted_at(server.host):
            why = f'{server.host} does not tell when it has booted'
        return refusal(
            'not-known',
            f'nobody knows whether it ran: {missing}, and {why}',
            f'openstack server start {server.id}, if it is to run',
        )
    return refusal(
        'not-known',
        f'nobody knows whether it ran: {missing}, and nova has it '
        f'{server.vm_state}',
        f'openstack server reboot --hard {server.id}, if it is to run and '
        'its guest is off',
    )


def _under_way(view: View, server: Server) -> Finding | None:
    if not server.task_state or state(view, server) != server.vm_state:
        return None
    return refusal(
        'under-way',
        f'nova is at it ({server.task_state})',
        'wait until that is over, or where it does not end: openstack '
        f'recover instance set {server.id} --task-state none',
    )


def _state(_view: View, server: Server) -> Finding | None:
    if server.vm_state in (*STARTED, *REBOOTED) and server.launched:
        return None
    return refusal(
        'server-state',
        f'it is {server.vm_state}'
        + ('' if server.launched else ', and was never built to the end'),
        f'openstack server show {server.id}; a paused or rescued server has '
        'lost its memory: openstack server reboot --hard, or openstack '
        'server unrescue; a resized one is confirmed or reverted first',
    )


def _no_host(_view: View, server: Server) -> Finding | None:
    """Of a server in such a cell no other state is to be trusted."""
    if server.host:
        return None
    return refusal(
        'no-host',
        'nova has it on no host',
        f'openstack server show {server.id}; a cell whose database is down '
        'looks so, too',
    )


def _forced_down(view: View, server: Server) -> Finding | None:
    service = view.service(server.host)
    if service is None:
        return refusal(
            'no-host',
            f'nova has no compute service on {server.host}',
            f'openstack recover host {server.host}, where the host is lost',
        )
    if not service.forced_down:
        return None
    return refusal(
        'forced-down',
        f'{server.host} is forced down ({service.disabled_reason or "?"})',
        f'openstack recover return {server.host}, then plan again; or '
        f'openstack recover host {server.host}, where it is lost',
    )


def _newest_of_power(view: View, server: Server) -> Happened | None:
    told = (
        one for one in view.actions(server) if one.action in {_STOP, *_START}
    )
    return next(told, None)


CHECKS: Sequence[Check] = (
    _at_rest,
    _no_host,
    _runs,
    _was_not_running,
    _stopped_since,
    _not_known,
    _under_way,
    _state,
    _forced_down,
    proof.not_off,
)
