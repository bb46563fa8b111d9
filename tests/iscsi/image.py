# SPDX-License-Identifier: Apache-2.0
"""What the machine boots: a disk, a kernel, and what loads its drivers.

Made once of its tree and kept beside it; each machine writes to a copy that
holds only what has changed.
"""

from __future__ import annotations

import pathlib
import shutil
import tempfile

from tests.cloud import commands, files
from tests.hosts import tree

RECIPE = pathlib.Path(__file__).resolve().parent / 'recipe'
_LOG = 'iscsi-image'
# What stands between the kernel and its disk, in the order of its needs.
_DRIVERS = (
    'virtio', 'virtio_ring', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev',
    'virtio_pci', 'virtio_blk', 'mbcache', 'jbd2', 'crc16', 'crc32c_generic',
    'ext4',
)  # fmt: skip
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for driver in {drivers}; do /bin/busybox insmod /$driver; done
tries=0
until [ -b /dev/vda ] || [ $tries = 100 ]; do
    tries=$((tries + 1)); /bin/busybox sleep 0.1
done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /sbin/init
"""


class Image:
    """The files of a machine, in one folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    @property
    def disk(self) -> pathlib.Path:
        return self.folder / 'disk.raw'

    @property
    def kernel(self) -> pathlib.Path:
        return self.folder / 'vmlinuz'

    @property
    def first(self) -> pathlib.Path:
        """The first file system of the kernel."""
        return self.folder / 'initrd'

    @property
    def key(self) -> pathlib.Path:
        """The private key that root is let in with."""
        return self.folder / 'key'

    @property
    def host_key(self) -> str:
        """The public key of the machine itself."""
        return (self.folder / 'host_key.pub').read_text()


def made() -> Image:
    """The image, made where it is not there: three minutes.

    :raises tests.cloud.errors.CloudError: when it cannot be made
    """
    root = tree.made(RECIPE)
    folder = root.with_name(f'{root.name}.image')
    with files.locked(folder):
        if not folder.exists():
            aside = folder.with_name(f'{folder.name}.aside')
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            _make(root, Image(aside))
            aside.rename(folder)
    return Image(folder)


def _make(root: pathlib.Path, image: Image) -> None:
    [kernel] = (root / 'boot').glob('vmlinuz-*')
    shutil.copy(kernel, image.kernel)
    _write_first(root, kernel.name.partition('-')[2], image)
    for name in ('key', 'host_key'):
        _keys(image.folder / name)
    with tempfile.TemporaryDirectory(dir=image.folder) as aside:
        whole = pathlib.Path(aside) / 'root'
        _run('cp', '-a', str(root), str(whole))
        ssh = whole / 'etc/ssh'
        for old in ssh.glob('ssh_host_*'):
            old.unlink()
        shutil.copy(image.folder / 'key.pub', ssh / 'machine_keys')
        shutil.copy(image.folder / 'host_key', ssh / 'ssh_host_ed25519_key')
        with open(image.disk, 'wb') as disk:
            disk.truncate(2 * 2**30)
        _run(
            'mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-d',
            str(whole), str(image.disk),
        )  # fmt: skip


def _keys(path: pathlib.Path) -> None:
    _run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', str(path))


def _write_first(root: pathlib.Path, release: str, image: Image) -> None:
    modules = root / 'lib/modules' / release
    found = {path.stem: path for path in modules.rglob('*.ko')}
    drivers = [name for name in _DRIVERS if name in found]
    content = {
        'bin/busybox': (root / 'bin/busybox').read_bytes(),
        'init': _INIT.format(drivers=' '.join(drivers)).encode(),
        **{name: found[name].read_bytes() for name in drivers},
    }
    folders = ('bin', 'dev', 'proc', 'root')
    entries = [_entry(name, 0o040755) for name in folders]
    entries += [_entry(n, 0o100755, data) for n, data in content.items()]
    image.first.write_bytes(b''.join([*entries, _entry('TRAILER!!!', 0)]))


def _entry(name: str, mode: int, data: bytes = b'') -> bytes:
    """One of a cpio archive of the kind newc, as the kernel reads it."""
    path = name.encode() + b'\0'
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
    head = b'070701' + b''.join(b'%08X' % field for field in fields)
    return _padded(head + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b'\0' * (-len(data) % 4)


def _run(*argv: str) -> None:
    commands.run(_LOG, argv)
