# SPDX-License-Identifier: Apache-2.0
"""A cgroup of its own for each host, in every hierarchy systemd uses.

Without one, all hosts would share the caller's.  What is in it is ours.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time

from tests.hosts import errors

BED = 'osc-bed'


def folders(name: str = '') -> list[pathlib.Path]:
    """The cgroups of a host, or those that hold all hosts."""
    return [root / BED / name for root in _roots()]


def processes(name: str) -> set[int]:
    """The process ids in a host, as this machine numbers them."""
    found = set()
    for folder in folders(name):
        for one in _tree(folder):
            with contextlib.suppress(OSError):
                text = (one / 'cgroup.procs').read_text()
                found |= {int(word) for word in text.split()}
    return found


def kill(name: str, deadline: float = 20) -> None:
    """End all that is left in a host, at once.

    :raises errors.BedError: when something does not end
    """
    end = time.monotonic() + deadline
    while left := processes(name):
        for pid in left:
            _kill(pid, name)
        if time.monotonic() > end:
            raise errors.BedError(
                f'processes of {name} do not end, not even by SIGKILL: '
                f'{sorted(left)}; see what they wait for with ps'
            )
        time.sleep(0.05)


def remove(name: str = '') -> None:
    """Remove the empty cgroups of a host, or of the bed."""
    for folder in folders(name):
        for one in reversed(_tree(folder)):
            with contextlib.suppress(FileNotFoundError):
                one.rmdir()


def _tree(folder: pathlib.Path) -> list[pathlib.Path]:
    """A cgroup and those below it, which may come and go meanwhile."""
    return [pathlib.Path(path) for path, _, _ in os.walk(folder)]


def _kill(pid: int, name: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            # Asked again: the number may have been reused before the handle.
            if pid in processes(name):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def _roots() -> list[pathlib.Path]:
    mounts = pathlib.Path('/proc/self/mounts').read_text().splitlines()
    rows = (line.split() for line in mounts)
    return [
        pathlib.Path(row[1])
        for row in rows
        if row[2] == 'cgroup2' or 'name=systemd' in row[3].split(',')
    ]
