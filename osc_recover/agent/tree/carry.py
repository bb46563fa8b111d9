# SPDX-License-Identifier: Apache-2.0
"""A manifest, walked from end to end."""

import contextlib
import os
from typing import Any, Callable, Dict, List, Optional

from osc_recover.agent.errors import Refused
from osc_recover.agent.tree import args as tree_args
from osc_recover.agent.tree import listing, objects
from osc_recover.agent.tree.args import Pace
from osc_recover.agent.tree.chain import Chain, Moved
from osc_recover.agent.tree.manifest import Entry, Manifest
from osc_recover.agent.tree.objects import Direction

FAILED = 'failed'
_FINE = (objects.CHANGED, objects.ALREADY)
_EVERY = 500  # entries between two looks at the clock

Act = Callable[[int, Entry, Direction], str]


def carry_out(
    found: Manifest, way: Direction, act: Act, pace: Pace
) -> Dict[str, Any]:
    """Do something with every object of a manifest.

    :param act: such as ``objects.bring``
    :returns: ``manifest``, ``listed``, ``counts`` by outcome, and ``samples``
        of what is not as it should be
    """
    counts: Dict[str, int] = {}
    samples: List[Dict[str, str]] = []
    with contextlib.ExitStack() as stack:
        os.chdir(objects.HANDLES)
        stack.callback(os.chdir, '/')
        roots = [_Root(header, found, way) for header in found.header['roots']]
        for root in roots:
            stack.callback(root.close)
        for done, (number, directory, entry) in enumerate(found):
            root = roots[number]
            what = root.act(directory, entry, act)
            counts[what] = count = counts.get(what, 0) + 1
            if what not in _FINE and count <= tree_args.SAMPLES:
                samples.append(root.sample(entry, what))
            if not done % _EVERY:
                pace('changing', done, of=found.count)
    return {
        'manifest': found.path,
        'listed': found.count,
        'counts': counts,
        'samples': samples,
    }


def check_host(found: Manifest) -> None:
    """Make sure that a manifest was written here.

    :raises Refused: when it was not
    """
    host = found.header['host']
    if host != os.uname().nodename:
        raise Refused(
            'other-host',
            f'the manifest {found.path} was written on {host}',
            manifest=found.path,
            host=host,
        )


class _Root:
    """A root of a manifest, and the directory below it that we are in."""

    def __init__(
        self, header: Dict[str, Any], found: Manifest, way: Direction
    ) -> None:
        self._header = header
        self._same_boot = found.header['boot'] == listing.boot_id()
        self._way = way
        self._directory: Optional[bytes] = None
        self._chain: Optional[Chain] = None
        self._fd = -1
        self._problem, self._error = '', ''

    def act(self, directory: bytes, entry: Entry, act: Act) -> str:
        """The outcome for an entry of a directory."""
        if directory is not self._directory:
            self._directory = directory
            self._go(directory)
        if self._problem:
            return self._problem
        try:
            return act(self._fd, entry, self._way)
        except OSError as exc:
            self._error = exc.strerror or str(exc)
            return FAILED

    def sample(self, entry: Entry, what: str) -> Dict[str, str]:
        """What to tell of the outcome for an entry."""
        parts = [os.fsencode(self._header['path'].rstrip('/'))]
        parts += [p for p in (self._directory, entry.name) if p and p != b'.']
        path = os.fsdecode(b'/'.join(parts)) or '/'
        error = self._error if what == FAILED else ''
        return {'path': path, 'what': what, 'error': error}

    def close(self) -> None:
        if self._chain is not None:
            self._chain.close()

    def _go(self, directory: bytes) -> None:
        self._problem = ''
        try:
            chain = self._open()
            chain.go(directory.split(b'/') if directory else [])
            self._fd = chain.fd
        except (FileNotFoundError, NotADirectoryError, Moved):
            self._problem = objects.GONE
        except OSError as exc:
            self._problem = FAILED
            self._error = exc.strerror or str(exc)

    def _open(self) -> Chain:
        if self._chain is None:
            self._chain = Chain(os.fsencode(self._header['path']))
            self._check(self._chain)
        return self._chain

    def _check(self, chain: Chain) -> None:
        """Another file system there, or none, has none of our objects."""
        dev, ino = self._header['dev'], self._header['ino']
        if chain.ino != ino or (self._same_boot and chain.dev != dev):
            raise Moved(self._header['path'])
        if not self._same_boot:
            self._way = self._way._replace(devices={dev: chain.dev})
