# SPDX-License-Identifier: Apache-2.0
"""Which disks are below a device, and which sessions brought them."""

import os
from typing import List

from osc_recover.agent.state import sessions


def below(path: str) -> List[str]:
    """The kernel's names of the disks that a device lies on.

    :param path: of the device; what is none has no disk
    """
    name = os.path.basename(os.path.realpath(path))
    if not path.startswith('/dev/') or not _is_block(name):
        return []
    found, todo = [], [name]
    while todo:
        name = todo.pop(0)
        slaves = _names(os.path.join(_folder(name), 'slaves'))
        if os.path.exists(os.path.join(_folder(name), 'partition')):
            disk = os.path.dirname(os.path.realpath(_folder(name)))
            slaves = [os.path.basename(disk)]
        if slaves:
            todo += slaves
        elif name not in found:
            found.append(name)
    return found


def target(disk: str) -> str:
    """The iSCSI target of a disk, or ''."""
    for one in sessions.show():
        if any(device['name'] == disk for device in one['devices']):
            return str(one['target'])
    return ''


def _is_block(name: str) -> bool:
    return bool(name) and os.path.isdir(_folder(name))


def _folder(name: str) -> str:
    return os.path.join(sessions.SYS, 'class/block', name)


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
