# SPDX-License-Identifier: Apache-2.0
"""The account files: locked as others lock them, and put in place whole.

Two conventions: lckpwdf(3) of glibc, a record lock on ``.pwd.lock``; and
shadow-utils' (``lib/commonio.c``), ``passwd.lock`` as a second link to a
file that holds a process id.
"""

import contextlib
import fcntl
import functools
import os
import stat
import time
from typing import Callable, Iterator

from osc_recover.agent.errors import Refused

FILES = ('passwd', 'group', 'shadow', 'gshadow')
WAIT = 15.0  # seconds; as long as lckpwdf waits
_PAUSE = 0.1
# Without waiting for the other end of a fifo.
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextlib.contextmanager
def locked(etc: str, wait: float = WAIT) -> Iterator[None]:
    """Keep every other program from changing the account files.

    :param etc: the folder they are in
    :param wait: seconds to wait for others
    :raises Refused: when others do not end in time
    """
    end = time.monotonic() + wait
    held = []
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(os.path.join(etc, '.pwd.lock'), flags, 0o600)
    try:
        _until(end, '.pwd.lock', lambda: _lock_record(fd))
        for name in FILES:
            path = os.path.join(etc, name)
            _until(end, name + '.lock', functools.partial(_lock_file, path))
            held.append(path + '.lock')
        yield
    finally:
        for lock in reversed(held):
            os.unlink(lock)
        os.close(fd)


def replace(path: str, data: bytes) -> None:
    """Put new contents in a file's place, all or nothing.

    Owner, mode and extended attributes (SELinux) stay as they are; what was
    there is kept as ``passwd-``.

    :raises Refused: when the file is no plain file
    :raises OSError: when there is no room; nothing is changed then
    """
    old = open_plain(path)
    # passwd+ is the name that shadow-utils uses for it, under its lock.
    aside = path + '+'
    try:
        with open(old, 'rb', closefd=False) as file:
            _place(path + '-', file.read(), aside, old)
        _place(path, data, aside, old)
    finally:
        os.close(old)


def read(path: str) -> bytes:
    """The contents of a plain file.

    :raises Refused: when it is something else
    """
    with open(open_plain(path), 'rb') as file:
        return file.read()


def open_plain(path: str) -> int:
    """A descriptor of a plain file, for reading.

    :raises Refused: when it is something else, such as a link
    """
    try:
        fd = os.open(path, _PLAIN)
    except OSError as exc:
        raise _no_file(path, str(exc.strerror)) from exc
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _no_file(path, 'no plain file')
    return fd


def _place(path: str, data: bytes, aside: str, like: int) -> None:
    """Make a file aside, with what another one has, and move it in place."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(aside, flags, 0o600)
    try:
        status = os.fstat(like)
        os.fchown(fd, status.st_uid, status.st_gid)
        os.fchmod(fd, stat.S_IMODE(status.st_mode))
        for name in os.listxattr(like):
            os.setxattr(fd, name, os.getxattr(like, name))
        with open(fd, 'wb', closefd=False) as file:
            file.write(data)
        os.fsync(fd)
        os.rename(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    finally:
        os.close(fd)
    _sync_directory(os.path.dirname(path))


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _until(end: float, what: str, attempt: Callable[[], bool]) -> None:
    while not attempt():
        if time.monotonic() >= end:
            raise Refused(
                'accounts-locked',
                f'another program holds {what}; nothing was changed',
                lock=what,
            )
        time.sleep(_PAUSE)


def _lock_record(fd: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _lock_file(path: str) -> bool:
    """Make a link that can be made once only; a dead holder's is taken."""
    mine = f'{path}.{os.getpid()}'
    with contextlib.suppress(FileNotFoundError):
        os.unlink(mine)
    fd = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # With the NUL that shadow-utils writes, too.
        os.write(fd, b'%d\0' % os.getpid())
        os.close(fd)
        return _link(mine, path + '.lock')
    finally:
        os.unlink(mine)


def _link(mine: str, lock: str) -> bool:
    try:
        os.link(mine, lock)
    except FileExistsError:
        if not _is_dead(lock):
            return False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
        return _link_once(mine, lock)
    return True


def _link_once(mine: str, lock: str) -> bool:
    try:
        os.link(mine, lock)
    except FileExistsError:
        return False
    return True


def _is_dead(lock: str) -> bool:
    """Whether the process that a lock names has ended; no for nonsense."""
    try:
        with open(lock, 'rb') as file:
            word = file.read(32).rstrip(b'\0\n')
        if not word.isdigit():
            return False
        os.kill(int(word), 0)
    except FileNotFoundError:
        return True
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _no_file(path: str, problem: str) -> Refused:
    return Refused('bad-accounts', f'{path}: {problem}', file=path)
