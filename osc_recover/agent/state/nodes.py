# SPDX-License-Identifier: Apache-2.0
"""What open-iscsi remembers of targets, without the passwords.

A record is nodes/<target>/<address>,<port>,<tag>/<interface>, or, of old
releases, a file in place of the last folder (open-iscsi's usr/idbm.c).
"""

import os
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from osc_recover.agent import errors

FOLDERS = ('/etc/iscsi/nodes', '/var/lib/iscsi/nodes')
MASK = '***'


def show(folders: Sequence[str] = ()) -> List[Dict[str, Any]]:
    """Every record, by target, portal and interface.

    :param folders: where they are; none for the usual ones
    :returns: each with ``target``, ``portal``, ``iface`` and ``settings``
    :raises Refused: for a record that is not understood or cannot be read
    """
    found = {}
    for folder in folders or FOLDERS:
        for target in _names(folder):
            for place, path in _files(os.path.join(folder, target)):
                portal, iface = place
                found[target, portal, iface] = {
                    'target': target,
                    'portal': portal,
                    'iface': iface,
                    'settings': parse(_text(path), path),
                }
    return [found[key] for key in sorted(found)]


def parse(text: str, path: str) -> Dict[str, str]:
    """A record: lines of ``key = value``, and comments.

    :param path: for the message
    :raises Refused: for any other line
    """
    found = {}
    for line in text.split('\n'):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        key, equals, value = line.partition('=')
        if not equals or not key.strip():
            # The line may be part of a password.
            raise errors.Refused(
                'not-understood', f'a line of {path} is no key = value'
            )
        found[key.strip()] = _masked(key, value.strip())
    return found


def _masked(key: str, value: str) -> str:
    return MASK if 'password' in key.lower() and value else value


def _files(folder: str) -> Iterator[Tuple[Tuple[str, str], str]]:
    """(portal, interface) and the file, of each record of a target."""
    for name in _names(folder):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            yield (_portal(name), ''), path
        for iface in _names(path):
            yield (_portal(name), iface), os.path.join(path, iface)


def _portal(name: str) -> str:
    """A portal as iscsiadm writes it, from a folder's address,port,tag."""
    address, _, rest = name.partition(',')
    host = f'[{address}]' if ':' in address else address
    return f'{host}:{rest.partition(",")[0]}'


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _text(path: str) -> str:
    try:
        with open(path, 'rb') as file:
            return os.fsdecode(file.read())
    except OSError as exc:
        raise errors.Refused(
            'unreadable', f'{path} cannot be read: {exc.strerror}'
        ) from exc
