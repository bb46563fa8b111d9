# SPDX-License-Identifier: Apache-2.0
"""Where a host keeps the disks of its servers, and which it sees there.

nova takes a server's disk for shared where its account may write to the
directory of that server, whatever is in it, or where all disks are in Ceph
(nova/virt/libvirt/driver.py, instance_on_disk).
"""

import contextlib
import json
import os
import re
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
)

from osc_recover.agent import compute, containers, errors, mounts, run

Tell = Callable[[Dict[str, Any]], None]

UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
_DEFAULT = '$state_path/instances'
_CONTAINER = 'nova_compute'
_SOME = 100


class Place(NamedTuple):
    """The directory of the servers, opened: what is in it is told from here.

    :param name: its path, as nova-compute has it
    :param backend: images_type, such as rbd
    :param uid: whose rights count there, nova's
    """

    name: str
    folder: int
    backend: str
    uid: int
    gid: int
    process: Optional[compute.Process]


def look(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Which servers have a directory on this host, and what it is on.

    :param args: ``servers``, their uuids
    :returns: ``path`` as nova-compute names it, ``backend`` (images_type);
        ``type``, ``source`` and ``class`` of the file system; ``servers``:
        uuid -> ``files``, the names that begin with disk, ``writable``,
        whether nova's account may write to the directory, and ``mark``
    :raises Refused: when there is no such directory, or no nova.conf
    """
    wanted = [_checked(uuid) for uuid in args['servers']]
    with _place() as place:
        return _seen(place, wanted, tell)


def every(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """The same for all servers that have a directory on this host."""
    with _place() as place:
        with _account(place), _told(f'{place.name} cannot be listed'):
            names = _listed(place.folder, '.')
        return _seen(place, filter(UUID.fullmatch, names), tell)


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    with _told('nova-compute cannot be looked at'):
        process = compute.running()
        files = compute.files(process)
        conf = compute.conf(process, files)
    name = conf.get('DEFAULT', 'instances_path', _DEFAULT)
    real = _outside(name) if files.kolla else files.root + name
    with _told(f'{name} is not there for nova-compute'):
        folder = os.open(real, os.O_PATH | os.O_DIRECTORY)
    try:
        owner = os.fstat(folder)
        yield Place(
            name,
            folder,
            conf.get('libvirt', 'images_type', 'default'),
            process.uid if process else owner.st_uid,
            process.gid if process else owner.st_gid,
            process,
        )
    finally:
        os.close(folder)


@contextlib.contextmanager
def _account(place: Place) -> Iterator[None]:
    """As nova: root has no rights on many a network file system."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(place.gid)
    os.seteuid(place.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise errors.Refused(
            'no-instances', f'{what}: {exc.strerror}'
        ) from exc


def _seen(place: Place, servers: Iterable[str], tell: Tell) -> Dict[str, Any]:
    found = {}
    for number, uuid in enumerate(servers, 1):
        found[uuid] = _server(place, uuid)
        # Many take long on a slow file system, and silence is a failure.
        if number % _SOME == 0:
            tell({'looked': number})
    # Only now, as what is mounted on demand is mounted by the look.
    mount = _mount(place)
    return {
        'path': place.name,
        'backend': place.backend,
        'type': mount.kind,
        'source': mount.source,
        'class': mounts.class_of(mount),
        'servers': {uuid: told for uuid, told in found.items() if told},
    }


def _server(place: Place, uuid: str) -> Optional[Dict[str, Any]]:
    folder = place.folder
    with _account(place), _told(f'{uuid} cannot be looked at'):
        if not _exists(folder, uuid):
            return None
        files: List[str] = []
        mark = ''
        # What nova may not enter it does not see either.
        with contextlib.suppress(PermissionError):
            files = [n for n in _listed(folder, uuid) if n.startswith('disk')]
            mark = _mark(folder, uuid, files)
        writable = os.access(uuid, os.W_OK, dir_fd=folder, effective_ids=True)
        return {'files': files, 'writable': writable, 'mark': mark}


def _mark(folder: int, uuid: str, files: Iterable[str]) -> str:
    """What a directory and its disks have that no copy of them has.

    Their inodes, and when the directory was last changed, which nobody can
    set.  The disks' own times go on while a guest writes to them.

    :returns: '' where they are not all on the file system of the servers
    """
    own = os.stat(uuid, dir_fd=folder)
    several = [os.stat(f'{uuid}/{name}', dir_fd=folder) for name in files]
    if {one.st_dev for one in (own, *several)} != {os.fstat(folder).st_dev}:
        return ''
    words = [own.st_ino, own.st_mtime_ns, own.st_ctime_ns]
    return ' '.join(map(str, words + [one.st_ino for one in several]))


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _listed(folder: int, name: str) -> List[str]:
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        return sorted(os.listdir(opened))
    finally:
        os.close(opened)


def _mount(place: Place) -> mounts.Mount:
    """What the directory is on, as nova-compute sees it."""
    pid = place.process.pid if place.process else os.getpid()
    with open(f'/proc/{pid}/mountinfo', 'rb') as table:
        found = mounts.parse(os.fsdecode(table.read()))
    path = os.readlink(f'/proc/self/fd/{place.folder}')
    device = os.fstat(place.folder).st_dev
    above = [m for m in found if _is_below(path, m.point)]
    # Btrfs has devices that are not in the table.
    same = [m for m in above if os.makedev(*m.device) == device]
    if not above:
        raise errors.Refused(
            'no-mount', f'no file system is mounted at or above {path}'
        )
    # Of two at one point the later one is seen.
    return max(reversed(same or above), key=lambda mount: len(mount.point))


def _is_below(path: str, point: str) -> bool:
    return (path.rstrip('/') + '/').startswith(point.rstrip('/') + '/')


def _outside(path: str) -> str:
    """Where a path of kolla's container, which is stopped, is on the host.

    :raises Refused: when the container does not tell
    """
    found = containers.show({'containers': [_CONTAINER]}, lambda event: None)
    if _CONTAINER not in found['containers']:
        raise errors.Refused(
            'no-instances', f'there is no container {_CONTAINER}'
        )
    argv = [found['engine'], 'inspect', '--format', '{{json .Mounts}}']
    binds = parse_binds(run.run([*argv, _CONTAINER], expect=[0]).text)
    above = [point for point in binds if _is_below(path, point)]
    if not above:
        raise errors.Refused(
            'no-instances', f'{path} of {_CONTAINER} is not kept on the host'
        )
    point = max(above, key=len)
    return binds[point].rstrip('/') + path[len(point.rstrip('/')) :]


def parse_binds(said: str) -> Dict[str, str]:
    """What is mounted in a container: path there -> path on the host.

    :raises Refused: for what neither docker nor podman says
    """
    try:
        return {
            str(mount['Destination']): str(mount['Source'])
            for mount in json.loads(said)
            if mount['Source']
        }
    except (ValueError, TypeError, KeyError) as exc:
        raise errors.Refused(
            'not-understood', f'mounts are told of as {said[:200]!r}'
        ) from exc


def _checked(text: Any) -> str:
    if not isinstance(text, str) or not UUID.fullmatch(text):
        raise errors.Refused('bad-name', f'{text!r} is no name of ours')
    return text
