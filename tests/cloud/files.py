# SPDX-License-Identifier: Apache-2.0
"""Small shared files: atomic JSON, and journals of JSON lines."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any


def read(path: pathlib.Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


def write_text(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f'.{path.name}.{os.getpid()}')
    aside.write_text(text)
    aside.replace(path)


def write(path: pathlib.Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, sort_keys=True))


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f'.{path.name}.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def update(
    path: pathlib.Path, default: Any, change: Callable[[Any], None]
) -> None:
    """Read, change in place and write, with no other writer in between."""
    with locked(path):
        value = read(path, default)
        change(value)
        write(path, value)


def append(path: pathlib.Path, **record: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({'time': time.time(), **record})
    # One write of less than a page in append mode is not torn by others.
    with open(path, 'a') as journal:
        journal.write(line + '\n')


def lines(path: pathlib.Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
