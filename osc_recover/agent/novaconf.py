# SPDX-License-Identifier: Apache-2.0
"""Files like nova.conf, read as oslo.config reads them."""

import re
from typing import AbstractSet, Dict, NamedTuple, Tuple

from osc_recover.agent import errors

Values = Dict[Tuple[str, str], str]

# What nova's packages have, and other values are made of.
DEFAULTS = {'state_path': '/var/lib/nova'}
_VARIABLE = re.compile(
    r'\$(?:(\$)|([_a-z][._a-z0-9]*)|\{([_a-z][._a-z0-9]*)\})', re.IGNORECASE
)


class Conf(NamedTuple):
    """(group, option) -> what is given, its variables not yet replaced."""

    values: Values

    def get(self, group: str, name: str, default: str = '') -> str:
        """A value, or the default, with its variables replaced.

        :raises errors.Refused: for a variable that stands for nothing
        """
        text = self.values.get((group_name(group), name), default)
        return self._replaced(group, text, frozenset())

    def _replaced(self, group: str, text: str, seen: AbstractSet[str]) -> str:
        def value(match: 're.Match[str]') -> str:
            if match.group(1):
                return '$'
            name = match.group(2) or match.group(3)
            return self._variable(group, name, seen)

        return _VARIABLE.sub(value, text.replace('\\$', '$$'))

    def _variable(self, group: str, name: str, seen: AbstractSet[str]) -> str:
        first, _, rest = name.partition('.')
        for key in (
            (group_name(group), name),
            ('DEFAULT', name),
            (group_name(first), rest),
        ):
            if key in self.values and name not in seen:
                return self._replaced(key[0], self.values[key], seen | {name})
        if name not in DEFAULTS:
            raise errors.Refused(
                'bad-nova-conf',
                f'nova.conf says ${name}, and what that is is not known',
            )
        return DEFAULTS[name]


def parse(text: str, path: str = 'nova.conf') -> Values:
    """(group, option) -> value; of one that is given twice, the last.

    A value goes on in lines that begin with a blank; a pair of quotes around
    it is taken off.

    :raises errors.Refused: for a line that is none
    """
    found: Values = {}
    group, key = 'DEFAULT', ''
    for number, line in enumerate(text.split('\n'), 1):
        line = line.rstrip()
        if line and line[0] in ' \t' and key:
            found[group, key] += '\n' + line.lstrip()
            continue
        key = ''
        if line.startswith('['):
            group = _section(path, number, line)
        elif line and line[0] not in '#;':
            key, value = _assignment(path, number, line)
            found[group, key] = value
    return found


def group_name(name: str) -> str:
    """A group's name as it counts: case matters for DEFAULT only."""
    return name if name == 'DEFAULT' else name.lower()


def _section(path: str, number: int, line: str) -> str:
    if not line.endswith(']') or len(line) < 3:
        raise _odd(path, number)
    return group_name(line[1:-1])


def _assignment(path: str, number: int, line: str) -> Tuple[str, str]:
    ends = [at for at in (line.find('='), line.find(':')) if at >= 0]
    key = line[: min(ends)].strip() if ends else ''
    if not key or line[0] in ' \t':
        raise _odd(path, number)
    value = line[min(ends) + 1 :].strip()
    if value and value[0] == value[-1] and value[0] in '"\'':
        value = value[1:-1]
    return key, value


def _odd(path: str, number: int) -> errors.Refused:
    # Without the line itself, which may hold a password.
    return errors.Refused(
        'bad-nova-conf', f'{path}, line {number} is not understood'
    )
