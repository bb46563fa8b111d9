# SPDX-License-Identifier: Apache-2.0
"""Processes that have block devices open, to write to them."""

import os
import stat
from typing import Container, Dict, Iterator, List, Set, Tuple

from osc_recover.agent import mounts, processes

PROC = '/proc'


def writers(
    paths: Set[str],
    numbers: Container[Tuple[int, int]],
    servers: Container[str] = (),
) -> Iterator[str]:
    """Words for each process that may write to one of some devices.

    Who only reads, as udev and multipathd do, has nothing to lose.

    :param paths: of the devices
    :param numbers: major and minor numbers of the same devices
    :param servers: IDs of servers; what their guests have open is left out
    """
    remote: Dict[str, Set[str]] = {}  # of a mount namespace, the network's
    for pid in sorted(filter(str.isdigit, os.listdir(PROC)), key=int):
        try:
            if _writes(pid, paths, numbers, remote):
                argv = _text(pid, 'cmdline').split('\0')
                if _uuid(argv) not in servers:
                    yield _called(pid, argv)
        except OSError:
            continue  # it has ended just now


def _writes(
    pid: str,
    paths: Set[str],
    numbers: Container[Tuple[int, int]],
    remote: Dict[str, Set[str]],
) -> bool:
    for name in os.listdir(f'{PROC}/{pid}/fd'):
        try:
            path = os.readlink(f'{PROC}/{pid}/fd/{name}')
            if not path.startswith('/'):
                continue
            info = dict(
                line.split(':\t', 1)
                for line in _text(pid, f'fdinfo/{name}').split('\n')
                if ':\t' in line
            )
            if int(info['flags'], 8) & os.O_ACCMODE == os.O_RDONLY:
                continue
            if path in paths:
                return True
            # Whoever asks for a file of a server that is away, hangs.
            if info['mnt_id'].strip() in _remote(pid, remote):
                continue
            if _number(f'{PROC}/{pid}/fd/{name}') in numbers:
                return True
        except OSError:
            continue  # it was closed just now
    return False


def _remote(pid: str, known: Dict[str, Set[str]]) -> Set[str]:
    """The mounts of the network that a process sees."""
    space = os.readlink(f'{PROC}/{pid}/ns/mnt')
    if space not in known:
        table = mounts.parse(_text(pid, 'mountinfo'))
        known[space] = {
            str(one.id)
            for one in table
            if mounts.class_of(one) == mounts.NETWORK
        }
    return known[space]


def _number(path: str) -> Tuple[int, int]:
    """The number of a block device that is open; of another file, none."""
    found = os.stat(path)
    if not stat.S_ISBLK(found.st_mode):
        return (-1, -1)
    return os.major(found.st_rdev), os.minor(found.st_rdev)


def _uuid(argv: List[str]) -> str:
    """The UUID of a guest, which is that of its server; '' for others."""
    if not processes.guest_of(argv) or '-uuid' not in argv[:-1]:
        return ''
    return argv[argv.index('-uuid') + 1]


def _called(pid: str, argv: List[str]) -> str:
    guest = processes.guest_of(argv)
    if guest:
        return f'the guest {guest} (process {pid})'
    return f'{_text(pid, "comm").strip()} (process {pid})'


def _text(pid: str, name: str) -> str:
    with open(f'{PROC}/{pid}/{name}', 'rb') as file:
        return os.fsdecode(file.read())
