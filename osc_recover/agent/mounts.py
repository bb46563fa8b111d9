# SPDX-License-Identifier: Apache-2.0
"""File systems: which of them a pass over the host covers, and why not all.

The table is ``/proc/self/mountinfo``, as proc_pid_mountinfo(5) has it.
"""

import os
import re
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from osc_recover.agent.errors import Refused

LOCAL, NETWORK, PSEUDO, CONTAINER = 'local', 'network', 'pseudo', 'container'

# Without the kernel's own: what has files that somebody made counts as local,
# /dev and /run too, as sockets and devices have owners that matter.
_PSEUDO = {
    'autofs', 'binder', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs',
    'cpuset', 'debugfs', 'devpts', 'efivarfs', 'fuse.gvfsd-fuse',
    'fuse.lxcfs', 'fuse.portal', 'fusectl', 'mqueue', 'nfsd', 'nsfs', 'proc',
    'pstore', 'ramfs', 'resctrl', 'rpc_pipefs', 'securityfs', 'selinuxfs',
    'smackfs', 'sysfs', 'tracefs', 'xenfs',
}  # fmt: skip
_NETWORK = {
    '9p', 'afs', 'beegfs', 'ceph', 'cifs', 'coda', 'fhgfs', 'fuse.ceph',
    'fuse.ceph-fuse', 'fuse.glusterfs', 'fuse.mfs', 'fuse.quobyte',
    'fuse.s3fs', 'fuse.sshfs', 'fuse.weka', 'gfs2', 'glusterfs', 'gpfs',
    'lustre', 'ncpfs', 'nfs', 'nfs4', 'ocfs2', 'orangefs', 'panfs', 'pvfs2',
    'smb3', 'smbfs', 'vastnfs', 'virtiofs', 'wekafs',
}  # fmt: skip
# Nobody can write to these, so nothing in them is wrong by a mishap.
_IMAGES = {'cramfs', 'erofs', 'iso9660', 'romfs', 'squashfs', 'udf'}
OVERLAY = {'aufs', 'fuse.fuse-overlayfs', 'overlay'}
# Files in here have the numbers of images, which are not the host's.
CONTAINERS = (
    '/var/lib/containerd', '/var/lib/containers/storage', '/var/lib/docker',
    '/var/lib/incus', '/var/lib/kubelet/pods', '/var/lib/lxc', '/var/lib/lxd',
    '/var/lib/machines', '/run/containerd', '/run/containers',
    '/run/docker', '/var/snap/lxd',
)  # fmt: skip
LOGINS = '/run/user/'  # gone when nobody is logged in
_ESCAPE = re.compile(rb'\\([0-3][0-7]{2})')
_LINE = re.compile(
    r'([0-9]+) ([0-9]+) ([0-9]+):([0-9]+) ([^ ]+) ([^ ]+) ([^ ]+)'
    r'((?: [^ ]+)*?) - ([^ ]+) ([^ ]*) ([^ ]+)',
    re.DOTALL,
)


class Mount(NamedTuple):
    """One line of the table, its escapes undone.

    :param device: major and minor number, which ``st_dev`` is made of
    :param root: what of the file system is mounted; / is all of it
    :param options: the mount's own, then those of the file system
    :param frozen: the file system itself is read-only, and not just here
    """

    id: int
    parent: int
    device: Tuple[int, int]
    root: str
    point: str
    kind: str
    source: str
    options: Tuple[str, ...]
    frozen: bool = False


def parse(text: str) -> List[Mount]:
    """The mounts of a mount table, in its order.

    :raises Refused: at a line that is none
    """
    # Not splitlines(), which knows more ends of line than the kernel.
    return [_mount(line) for line in text.split('\n') if line]


def current() -> List[Mount]:
    """The mounts that we see, in the order in which they were mounted."""
    with open('/proc/self/mountinfo', 'rb') as table:
        return parse(os.fsdecode(table.read()))


def show(
    args: Dict[str, Any], tell: Callable[[Dict[str, Any]], None]
) -> Dict[str, Any]:
    """The file systems, and what a pass over the host would do with them.

    :returns: ``mounts``, each with its class, whether it is covered, and if
        not why, and whether it is ``read_only`` here or altogether
        (``frozen``); ``roots``, to walk; ``skip``, folders below them not to
        enter
    """
    rows = [_if_folder(row) for row in judged(current())]
    skip = [folder for folder in CONTAINERS if os.path.isdir(folder)]
    return {
        'mounts': rows,
        'roots': [row['point'] for row in rows if row['covered']],
        'skip': [os.path.realpath(folder) for folder in skip],
    }


