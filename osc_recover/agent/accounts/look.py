# SPDX-License-Identifier: Apache-2.0
"""Accounts and their numbers, in the local files and as the host resolves
them."""

import grp
import os
import pwd
from typing import Any, Callable, Dict, Iterable, List, Optional

from osc_recover.agent.accounts import files, locks

ETC = '/etc'

Tell = Callable[[Dict[str, Any]], None]


class Local:
    """The accounts of the local files, now or as they will be."""

    def __init__(
        self,
        etc: str,
        passwd: Optional[List[files.Line]] = None,
        group: Optional[List[files.GroupLine]] = None,
    ) -> None:
        self.passwd = passwd or files.parse_passwd(text(etc, 'passwd'))
        self.group = group or files.parse_group(text(etc, 'group'))
        self.users = _first(files.users(self.passwd))
        self.groups = _first(files.groups(self.group))


def _first(found: Iterable[Any]) -> Dict[str, Any]:
    """By name; of two with one name the first counts, as for the C library."""
    by_name: Dict[str, Any] = {}
    for one in found:
        by_name.setdefault(one.name, one)
    return by_name


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Accounts as the host resolves them, and the numbers in use.

    :param args: ``users`` and ``groups``, names; ``first`` and ``last``, the
        range of numbers to tell about; ``uids`` and ``gids``, numbers to look
        up one by one, as a directory service need not list all it has;
        ``etc``, the folder of the local files
    :returns: ``users`` and ``groups``, name -> what it is or None; ``used``,
        ``uids`` and ``gids`` in the range; ``holders``, ``uids`` and ``gids``
        -> a name or None
    :raises Refused: when a line of the local files is not understood
    """
    local = Local(args.get('etc', ETC))
    within = range(args.get('first', 1), args.get('last', 999) + 1)
    everybody, groups = pwd.getpwall(), grp.getgrall()
    uids = {u.pw_uid for u in everybody} | {
        u.uid for u in local.users.values()
    }
    gids = {g.gr_gid for g in groups} | {g.gid for g in local.groups.values()}
    gids |= {u.pw_gid for u in everybody}
    return {
        'users': {n: _show_user(n, local) for n in args.get('users', [])},
        'groups': {n: _show_group(n, local) for n in args.get('groups', [])},
        'used': {
            'uids': sorted(uids.intersection(within)),
            'gids': sorted(gids.intersection(within)),
        },
        'holders': {
            'uids': {str(n): user_of(n) for n in args.get('uids', [])},
            'gids': {str(n): group_of(n) for n in args.get('gids', [])},
        },
    }


def _show_user(name: str, local: Local) -> Optional[Dict[str, Any]]:
    found = user(name)
    if found is None:
        return None
    return {
        'uid': found.pw_uid,
        'gid': found.pw_gid,
        'home': found.pw_dir,
        'shell': found.pw_shell,
        'groups': sorted(
            g.gr_name for g in grp.getgrall() if name in g.gr_mem
        ),
        'local': _is_it(local.users.get(name), 'uid', found.pw_uid),
        'same_number': _others(local.users, 'uid', found.pw_uid, name),
    }


def _show_group(name: str, local: Local) -> Optional[Dict[str, Any]]:
    found = group(name)
    if found is None:
        return None
    gid = found.gr_gid
    return {
        'gid': gid,
        'members': sorted(found.gr_mem),
        'primary_of': sorted(
            u.name for u in local.users.values() if u.gid == gid
        ),
        'local': _is_it(local.groups.get(name), 'gid', gid),
        'same_number': _others(local.groups, 'gid', gid, name),
    }


def _is_it(line: Any, key: str, value: int) -> bool:
    return line is not None and getattr(line, key) == value


def _others(
    lines: Dict[str, Any], key: str, value: int, name: str
) -> List[str]:
    return sorted(
        other
        for other, line in lines.items()
        if getattr(line, key) == value and other != name
    )


def user(name: str) -> Optional[pwd.struct_passwd]:
    """The user of a name, or None."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def group(name: str) -> Optional[grp.struct_group]:
    """The group of a name, or None."""
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None


def user_of(uid: int) -> Optional[str]:
    """The name of the user with a number, or None."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def group_of(gid: int) -> Optional[str]:
    """The name of the group with a number, or None."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def text(etc: str, name: str) -> str:
    """The contents of one of the files, as ``os.fsdecode`` makes it."""
    return os.fsdecode(locks.read(os.path.join(etc, name)))
