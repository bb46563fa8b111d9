# SPDX-License-Identifier: Apache-2.0
"""Copies of what is about to be changed, and files for virsh to read."""

import contextlib
import hashlib
import os
import stat
import tempfile
from typing import Iterator

from osc_recover.agent.errors import Refused

FOLDER = '/var/lib/osc-recover/domains'
# What kolla's containers see as well, and what a boot empties.
_HANDED = '/run'


def keep(name: str, text: str, kind: str = '') -> str:
    """Keep a text durably, for root alone; the path of its file.

    The same text is kept once, so a change that is tried again does not
    lose what was there before the first try.

    :param name: how its file's name begins
    :param kind: the folder beside that of domains, '' for theirs
    :raises Refused: no-room, or unsafe-folder where others may write
    """
    data = text.encode('utf-8', 'surrogateescape')
    digest = hashlib.sha256(data).hexdigest()[:12]
    above = os.path.dirname(FOLDER)
    inside = os.path.join(above, kind) if kind else FOLDER
    path = os.path.join(inside, f'{name}-{digest}{"" if kind else ".xml"}')
    try:
        # One by one: only of the last has makedirs the mode as it is given.
        for folder in (above, inside):
            os.makedirs(folder, 0o700, exist_ok=True)
            _check(folder)
        if not os.path.exists(path):
            _write(path, data)
    except OSError as exc:
        raise Refused(
            'no-room',
            'it was left as it is, as no copy could be kept as '
            f'{path}: {exc.strerror}',
        ) from exc
    return path


@contextlib.contextmanager
def handed(text: str) -> Iterator[str]:
    """The path of a file with that text, for as long as it is needed."""
    with tempfile.TemporaryDirectory(
        prefix='osc-recover-', dir=_HANDED
    ) as folder:
        path = os.path.join(folder, 'handed.xml')
        with open(path, 'wb') as file:
            file.write(text.encode('utf-8', 'surrogateescape'))
        yield path


def _check(folder: str) -> None:
    status = os.lstat(folder)
    safe = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o022
    if not safe or status.st_uid != os.geteuid():
        raise Refused(
            'unsafe-folder',
            f'others than root may write to {folder}; a copy there could be '
            'forged',
        )


def _write(path: str, data: bytes) -> None:
    aside = f'{path}.part'
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(aside, flags, 0o600), 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(aside, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
