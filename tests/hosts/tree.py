# SPDX-License-Identifier: Apache-2.0
"""Root trees: Debian 12, such as a compute host has it.

Made once by mmdebstrap from the mirror that apt has on this machine, kept in
the cache, and made anew when its recipe has changed.
"""

from __future__ import annotations

import os
import pathlib
import shlex

from tests import packages
from tests.cloud import commands
from tests.hosts import calls, errors, paths

SUITE = 'bookworm'
_UNREAD = ('doc', 'info', 'locale', 'man')


def build() -> None:
    """Have the tree of the bed's hosts."""
    made(paths.RECIPE)


def made(recipe: pathlib.Path) -> pathlib.Path:
    """The tree of a recipe; two minutes when it is not there.

    :param recipe: a folder with ``packages`` and ``customize``
    :raises errors.BedError: when apt knows no Debian mirror
    :raises tests.cloud.errors.CloudError: when mmdebstrap fails
    """
    tree = paths.tree(recipe)
    if tree.exists():
        return tree
    # Aside first, so that a cut-off tree is never taken for a whole one.
    aside = tree.with_name(f'{tree.name}.aside')
    _remove(aside)
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        commands.run('tree', _mmdebstrap(recipe, str(aside)))
        aside.rename(tree)
    finally:
        _remove(aside)
    return tree


def _remove(folder: pathlib.Path) -> None:
    # What it mounted there for dpkg may still be.
    argv = ['rm', '-rf', '--one-file-system', str(folder)]
    calls.call(argv, timeout=300)


def _mmdebstrap(recipe: pathlib.Path, target: str) -> list[str]:
    customize = shlex.quote(str(recipe / 'customize'))
    lines = (recipe / 'packages').read_text().splitlines()
    wanted = [line for line in lines if not line.startswith('#')]
    return [
        *('timeout', '900'),
        'mmdebstrap',
        '--mode=root',
        '--variant=minbase',
        f'--include={",".join(wanted)}',
        *(f'--dpkgopt=path-exclude=/usr/share/{n}/*' for n in _UNREAD),
        '--dpkgopt=force-unsafe-io',
        f'--customize-hook=sh {customize} "$1"',
        SUITE,
        target,
        _mirror(),
    ]


def _mirror() -> str:
    if named := os.environ.get('OSC_RECOVER_DEBIAN'):
        return named
    found = _mirrors()
    if not found:
        # Whose a mirror is, apt tells only when it has its lists.
        packages.update()
        found = _mirrors()
    if not found:
        raise errors.BedError(
            'apt on this machine has no Debian mirror to make hosts from; '
            'add one to its sources, or set OSC_RECOVER_DEBIAN to its URL'
        )
    return found[0]


def _mirrors() -> list[str]:
    ask = ['apt-get', 'indextargets', '--format', '$(SITE) $(LABEL)']
    answer = calls.call([*ask, 'Created-By: Packages'])
    rows = (line.split() for line in answer.splitlines())
    return [row[0] for row in rows if row[1:] == ['Debian']]
