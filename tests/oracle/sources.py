# SPDX-License-Identifier: Apache-2.0
"""Whether what an excuse cites is where it says."""

from __future__ import annotations

import pathlib

from tests.cloud import paths
from tests.oracle.allowed import Allowed


def installed() -> bool:
    """Whether the sources of the practice cloud are on this machine."""
    return paths.venv().exists()


def cited(entry: Allowed) -> str:
    """The line that an entry cites, or all of a file of our own.

    Of nova and others a release's line is named; our own lines move.
    """
    name, _, line = entry.source.partition(':')
    if not line:
        return (paths.REPOSITORY / name).read_text()
    [file] = paths.venv().glob(f'lib/python3*/site-packages/{name}')
    return _line(file, int(line))


def _line(file: pathlib.Path, number: int) -> str:
    return file.read_text().splitlines()[number - 1]
