# SPDX-License-Identifier: Apache-2.0
"""How far a change is, and whether one has room; nothing is written."""

import os
from typing import Any, Dict

from osc_recover.agent.errors import Refused
from osc_recover.agent.tree import place
from osc_recover.agent.tree.args import Tell
from osc_recover.agent.tree.manifest import Manifest

ABSENT, BUSY = 'absent', 'busy'
_READ_ONLY = 1  # ST_RDONLY


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """How far the change of a manifest is.

    :param args: ``manifest``, as for ``change``
    :returns: ``state``, one of ``listed``, ``done``, ``undone``, ``absent``,
        and ``busy`` while another process writes it or carries it out; and
        the number of ``listed`` objects, 0 where it is not known
    :raises Refused: when what is there is no manifest
    """
    path = place.path_of(args['manifest'])
    if not os.path.lexists(path):
        return {'state': _of_part(path), 'listed': 0}
    try:
        with Manifest(path) as found:
            return {'state': found.state, 'listed': found.count}
    except Refused as exc:
        if exc.code != BUSY:
            raise
    return {'state': BUSY, 'listed': 0}


def room(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Whether a manifest could be written; the folder is not made.

    :param args: ``folder`` (default: where manifests lie)
    :returns: ``folder``, the nearest that is there; ``free`` bytes in it, and
        whether it is ``read_only``
    """
    folder = args.get('folder', place.FOLDER)
    while not os.path.isdir(folder) and folder != '/':
        folder = os.path.dirname(folder)
    status = os.statvfs(folder)
    return {
        'folder': folder,
        'free': status.f_bavail * status.f_frsize,
        'read_only': bool(status.f_flag & _READ_ONLY),
    }


def _of_part(path: str) -> str:
    """Whether somebody is writing the manifest that is not there yet."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path + '.part', flags)
    except OSError:
        return ABSENT
    try:
        place.lock(fd, path)
    except Refused:
        return BUSY
    finally:
        os.close(fd)
    return ABSENT
