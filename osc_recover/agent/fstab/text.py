# SPDX-License-Identifier: Apache-2.0
"""The text of an fstab: read, and changed in a few words.

Comments, blank lines, columns and lines that are not understood stay as they
are, byte by byte.  As fstab(5) has it: fields between blanks and tabs, a line
that begins with # is a comment.
"""

import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from osc_recover.agent import errors, mounts

# What is opened later, once its target is there: a comment for everybody
# else.  Older ones name no target.
MARK = re.compile(r'#osc-recover(?: (\S+))?: ')
_FIELDS = re.compile(r'[^ \t]+')
_SECRET = re.compile(r'(?i)(pass|secret|cred)')
MASK = '***'


class Entry(NamedTuple):
    """A line that mounts something, its escapes undone.

    :param line: its number, from 0
    :param options: none where there is no fourth field
    :param target: the iSCSI target that a comment of ours names, or ''
    """

    line: int
    spec: str
    point: str
    kind: str
    options: List[str]
    target: str = ''

    @property
    def key(self) -> List[str]:
        """What it is known by."""
        return [self.spec, self.point]


def entries(text: str) -> List[Entry]:
    """Every line that mounts something, in their order."""
    return list(_read(text, marked=False))


def recorded(text: str) -> List[Entry]:
    """Every line that we made a comment of."""
    return list(_read(text, marked=True))


def shown(entry: Entry) -> Dict[str, Any]:
    """An entry as facts have it, without passwords."""
    return {
        'spec': entry.spec,
        'point': entry.point,
        'kind': entry.kind,
        'options': [_masked(option) for option in entry.options],
        'target': entry.target,
    }


def edited(text: str, edits: Sequence[Dict[str, Any]]) -> str:
    """The text with entries changed; what is so already stays so.

    :param edits: each with ``spec`` and ``point`` of an entry, ``add``, the
        options that it is to have, and ``comment``, whether it is to be kept
        as a comment, for its ``target`` if there is one
    :raises Refused: no-entry, or ambiguous for two of the same names
    """
    lines = text.split('\n')
    for edit in edits:
        key = [edit['spec'], edit['point']]
        found = [e for e in entries(text) if e.key == key]
        if not found and any(e.key == key for e in recorded(text)):
            continue
        if len(found) != 1:
            raise errors.Refused(
                'ambiguous' if found else 'no-entry',
                f'{len(found)} entries of fstab mount {key[0]} at {key[1]}',
            )
        line = _with(lines[found[0].line], found[0].options, edit['add'])
        mark = _mark(edit.get('target', '')) if edit['comment'] else ''
        lines[found[0].line] = mark + line
    return '\n'.join(lines)


def missing(options: Sequence[str], wanted: Sequence[str]) -> List[str]:
    """Those that are wanted and are not there, as written."""
    return [option for option in wanted if option not in options]


def _mark(target: str) -> str:
    mark = f'#osc-recover {target}: '
    return mark if MARK.fullmatch(mark) else '#osc-recover: '


def _with(line: str, options: List[str], add: Sequence[str]) -> str:
    new = missing(options, add)
    if not new:
        return line
    fields = list(_FIELDS.finditer(line))
    if len(fields) < 4:
        end = fields[-1].end()
        return f'{line[:end]} {",".join(new)}{line[end:]}'
    names = {option.partition('=')[0] for option in new if '=' in option}
    # The escapes of those that stay are theirs.
    kept = [
        option
        for option in fields[3].group().split(',')
        if option and option.partition('=')[0] not in names
    ]
    start, end = fields[3].span()
    return line[:start] + ','.join([*kept, *new]) + line[end:]


def _read(text: str, *, marked: bool) -> Iterator[Entry]:
    for number, line in enumerate(text.split('\n')):
        mark = MARK.match(line)
        if bool(mark) == marked:
            entry = _entry(number, line[mark.end() :] if mark else line)
            if entry is not None:
                target = (mark.group(1) if mark else '') or ''
                yield entry._replace(target=target)


def _entry(number: int, line: str) -> Optional[Entry]:
    fields = [match.group() for match in _FIELDS.finditer(line)]
    # Such as an options field that begins with #, which is none.
    if len(fields) < 3 or fields[0].startswith('#'):
        return None
    spec, point, kind = map(mounts.unescaped, fields[:3])
    options = fields[3].split(',') if len(fields) > 3 else []
    return Entry(
        number, spec, point, kind, [mounts.unescaped(o) for o in options if o]
    )


def _masked(option: str) -> str:
    name, equals, _ = option.partition('=')
    return f'{name}={MASK}' if equals and _SECRET.search(name) else option
