# SPDX-License-Identifier: Apache-2.0
"""The file system of a host: its own layers over the shared tree."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil

from tests.hosts import calls, paths

_NSPAWN = pathlib.Path('/run/systemd/nspawn')


def folder(name: str, path: str) -> pathlib.Path:
    """A folder in what is the host's own, as the tree has it if it does.

    An upper folder's mode and owner hide those of the one below it.
    """
    own = paths.host(name) / 'own'
    own.mkdir(parents=True, exist_ok=True)
    for part in reversed([*pathlib.PurePath(path.strip('/')).parents][:-1]):
        _one(own, part)
    _one(own, pathlib.PurePath(path.strip('/')))
    return own / path.strip('/')


def _one(own: pathlib.Path, part: pathlib.PurePath) -> None:
    if (own / part).exists():
        return
    (own / part).mkdir()
    below = paths.tree() / part
    if below.is_dir():
        like = below.stat()
        os.chown(own / part, like.st_uid, like.st_gid)
        (own / part).chmod(like.st_mode & 0o7777)


def mount(name: str) -> None:
    """Lay an empty layer over the tree and what is the host's own."""
    home = paths.host(name)
    for part in ('up', 'work', 'root'):
        (home / part).mkdir(parents=True, exist_ok=True)
    layers = (
        f'lowerdir={home}/own:{paths.tree()},'
        f'upperdir={home}/up,workdir={home}/work'
    )
    calls.call(
        ['mount', '-t', 'overlay', '-o', layers, 'osc-bed', f'{home}/root']
    )


def mounted(name: str) -> bool:
    return (paths.host(name) / 'root').is_mount()


def unmount(name: str) -> None:
    root = paths.host(name) / 'root'
    if mounted(name):
        like = root.stat()
        # What systemd-nspawn leaves when its power was cut.
        lock = _NSPAWN / 'locks' / f'inode-{like.st_dev}:{like.st_ino}'
        lock.unlink(missing_ok=True)
        calls.call(['umount', str(root)])
    with contextlib.suppress(OSError):
        (_NSPAWN / 'propagate' / name).rmdir()


def clear(name: str) -> None:
    """Forget all that was written on a host; it must be off."""
    unmount(name)
    for part in ('up', 'work'):
        shutil.rmtree(paths.host(name) / part, ignore_errors=True)


def remove(name: str) -> None:
    unmount(name)
    shutil.rmtree(paths.host(name), ignore_errors=True)


def left() -> list[str]:
    """Hosts that still have a folder, after whatever went wrong."""
    return sorted(path.name for path in (paths.state() / 'each').glob('*'))
