# SPDX-License-Identifier: Apache-2.0
"""Close one iSCSI session of a host.  Pure.

The guide's way to reproduce a power loss.  Without its number all sessions
would be closed, and the kernel gives a number to another session later: both
must be named, and fit.
"""

from osc_recover import errors, records
from osc_recover.checks import sessions as checks
from osc_recover.checks.request import SessionClose
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import HostState, KeptSession
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

# Layers that hold no more than the disk itself.
_HARMLESS = ('part', 'mpath')
_LOST = (
    'a guest loses a disk that it may be writing to, as in a power loss; '
    'openstack recover session open {host} opens it again, and a hard reboot '
    'of the server does so, too'
)


def close_session(seen: SessionsSeen, request: SessionClose) -> Plan:
    """Plan to close the session that is named, and nothing else.

    :raises errors.Refused: when there is no such session, it leads elsewhere,
        nobody knows what it serves, or it serves more than one server
    """
    [host] = seen.hosts
    session = _session(host, request)
    _see_that_it_is_free(host, session)
    servers = _servers(seen, request)
    names = [checks.named(seen, server) for server in servers]
    what = f'session {session.number} to {session.target}'
    step = Step(
        f'close:{host.host}:{session.number}', 'session.close', host.host,
        {
            'session': session.number, 'target': session.target,
            'portal': session.portal, 'boot_id': host.boot_id,
            'servers': servers,
        },
    )  # fmt: skip
    return Plan(
        procedure='session-close',
        hosts=(host.host,),
        phases=(Phase('close session', (Lane(host.host, (step,)),)),),
        verdicts=(
            Verdict(
                host.host, what, f'session of {_told(names)}', 'close', True,
                host.host,
            ),
        ),
        notes=(_LOST.format(host=host.host),) if servers else (),
        request=records.to_data(request),
    )  # fmt: skip


def _session(host: HostState, request: SessionClose) -> KeptSession:
    if not host.knows('sessions'):
        raise errors.Refused(
            f'the sessions of {host.host} are not known: '
            + (host.problem or host.problems['sessions']),
            host.way_out or 'mend that on the host',
            'unknown',
        )
    found = [s for s in host.sessions if s.number == request.session]
    if not found:
        same = [s.number for s in host.sessions if s.target == request.target]
        raise errors.Refused(
            f'{host.host} has no session {request.session}',
            f'sessions to that target are {_told([*map(str, same)])}: '
            f'openstack recover session list {host.host}',
            'no-session',
        )
    if found[0].target != request.target:
        raise errors.Refused(
            f'session {request.session} of {host.host} leads to '
            f'{found[0].target}, not to {request.target}',
            'the kernel gives the numbers of closed sessions to others: '
            f'openstack recover session list {host.host}',
            'other-target',
        )
    return found[0]


def _see_that_it_is_free(host: HostState, session: KeptSession) -> None:
    """The host's own file systems and volume groups are not taken away."""
    mounted = {mount.source: mount.point for mount in host.mounts}
    for device in session.devices:
        layers = [lay for lay in device.over if lay.kind not in _HARMLESS]
        names = {f'/dev/{device.name}': device.name}
        for layer in device.over:
            names[f'/dev/mapper/{layer.name}'] = layer.name
            names[f'/dev/{layer.kernel}'] = layer.name
        used = [f'{mounted[n]} (of {n})' for n in names if n in mounted]
        if used:
            raise errors.Refused(
                f'{host.host} has mounted {_told(used)} from this session',
                'unmount it there first; a server has nothing to do with it',
                'in-use',
            )
        if layers:
            raise errors.Refused(
                f'{host.host} itself uses the disk {device.name} of this '
                f'session: {_told([lay.name for lay in layers])}',
                'end that first: vgchange -an <group> for logical volumes',
                'in-use',
            )


def _servers(seen: SessionsSeen, request: SessionClose) -> list[str]:
    """The servers that it serves, of which there may be one."""
    if 'attachments' in seen.unseen:
        gap = next(g for g in seen.gaps if g.what == 'attachments')
        raise errors.Refused(
            f'nobody knows what this session serves: {gap.problem}',
            gap.way_out,
            'unknown-use',
        )
    found = checks.uses(seen, request.host, request.target)
    servers = list(dict.fromkeys(use.server for use in found))
    others = [s for s in servers if s != request.server]
    if len(servers) > 1 or (request.server and others):
        names = [checks.named(seen, server) for server in others or servers]
        raise errors.Refused(
            f'this session serves {_told(names)}'
            + (' as well' if request.server in servers else ''),
            'stop or move these servers first; one session to a target '
            'serves all that is there',
            'shared',
        )
    if request.server and not servers:
        raise errors.Refused(
            f'this session serves no volume of {request.server}',
            f'openstack recover session list {request.host}',
            'other-server',
        )
    return servers


def _told(names: list[str]) -> str:
    return ', '.join(names) or 'none'
