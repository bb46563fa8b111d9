# SPDX-License-Identifier: Apache-2.0
"""Can a server get the volumes that it is to have?  Pure."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from osc_recover.checks.finding import Finding, refuse
from osc_recover.facts import Server, Volume
from osc_recover.facts.attaching import AttachingSeen, Wanted

# nova/compute/api.py, attach_volume: what check_instance_state lets through.
STATES = (
    'active', 'paused', 'stopped', 'resized', 'soft-delete', 'shelved',
    'shelved_offloaded',
)  # fmt: skip
_FREE, _SHARED = 'available', 'in-use'


def is_there(seen: AttachingSeen, one: Wanted) -> bool:
    """Whether nova lists the volume for the server already."""
    return one.volume in seen.given.get(one.server, ())


def of_server(
    seen: AttachingSeen,
    name: str,
    wanted: Sequence[Wanted],
    takers: Mapping[str, Collection[str]],
) -> list[Finding]:
    """What keeps a server from getting volumes, the most serious first.

    :param name: its ID, or the word that no server was found for
    :param takers: volume -> the servers that are to get it
    """
    server = seen.servers.get(name)
    if server is None:
        return [
            _coded(
                'no-server',
                refuse(
                    f'there is no one server {name}',
                    'take its lines out, if it was deleted; openstack server '
                    'list --all-projects --long names all, where several '
                    'have the name',
                ),
            )
        ]
    todo = [one for one in wanted if not is_there(seen, one)]
    found = [*_of_state(server, seen)] if todo else []
    for one in todo:
        found += _of_volume(seen, one)
        found += _wanted_elsewhere(seen, one, takers)
    return found


def _of_state(server: Server, seen: AttachingSeen) -> Iterator[Finding]:
    if server.task_state:
        yield _coded(
            'under-way',
            refuse(
                f'nova is at it ({server.task_state})',
                f'wait until openstack server show {server.id} has no task '
                'state, then try again',
            ),
        )
    if server.vm_state not in STATES:
        yield _coded(
            'server-state',
            refuse(
                f'nova attaches nothing to a server that is {server.vm_state}',
                f'openstack recover server {server.id}, or openstack server '
                'start, first',
            ),
        )
    if server.host and not seen.is_up(server.host):
        yield _coded(
            'host-down',
            refuse(
                f'nova-compute on its host {server.host} is down, and '
                'attaching needs it',
                f'openstack recover service start {server.host}, or openstack '
                f'recover host {server.host} where the host is lost',
            ),
        )


def _of_volume(seen: AttachingSeen, one: Wanted) -> Iterator[Finding]:
    volume = seen.volumes.get(one.volume)
    if volume is None:
        yield _coded(
            'no-volume',
            refuse(
                f'there is no one volume {one.volume}',
                'take its line out, if it was deleted; openstack volume list '
                '--all-projects names all',
            ),
        )
        return
    for check in _OF_VOLUMES:
        if found := check(seen, volume, one):
            yield found
            return


def _root(seen: AttachingSeen, volume: Volume, one: Wanted) -> Finding | None:
    server = seen.servers[one.server]
    is_its = one.device != '' and one.device == server.root_device
    # nova has dropped the root with all others.
    bare = volume.bootable and not seen.given.get(one.server)
    if server.image is not None or not (is_its or bare):
        return None
    return _coded(
        'root-volume',
        refuse(
            f'the server boots from volume {volume.id}, and nova attaches '
            'none as a root',
            f'openstack recover volume check {volume.id} names the command '
            'that brings its mapping back',
        ),
    )


def _not_free(
    seen: AttachingSeen, volume: Volume, one: Wanted
) -> Finding | None:
    held = [a.server for a in volume.attachments]
    if one.server in held:
        return _coded(
            'only-cinder',
            refuse(
                f'cinder has volume {volume.id} on the server already, and '
                'nova does not',
                f'openstack recover volume check {volume.id} names the '
                'command that repairs it',
                f'it is {volume.status}',
            ),
        )
    if volume.status == _FREE and not held:
        return None
    if volume.multiattach and volume.status in (_FREE, _SHARED):
        return None
    whose = f', attached to {", ".join(held)}' if held else ''
    return _coded(
        'volume-not-free',
        refuse(
            f'volume {volume.id} is {volume.status}{whose}',
            f'openstack recover volume check {volume.id} tells what is wrong '
            'with it; a volume in use is detached where it is first',
        ),
    )


def _wanted_elsewhere(
    seen: AttachingSeen, one: Wanted, takers: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    """One that is no shared one goes to one server."""
    volume = seen.volumes.get(one.volume)
    if volume is None or volume.multiattach:
        return
    if whose := sorted({*takers[one.volume]} - {one.server}):
        yield _coded(
            'volume-not-free',
            refuse(
                f'volume {volume.id} is to be attached to {", ".join(whose)}, '
                'too, and is no multi-attach volume',
                'name it for one server',
            ),
        )


_Check = Callable[[AttachingSeen, Volume, Wanted], Finding | None]
_OF_VOLUMES: Sequence[_Check] = (_root, _not_free)


def _coded(code: str, finding: Finding) -> Finding:
    return dataclasses.replace(finding, code=code)
