# SPDX-License-Identifier: Apache-2.0
"""What stands on a disk: partitions, multipath maps, logical volumes, …

From sysfs alone: no program of multipath or LVM need be there.
"""

import os
from typing import Any, Dict, List

# A device of the device mapper is called by its maker before a dash
# (DM_UUID of multipath-tools, LVM, kpartx and cryptsetup).
PARTITION, RAID, OTHER = 'part', 'md', 'dm'
_MAKERS = {'mpath': 'mpath', 'lvm': 'lvm', 'crypt': 'crypt'}


def over(root: str, disk: str) -> List[Dict[str, Any]]:
    """Every layer over a disk, each once, the lower ones first.

    :param root: where sysfs is
    :param disk: the folder of the disk in it
    :returns: each with ``name`` (what /dev/mapper calls it, or else the
        kernel), ``kernel`` (its name in /dev) and ``kind``: part, mpath, lvm,
        crypt, md or dm
    """
    found: Dict[str, Dict[str, Any]] = {}
    todo = [disk]
    while todo:
        folder = todo.pop(0)
        for name in _names(folder):
            path = os.path.join(folder, name)
            if os.path.exists(os.path.join(path, 'partition')):
                found.setdefault(name, _layer(name, name, PARTITION))
                todo.append(path)
        for name in _names(os.path.join(folder, 'holders')):
            path = os.path.join(root, 'class/block', name)
            if name not in found:
                found[name] = _of(path, name)
                todo.append(path)
    return list(found.values())


def _of(path: str, name: str) -> Dict[str, Any]:
    maker = _text(path, 'dm/uuid').partition('-')[0].lower()
    if maker.startswith('part'):
        kind = PARTITION
    elif name.startswith('md'):
        kind = RAID
    else:
        kind = _MAKERS.get(maker, OTHER)
    return _layer(_text(path, 'dm/name') or name, name, kind)


def _layer(name: str, kernel: str, kind: str) -> Dict[str, Any]:
    return {'name': name, 'kernel': kernel, 'kind': kind}


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), 'rb') as file:
            return os.fsdecode(file.read()).strip()
    except OSError:
        return ''
