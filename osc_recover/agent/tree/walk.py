# SPDX-License-Identifier: Apache-2.0
"""Every object of a file system below a root, and what concerns us of it."""

import collections
import errno
import os
import stat
from typing import (
    Callable,
    Deque,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Sequence,
    Tuple,
)

from osc_recover.agent.tree import acl, labels, sorts
from osc_recover.agent.tree import args as tree_args
from osc_recover.agent.tree.chain import Chain, Moved
from osc_recover.agent.tree.sorts import ASK, AWAY, ENTER, WANTED

CAPABILITY = 'security.capability'
NUMBERED = frozenset([*acl.NAMES, labels.NAME])
_CARRIED = NUMBERED | {CAPABILITY}
_BATCH = 1000  # objects of one directory that are handed on together
_TELL = 500  # objects between two words of progress

Values = Dict[str, bytes]


class Found(NamedTuple):
    """An object: its name in its directory, lstat, extended attributes."""

    name: bytes
    status: os.stat_result
    values: Values


# Must leave the working directory as it is.
Hand = Callable[[bytes, List[Found]], None]


class Walk:
    """Goes over the objects below a root, once.

    Nothing is read through a link, and no other file system is entered.

    The process's working directory is the one that is being read: names
    alone are the fastest way to ask, and no path gets too long.

    :param root: the absolute path of a directory, without links in it
    :param wanted: whether an object of this uid and gid is; asked once a sort
    :param apart: absolute paths not to enter -> why
    :param attributes: whose attributes with numbers in them are looked for:
        those of EVERY object; or of what is OWNED, that is wanted by its
        owner, and of directories, which saves a question an object; or NONE
    :param tell: is told the number of objects seen, now and then
    """

    def __init__(
        self,
        root: str,
        wanted: Callable[[int, int], bool],
        apart: Dict[str, str],
        attributes: str = sorts.EVERY,
        tell: Callable[[int], None] = lambda entries: None,
    ) -> None:
        self.root = root
        self.entries = 0
        self.left_out: List[Dict[str, str]] = []
        self.trouble: List[Dict[str, str]] = []
        self._tell = tell
        self._tell_at = _TELL
        self._apart = {os.fsencode(path): apart[path] for path in apart}
        # A name is looked up sooner than a path is made.
        self._names_apart = {path.rpartition(b'/')[2] for path in self._apart}
        self._top = os.fsencode(root.rstrip('/'))
        self._chain = Chain(os.fsencode(root))
        self._dev = self._chain.dev
        self._layered = tree_args.is_layered(self._dev)
        if not _has_attributes(self._chain.fd):
            attributes = sorts.NONE
        self._sorts = sorts.Sorts(self._dev, wanted, attributes)

    def run(self, hand: Hand) -> None:
        """Look at everything.

        :param hand: is given a directory, as its path from the root, and
            those objects in it that are wanted or have an attribute with
            numbers in it; more than once for a directory with many
        """
        with self:
            self.begin(hand, 0)
            self.follow([], hand)

    def begin(self, hand: Hand, enough: int) -> List[List[bytes]]:
        """Look at the root, and go down until ``enough`` were seen.

        :returns: the directories that are left to follow, by their names
        """
        self._itself(hand)
        left: Deque[List[bytes]] = collections.deque([[]])
        while left and self.entries < enough:
            names = left.popleft()
            if self._go(names):
                left += [[*names, name] for name in self._visit(hand)]
        return list(left)

    def follow(self, names: List[bytes], hand: Hand) -> None:
        """Look at everything in and below a directory."""
        pending = [self._visit(hand)] if self._go(names) else []
        while pending:
            if not pending[-1]:
                pending.pop()
                self._leave(pending)
            elif self._enter(pending[-1].pop()):
                below = self._visit(hand)
                if below:
                    pending.append(below)
                else:
                    self._leave(pending)

    def forget(self) -> None:
        """Count anew from here."""
        self.entries = self._tell_at = 0
        self.left_out, self.trouble = [], []

    def __enter__(self) -> 'Walk':
        return self

    def __exit__(self, *exc: object) -> None:
        self._chain.close()
        os.chdir('/')

    def path(self, name: bytes) -> str:
        """The absolute path of a name where we are."""
        return os.fsdecode(self._path(name)) or '/'

    def _path(self, name: bytes) -> bytes:
        parts = [self._top, *self._chain.names]
        return b'/'.join(parts if name == b'.' else [*parts, name])

    def say(self, name: bytes, error: str) -> None:
        """Keep what is the trouble with a name where we are."""
        self.trouble.append({'path': self.path(name), 'error': error})

    def _itself(self, hand: Hand) -> None:
        os.chdir(self._chain.fd)
        found: List[Found] = []
        status = os.lstat(b'.')
        todo = self._sorts[sorts.of(status)]
        marks = os.listxattr(b'.') if todo & ASK else ()
        self._look_at(b'.', status, todo, marks, found)
        self.entries += 1
        if found:
            hand(b'', found)

    def _go(self, names: List[bytes]) -> bool:
        try:
            self._chain.go(names)
        except Moved:
            return False  # as if we had come there too late
        except OSError as exc:
            self._fail(b'.', exc)
            return False
        return True

    def _enter(self, name: bytes) -> bool:
        try:
            self._chain.down(name)
        except OSError as exc:
            self._fail(name, exc)
            return False
        return True

    def _leave(self, pending: List[List[bytes]]) -> None:
        if not pending:
            return
        try:
            self._chain.up()
        except Moved:
            if pending[-1]:
                self.say(b'.', 'moved meanwhile')
            pending[-1] = []

    def _visit(self, hand: Hand) -> List[bytes]:
        """Look at one directory; the directories in it."""
        try:
            os.chdir(self._chain.fd)
            names = os.listdir(b'.')
        except OSError as exc:
            self._fail(b'.', exc)
            return []
        self.entries += len(names)
        if self.entries >= self._tell_at:
            self._tell(self.entries)
            self._tell_at = self.entries + _TELL
        below: List[bytes] = []
        for at in range(0, len(names), _BATCH):
            found: List[Found] = []
            self._look(names[at : at + _BATCH], below, found)
            if found:
                hand(self._chain.path, found)
        return below

    def _look(
        self, names: List[bytes], below: List[bytes], found: List[Found]
    ) -> None:
        # The hot loop: half of the whole job's time.
        listxattr, sort_of = os.listxattr, sorts.of
        known, apart = self._sorts, self._names_apart
        nothing_of = NUMBERED.isdisjoint
        marks: Sequence[str] = ()
        for name, status in self._with_status(names):
            try:
                todo = known[sort_of(status)]
                if todo >= ENTER:
                    if (todo >= AWAY or name in apart) and (
                        self._is_apart(name, status)
                    ):
                        continue
                    if todo & ENTER:
                        below.append(name)
                if todo & ASK:
                    marks = listxattr(name, follow_symlinks=False)
                else:
                    marks = ()
                if todo & WANTED or (marks and not nothing_of(marks)):
                    self._look_at(name, status, todo, marks, found)
            except OSError as exc:
                self._fail(name, exc)

    def _with_status(
        self, names: List[bytes]
    ) -> Iterable[Tuple[bytes, os.stat_result]]:
        try:
            return zip(names, [*map(os.lstat, names)])
        except OSError:
            return self._one_by_one(names)

    def _one_by_one(
        self, names: List[bytes]
    ) -> Iterator[Tuple[bytes, os.stat_result]]:
        for name in names:
            try:
                yield name, os.lstat(name)
            except OSError as exc:
                self._fail(name, exc)

    def _look_at(
        self,
        name: bytes,
        status: os.stat_result,
        todo: int,
        marks: Sequence[str],
        found: List[Found],
    ) -> None:
        values: Values = {}
        if marks:
            names = _CARRIED if todo & WANTED else NUMBERED
            for key in sorted(names.intersection(marks)):
                values[key] = os.getxattr(name, key, follow_symlinks=False)
        if todo & WANTED or values:
            found.append(Found(name, status, values))

    def _is_apart(self, name: bytes, status: os.stat_result) -> bool:
        why = None
        if name in self._names_apart:
            why = self._apart.get(self._path(name))
        if why is None and status.st_dev != self._dev:
            # The layers of an overlay lend their numbers to its files.
            layer = self._layered and not stat.S_ISDIR(status.st_mode)
            why = None if layer else 'another file system'
        if why is not None:
            self._leave_out(name, why)
        return why is not None

    def _leave_out(self, name: bytes, why: str) -> None:
        self.left_out.append({'path': self.path(name), 'why': why})

    def _fail(self, name: bytes, exc: OSError) -> None:
        # What went away while we looked, or became a link, is no trouble:
        # its owner must not be able to stop us by that.
        if exc.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENODATA):
            self.say(name, exc.strerror or str(exc))


def _has_attributes(fd: int) -> bool:
    try:
        os.listxattr(fd)
    except OSError as exc:
        if exc.errno == errno.ENOTSUP:
            return False
        raise
    return True
