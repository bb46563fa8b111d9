# SPDX-License-Identifier: Apache-2.0
"""Where the bed keeps things: the tree in the cache, the hosts beside it.

The hosts are not below the practice cloud's state, because a wipe of that
would go through their mounts.
"""

from __future__ import annotations

import os
import pathlib

from tests.cloud import paths

HERE = pathlib.Path(__file__).resolve().parent
RECIPE = HERE / 'recipe'
CONF = HERE / 'conf'


def state() -> pathlib.Path:
    named = os.environ.get('OSC_RECOVER_HOSTS')
    return pathlib.Path(named).absolute() if named else paths.cache() / 'hosts'


def tree(recipe: pathlib.Path = RECIPE) -> pathlib.Path:
    """The root tree that a recipe makes; it need not be there yet."""
    parts = (path.read_bytes() for path in sorted(recipe.iterdir()))
    return paths.cache() / f'tree-{paths.digest(*parts)}'


def host(name: str) -> pathlib.Path:
    """A host's own folder.

    In it: own (what only this host has, below all it writes), up (what was
    written since it was made), work (the overlay's) and root (all together).
    """
    return state() / 'each' / name


def record() -> pathlib.Path:
    return state() / 'bed.json'


def key() -> pathlib.Path:
    return state() / 'key'


def public_key() -> pathlib.Path:
    return state() / 'key.pub'


def known_hosts() -> pathlib.Path:
    return state() / 'known_hosts'
