# SPDX-License-Identifier: Apache-2.0
"""Can a server be evacuated in the state it is in?

The gates are those of nova/api/openstack/compute/evacuate.py and
nova/compute/api.py (evacuate), in the order in which nova asks.
"""

from osc_recover.checks.finding import Finding, refuse, warn
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Server

READY = {'active', 'stopped', 'error'}
# What is lost besides: memory is gone with the host in any case.
RESETTABLE = {
    'paused': 'its memory (it was paused)',
    'suspended': 'its suspended memory (the managed save of libvirt)',
    'rescued': 'its rescue session',
}
OTHERS = {
    'building',
    'resized',
    'shelved',
    'shelved_offloaded',
    'soft-delete',
    'deleted',
}
DELETING = {'deleting', 'soft-deleting'}


@check('excluded')
def excluded(view: View, server: Server) -> Finding | None:
    """The operator left it out."""
    if not view.names(view.request.exclude, server):
        return None
    return refuse(
        'it was left out with --exclude',
        'plan again without that --exclude',
    )


@check('deleting')
def deleting(_view: View, server: Server) -> Finding | None:
    """A deletion that was under way is not undone by a recovery."""
    if server.task_state not in DELETING and server.vm_state != 'deleted':
        return None
    return refuse(
        'it is being deleted',
        f'openstack server delete {server.id} ends it: nova deletes its '
        'records without the host',
        f'task {server.task_state or server.vm_state}',
    )


@check('soft-deleted')
def soft_deleted(_view: View, server: Server) -> Finding | None:
    """Deleted, and kept for a while (reclaim_instance_interval)."""
    if server.vm_state != 'soft-delete':
        return None
    return refuse(
        'it is soft-deleted',
        'nothing, unless it is wanted after all: '
        f'{_reset(server)}, then plan again',
    )


@check('shelved-offloaded')
def shelved_offloaded(_view: View, server: Server) -> Finding | None:
    """It lies in glance and has no guest on the host."""
    if server.vm_state != 'shelved_offloaded':
        return None
    return refuse(
        'it is shelved and offloaded: it is not on the host any more',
        f'openstack server unshelve {server.id} starts it elsewhere',
    )


@check('building')
def building(_view: View, server: Server) -> Finding | None:
    """nova evacuates only what has a launched_at."""
    if server.vm_state != 'building' and server.launched:
        return None
    return refuse(
        'it was never built to the end',
        'delete it and create it again',
        server.fault,
    )


@check('resized')
def resized(_view: View, server: Server) -> Finding | None:
    """The confirmation runs on the resize source, a revert on this host."""
    if server.vm_state != 'resized':
        return None
    return refuse(
        'its resize was neither confirmed nor reverted',
        f'openstack server resize confirm {server.id} while the host that it '
        f'came from is up, otherwise {_reset(server)}; then plan again',
    )


@check('shelved')
def shelved(_view: View, server: Server) -> Finding | None:
    """Unshelving would ask the dead host."""
    if server.vm_state != 'shelved':
        return None
    return refuse(
        'it is shelved, and not yet offloaded',
        f'{_reset(server)} gives up the shelving (its snapshot stays in '
        'glance), then plan again',
    )


@check('unknown-state')
def unknown_state(_view: View, server: Server) -> Finding | None:
    """A state that no known release of nova has."""
    if server.vm_state in READY | set(RESETTABLE) | OTHERS:
        return None
    return refuse(
        f'its state {server.vm_state!r} is not one that nova evacuates',
        f'look at it: openstack server show {server.id}',
    )


@check('vtpm')
def vtpm(view: View, server: Server) -> Finding | None:
    """nova refuses always: the TPM's secrets lie on the dead host."""
    sources = {
        'the flavor': server.extra_specs.get('hw:tpm_version', ''),
        'the image': _image_property(view, server, 'hw_tpm_version'),
    }
    asks = [where for where, value in sources.items() if value]
    if not asks:
        return None
    return refuse(
        'it has an emulated TPM, whose state is on the failed host; nova '
        'never evacuates such a server',
        'repair the host, or build the server anew from its volumes',
        f'asked for by {" and ".join(asks)}',
    )


@check('shares')
def shares(_view: View, server: Server) -> Finding | None:
    """Manila shares block an evacuation (nova 31 and newer)."""
    if not server.shares:
        return None
    return refuse(
        'it has Manila shares attached; nova does not evacuate such a server',
        'repair the host: shares are detached only from a stopped server',
        f'{server.shares} shares',
    )


@check('cyborg')
def cyborg(view: View, server: Server) -> Finding | None:
    """A device profile needs an accelerator at the destination, too."""
    profile = server.extra_specs.get('accel:device_profile', '')
    profiles = [profile, *(p.device_profile for p in view.ports(server))]
    wanted = ', '.join(sorted({name for name in profiles if name}))
    if not wanted:
        return None
    return warn(
        'it needs an accelerator at its destination',
        evidence=f'device profile {wanted}',
    )


@check('service-vm')
def service_vm(view: View, server: Server) -> Finding | None:
    """Amphorae and database guests are rebuilt by their own service.

    An evacuated amphora has lost its configuration, and its load balancer
    goes to ERROR.
    """
    owner = _owner(server)
    if not owner or view.names(view.request.servers, server):
        return None
    return refuse(
        f'it belongs to {owner}, which replaces its servers itself',
        f'{_failover(owner, server)}; or name it: --server {server.id}',
        flag='--server',
    )


@check('reset-state')
def reset_state(view: View, server: Server) -> Finding | None:
    """nova evacuates ACTIVE, STOPPED and ERROR only (409 otherwise)."""
    loss = RESETTABLE.get(server.vm_state)
    if loss is None:
        return None
    if view.request.reset_state:
        return warn('it is set to ERROR first', loss=loss)
    return refuse(
        f'nova does not evacuate a {server.vm_state} server',
        f'--reset-state sets it to ERROR first; lost is {loss}'
        + (f'; or {by_hand(server)}' if server.vm_state != 'rescued' else ''),
        flag='--reset-state',
    )


def by_hand(server: Server) -> str:
    """The command that moves a server where nova's own way is barred."""
    return (
        f'openstack recover server {server.id} --method database moves it in '
        'the database, past that'
    )


AMPHORA = 'amphora-'  # and the amphora's id


def _owner(server: Server) -> str:
    if server.name.startswith(AMPHORA):
        return 'octavia'
    marks = ' '.join((*server.tags, *server.metadata)).lower()
    return next((n for n in ('octavia', 'trove') if n in marks), '')


def _failover(owner: str, server: Server) -> str:
    if owner == 'trove':
        return 'find its database with openstack database instance list'
    if server.name.startswith(AMPHORA):
        amphora = server.name.removeprefix(AMPHORA)
        return f'openstack loadbalancer amphora failover {amphora}'
    return 'openstack loadbalancer failover, for its load balancer'


def _image_property(view: View, server: Server, name: str) -> str:
    """A property of the image, or of the volume that it boots from."""
    if server.image:
        image = view.image(server)
        return image.properties.get(name, '') if image else ''
    roots = (v for v in view.volumes(server) if v.bootable)
    return next((v.image_properties.get(name, '') for v in roots), '')


def _reset(server: Server) -> str:
    return f'openstack server set --state error {server.id}'
