# SPDX-License-Identifier: Apache-2.0
"""What becomes of a server's disks?"""

from osc_recover.checks.finding import Finding, note, refuse, warn
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Server, Volume

SHARED = (
    'if the disks of instances are on Ceph or NFS, recover: shared_storage '
    'in clouds.yaml'
)


@check('volume-backend-on-host', 'host')
def backend_on_host(view: View, host: str) -> Finding | None:
    """Storage of the cloud that has died with this compute host."""
    volumes = sorted(v.id for v in view.situation.volumes if _on(v, host))
    if not volumes:
        return None
    return warn(
        f'a cinder backend was on {host}: its volumes are out of reach until '
        'it is back',
        'bring that cinder-volume and its storage back first',
        ', '.join(volumes[:3])
        + (f' and {len(volumes) - 3} more' if len(volumes) > 3 else ''),
    )


@check('volume-backend-on-host')
def volume_backend_on_host(view: View, server: Server) -> Finding | None:
    """cinder cannot export a volume whose backend is dead."""
    lost = [
        v.id
        for v in view.volumes(server)
        if any(_on(v, host) for host in view.hosts)
    ]
    if not lost:
        return None
    return refuse(
        'its volume is on a cinder backend of the failed host',
        'bring that cinder-volume and its storage back, or restore the '
        'volume from a backup',
        ', '.join(lost),
    )


@check('volume-error')
def volume_error(view: View, server: Server) -> Finding | None:
    """cinder makes no new attachment of a volume in error.

    'error' in the status is refused (cinder/volume/api.py, attachment_update)
    and would leave the server half evacuated and in ERROR.
    """
    bad = [v for v in view.volumes(server) if 'error' in v.status]
    if not bad:
        return None
    return refuse(
        'cinder attaches no volume in error',
        'look why in the log of cinder-volume; when the volume is sound: '
        f'openstack volume set --state in-use {bad[0].id}',
        ', '.join(f'{v.id} is {v.status}' for v in bad),
    )


@check('data-loss')
def data_loss(view: View, server: Server) -> Finding | None:
    """Without shared storage nova rebuilds local disks from the image.

    Whether it is shared the API does not tell; not asserted counts as lost
    (nova/compute/manager.py, _do_rebuild_instance_with_claim).
    """
    loss = local_disks(server)
    if not loss or view.shared(server):
        return None
    accepted = view.request.accept_data_loss
    if 'all' in accepted or view.names(accepted, server):
        return warn('its local disks are made anew', loss=loss)
    return refuse(
        f'{loss} would be lost: made anew, as shared storage is not asserted',
        f'--accept-data-loss {server.id}; or, {SHARED}',
        flag='--accept-data-loss',
    )


@check('swap-loss')
def swap_loss(view: View, server: Server) -> Finding | None:
    """A swap disk is made anew; nothing of worth is on it."""
    if not server.swap_mb or view.shared(server) or server.image:
        return None
    return note('its swap disk is made anew')


@check('encrypted-volume')
def encrypted_volume(view: View, server: Server) -> Finding | None:
    """The new host has no secret and fetches the key with our token.

    nova/virt/libvirt/driver.py: an account that may not read the owner's
    Barbican secret ends with a server in ERROR.
    """
    volumes = [v.id for v in view.volumes(server) if v.encrypted]
    if not volumes:
        return None
    return warn(
        'the key of its encrypted volume is read with your account',
        'without access to the secret in Barbican it ends in ERROR: have '
        'its owner add you to the ACL (openstack acl user add)',
        ', '.join(volumes),
    )


def local_disks(server: Server) -> str:
    """The disks that lie in the host's instances directory, in words."""
    disks = []
    if server.image:
        disks.append('its root disk')
    if server.ephemeral_gb:
        disks.append(f'its ephemeral disk of {server.ephemeral_gb} GB')
    return ' and '.join(disks)


def _on(volume: Volume, host: str) -> bool:
    """Whether a volume's backend (host@backend#pool) is on a nova host."""
    return _same(volume.host.partition('@')[0], host)


def _same(one: str, other: str) -> bool:
    # One service may be configured with a short name, the other with a full.
    if '.' in one and '.' in other:
        return one == other
    return bool(one) and one.split('.')[0] == other.split('.')[0]
