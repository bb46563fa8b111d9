# SPDX-License-Identifier: Apache-2.0
"""Numbers of accounts in configuration files; reported, never touched."""

import glob
import os
import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

# What has users' and groups' numbers, by the pattern of its files.
_UNITS = (
    '/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/'
    'system', '/usr/lib/systemd/system', '/lib/systemd/system',
)  # fmt: skip
_ASSIGNMENT = re.compile(r'\s*([A-Za-z_]+)\s*=\s*(.*?)\s*')
_QUOTED = re.compile(r'"\+?([0-9]+)"|([0-9]+)')
_ANON = re.compile(r'\banon([ug]id)=(-?\w+)')
_QEMU_KEYS = {
    'user': 'uid', 'group': 'gid', 'swtpm_user': 'uid', 'swtpm_group': 'gid',
}  # fmt: skip
_UNIT_KEYS = {'User': 'uid', 'Group': 'gid', 'SupplementaryGroups': 'gid'}


class Mention(NamedTuple):
    """A number in a line; ``last`` is another one where it is a range."""

    line: int
    text: str
    kind: str
    first: int
    last: int


class BadLine(ValueError):
    """A line that is none of its file's; (number, text) are its arguments."""


def elsewhere(
    args: Dict[str, Any], tell: Callable[[Dict[str, Any]], None]
) -> Dict[str, Any]:
    """Where configuration files mention numbers of accounts.

    :param args: ``uids`` and ``gids``, old and new ones; ``root``, of the
        host's files (default /)
    :returns: ``mentions`` (``file``, ``line``, ``text``, ``kind``, ``first``,
        ``last``), and ``trouble``: files and lines that are not understood
    """
    wanted = {
        'uid': set(args.get('uids', [])),
        'gid': set(args.get('gids', [])),
    }
    mentions: List[Dict[str, Any]] = []
    trouble: List[Dict[str, Any]] = []
    for path, parse in _files(args.get('root', '/')):
        try:
            found = list(parse(_read(path)))
        except OSError as exc:
            trouble.append({'file': path, 'error': exc.strerror})
            continue
        except BadLine as exc:
            trouble.append({'file': path, 'error': _sentence(exc)})
            continue
        mentions += [
            {'file': path, **mention._asdict()}
            for mention in found
            if any(
                mention.first <= number <= mention.last
                for number in wanted[mention.kind]
            )
        ]
    return {'mentions': mentions, 'trouble': trouble}


def parse_subids(text: str, kind: str) -> Iterator[Mention]:
    """/etc/subuid or subgid: ``owner:first:count``, as subuid(5) has it.

    :raises BadLine: at a line that is not of that form
    """
    for number, line in _lines(text):
        parts = line.split(':')
        if len(parts) != 3 or not all(_is_number(p) for p in parts[1:]):
            raise BadLine(number, line)
        owner, first, count = parts[0], int(parts[1]), int(parts[2])
        if _is_number(owner):
            yield Mention(number, line, 'uid', int(owner), int(owner))
        if count:
            yield Mention(number, line, kind, first, first + count - 1)


def parse_subuid(text: str) -> Iterator[Mention]:
    """/etc/subuid; see ``parse_subids``."""
    return parse_subids(text, 'uid')


def parse_subgid(text: str) -> Iterator[Mention]:
    """/etc/subgid; see ``parse_subids``."""
    return parse_subids(text, 'gid')


def parse_overrides(text: str) -> Iterator[Mention]:
    """dpkg's statoverride: ``user group mode path``, numbers after a #.

    :raises BadLine: at a line that is not of that form
    """
    for number, line in enumerate(text.split('\n'), 1):
        parts = line.split(' ', 3)
        if not line:
            continue
        if len(parts) != 4 or not re.fullmatch('[0-7]+', parts[2]):
            raise BadLine(number, line)
        for kind, word in zip(('uid', 'gid'), parts):
            if word.startswith('#'):
                if not _is_number(word[1:]):
                    raise BadLine(number, line)
                yield _one(number, line, kind, word[1:])


