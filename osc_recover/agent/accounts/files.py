# SPDX-License-Identifier: Apache-2.0
"""The lines of /etc/passwd and /etc/group, and what a renumbering makes of
them.

A line that is not an account's own is kept byte for byte: an empty one, a
comment, and those with + or - that NIS knows (nsswitch.conf(5), compat).
"""

from typing import Dict, Iterable, List, NamedTuple, Tuple, Union

from osc_recover.agent.errors import Refused

_NUMBER_LENGTH = 10  # digits of the highest number there is


class User(NamedTuple):
    """A line of passwd(5)."""

    name: str
    password: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str


class Group(NamedTuple):
    """A line of group(5); the members are a list with commas."""

    name: str
    password: str
    gid: int
    members: str


class Renumbering(NamedTuple):
    """Old and new number of an account; both are needed to do it twice.

    :param gid: of a user, its primary group's
    """

    name: str
    uid: Tuple[int, int] = (0, 0)
    gid: Tuple[int, int] = (0, 0)


Line = Union[str, User]
GroupLine = Union[str, Group]


def parse_passwd(text: str) -> List[Line]:
    """Its lines, in order.

    :raises Refused: at a line that is not understood
    """
    return [_user(*pair) for pair in enumerate(_lines(text), 1)]


def parse_group(text: str) -> List[GroupLine]:
    """Its lines, in order.

    :raises Refused: at a line that is not understood
    """
    return [_group(*pair) for pair in enumerate(_lines(text), 1)]


def build(lines: Iterable[Union[str, User, Group]]) -> str:
    """The text of such a file."""
    texts = [
        line if isinstance(line, str) else ':'.join(str(f) for f in line)
        for line in lines
    ]
    return ''.join(text + '\n' for text in texts)


def users(lines: Iterable[Line]) -> List[User]:
    """The accounts among the lines."""
    return [line for line in lines if isinstance(line, User)]


def groups(lines: Iterable[GroupLine]) -> List[Group]:
    """The groups among the lines."""
    return [line for line in lines if isinstance(line, Group)]


def renumber_users(
    lines: Iterable[Line], changes: Dict[str, Renumbering]
) -> List[Line]:
    """The lines with the new numbers.

    :raises Refused: when a user has neither the old nor the new one
    """
    return [
        _renumbered_user(line, changes[line.name])
        if isinstance(line, User) and line.name in changes
        else line
        for line in lines
    ]


def renumber_groups(
    lines: Iterable[GroupLine], changes: Dict[str, Renumbering]
) -> List[GroupLine]:
    """The lines with the new numbers.

    :raises Refused: when a group has neither the old nor the new one
    """
    return [
        line._replace(gid=_new(line.name, line.gid, changes[line.name].gid))
        if isinstance(line, Group) and line.name in changes
        else line
        for line in lines
    ]


def _renumbered_user(line: User, change: Renumbering) -> User:
    if change.uid != (0, 0):
        line = line._replace(uid=_new(line.name, line.uid, change.uid))
    if change.gid != (0, 0):
        line = line._replace(gid=_new(line.name, line.gid, change.gid))
    return line


def _new(name: str, now: int, change: Tuple[int, int]) -> int:
    if now not in change:
        raise Refused(
            'other-number',
            f'{name} has the number {now}, neither {change[0]} nor '
            f'{change[1]}',
            account=name,
            number=now,
        )
    return change[1]


def _user(number: int, line: str) -> Line:
    if _is_foreign(line):
        return line
    fields = line.split(':')
    if len(fields) != 7 or not fields[0]:
        raise _bad('passwd', number, line)
    uid, gid = (_number('passwd', number, line, f) for f in fields[2:4])
    return User(fields[0], fields[1], uid, gid, *fields[4:])


def _group(number: int, line: str) -> GroupLine:
    if _is_foreign(line):
        return line
    fields = line.split(':')
    if len(fields) != 4 or not fields[0]:
        raise _bad('group', number, line)
    gid = _number('group', number, line, fields[2])
    return Group(fields[0], fields[1], gid, fields[3])


def _is_foreign(line: str) -> bool:
    return not line.strip() or line.lstrip()[0] in '#+-'


def _number(file: str, number: int, line: str, field: str) -> int:
    # As it is written back: a leading zero would be lost.
    plain = field.isascii() and field.isdigit()
    if not plain or len(field) > _NUMBER_LENGTH or str(int(field)) != field:
        raise _bad(file, number, line)
    return int(field)


def _lines(text: str) -> List[str]:
    if not text:
        return []
    if not text.endswith('\n'):
        raise Refused('bad-accounts', 'the last line has no end; mend it')
    return text[:-1].split('\n')


def _bad(file: str, number: int, line: str) -> Refused:
    return Refused(
        'bad-accounts',
        f'line {number} of {file} is not understood: {line!r}',
        file=file,
        line=number,
    )
