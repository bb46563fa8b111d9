# SPDX-License-Identifier: Apache-2.0
"""A tree of files with every trap that a change of owners can fall into.

It can be built twice: with the old numbers, and with the new ones wherever
they belong.  A change is right when the first has become the second.
"""

import contextlib
import os
import pathlib
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator, Mapping

# Chains (nova to where qemu is) and a swap (the last two).
UIDS = {61108: 61112, 61112: 61119, 61200: 61201, 61201: 61200}
GIDS = {62120: 62119, 62119: 62125, 62300: 62301, 62301: 62300}
NOVA, QEMU, LEFT, RIGHT, OTHER = 61108, 61112, 61200, 61201, 61500
NOVA_G, LIBVIRT_G, LEFT_G, RIGHT_G, OTHER_G = 62120, 62119, 62300, 62301, 62500

ACCESS, DEFAULT = 'system.posix_acl_access', 'system.posix_acl_default'
CAPABILITY = 'security.capability'
DAC = 'trusted.libvirt.security.dac'
# cap_net_raw=ep, as linux/capability.h lays it out (VFS_CAP_REVISION_2).
NET_RAW = struct.pack('<IIIII', 0x02000001, 1 << 13, 0, 0, 0)

DEEP, LONG = 400, 'd' * 30  # a path of more than 12,000 bytes
NAMES = [
    b'new\nline', b'-rf', b'--', b' ', b'a b', b'\xff\xfe', b'caf\xe9', b'{}',
    b';', b'$(id)', b'*', b"'", b'"', b'\\', b'x' * 255, b'\x01\x7f',
]  # fmt: skip

NEEDS_ROOT = 'needs root: files change their owners'


