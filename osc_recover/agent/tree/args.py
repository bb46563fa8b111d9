# SPDX-License-Identifier: Apache-2.0
"""What the operations on trees are asked for, made sure of."""

import os
import time
from typing import Any, Callable, Dict, List, NamedTuple

from osc_recover.agent import mounts
from osc_recover.agent.errors import Refused

HIGHEST = 0xFFFFFFFE  # chown(2) takes the one above for "leave it"
SAMPLES = 20
_READ_ONLY = 1  # ST_RDONLY
_EVERY = 0.4  # seconds between two progress events

Tell = Callable[[Dict[str, Any]], None]


class Maps(NamedTuple):
    """Old numbers -> new ones, all of them at once."""

    uids: Dict[int, int]
    gids: Dict[int, int]

    def wanted(self, uid: int, gid: int) -> bool:
        """Whether an object of this owner changes."""
        return uid in self.uids or gid in self.gids

    def news(self) -> 'Maps':
        """The new numbers that are no old ones, as if they were.

        What has one of them will be that account's.
        """
        return Maps(_news(self.uids), _news(self.gids))

    def overlap(self) -> 'Maps':
        """The part whose old numbers are also new ones.

        Of an object with such a number nobody can tell by the number whether
        it was changed.
        """
        return Maps(_overlap(self.uids), _overlap(self.gids))

    def rest(self) -> 'Maps':
        """The part whose old numbers are nobody's after the change."""
        overlap = self.overlap()
        return Maps(
            {k: v for k, v in self.uids.items() if k not in overlap.uids},
            {k: v for k, v in self.gids.items() if k not in overlap.gids},
        )


class Pace:
    """Tells of progress, a few times a second at most."""

    def __init__(self, tell: Tell, clock: Callable[[], float]) -> None:
        self._tell, self._clock = tell, clock
        self._due = clock() + _EVERY

    def __call__(self, phase: str, done: int, **more: Any) -> None:
        now = self._clock()
        if now >= self._due:
            self._due = now + _EVERY
            self._tell({'phase': phase, 'done': done, **more})


def pace(tell: Tell) -> Pace:
    """A pace by the clock of this host."""
    return Pace(tell, time.monotonic)


def maps(args: Dict[str, Any], *, empty: bool = False) -> Maps:
    """The maps ``uids`` and ``gids``; numbers are text in JSON keys.

    :param args: ``merge`` says that two numbers may become the same one: those
        of one account on two hosts that share files
    :param empty: whether there may be none
    :raises Refused: at a number out of range, 0, two accounts that would get
        the same one, or no change at all
    """
    merge = bool(args.get('merge'))
    found = Maps(
        _map(args.get('uids', {}), merge), _map(args.get('gids', {}), merge)
    )
    if not found.uids and not found.gids and not empty:
        raise Refused('no-numbers', 'no number is to be changed')
    return found


def roots(args: Dict[str, Any], *, writable: bool) -> List[str]:
    """The directories to walk, each once.

    :param writable: whether they are going to be written to
    :raises Refused: when one is no directory, has a link in its path, or is
        on a file system that is mounted read-only
    """
    found = list(dict.fromkeys(args.get('roots', [])))
    if not found:
        raise Refused('no-roots', 'no directory is named')
    for root in found:
        _check_root(root, writable)
    return found


def apart(
    args: Dict[str, Any], walked: List[str], root: str
) -> Dict[str, str]:
    """What not to enter below a root: absolute path -> why.

    :param walked: all the roots; each is walked for itself
    """
    found = {
        mount.point: f'a mount ({mount.kind})' for mount in mounts.current()
    }
    found.update(dict.fromkeys(walked, 'walked for itself'))
    found.update(dict.fromkeys(args.get('skip', []), 'left out'))
    found.pop(root, None)
    return found


def attributes(args: Dict[str, Any], default: str) -> str:
    """Whose attributes are looked into, see ``Walk``.

    :raises Refused: at another word
    """
    word = args.get('attributes', default)
    if word not in ('every', 'owned', 'none'):
        raise Refused('bad-attributes', f'attributes: {word!r} is unknown')
    return str(word)


def is_layered(dev: int) -> bool:
    """Whether a file system, by ``st_dev``, is made of others (an overlay)."""
    device = os.major(dev), os.minor(dev)
    return any(
        mount.device == device and mount.kind in mounts.OVERLAY
        for mount in mounts.current()
    )


def _check_root(root: str, writable: bool) -> None:
    if not os.path.isabs(root) or os.path.realpath(root) != root:
        raise Refused(
            'bad-root',
            f'{root} is not an absolute path without links in it',
            root=root,
        )
    try:
        os.close(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        flags = os.statvfs(root).f_flag
    except OSError as exc:
        raise Refused(
            'bad-root', f'{root}: {exc.strerror}', root=root
        ) from exc
    if writable and flags & _READ_ONLY:
        raise Refused('read-only', f'{root} is mounted read-only', root=root)


def _map(numbers: Dict[Any, Any], merge: bool) -> Dict[int, int]:
    found = {number(old): number(new) for old, new in numbers.items()}
    found = {old: new for old, new in found.items() if old != new}
    if len(set(found.values())) < len(found) and not merge:
        raise Refused(
            'merged-numbers',
            'two numbers would become the same one, and could not be told '
            'apart again',
        )
    return found


def number(word: Any) -> int:
    """A uid or gid that an account may have.

    :raises Refused: when it is none, root's, or out of range
    """
    text = str(word)
    value = int(text) if text.isdigit() and text.isascii() else -1
    if not 0 < value <= HIGHEST or isinstance(word, bool):
        raise Refused(
            'bad-number',
            f'{text} is no number for an account: 1 to {HIGHEST} are',
            number=text,
        )
    return value


def _news(numbers: Dict[int, int]) -> Dict[int, int]:
    return {new: new for new in numbers.values() if new not in numbers}


def _overlap(numbers: Dict[int, int]) -> Dict[int, int]:
    new = set(numbers.values())
    return {old: numbers[old] for old in numbers if old in new}
