# SPDX-License-Identifier: Apache-2.0
"""New numbers for accounts, in the files where they are local."""

import os
from typing import Any, Dict, Iterable, List, Set

from osc_recover.agent.accounts import files, locks, look
from osc_recover.agent.accounts.files import Renumbering
from osc_recover.agent.accounts.look import ETC, Local, Tell, show
from osc_recover.agent.errors import Refused

__all__ = ['change', 'show']

_HIGHEST = 0xFFFFFFFE
# nobody, and what 16 bits have for "no number".
_RESERVED = (65534, 65535)
_NONE = Renumbering('')


def change(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Renumber local accounts, all at once; files are not walked.

    It can be repeated after a cut: each number is given as [old, new], and
    an account that has the new one is left as it is.

    :param args: ``users``: ``name``, ``uid``, ``gid`` (of the primary group;
        either may be left out); ``groups``: ``name``, ``gid``; ``etc``, the
        folder of the files
    :returns: ``changed``, the files that were written
    :raises Refused: when anything is in the way; nothing is changed then
    """
    etc = args.get('etc', ETC)
    users = _changes(args.get('users', []))
    groups = _changes(args.get('groups', []))
    with locks.locked(etc, args.get('wait', locks.WAIT)):
        local = Local(etc)
        _check_names(local, users, groups)
        passwd = files.renumber_users(local.passwd, users)
        group = files.renumber_groups(local.group, groups)
        new = Local(etc, passwd, group)
        _check_users(local, new, users)
        _check_groups(local, new, groups)
        _check_primary(local, users, groups)
        return {'changed': _write(etc, {'passwd': passwd, 'group': group})}


def _write(etc: str, contents: Dict[str, Any]) -> List[str]:
    changed = []
    for name, lines in contents.items():
        path = os.path.join(etc, name)
        data = os.fsencode(files.build(lines))
        if data != locks.read(path):
            locks.replace(path, data)
            changed.append(path)
    return changed


def _check_names(
    local: Local,
    users: Dict[str, Renumbering],
    groups: Dict[str, Renumbering],
) -> None:
    for name in users:
        if name not in local.users:
            raise _not_local('user', name, look.user(name) is not None)
    for name in groups:
        if name not in local.groups:
            raise _not_local('group', name, look.group(name) is not None)


def _check_users(
    local: Local, new: Local, changes: Dict[str, Renumbering]
) -> None:
    """No two accounts with one number, before and after."""
    for name, change in changes.items():
        if change.uid == (0, 0):
            continue
        sharing = {
            u.name for u in files.users(local.passwd) if u.uid == change.uid[0]
        }
        _check_shared('uid', change.uid[0], name, sharing - set(changes))
        holders = {
            u.name for u in files.users(new.passwd) if u.uid == change.uid[1]
        }
        other = look.user_of(change.uid[1])
        if other is not None and other not in local.users:
            holders.add(other)
        _check_holders('uid', change.uid[1], name, holders)


def _check_groups(
    local: Local, new: Local, changes: Dict[str, Renumbering]
) -> None:
    for name, change in changes.items():
        sharing = {
            g.name for g in files.groups(local.group) if g.gid == change.gid[0]
        }
        _check_shared('gid', change.gid[0], name, sharing - set(changes))
        holders = {
            g.name for g in files.groups(new.group) if g.gid == change.gid[1]
        }
        other = look.group_of(change.gid[1])
        if other is not None and other not in local.groups:
            holders.add(other)
        _check_holders('gid', change.gid[1], name, holders)


def _check_shared(kind: str, number: int, name: str, others: Set[str]) -> None:
    if others - {name}:
        names = ', '.join(sorted(others - {name}))
        raise Refused(
            'shared-number',
            f'{name} shares the {kind} {number} with {names}, whose files '
            'cannot be told from its own',
            account=name,
            number=number,
        )


def _check_holders(
    kind: str, number: int, name: str, holders: Set[str]
) -> None:
    others = sorted(holders - {name})
    if others:
        raise Refused(
            'number-in-use',
            '{} cannot get the {} {}, as {} has it'.format(
                name, kind, number, ', '.join(others)
            ),
            account=name,
            number=number,
            holders=others,
        )


def _check_primary(
    local: Local,
    users: Dict[str, Renumbering],
    groups: Dict[str, Renumbering],
) -> None:
    """Every user whose primary group moves must be told to move with it."""
    moving = {
        change.gid[0]
        for name, change in groups.items()
        if local.groups[name].gid == change.gid[0]
    }
    left = sorted(
        user.name
        for user in files.users(local.passwd)
        if user.gid in moving and users.get(user.name, _NONE).gid == (0, 0)
    )
    if left:
        raise Refused(
            'primary-group',
            'the primary group of {} gets another number; give these users '
            'their new gid too'.format(', '.join(left)),
            users=left,
        )


def _changes(rows: Iterable[Dict[str, Any]]) -> Dict[str, Renumbering]:
    found: Dict[str, Renumbering] = {}
    for row in rows:
        pairs = {
            key: (number(row[key][0]), number(row[key][1]))
            for key in ('uid', 'gid')
            if row.get(key)
        }
        if row['name'] in found or not pairs:
            raise Refused(
                'bad-change',
                f'{row["name"]}: one change an account, with old and new',
                account=row['name'],
            )
        found[row['name']] = Renumbering(row['name'], **pairs)
    return found


def number(word: Any) -> int:
    """A number that an account of a service may have.

    :raises Refused: when it is root's, nobody's, or out of range
    """
    whole = isinstance(word, int) and not isinstance(word, bool)
    if not whole or not 0 < word <= _HIGHEST or word in _RESERVED:
        raise Refused(
            'bad-number',
            f'{word} is no number for an account: 1 to {_HIGHEST} are, '
            'without 65534 and 65535',
            number=word,
        )
    return int(word)


def _not_local(kind: str, name: str, known: bool) -> Refused:
    if known:
        return Refused(
            'not-local',
            f'the {kind} {name} is not in the local files, but comes from a '
            'directory service; change it there',
            account=name,
        )
    return Refused(
        'no-account', f'there is no {kind} {name} here', account=name
    )
