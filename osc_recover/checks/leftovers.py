# SPDX-License-Identifier: Apache-2.0
"""What a host that returns still has of servers that are elsewhere.

A starting nova-compute destroys guests of servers whose evacuation off the
host is accepted, pre-migrating or done, with their disks unless these are
shared, and nothing else (nova/compute/manager.py,
_destroy_evacuated_instances).
"""

import re
from collections.abc import Iterator

from osc_recover.checks import numbers
from osc_recover.checks.finding import Finding, refuse, warn
from osc_recover.checks.foreign import ENDED
from osc_recover.checks.registry import check
from osc_recover.checks.request import Return
from osc_recover.checks.returning import here, opened, start
from osc_recover.facts import Domain, Situation

# cinder's drivers with a target a volume have the volume's id in its name.
_VOLUME = re.compile(r'volume-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})')


@check('duplicate-guests', 'return')
def duplicate_guests(
    situation: Situation, request: Return
) -> Iterator[Finding]:
    """Two guests that write to one disk destroy it."""
    told = situation.returned
    for domain in _strangers(situation, request) if told else ():
        home = told.homes.get(domain.uuid) if told else None
        # It may have come here just now.
        if domain.runs and home not in (None, request.host):
            where = f'on {home}' if home else 'on no host'
            yield refuse(
                f'domain {domain.name} of server {domain.uuid} is '
                f'{domain.state} on {request.host}, and nova has the server '
                f'{where}',
                _end(situation, request, domain),
            )


@check('strange-guests', 'return')
def strange_guests(situation: Situation, request: Return) -> Finding | None:
    """Deleted while the host was away, or never nova's.

    nova removes what was deleted on this host within half an hour
    (running_deleted_instance_poll_interval).
    """
    told = situation.returned
    found = [
        domain.name
        for domain in _strangers(situation, request)
        if told and domain.runs and told.homes.get(domain.uuid) is None
    ]
    if not found:
        return None
    return warn(
        f'{_named(found, "guest runs", "guests run")} there that nova does '
        'not know',
        'if they were deleted meanwhile, nova-compute removes them within '
        'half an hour of its start',
        _some(found),
    )


@check('stopped-domains', 'return')
def stopped_domains(situation: Situation, request: Return) -> Finding | None:
    """nova leaves them; one is in the way if its server is evacuated back.

    The destination of an evacuation must not have the domain
    (nova/compute/manager.py, _check_instance_exists).
    """
    found = [
        domain
        for domain in _strangers(situation, request)
        if not domain.runs and _stays(situation, request, domain.uuid)
    ]
    if not found:
        return None
    names = [domain.name for domain in found]
    return warn(
        f'{_named(names, "stopped domain", "stopped domains")} of servers '
        'that are not here: nova-compute leaves them, and evacuates none of '
        f'these to {request.host} while they are defined',
        f'openstack recover domain repair {found[0].uuid}',
        _some(names),
    )


@check('left-directories', 'return')
def left_directories(situation: Situation, request: Return) -> Finding | None:
    """On storage of the host's own they are taken for shared later on.

    On a network file system they are the servers' very disks.
    """
    told = situation.returned
    if told is None or told.storage.network:
        return None
    mine = here(situation, request)
    found = [
        folder.server
        for folder in told.storage.folders
        if folder.server not in mine
        and _stays(situation, request, folder.server)
    ]
    if not found:
        return None
    folder = f'{told.storage.path}/{found[0]}'
    return warn(
        f'{_named(found, "directory", "directories")} of servers that are '
        'not here: nova-compute leaves them, and takes them for shared '
        'storage when such a server comes back',
        f'see that {told.storage.path} is not shared, then on '
        f'{request.host}: mv {folder} {folder}.old',
        _some(found),
    )


@check('numbers', 'return')
def numbers_(situation: Situation, request: Return) -> Iterator[Finding]:
    """On shared storage nova cannot write to files of another number."""
    told = situation.returned
    accounts = told.accounts if told else ()
    keys = numbers.keys_of((), ())
    known = [host for host in accounts if not host.problem]
    mine = [host for host in known if host.host == request.host]
    if len(known) < 2:
        return
    wanted = numbers.proposals(known, keys)
    for row in numbers.rows(mine, keys, wanted):
        if row.state != 'ok':
            yield warn(f'{row.kind} {row.account}: {row.reason}', row.way_out)


@check('left-sessions', 'return')
def left_sessions(situation: Situation, request: Return) -> Finding | None:
    """Sessions to volumes of no server here; their devices stay."""
    told = situation.returned
    if told is None:
        return None
    mine = {
        volume
        for server in situation.servers
        if server.host == request.host
        for volume in server.volumes
    }
    found = [
        f'[{session.number}] {session.target}'
        for session in told.sessions.sessions
        if (match := _VOLUME.search(session.target))
        and match.group(1) not in mine
    ]
    if not found:
        return None
    number = found[0][1:].partition(']')[0]
    return warn(
        f'{_named(found, "session", "sessions")} to volumes of no server '
        'that is here',
        f'see that nothing uses them, then on {request.host}: iscsiadm -m '
        f'session -r {number} -u (never without -r, which closes all)',
        _some(found),
    )


def _strangers(situation: Situation, request: Return) -> list[Domain]:
    """The domains of servers that nova does not have on this host."""
    told = situation.returned
    domains = told.domains.domains if told else ()
    mine = here(situation, request)
    return [domain for domain in domains if domain.uuid not in mine]


def _end(situation: Situation, request: Return, domain: Domain) -> str:
    if _goes(situation, request, domain.uuid):
        return f'{start(situation, request)}: it destroys that guest'
    return (
        f'see which of the two is the right one; to end the one on '
        f'{request.host}: virsh destroy {domain.name} there'
    )


def _goes(situation: Situation, request: Return, server: str) -> bool:
    """Whether a starting nova-compute removes what is left of a server."""
    return any(row.server == server for row in opened(situation, request))


def _stays(situation: Situation, request: Return, server: str) -> bool:
    """Whether nobody else takes what is left of a server away.

    The source of a resize keeps it until that is confirmed or reverted.
    """
    moves = (
        row
        for row in situation.migrations
        if (row.server, row.source) == (server, request.host)
        and row.type != 'evacuation'
        and row.status not in ENDED
    )
    return not any(moves) and not _goes(situation, request, server)


def _named(found: list[str], one: str, several: str) -> str:
    return f'{len(found)} {one if len(found) == 1 else several}'


def _some(names: list[str]) -> str:
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(names[:3]) + more