def parse_qemu(text: str) -> Iterator[Mention]:
    """libvirt's qemu.conf: ``user = "+108"``, and 108 without the plus.

    :raises BadLine: at an assignment of user or group without a value
    """
    for number, line in _lines(text):
        match = _ASSIGNMENT.fullmatch(line)
        if match is None or match.group(1) not in _QEMU_KEYS:
            continue
        value = match.group(2).partition(' #')[0].strip()
        if not value:
            raise BadLine(number, line)
        found = _QUOTED.fullmatch(value)
        if found:
            digits = found.group(1) or found.group(2)
            yield _one(number, line, _QEMU_KEYS[match.group(1)], digits)


def parse_exports(text: str) -> Iterator[Mention]:
    """/etc/exports: ``anonuid=`` and ``anongid=``, see exports(5).

    :raises BadLine: when one of them is no number
    """
    for number, line in _lines(text):
        for kind, word in _ANON.findall(line):
            if word.startswith('-') and _is_number(word[1:]):
                continue
            if not _is_number(word):
                raise BadLine(number, line)
            yield _one(number, line, kind, word)


def parse_unit(text: str) -> Iterator[Mention]:
    """A systemd unit: User=, Group= and SupplementaryGroups= with numbers."""
    for number, line in _lines(text, '#;'):
        match = _ASSIGNMENT.fullmatch(line)
        kind = _UNIT_KEYS.get(match.group(1)) if match else None
        for word in match.group(2).split() if match and kind else ():
            if _is_number(word) and kind:
                yield _one(number, line, kind, word)


def parse_tmpfiles(text: str) -> Iterator[Mention]:
    """tmpfiles.d(5): ``type path mode user group …``."""
    for number, line in _lines(text):
        words = line.split(None, 5)[3:5]
        for kind, word in zip(('uid', 'gid'), words):
            word = word.lstrip(':~')
            if _is_number(word):
                yield _one(number, line, kind, word)


_PATTERNS: List[Tuple[str, Callable[[str], Iterator[Mention]]]] = [
    ('/etc/subuid', parse_subuid),
    ('/etc/subgid', parse_subgid),
    ('/var/lib/dpkg/statoverride', parse_overrides),
    ('/etc/libvirt/qemu.conf', parse_qemu),
    ('/etc/exports', parse_exports),
    ('/etc/exports.d/*.exports', parse_exports),
    ('/etc/tmpfiles.d/*.conf', parse_tmpfiles),
    ('/run/tmpfiles.d/*.conf', parse_tmpfiles),
    ('/usr/lib/tmpfiles.d/*.conf', parse_tmpfiles),
    *((folder + '/*.service', parse_unit) for folder in _UNITS),
    *((folder + '/*.service.d/*.conf', parse_unit) for folder in _UNITS),
]


def _files(
    root: str,
) -> Iterator[Tuple[str, Callable[[str], Iterator[Mention]]]]:
    """The files that there are, each once, with how they are read."""
    seen = set()
    for pattern, parse in _PATTERNS:
        for path in sorted(glob.glob(glob.escape(root.rstrip('/')) + pattern)):
            real = os.path.realpath(path)
            # A unit that is masked is a link to /dev/null.
            if real not in seen and os.path.isfile(real):
                seen.add(real)
                yield path, parse


def _lines(text: str, comment: str = '#') -> Iterator[Tuple[int, str]]:
    for number, line in enumerate(text.split('\n'), 1):
        line = line.strip()
        if line and line[0] not in comment:
            yield number, line


def _one(number: int, line: str, kind: str, digits: str) -> Mention:
    return Mention(number, line, kind, int(digits), int(digits))


def _is_number(word: str) -> bool:
    return len(word) < 12 and word.isdigit() and word.isascii()


def _read(path: str) -> str:
    with open(path, 'rb') as file:
        return os.fsdecode(file.read())


def _sentence(exc: BadLine) -> str:
    return 'line {} is not understood: {!r}'.format(*exc.args)
