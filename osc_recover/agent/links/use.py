# SPDX-License-Identifier: Apache-2.0
"""What a host does with the disks of a session."""

import errno
import os
from typing import Any, Container, Dict, Iterator, List, Optional, Set, Tuple

from osc_recover.agent import mounts
from osc_recover.agent.links import writers
from osc_recover.agent.state import sessions

_SWAPS = '/proc/swaps'
_UDEV = '/run/udev/data'
# Layers that hold no more than the disk itself.
_HARMLESS = ('part', 'mpath')


def uses(session: Dict[str, Any], servers: Container[str] = ()) -> List[str]:
    """Words for each use: logical volumes, file systems, pools, processes.

    :param session: one as state.sessions has it
    :param servers: IDs of servers whose guests may have the disks
    """
    found: List[str] = []
    every: Set[str] = set()
    for device in session['devices']:
        names = {device['name']}
        for layer in device['over']:
            names |= {layer['kernel'], f'mapper/{layer["name"]}'}
            if layer['kind'] not in _HARMLESS:
                found.append(f'{layer["name"]} ({layer["kind"]})')
        paths = {f'/dev/{name}' for name in names}
        found += _mounted(paths)
        every |= paths
    # One that is named already needs no claim of a disk to be found.
    if not found:
        found += filter(None, map(_claimed, _tops(session)))
    numbers = {n for n in map(number, every) if n}
    found += writers.writers(every, numbers, servers)
    return list(dict.fromkeys(found))


def _mounted(paths: Set[str]) -> Iterator[str]:
    numbers = {number(path) for path in paths} - {None}
    for mount in mounts.current():
        if mount.source in paths or mount.device in numbers:
            yield f'{mount.point} (mounted)'
    for path in _swaps():
        if path in paths or number(path) in numbers:
            yield f'{path} (swap)'


def _tops(session: Dict[str, Any]) -> Iterator[str]:
    """The devices that no layer holds: what is in use by itself, if any."""
    for device in session['devices']:
        if not device['holders']:
            yield device['name']
        for layer in device['over']:
            kernel = layer['kernel']
            # Who holds a disk has its partitions, too.
            of_disk = device['holders'] and not kernel.startswith('dm-')
            holders = os.path.join(
                sessions.SYS, 'class/block', kernel, 'holders'
            )
            if not of_disk and not _names(holders):
                yield kernel


def _claimed(name: str) -> str:
    """Words for a device that somebody has for himself; '' for a free one.

    File systems, pools of ZFS, DRBD and targets claim what they are on, and
    so does O_EXCL (open(2)).  QEMU does not.  Nothing is read or written.
    """
    flags = os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC
    path = f'/dev/{name}'
    try:
        os.close(os.open(path, flags))
    except PermissionError:
        return f'{name} (nobody may look whether it is free)'
    except OSError as exc:
        # One that is not there, or does not work, is nobody's.
        if exc.errno == errno.EBUSY:
            return f'{name} ({_content(path) or "claimed in the kernel"})'
    return ''


def _content(path: str) -> str:
    """What udev has found on a device, such as zfs_member."""
    major, minor = number(path) or (0, 0)
    try:
        with open(f'{_UDEV}/b{major}:{minor}', 'rb') as file:
            lines = os.fsdecode(file.read()).split('\n')
    except OSError:
        return ''
    key = 'E:ID_FS_TYPE='
    return next((li[len(key) :] for li in lines if li.startswith(key)), '')


def number(path: str) -> Optional[Tuple[int, int]]:
    """The number of a device, or None where there is none."""
    try:
        found = os.stat(path).st_rdev
    except OSError:
        return None
    return (os.major(found), os.minor(found)) if found else None


def _swaps() -> List[str]:
    try:
        with open(_SWAPS, 'rb') as file:
            lines = os.fsdecode(file.read()).split('\n')[1:]
    except OSError:
        return []
    return [mounts.unescaped(line.split(' ')[0]) for line in lines if line]


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
