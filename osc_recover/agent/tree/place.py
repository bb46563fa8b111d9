# SPDX-License-Identifier: Apache-2.0
"""Where manifests lie, and that there is room for one."""

import fcntl
import os
import stat

from osc_recover.agent.errors import Refused

FOLDER = '/var/lib/osc-recover'


def path_of(name: str, folder: str = FOLDER) -> str:
    """The absolute path of a manifest, whether there is one or not.

    :param name: a file name, or an absolute path
    """
    return name if os.path.isabs(name) else os.path.join(folder, name)


def place(name: str, folder: str = FOLDER) -> str:
    """The absolute path of a manifest, in a folder that only we may enter.

    :param name: a file name, or an absolute path
    :raises Refused: when others may write there, or it cannot be made
    """
    path = path_of(name, folder)
    folder = os.path.dirname(path)
    with Room(path):
        os.makedirs(folder, 0o700, exist_ok=True)
    status = os.lstat(folder)
    safe = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o022
    if not safe or status.st_uid != os.geteuid():
        raise Refused(
            'unsafe-folder',
            f'others than root may write to {folder}; a manifest there could '
            'be forged',
            folder=folder,
        )
    return path


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock(fd: int, path: str) -> None:
    """Let nobody else work with a manifest while a descriptor is open.

    :raises Refused: when somebody does
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise Refused(
            'busy',
            f'another process works with the manifest {path}',
            manifest=path,
        ) from exc


def is_at(fd: int, path: str) -> bool:
    """Whether a path still is the name of what a descriptor is open on."""
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


class Room:
    """Turns an OSError into a refusal that leaves no part behind."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, exc: object, trace: object) -> None:
        if isinstance(exc, OSError):
            if self._path.endswith('.part') and os.path.exists(self._path):
                os.unlink(self._path)
            raise Refused(
                'no-manifest-room',
                f'nothing was changed, as the manifest {self._path} could not '
                f'be written: {exc.strerror}',
                manifest=self._path,
            ) from exc
