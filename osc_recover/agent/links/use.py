# SPDX-License-Identifier: Apache-2.0
"""What the host itself does with the disks of a session."""

import os
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from osc_recover.agent import mounts

_SWAPS = '/proc/swaps'
# Layers that hold no more than the disk itself.
_HARMLESS = ('part', 'mpath')


def uses(session: Dict[str, Any]) -> List[str]:
    """Words for each use: logical volumes, file systems, swap.

    A guest has the disk itself open, which is none.

    :param session: one as state.sessions has it
    """
    found = []
    for device in session['devices']:
        names = {device['name']}
        for layer in device['over']:
            names |= {layer['kernel'], f'mapper/{layer["name"]}'}
            if layer['kind'] not in _HARMLESS:
                found.append(f'{layer["name"]} ({layer["kind"]})')
        found += _mounted({f'/dev/{name}' for name in names})
    return list(dict.fromkeys(found))


def _mounted(paths: Set[str]) -> Iterator[str]:
    numbers = {number(path) for path in paths} - {None}
    for mount in mounts.current():
        if mount.source in paths or mount.device in numbers:
            yield f'{mount.point} (mounted)'
    for path in _swaps():
        if path in paths or number(path) in numbers:
            yield f'{path} (swap)'


def number(path: str) -> Optional[Tuple[int, int]]:
    """The number of a device, or None where there is none."""
    try:
        found = os.stat(path).st_rdev
    except OSError:
        return None
    return (os.major(found), os.minor(found)) if found else None


def _swaps() -> List[str]:
    try:
        with open(_SWAPS, 'rb') as file:
            lines = os.fsdecode(file.read()).split('\n')[1:]
    except OSError:
        return []
    return [mounts.unescaped(line.split(' ')[0]) for line in lines if line]
