# SPDX-License-Identifier: Apache-2.0
"""What a change will do, object by object, written into its manifest."""

import functools
import os
from typing import Any, Dict, List, Set, Tuple

from osc_recover.agent.errors import Refused
from osc_recover.agent.tree import acl, labels, objects
from osc_recover.agent.tree import args as tree_args
from osc_recover.agent.tree.args import Maps, Pace
from osc_recover.agent.tree.manifest import Entry, Writer
from osc_recover.agent.tree.sorts import EVERY
from osc_recover.agent.tree.walk import Found, Walk

_BAD = (acl.BadAcl, labels.BadLabel)
_KIND, _DIRECTORY = 0o170000, 0o040000


class Listed:
    """What a manifest was made of, beside its entries.

    :ivar left_out: what was not walked, and why
    :ivar taken: objects that had a new number before, and so are not listed
        for it
    """

    def __init__(self) -> None:
        self.left_out: List[Dict[str, str]] = []
        self.taken = 0


def write(
    args: Dict[str, Any], maps: Maps, roots: List[str], path: str, pace: Pace
) -> Listed:
    """Write the manifest of a change; there is none, or a whole one.

    :param args: ``skip``, paths not to enter, and ``attributes``
    :param path: where it is to lie
    :raises Refused: when something cannot be read, or there is no room
    """
    attributes = tree_args.attributes(args, EVERY)
    writer = Writer(path, header(roots, maps))
    linked: Set[Tuple[int, int]] = set()
    listed, news = Listed(), maps.news()

    def wanted(uid: int, gid: int) -> bool:
        return maps.wanted(uid, gid) or news.wanted(uid, gid)

    try:
        for number, root in enumerate(roots):
            apart = tree_args.apart(args, roots, root)
            told = functools.partial(pace, 'listing', root=root)
            walk = Walk(root, wanted, apart, attributes, told)
            listed.taken += _list(walk, number, writer, maps, linked)
            _check_trouble(walk)
            listed.left_out += walk.left_out
        writer.finish()
    except BaseException:
        writer.drop()
        raise
    return listed


def header(roots: List[str], maps: Maps) -> Dict[str, Any]:
    """What a manifest says of the change and of where it was listed."""
    return {
        'host': os.uname().nodename,
        'boot': boot_id(),
        'roots': [_identity(root) for root in roots],
        'uids': {str(old): new for old, new in maps.uids.items()},
        'gids': {str(old): new for old, new in maps.gids.items()},
    }


def boot_id() -> str:
    """The kernel's name for the time since it was started."""
    with open('/proc/sys/kernel/random/boot_id') as file:
        return file.read().strip()


def _list(
    walk: Walk,
    number: int,
    writer: Writer,
    maps: Maps,
    linked: Set[Tuple[int, int]],
) -> int:
    """List what is below a root; returns how many have new numbers."""
    taken, news = 0, maps.news()

    def hand(directory: bytes, found: List[Found]) -> None:
        nonlocal taken
        taken += sum(news.wanted(*one.status[4:6]) for one in found)
        entries = _entries(walk, found, maps, linked)
        if entries:
            writer.directory(number, directory)
            for entry in entries:
                writer.entry(entry)

    walk.run(hand)
    return taken


def _entries(
    walk: Walk,
    found: List[Found],
    maps: Maps,
    linked: Set[Tuple[int, int]],
) -> List[Entry]:
    entries = []
    for one in found:
        if _is_known(one.status, linked):
            continue
        try:
            entry = objects.planned(one, maps)
        except _BAD as exc:
            walk.say(one.name, str(exc))
            continue
        if entry is not None:
            entries.append(entry)
    return entries


def _is_known(status: os.stat_result, linked: Set[Tuple[int, int]]) -> bool:
    """Whether it has more than one name, and we had another one of them."""
    if status.st_nlink == 1 or status.st_mode & _KIND == _DIRECTORY:
        return False
    identity = status.st_dev, status.st_ino
    known = identity in linked
    linked.add(identity)
    return known


def _check_trouble(walk: Walk) -> None:
    if walk.trouble:
        first = walk.trouble[0]
        raise Refused(
            'unreadable',
            f'nothing was changed, as {len(walk.trouble)} objects below '
            f'{walk.root} could not be read: {first["path"]}: '
            + first['error'],
            samples=walk.trouble[: tree_args.SAMPLES],
        )


def _identity(root: str) -> Dict[str, Any]:
    status = os.stat(root)
    return {'path': root, 'dev': status.st_dev, 'ino': status.st_ino}
