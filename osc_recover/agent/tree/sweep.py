# SPDX-License-Identifier: Apache-2.0
"""Several trees looked over and counted, by several processes if large."""

import functools
from typing import Any, Callable, Dict, Iterable, List

from osc_recover.agent.tree import acl, labels
from osc_recover.agent.tree import args as tree_args
from osc_recover.agent.tree import workers as tree_workers
from osc_recover.agent.tree.args import SAMPLES, Pace
from osc_recover.agent.tree.sorts import EVERY
from osc_recover.agent.tree.walk import Found, Walk

_BAD = (acl.BadAcl, labels.BadLabel)
_SMALL = 20_000  # objects; below that a worker costs more than it brings
_SHARES = 4  # directories a worker, at least, so that none ends much later

Rows = Dict[str, Dict[str, Dict[str, Any]]]


class Tally:
    """Counts by section and kind, with the first few paths of each."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def add(self, section: str, kinds: Iterable[str], path: str) -> None:
        """Count one of each kind, of this path."""
        for kind in kinds:
            self._add(section, kind, 1, [path])

    def merge(self, rows: Rows) -> None:
        """Add what somebody else has counted."""
        for section, kinds in rows.items():
            for kind, row in kinds.items():
                self._add(section, kind, row['count'], row['samples'])

    def _add(
        self, section: str, kind: str, count: int, samples: List[str]
    ) -> None:
        kinds = self.rows.setdefault(section, {})
        row = kinds.setdefault(kind, {'count': 0, 'samples': []})
        row['count'] += count
        if len(row['samples']) < SAMPLES:
            row['samples'] = (row['samples'] + samples)[:SAMPLES]


Count = Callable[[Tally, str, Found], None]


class Sweep:
    """Counts the objects below some roots.

    :param wanted: which owners are looked at, as for ``Walk``
    :param count: counts an object, of this path
    :param attributes: as for ``Walk``
    """

    def __init__(
        self,
        wanted: Callable[[int, int], bool],
        count: Count,
        attributes: str = EVERY,
    ) -> None:
        self._wanted, self._count = wanted, count
        self._attributes = attributes
        self._tally = Tally()
        self._entries = 0
        self._left_out: List[Dict[str, str]] = []
        self._trouble: List[Dict[str, str]] = []

    def run(self, args: Dict[str, Any], pace: Pace) -> Dict[str, Any]:
        """Look at everything.

        :param args: ``roots`` and ``skip``
        :returns: the tally's sections, ``entries``, ``left_out``, ``trouble``
        """
        roots = tree_args.roots(args, writable=False)
        for root in roots:
            apart = tree_args.apart(args, roots, root)
            told = functools.partial(pace, 'looking', root=root)
            self._over(
                Walk(root, self._wanted, apart, self._attributes, told), told
            )
        return {
            **self._tally.rows,
            'entries': self._entries,
            'left_out': self._left_out,
            'trouble': self._trouble,
        }

    def _over(self, walk: Walk, told: Callable[[int], None]) -> None:
        hand = functools.partial(self._hand, walk)
        workers = tree_workers.number()
        with walk:
            left = walk.begin(hand, _SMALL)
            if workers > 1 and len(left) >= workers * _SHARES:
                self._share(walk, left, workers, told)
            else:
                for names in left:
                    walk.follow(names, hand)
                self._take(self._said(walk))

    def _share(
        self,
        walk: Walk,
        left: List[List[bytes]],
        workers: int,
        told: Callable[[int], None],
    ) -> None:
        hand = functools.partial(self._hand, walk)
        mine = self._said(walk)
        self._tally = Tally()
        walk.forget()

        def work(task: int) -> int:
            walk.follow(left[task], hand)
            return walk.entries

        said = tree_workers.spread(
            len(left), workers, work, lambda: self._said(walk), told
        )
        for one in [mine, *said]:
            self._take(one)

    def _hand(self, walk: Walk, directory: bytes, found: List[Found]) -> None:
        for one in found:
            try:
                self._count(self._tally, walk.path(one.name), one)
            except _BAD as exc:
                walk.say(one.name, str(exc))

    def _said(self, walk: Walk) -> Dict[str, Any]:
        return {
            'rows': self._tally.rows,
            'entries': walk.entries,
            'left_out': walk.left_out,
            'trouble': walk.trouble,
        }

    def _take(self, said: Dict[str, Any]) -> None:
        if said['rows'] is not self._tally.rows:
            self._tally.merge(said['rows'])
        self._entries += said['entries']
        self._left_out += said['left_out']
        self._trouble += said['trouble']
