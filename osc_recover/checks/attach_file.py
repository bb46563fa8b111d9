# SPDX-License-Identifier: Apache-2.0
"""A file of lines ``volume instance mountpoint``.  Pure."""

import dataclasses
import re

from osc_recover import errors

_MOST = 10  # lines that are quoted in a refusal
_WORDS = (2, 3)
# nova/utils.py (strip_dev, block_device.match_device) and its API's schema
# (compute/schemas/volume_attachment.py): a path of word characters.
_DEVICE = re.compile(r'/dev/(x?[vsh]d[a-z]+|disk/by-id/[\w.:-]+)')
_WORD = re.compile(r'[^\x00-\x1f\x7f]{1,255}')


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line: a volume and a server by ID or name; device '' for none."""

    number: int
    volume: str
    server: str
    device: str = ''


def lines(text: str, name: str) -> tuple[Line, ...]:
    """Read a file; nothing of it is used when one line is wrong.

    Words are separated by blanks; empty lines and those that begin with #
    are left out, and the third word may be missing.

    :param name: of the file, for what is said
    :raises errors.Refused: naming each line that is wrong, and why; and for
        a file without any line
    """
    found: list[Line] = []
    wrong: list[str] = []
    for number, line in enumerate(text.split('\n'), 1):
        words = line.split()
        if not words or words[0].startswith('#'):
            continue
        problem = _problem(words, found)
        if problem:
            wrong.append(f'line {number}: {problem}')
        else:
            found.append(Line(number, *words))
    if wrong:
        raise _refused(name, wrong)
    if not found:
        raise errors.Refused(
            f'{name} has no line with a volume and a server',
            'each line is: volume server device',
            'no-lines',
        )
    return tuple(found)


def _problem(words: list[str], before: list[Line]) -> str:
    if len(words) not in _WORDS:
        return (
            f'{len(words)} words, where there are a volume, a server and '
            'perhaps a device'
        )
    if not all(map(_WORD.fullmatch, words)):
        return 'characters that are no text'
    if len(words) > _WORDS[0] and not _DEVICE.fullmatch(words[2]):
        return f'{words[2]!r} is no device such as /dev/vdb'
    for line in before:
        if words[:2] == [line.volume, line.server]:
            return f'the volume and server of line {line.number} again'
        if words[1:] == [line.server, line.device]:
            return f'the server and device of line {line.number} again'
    return ''


def _refused(name: str, wrong: list[str]) -> errors.Refused:
    more = f'; and {len(wrong) - _MOST} more' if len(wrong) > _MOST else ''
    return errors.Refused(
        f'{name} cannot be used: {"; ".join(wrong[:_MOST])}{more}; nothing '
        'was changed',
        'mend these lines, or put # before them',
        'bad-lines',
    )
