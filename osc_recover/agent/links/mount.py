# SPDX-License-Identifier: Apache-2.0
"""File systems on the disks of sessions, mounted where they were."""

import os
from typing import Any, Callable, Dict, Optional

from osc_recover.agent import errors, mounts, run
from osc_recover.agent.links import groups, use
from osc_recover.agent.state import sessions

Tell = Callable[[Dict[str, Any]], None]
_SECONDS = 120.0  # a journal may have to be replayed
# What the kernel calls a disk that it has mounted without an initramfs.
_ROOT = '/dev/root'
# As fstab(5) names what is not a path.
_TAGS = {
    'UUID': 'by-uuid',
    'LABEL': 'by-label',
    'PARTUUID': 'by-partuuid',
    'PARTLABEL': 'by-partlabel',
}


def look(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Whether a source is mounted at a point.

    :param args: ``source``, ``point``
    :returns: ``mounted``, and ``other``: what else is mounted there
    """
    there = _at(args['point'])
    if there is None:
        return {'mounted': False, 'other': ''}
    path = path_of(args['source'])
    same = there.source == path or use.number(path) in (
        there.device,
        # The number of a file system of Btrfs is that of no device.
        use.number(there.source) or there.device,
    )
    return {'mounted': same, 'other': '' if same else there.source}


def mount(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Mount a file system that lies on a disk of targets.

    :param args: ``source``, ``point``, ``kind``, ``options``, ``targets``
    :raises Refused: occupied, no-point, no-source, elsewhere, or what mount
        says
    """
    seen = look(args, tell)
    if seen['mounted']:
        return {}
    point, source = args['point'], path_of(args['source'])
    if seen['other']:
        raise errors.Refused(
            'occupied', f'{seen["other"]} is mounted at {point}'
        )
    if not os.path.isdir(point):
        raise errors.Refused('no-point', f'there is no directory {point}')
    if use.number(source) is None:
        raise errors.Refused(
            'no-source',
            f'there is no {args["source"]}',
            advice='see lsblk -f there',
        )
    ours = groups.disks(args['targets'])
    if os.path.basename(os.path.realpath(source)) not in ours:
        raise errors.Refused(
            'elsewhere',
            f'{args["source"]} is on no disk of {", ".join(args["targets"])}',
            advice='mount it by hand, if it is the right one: lsblk -f',
        )
    options = ','.join(args['options']) or 'defaults'
    run.run(
        ['mount', '-t', args['kind'], '-o', options, '--', source, point],
        timeout=_SECONDS,
        expect=[0],
    )
    return {}


def path_of(source: str) -> str:
    """Where the device of a first field of fstab is."""
    tag, equals, value = source.partition('=')
    if equals and tag in _TAGS:
        value = value.strip('"')
        return f'/dev/disk/{_TAGS[tag]}/{"".join(map(_of_udev, value))}'
    return source


def _of_udev(letter: str) -> str:
    """A letter as udev has it in names; what none may have is \\xNN."""
    if letter.isalnum() or letter in '#+-.:=@_':
        return letter
    data = os.fsencode(letter)
    # One of several bytes is UTF-8, and stays (encode_devnode_string()).
    return letter if len(data) > 1 else f'\\x{data[0]:02x}'


def source_of(point: str) -> str:
    """What is mounted at a point, or ''."""
    there = _at(point)
    if there is None or there.source != _ROOT or os.path.exists(_ROOT):
        return there.source if there else ''
    number = ':'.join(map(str, there.device))
    folder = os.path.join(sessions.SYS, 'dev/block', number)
    return f'/dev/{os.path.basename(os.path.realpath(folder))}'


def _at(point: str) -> Optional[mounts.Mount]:
    return mounts.shown(mounts.current()).get(os.path.realpath(point))