def _if_folder(row: Dict[str, Any]) -> Dict[str, Any]:
    """Leave out what is mounted on a single file: there is no way into it."""
    if not row['covered'] or os.path.isdir(row['point']):
        return row
    return {**row, 'covered': False, 'why': 'mounted on a single file'}


def judged(mounts: Iterable[Mount]) -> List[Dict[str, Any]]:
    """Each mount that can be seen, as a row; each file system covered once."""
    visible = shown(mounts)
    rows = []
    seen: List[Mount] = []
    # A file system's own root first, so that what binds it is left out.
    for mount in sorted(visible.values(), key=_wholeness):
        kind = class_of(mount)
        why = _why_not(mount, kind, seen)
        if not why:
            seen.append(mount)
        rows.append(
            {
                'point': mount.point,
                'type': mount.kind,
                'source': mount.source,
                'class': kind,
                'covered': not why,
                'why': why,
                'read_only': 'ro' in mount.options,
                'frozen': mount.frozen and mount.kind not in _IMAGES,
            }
        )
    return sorted(rows, key=lambda row: str(row['point']))


def shown(mounts: Iterable[Mount]) -> Dict[str, Mount]:
    """Point -> the mount that a path leads to; others are hidden by it."""
    at = {(mount.parent, mount.point): mount for mount in mounts}
    known = {mount.id for mount in at.values()}
    tops = [top for top in at.values() if top.parent not in known]
    found = {top.point: top for top in tops}
    for _, point in sorted(at, key=lambda key: (key[1].count('/'), key[1])):
        around = _around(point, found)
        while around is not None and (around.id, point) in at:
            around = found[point] = at.pop((around.id, point))
    return found


def _around(point: str, found: Dict[str, Mount]) -> Optional[Mount]:
    """The mount that a path leads to as far as is known."""
    while point not in found and point != '/':
        point = os.path.dirname(point)
    return found.get(point)


def class_of(mount: Mount) -> str:
    """One of LOCAL, NETWORK, PSEUDO and CONTAINER."""
    if mount.point != '/' and _is_in_container(mount):
        return CONTAINER
    # Such as the tmpfs, often read-only, that cgroups are mounted below.
    if mount.kind in _PSEUDO or mount.point.startswith(('/proc/', '/sys/')):
        return PSEUDO
    remote = mount.source.startswith('//') or ':/' in mount.source
    if mount.kind in _NETWORK or (remote and mount.kind.startswith('fuse')):
        return NETWORK
    return LOCAL


def _why_not(mount: Mount, kind: str, seen: List[Mount]) -> str:
    if kind == NETWORK:
        return 'a network file system; other hosts may use it'
    if kind == CONTAINER:
        return 'of a container; its numbers are those of the image'
    if kind == PSEUDO:
        return 'made by the kernel; no owner is kept in it'
    if mount.point.startswith(LOGINS):
        return 'of a login, and gone with it'
    for other in seen:
        if _shows(other, mount):
            return f'the same files as below {other.point}'
    if 'ro' in mount.options:
        return 'read-only'
    return ''


def _shows(mount: Mount, other: Mount) -> bool:
    """Whether all that is in the other one is in this one, too.

    The subvolumes of Btrfs have one device, and are not in each other.
    """
    inside = (other.root + '/').startswith(mount.root.rstrip('/') + '/')
    return mount.device == other.device and inside


def _is_in_container(mount: Mount) -> bool:
    inside = (mount.point + '/').startswith(tuple(c + '/' for c in CONTAINERS))
    return inside or mount.kind in OVERLAY


def _wholeness(mount: Mount) -> Tuple[bool, int, int]:
    return mount.root != '/', len(mount.root), mount.id


def _mount(line: str) -> Mount:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Refused(
            'bad-mountinfo',
            f'a line of the mount table is not understood: {line!r}',
            line=line,
        )
    number, parent, major, minor, root, point, own, _, kind, source, more = (
        match.groups()
    )
    return Mount(
        int(number),
        int(parent),
        (int(major), int(minor)),
        unescaped(root),
        unescaped(point),
        unescaped(kind),
        unescaped(source),
        tuple(own.split(',')) + tuple(more.split(',')),
        'ro' in more.split(','),
    )


def unescaped(word: str) -> str:
    """A word of a kernel table, or fstab, with its octal escapes undone.

    They are of bytes, of which a letter may have several.
    """
    return os.fsdecode(
        _ESCAPE.sub(
            lambda match: bytes([int(match.group(1), 8)]), os.fsencode(word)
        )
    )
