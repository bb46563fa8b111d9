# SPDX-License-Identifier: Apache-2.0
"""Files called libvirt.xml in nova's folders of instances.

nova has written none since 2016 and reads none; where one is left, it is kept
in step.  The folders are nova's own, so no link in them is followed.
"""

import contextlib
import errno
import os
import stat
from typing import Iterator, List, Optional

from osc_recover.agent.errors import Refused

NAME = 'libvirt.xml'
_ASIDE = '.libvirt.xml.osc-recover'
_MOST = 1 << 20  # bytes; it is a few thousand


def folders(instances: str, *names: str) -> List[str]:
    """The names of those folders of instances that have such a file.

    :param names: the UUID and the name of a domain
    """
    return [
        name
        for name in dict.fromkeys(names)
        if name not in ('', '.', '..')
        and '/' not in name
        and os.path.lexists(os.path.join(instances, name, NAME))
    ]


def read(instances: str, name: str) -> str:
    """What is in the file of a folder.

    :raises Refused: bad-file when it is none that can be read
    """
    with _trouble(instances, name), _opened(instances, name) as folder:
        fd = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        with open(fd, 'rb') as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, 'it is no plain file')
            data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise _bad(instances, name, 'it is too long to be one')
    return data.decode('utf-8', 'surrogateescape')


def write(instances: str, name: str, text: str) -> str:
    """Replace the file at once, with its owner, mode and labels; its path.

    :raises Refused: bad-file when it cannot be written; it is as it was then
    """
    data = text.encode('utf-8', 'surrogateescape')
    with _trouble(instances, name), _opened(instances, name) as folder:
        old = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            _replace(folder, old, data)
        finally:
            os.close(old)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_ASIDE, dir_fd=folder)
    return os.path.join(instances, name, NAME)


def _replace(folder: int, old: int, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_ASIDE, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    fd = os.open(_ASIDE, flags, 0o600, dir_fd=folder)
    with open(fd, 'wb') as file:
        file.write(data)
        file.flush()
        _be_like(fd, old)
        os.fsync(fd)
    os.rename(_ASIDE, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def _be_like(fd: int, old: int) -> None:
    status = os.fstat(old)
    os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, stat.S_IMODE(status.st_mode))
    # Where they cannot be had, none can be lost.
    with contextlib.suppress(OSError):
        for label in os.listxattr(old):
            os.setxattr(fd, label, os.getxattr(old, label))


@contextlib.contextmanager
def _opened(instances: str, name: str) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY
    top = os.open(instances, flags)
    inner: Optional[int] = None
    try:
        inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=top)
        yield inner
    finally:
        os.close(top)
        if inner is not None:
            os.close(inner)


@contextlib.contextmanager
def _trouble(instances: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise _bad(instances, name, str(exc.strerror)) from exc


def _bad(instances: str, name: str, problem: str) -> Refused:
    path = os.path.join(instances, name, NAME)
    return Refused('bad-file', f'{path} is left as it is: {problem}')
