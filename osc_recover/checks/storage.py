# SPDX-License-Identifier: Apache-2.0
"""What becomes of a server's disks?"""

from collections.abc import Collection, Mapping, Sequence

from osc_recover.checks.finding import Finding, note, refuse, warn
from osc_recover.checks.places import LACKING, State
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Server, Volume

_SIGHTS: Mapping[State, str] = {
    'shared': '{} can see its disk',
    'absent': 'not on {}',
    'empty': 'not in its directory on {}',
    'shut': 'nova may not write to its directory on {}',
    'stale': 'a stale one may be on {}',
    'unknown': 'whether on {} is not known',
}
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
        _some(volumes),
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


@check('no-agent', 'cloud')
def no_agent(view: View) -> Finding | None:
    """What nobody is asked for by the operator's own word."""
    if view.request.agent:
        return None
    return note(
        'no host is asked (--no-agent): whether the destinations see the '
        'disks of the servers, or hold stale directories of theirs, is not '
        'known'
    )


@check('silent-destinations', 'cloud')
def silent_destinations(view: View) -> Finding | None:
    """Hosts of which the assertion alone must be believed."""
    silent = [told for told in view.situation.storage if told.problem]
    if not silent:
        return None
    return warn(
        f'whether {_some([t.host for t in silent])} can see the disks of the '
        'servers is not known',
        silent[0].way_out,
        _some([told.problem for told in silent], '; '),
    )


@check('stale-directory')
def stale_directory(view: View, server: Server) -> Finding | None:
    """nova takes it for the server's own, on shared storage.

    The server would start from what is left there, of an earlier time (see
    ``checks.places``).
    """
    hosts = _hosts(view, server, 'stale')
    if not hosts or not local_disks(server):
        return None
    folder = f'{view.path(hosts[0])}/{server.id}'
    return refuse(
        f'a directory of it is on storage of {_some(hosts)} alone, and nova '
        'would take the disk in it for the right one',
        f'see what it is, and move it away: on {hosts[0]}, mv {folder} '
        f'{folder}.old; or --target a host that has none; --no-agent does '
        'not look',
        flag='--no-agent',
    )


@check('disk-not-seen')
def disk_not_seen(view: View, server: Server) -> Finding | None:
    """Asserted as shared, and a host that it may go to has it not."""
    loss = local_disks(server)
    hosts = _hosts(view, server, *LACKING)
    if not loss or not hosts or not view.asserted(server):
        return None
    if _accepted(view, server):
        return warn(
            f'where it goes to {_some(hosts)}, its local disks are made anew',
            loss=loss,
        )
    return refuse(
        'its disk is asserted to be on shared storage, but '
        f'{_sights(view, server, LACKING)}: nova would make {loss} anew there',
        f'mount the instances directory on {hosts[0]}, with the same numbers '
        'of nova (openstack recover ownership check); or keep it out: '
        f'openstack compute service set --disable {hosts[0]} nova-compute, '
        'or --target a host that sees the disk; --no-agent believes the '
        f'assertion; --accept-data-loss {server.id} gives the disk up',
        flag='--no-agent, --accept-data-loss',
    )


@check('data-loss')
def data_loss(view: View, server: Server) -> Finding | None:
    """Without shared storage nova rebuilds local disks from the image.

    Whether it is shared the API does not tell; neither asserted nor seen
    counts as lost (nova/compute/manager.py,
    _do_rebuild_instance_with_claim).
    """
    loss = local_disks(server)
    if not loss or view.shared(server):
        return None
    if _accepted(view, server):
        return warn('its local disks are made anew', loss=loss)
    return refuse(
        f'{loss} would be lost: made anew, as shared storage is not asserted',
        _way_out(view, server),
        _sights(view, server) if view.situation.storage else '',
        flag='--accept-data-loss',
    )


@check('disk-seen')
def disk_seen(view: View, server: Server) -> Finding | None:
    """Proven without a word of the operator's."""
    if view.asserted(server) or not local_disks(server):
        return None
    if not view.proven(server):
        return None
    return note(f'its disk is shared: {_sights(view, server)}')


def _way_out(view: View, server: Server) -> str:
    states = set(view.seen(server).values())
    way = f'--accept-data-loss {server.id}; or, '
    if 'unknown' in states or not view.situation.storage:
        return way + SHARED
    if 'shared' in states:
        return f'{way}--target a host that can see its disk'
    return f'{way}if there is a share with its disk, mount it there'


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


def _accepted(view: View, server: Server) -> bool:
    accepted = view.request.accept_data_loss
    return 'all' in accepted or view.names(accepted, server)


def _hosts(view: View, server: Server, *states: State) -> list[str]:
    return [h for h, s in view.seen(server).items() if s in states]


def _sights(
    view: View, server: Server, states: Collection[State] = tuple(_SIGHTS)
) -> str:
    """What the hosts see that are in one of these states."""
    hosts = {state: _hosts(view, server, state) for state in states}
    return '; '.join(
        _SIGHTS[state].format(_some(names))
        for state, names in hosts.items()
        if names
    )


def _some(names: Sequence[str], between: str = ', ') -> str:
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return between.join(names[:3]) + more


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
