# SPDX-License-Identifier: Apache-2.0
"""Include in ~/.ssh/config, which paramiko passes over in silence.

What is included takes the place of the line, and the Host or Match that
the line stood under goes on behind it.
"""

import glob
import pathlib
import re
import shlex
from collections.abc import Iterator

_DEEPEST = 16  # as OpenSSH has it (readconf.c, READCONF_MAX_DEPTH)
_LINE = re.compile(r'\s*(\w+)(?:\s*=\s*|\s+)(.*)')


def read(path: pathlib.Path) -> str:
    """The text of a configuration, with all that it includes.

    :raises OSError: when a file cannot be read
    :raises ValueError: when it includes what cannot be told in one text
    """
    return '\n'.join(_lines(path, 'Host *', depth=0))


def _lines(path: pathlib.Path, block: str, *, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise ValueError(f'Include goes too deep: {path}')
    for line in path.read_text().splitlines():
        keyword, value = _split(line)
        if keyword in ('host', 'match'):
            block = line
        if keyword != 'include':
            yield line
            continue
        for file in _files(value):
            included = list(_lines(file, block, depth=depth + 1))
            _check(included, block)
            yield from included
            yield block


def _check(included: list[str], block: str) -> None:
    """Refuse a Host or Match that holds only where another one does."""
    if block.split()[1:] == ['*']:
        return
    for line in included:
        if line != block and _split(line)[0] in ('host', 'match'):
            raise ValueError(f'Include of {line!r} under {block!r}')


def _split(line: str) -> tuple[str, str]:
    found = _LINE.match(line)
    return (found[1].lower(), found[2].strip()) if found else ('', '')


def _files(value: str) -> list[pathlib.Path]:
    """The files that an Include names, relative ones to ~/.ssh."""
    folder = pathlib.Path('~/.ssh').expanduser()
    return [
        pathlib.Path(found)
        for pattern in shlex.split(value)
        for found in sorted(
            glob.glob(str(folder / pathlib.Path(pattern).expanduser()))
        )
    ]
