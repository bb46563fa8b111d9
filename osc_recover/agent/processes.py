# SPDX-License-Identifier: Apache-2.0
"""Processes that run under given numbers, and what they belong to."""

import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

from osc_recover.agent.errors import Refused

_KINDS = ('real', 'effective', 'saved', 'file system')
_UNIT = re.compile(r'[^/]+\.(?:service|scope|socket|slice)')
_ESCAPE = re.compile(r'\\(n|\\)')
_GONE = (FileNotFoundError, ProcessLookupError)


class Status(NamedTuple):
    """What /proc/PID/status says that concerns us.

    :param uids: real, effective, saved and file system number
    :param groups: the supplementary ones
    """

    name: str
    uids: List[int]
    gids: List[int]
    groups: List[int]


def of(
    args: Dict[str, Any], tell: Callable[[Dict[str, Any]], None]
) -> Dict[str, Any]:
    """The processes that run under some numbers.

    :param args: ``uids`` and ``gids``
    :returns: ``processes``, each with ``pid``, ``command``, ``unit`` (of
        systemd, or empty), ``cgroup``, ``guest`` (libvirt's name, or empty)
        and ``under``, such as ``effective uid 108``
    :raises Refused: when /proc says something that is not understood
    """
    uids, gids = set(args.get('uids', [])), set(args.get('gids', []))
    found = []
    for pid in sorted(
        int(name) for name in os.listdir('/proc') if name.isdigit()
    ):
        try:
            row = _row(pid, uids, gids)
        except _GONE:
            continue
        if row is not None:
            found.append(row)
    return {'processes': found}


def parse_status(text: str) -> Status:
    """The lines of /proc/PID/status that concern us.

    :raises Refused: when one is missing or not understood
    """
    fields = dict(_field(line) for line in text.split('\n') if line)
    try:
        return Status(
            _ESCAPE.sub(_unescape, fields['Name']),
            _numbers(fields['Uid'], 4),
            _numbers(fields['Gid'], 4),
            _numbers(fields['Groups']),
        )
    except (KeyError, ValueError) as exc:
        raise _not_understood('/proc/PID/status', text) from exc


def parse_cgroup(text: str) -> str:
    """The control group of /proc/PID/cgroup that systemd made.

    :returns: its path; / where there is none
    :raises Refused: at a line that is none
    """
    found = '/'
    for line in text.split('\n'):
        parts = line.split(':', 2)
        if line and len(parts) < 3:
            raise _not_understood('/proc/PID/cgroup', text)
        if parts[1:2] in ([''], ['name=systemd']) and parts[2] != '/':
            found = parts[2]
    return found


def unit_of(cgroup: str) -> str:
    """The innermost unit of a control group's path; empty if there is none."""
    units = [part for part in cgroup.split('/') if _UNIT.fullmatch(part)]
    return units[-1] if units else ''


def guest_of(argv: List[str]) -> str:
    """The libvirt name in QEMU's arguments; empty for other programs.

    It is in ``-name guest=NAME,…``, where a comma in it is doubled.
    """
    program = os.path.basename(argv[0]) if argv else ''
    if not (program.startswith('qemu-') or program in ('kvm', 'qemu-kvm')):
        return ''
    if '-name' not in argv[:-1]:
        return ''
    value = argv[argv.index('-name') + 1]
    first = value.replace(',,', '\0').split(',')[0]
    name = first[6:] if first.startswith('guest=') else first
    return name.replace('\0', ',')


def _row(pid: int, uids: Set[int], gids: Set[int]) -> Optional[Dict[str, Any]]:
    status = parse_status(_read(pid, 'status'))
    under = _under(status, uids, gids)
    if not under:
        return None
    cgroup = parse_cgroup(_read(pid, 'cgroup'))
    argv = _read(pid, 'cmdline').split('\0')
    return {
        'pid': pid,
        'command': status.name,
        'unit': unit_of(cgroup),
        'cgroup': cgroup,
        'guest': guest_of(argv),
        'under': under,
    }


def _under(status: Status, uids: Set[int], gids: Set[int]) -> List[str]:
    found = [
        '{} uid {}'.format(*pair)
        for pair in zip(_KINDS, status.uids)
        if pair[1] in uids
    ]
    found += [
        '{} gid {}'.format(*pair)
        for pair in zip(_KINDS, status.gids)
        if pair[1] in gids
    ]
    return found + [
        f'supplementary gid {gid}' for gid in status.groups if gid in gids
    ]


def _read(pid: int, what: str) -> str:
    with open(f'/proc/{pid}/{what}', 'rb') as file:
        return os.fsdecode(file.read())


def _field(line: str) -> 'tuple[str, str]':
    key, colon, value = line.partition(':')
    if not colon:
        raise _not_understood('/proc/PID/status', line)
    return key, value[1:] if key == 'Name' else value.strip()


def _numbers(words: str, count: Optional[int] = None) -> List[int]:
    found = [int(word) for word in words.split()]
    if count is not None and len(found) != count:
        raise ValueError(words)
    return found


def _unescape(match: 're.Match[str]') -> str:
    return '\n' if match.group(1) == 'n' else '\\'


def _not_understood(file: str, text: str) -> Refused:
    return Refused(
        'bad-proc',
        f'{file} is not understood: {text[:500]!r}',
        file=file,
    )
