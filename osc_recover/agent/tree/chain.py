# SPDX-License-Identifier: Apache-2.0
"""A way down from a directory, by descriptors, however deep it goes."""

import os
from typing import Dict, List, Sequence, Tuple

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
KEPT = 128  # open directories of one chain; the usual limit is 1024 in all


class Moved(Exception):
    """A directory is no longer where the chain went through."""


class Chain:
    """The directory that we are in, and those above it up to the root.

    Only the lowest are held open.  Those above are opened again by their
    names when they are needed, and must be the same directories.

    ``dev`` and ``ino`` are those of the root.

    :param root: the absolute path of a directory, without links in it
    :raises OSError: when it cannot be opened
    """

    def __init__(self, root: bytes) -> None:
        self.names: List[bytes] = []
        self._fds = [_open(root)]
        # What those are that were closed, by their level.
        self._ids: Dict[int, Tuple[int, int]] = {}
        self.dev, self.ino = _identity(self._fds[0])

    @property
    def fd(self) -> int:
        """The descriptor of the directory that we are in."""
        return self._fds[-1]

    @property
    def path(self) -> bytes:
        """The way from the root to here."""
        return b'/'.join(self.names)

    def down(self, name: bytes) -> None:
        """Go into a directory here; never through a link.

        :raises OSError: when that cannot be
        """
        self._fds.append(os.open(name, DIRECTORY, dir_fd=self._fds[-1]))
        self.names.append(name)
        if len(self._fds) > KEPT:
            self._forget(len(self._fds) - 1 - KEPT)

    def up(self) -> None:
        """Go to the directory above.

        :raises Moved: when it is no longer there; going up further may do
        """
        self._pop()
        if self._fds[-1] < 0:
            self._reopen()

    def go(self, names: Sequence[bytes]) -> None:
        """Go to a directory by its names from the root.

        :raises OSError: when there is no such directory now
        :raises Moved: as ``up`` does
        """
        same = 0
        for ours, theirs in zip(self.names, names):
            if ours != theirs:
                break
            same += 1
        while len(self.names) > same:
            self._pop()
        if self._fds[-1] < 0:
            self._reopen()
        for name in names[same:]:
            self.down(name)

    def close(self) -> None:
        """Close every descriptor."""
        for fd in self._fds:
            if fd >= 0:
                os.close(fd)
        del self._fds[:], self.names[:]

    def _pop(self) -> None:
        self.names.pop()
        fd = self._fds.pop()
        if fd >= 0:
            os.close(fd)

    def _forget(self, level: int) -> None:
        # The root stays open: it is where finding back begins.
        fd = self._fds[level] if level > 0 else -1
        if fd >= 0:
            self._ids[level] = _identity(fd)
            os.close(fd)
            self._fds[level] = -1

    def _reopen(self) -> None:
        last = len(self._fds) - 1
        level = last
        while self._fds[level] < 0:
            level -= 1
        for lower in range(level + 1, last + 1):
            self._fds[lower] = self._find(lower)
            self._forget(lower - KEPT)

    def _find(self, level: int) -> int:
        name = self.names[level - 1]
        try:
            fd = os.open(name, DIRECTORY, dir_fd=self._fds[level - 1])
        except OSError as exc:
            raise Moved(os.fsdecode(self.path)) from exc
        if _identity(fd) != self._ids[level]:
            os.close(fd)
            raise Moved(os.fsdecode(self.path))
        return fd


def _open(path: bytes) -> int:
    # Name by name: only of the last one O_NOFOLLOW would say anything.
    fd = os.open(b'/', DIRECTORY)
    for name in path.split(b'/'):
        if name:
            above = fd
            try:
                fd = os.open(name, DIRECTORY, dir_fd=above)
            finally:
                os.close(above)
    return fd


def _identity(fd: int) -> Tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
