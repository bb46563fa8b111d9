# SPDX-License-Identifier: Apache-2.0
"""The fstab of this machine: what it mounts, from what, and changed."""

import contextlib
import os
import re
import stat
from collections import Counter
from typing import Any, Callable, Dict, List, Tuple

from osc_recover.agent import errors
from osc_recover.agent.domains import keep
from osc_recover.agent.fstab import homes, text, verify
from osc_recover.agent.links import mount
from osc_recover.agent.state import disks

Tell = Callable[[Dict[str, Any]], None]
PATH = '/etc/fstab'
# As udev names a disk that comes over iSCSI, be it there or not.
_BY_PATH = re.compile(
    r'/dev/disk/by-path/.*-iscsi-((?:iqn|eui|naa)\..+)-lun-[0-9]+(-part[0-9]+)?'
)


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """What is mounted at boot, and from which disk; nothing is changed.

    :param args: ``homes``, whether it is asked what lies below a /home that
        is mounted, which only root can tell
    :returns: ``entries``, each with ``spec``, ``point``, ``kind``,
        ``options``, ``disks`` (the kernel's names, none where the device is
        not there) and ``target`` of the session that brought one, or that
        its name has;
        ``recorded``, those that we made comments of; ``root``, the disks of
        /; ``keys_below``, whether someone can log in when /home is not
        mounted, or None where that was not asked
    :raises Refused: when it cannot be read
    """
    content = _content()
    entries = text.entries(content)
    apart = any(entry.point.rstrip('/') == '/home' for entry in entries)
    return {
        'entries': [_shown(entry) for entry in entries],
        'recorded': [text.shown(entry) for entry in text.recorded(content)],
        'root': disks.below(mount.source_of('/')),
        'keys_below': homes.keys_below() if args['homes'] and apart else None,
    }


def change(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Change entries, if no new error comes of it; atomically.

    :param args: ``edits``, as ``text.edited`` takes them
    :returns: ``changed``, and ``kept``: where what was there is kept
    :raises Refused: not-valid for what findmnt says of the new one, or as
        ``text.edited`` does; nothing was changed then
    """
    before = _content()
    after = text.edited(before, args['edits'])
    if after == before:
        return {'changed': False, 'kept': ''}
    aside = f'{_real()}.osc-recover'
    try:
        _write(aside, after)
        new = _new(verify.problems(PATH), verify.problems(aside))
        if new:
            raise errors.Refused(
                'not-valid',
                f'with the change it would be wrong: {"; ".join(new)}',
                advice='mend that in fstab first: findmnt --verify',
            )
        kept = keep.keep('fstab', before, 'fstab')
        if _content() != before:
            raise errors.Refused(
                'changed-meanwhile', f'somebody else is changing {PATH}'
            )
        os.replace(aside, _real())
    except OSError as exc:
        raise errors.Refused(
            'not-written', f'{PATH} cannot be written: {exc.strerror}'
        ) from exc
    finally:
        with contextlib.suppress(OSError):
            os.unlink(aside)
    _sync(os.path.dirname(_real()))
    return {'changed': True, 'kept': kept}


def recorded() -> List[Dict[str, Any]]:
    """Mounts that fstab keeps for later, as facts have mounts.

    :raises Refused: when it cannot be read
    """
    return [
        {
            'point': entry.point,
            'type': entry.kind,
            'source': entry.spec,
            'options': entry.options,
            'target': entry.target or _from(entry)[1],
        }
        for entry in text.recorded(_content())
    ]


def _shown(entry: text.Entry) -> Dict[str, Any]:
    names, target = _from(entry)
    return {**text.shown(entry), 'disks': names, 'target': target}


def _from(entry: text.Entry) -> Tuple[List[str], str]:
    path = mount.path_of(entry.spec)
    names = disks.below(path)
    target = next(filter(None, map(disks.target, names)), '')
    named = None if names else _BY_PATH.fullmatch(path)
    return names, named.group(1) if named else target


def _new(before: List[str], after: List[str]) -> List[str]:
    """The problems that were not there before, each as often as it is new."""
    return sorted((Counter(after) - Counter(before)).elements())


def _real() -> str:
    return os.path.realpath(PATH)


def _content() -> str:
    try:
        with open(PATH, 'rb') as file:
            return file.read().decode('utf-8', 'surrogateescape')
    except FileNotFoundError:
        return ''
    except OSError as exc:
        raise errors.Refused(
            'unreadable', f'{PATH} cannot be read: {exc.strerror}'
        ) from exc


def _write(aside: str, content: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)
    status = os.stat(PATH)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(aside, flags, 0o600), 'wb') as file:
        os.fchown(file.fileno(), status.st_uid, status.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
        for name in os.listxattr(PATH):
            os.setxattr(file.fileno(), name, os.getxattr(PATH, name))
        file.write(content.encode('utf-8', 'surrogateescape'))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: str) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
