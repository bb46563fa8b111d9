# SPDX-License-Identifier: Apache-2.0
"""The iSCSI sessions of the kernel and their disks, from sysfs.

iscsiadm need not be there: it may be in a container.  The user names and
passwords that sysfs has of a session are not read.
"""

import os
import re
from typing import Any, Dict, List

from osc_recover.agent import errors
from osc_recover.agent.state import layers

SYS = '/sys'
_NUMBER = re.compile(r'session([0-9]+)')
_ADDRESS = re.compile(r'([0-9]+):([0-9]+):([0-9]+):([0-9]+)')
# What sysfs says of what is not set.
_NOTHING = ('', '<NULL>', '(null)')


def show(root: str = '') -> List[Dict[str, Any]]:
    """Every session, by its number.

    :param root: where sysfs is, /sys for ''
    :returns: each with ``number``, ``target``, ``portal``, ``iface``,
        ``state`` and ``devices`` (``lun``, ``name``, ``wwid``, ``state``,
        ``holders`` and ``over``, as ``layers.over`` has it)
    :raises Refused: for a session without a name, or of an odd one
    """
    root = root or SYS
    folder = os.path.join(root, 'class/iscsi_session')
    found = [_session(root, folder, name) for name in _names(folder)]
    return sorted(
        (one for one in found if one), key=lambda one: int(one['number'])
    )


def _session(root: str, folder: str, name: str) -> Dict[str, Any]:
    match = _NUMBER.fullmatch(name)
    if match is None:
        raise errors.Refused(
            'not-understood', f'there is an odd session {name!r} in {folder}'
        )
    path = os.path.join(folder, name)
    target = _text(path, 'targetname')
    if not target and not os.path.exists(path):
        return {}  # it was closed just now
    return {
        'number': int(match.group(1)),
        'target': target,
        'portal': _portal(root, match.group(1)),
        'iface': _text(path, 'ifacename'),
        'state': _text(path, 'state'),
        'devices': _devices(root, os.path.join(path, 'device')),
    }


def _portal(root: str, number: str) -> str:
    """Where it was told to go, or where it went."""
    path = os.path.join(
        root, 'class/iscsi_connection', f'connection{number}:0'
    )
    for prefix in ('persistent_', ''):
        address = _text(path, prefix + 'address')
        port = _text(path, prefix + 'port')
        if address and port:
            host = f'[{address}]' if ':' in address else address
            return f'{host}:{port}'
    return ''


def _devices(root: str, session: str) -> List[Dict[str, Any]]:
    """The disks of a session, by LUN; there is a folder for each address."""
    found = []
    for target in _names(session):
        if target.startswith('target'):
            where = os.path.join(session, target)
            for address in _names(where):
                match = _ADDRESS.fullmatch(address)
                if match:
                    lun = int(match.group(4))
                    found += _disks(root, os.path.join(where, address), lun)
    return sorted(found, key=lambda one: (one['lun'], one['name']))


def _disks(root: str, address: str, lun: int) -> List[Dict[str, Any]]:
    block = os.path.join(address, 'block')
    return [
        {
            'lun': lun,
            'name': name,
            'wwid': _text(address, 'wwid'),
            'state': _text(address, 'state'),
            'holders': _names(os.path.join(block, name, 'holders')),
            'over': layers.over(root, os.path.join(block, name)),
        }
        for name in _names(block)
    ]


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _text(folder: str, name: str) -> str:
    """What a file of sysfs says; some cannot be read while they go."""
    try:
        with open(os.path.join(folder, name), 'rb') as file:
            text = os.fsdecode(file.read()).strip()
    except OSError:
        return ''
    return '' if text in _NOTHING else text