class Zoo:
    """The tree below ``folder``, and what is outside of it.

    :param moved: built as if the change had been made
    :param many: files in one directory
    """

    def __init__(
        self, folder: pathlib.Path, *, moved: bool = False, many: int = 40
    ) -> None:
        self.root = folder / 'tree'
        self.outside = folder / 'outside'
        self._uids = UIDS if moved else {}
        self._gids = GIDS if moved else {}
        self.root.mkdir(parents=True)
        self.outside.mkdir()
        self._build_outside()
        self._build_owners(many)
        self._build_modes()
        self._build_attributes()
        self._build_links()
        self._build_kinds()
        self._build_names()
        self._build_depths()
        self.own(self.root, NOVA, NOVA_G, 0o750)

    def u(self, uid: int) -> int:
        return self._uids.get(uid, uid)

    def g(self, gid: int) -> int:
        return self._gids.get(gid, gid)

    def acl(self, *named: tuple[str, int, int]) -> bytes:
        """An ACL of rw-r----- with named users (u) and groups (g)."""
        users = sorted((self.u(n), p) for k, n, p in named if k == 'u')
        groups = sorted((self.g(n), p) for k, n, p in named if k == 'g')
        none = 0xFFFFFFFF
        entries = [
            (0x01, 6, none), *((0x02, p, n) for n, p in users),
            (0x04, 4, none), *((0x08, p, n) for n, p in groups),
            (0x10, 7, none), (0x20, 0, none),
        ]  # fmt: skip
        packed = (struct.pack('<HHI', *entry) for entry in entries)
        return struct.pack('<I', 2) + b''.join(packed)

    def file(
        self, name: str, uid: int, gid: int, mode: int = 0o644
    ) -> pathlib.Path:
        path = self.root / name
        path.write_text(name)
        return self.own(path, uid, gid, mode)

    def own(
        self, path: pathlib.Path, uid: int, gid: int, mode: int | None = None
    ) -> pathlib.Path:
        os.lchown(path, self.u(uid), self.g(gid))
        if mode is not None:
            os.chmod(path, mode)
        return path

    def _build_outside(self) -> None:
        # What a link or a mount leads to keeps its old number.
        for name in ('target', 'folder'):
            path = self.outside / name
            path.mkdir() if name == 'folder' else path.write_text(name)
            os.chown(path, NOVA, NOVA_G)
        inner = self.outside / 'folder' / 'inner'
        inner.write_text('inner')
        os.chown(inner, NOVA, NOVA_G)

    def _build_owners(self, many: int) -> None:
        numbers = [
            (NOVA, NOVA_G), (QEMU, LIBVIRT_G), (LEFT, RIGHT_G),
            (RIGHT, LEFT_G), (NOVA, OTHER_G), (OTHER, NOVA_G), (0, LIBVIRT_G),
            (QEMU, 0), (OTHER, OTHER_G), (0, 0),
        ]  # fmt: skip
        for number, (uid, gid) in enumerate(numbers):
            self.file(f'owned-{number}', uid, gid)
        folder = self.root / 'many'
        folder.mkdir()
        for number in range(many):
            self.file(f'many/{number}', NOVA, LIBVIRT_G)
        self.own(folder, QEMU, NOVA_G)

    def _build_modes(self) -> None:
        for mode in (0o4755, 0o2755, 0o6755, 0o2644, 0o4711, 0o0, 0o1777):
            self.file(f'mode-{mode:o}', NOVA, NOVA_G, mode)
            self.file(f'group-{mode:o}', 0, NOVA_G, mode)
        for mode in (0o2775, 0o1777, 0o0, 0o7777, 0o300):
            folder = self.root / f'folder-{mode:o}'
            folder.mkdir()
            self.file(f'folder-{mode:o}/inner', QEMU, LIBVIRT_G)
            self.own(folder, NOVA, NOVA_G, mode)

    def _build_attributes(self) -> None:
        capable = self.file('capable', NOVA, NOVA_G, 0o755)
        os.setxattr(capable, CAPABILITY, NET_RAW)
        both = self.file('capable-and-set-id', 0, LIBVIRT_G, 0o6755)
        os.setxattr(both, CAPABILITY, NET_RAW)
        named = [('u', NOVA, 6), ('u', QEMU, 4), ('u', OTHER, 7)]
        named += [('g', LIBVIRT_G, 6), ('g', NOVA_G, 4)]
        for name, owner in [('acl-ours', NOVA), ('acl-foreign', OTHER)]:
            path = self.file(name, owner, OTHER_G)
            os.setxattr(path, ACCESS, self.acl(*named))
        locked = self.file('acl-masked', 0, 0)
        os.setxattr(locked, ACCESS, self.acl(('u', QEMU, 6)))
        os.chmod(locked, 0o600)  # nothing in the mode tells of the ACL now
        foreign = self.file('acl-others-only', NOVA, NOVA_G, 0o4750)
        os.setxattr(foreign, ACCESS, self.acl(('u', OTHER, 6)))
        folder = self.root / 'acl-default'
        folder.mkdir()
        self.own(folder, 0, 0)
        os.setxattr(folder, DEFAULT, self.acl(*named))
        os.setxattr(folder, ACCESS, self.acl(('u', NOVA, 1)))
        self._build_labels()

    def _build_labels(self) -> None:
        for name, owner, tail in [
            ('label', 0, b''),
            ('label-ours', QEMU, b''),
            ('label-nul', 0, b'\0'),
        ]:
            path = self.file(name, owner, OTHER_G)
            label = b'+%d:+%d' % (self.u(NOVA), self.g(NOVA_G))
            os.setxattr(path, DAC, label + tail)
            os.setxattr(path, 'trusted.libvirt.security.ref_dac', b'1')
            os.setxattr(
                path, 'trusted.libvirt.security.timestamp_dac', b'61108'
            )
        os.setxattr(self.file('label-root', 0, 0), DAC, b'+0:+0')

    def _build_links(self) -> None:
        for name, target in [
            ('to-file', '../outside/target'),
            ('to-folder', '../outside/folder'),
            ('to-nothing', 'nothing'),
            ('to-itself', 'to-itself'),
        ]:
            link = self.root / name
            link.symlink_to(target)
            self.own(link, NOVA, NOVA_G)
        # The first change makes the second name match the second one.
        chained = self.file('hard', NOVA, NOVA_G, 0o4755)
        (self.root / 'many' / 'hard').hardlink_to(chained)
        (self.root / 'zz-hard').hardlink_to(chained)

    def _build_kinds(self) -> None:
        pipe, device, disk = (
            self.root / name for name in ('pipe', 'device', 'disk')
        )
        os.mkfifo(pipe)
        os.mknod(device, stat.S_IFCHR | 0o660, os.makedev(1, 3))
        os.mknod(disk, stat.S_IFBLK | 0o660, os.makedev(7, 200))
        listening = self.root / 'socket'
        with socket.socket(socket.AF_UNIX) as server:
            folder = os.open(self.root, os.O_PATH)
            server.bind(f'/proc/self/fd/{folder}/socket')
            os.close(folder)
        for path in (pipe, device, disk, listening):
            self.own(path, NOVA, LIBVIRT_G)

    def _build_names(self) -> None:
        for name in NAMES:
            path = os.path.join(os.fsencode(self.root), name)
            with open(path, 'wb'):
                pass
            os.chown(path, self.u(NOVA), self.g(NOVA_G))
            os.mkdir(os.path.join(os.fsencode(self.root), b'%.250b.d' % name))

    def _build_depths(self) -> None:
        fd = os.open(self.root, os.O_RDONLY)
        for level in range(DEEP):
            os.mkdir(LONG, dir_fd=fd)
            os.mkdir('sibling', dir_fd=fd)
            lower = os.open(LONG, os.O_RDONLY, dir_fd=fd)
            uid, gid = (NOVA, NOVA_G) if level % 3 else (QEMU, LIBVIRT_G)
            os.fchown(lower, self.u(uid), self.g(gid))
            os.chown('sibling', self.u(uid), 0, dir_fd=fd)
            os.close(fd)
            fd = lower
        os.close(fd)


Row = tuple[object, ...]


def listing(folder: pathlib.Path) -> dict[bytes, Row]:
    """Every object below: kind and mode, uid, gid, attributes, hard links."""
    found: dict[bytes, Row] = {}
    before = os.open('.', os.O_PATH)
    os.chdir(folder)
    try:
        _list(b'', found)
    finally:
        os.fchdir(before)
        os.close(before)
    return found


def _list(above: bytes, found: dict[bytes, Row]) -> None:
    for name in sorted(os.listdir(b'.')):
        status = os.lstat(name)
        found[above + name] = (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            attributes(name),
            status.st_nlink,
        )
        if stat.S_ISDIR(status.st_mode):
            os.chdir(name)
            _list(above + name + b'/', found)
            os.chdir('..')


def attributes(name: bytes | pathlib.Path) -> Mapping[str, bytes]:
    """The extended attributes of an object, not of what it leads to."""
    names = os.listxattr(name, follow_symlinks=False)
    return {n: os.getxattr(name, n, follow_symlinks=False) for n in names}


def differences(
    one: dict[bytes, Row], other: dict[bytes, Row]
) -> dict[tuple[int, bytes], tuple[Row | None, Row | None]]:
    """What is not the same in two listings; empty means equal."""
    return {
        (len(path), path[-80:]): (one.get(path), other.get(path))
        for path in sorted(one.keys() | other.keys())
        if one.get(path) != other.get(path)
    }


@contextlib.contextmanager
def mounted(*words: str, at: pathlib.Path) -> Iterator[None]:
    """Mount something while the block runs."""
    subprocess.run(['mount', *words, str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(['umount', str(at)], check=True)
