# SPDX-License-Identifier: Apache-2.0
"""Run one short command to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.hosts import errors

Done = subprocess.CompletedProcess[str]


def call(argv: Sequence[str], feed: str = '', timeout: float = 60) -> str:
    """What it printed.

    :raises errors.BedError: when it failed, was not there or did not end
    """
    return checked(run(argv, feed, timeout), argv)


def run(
    argv: Sequence[str],
    feed: str = '',
    timeout: float = 60,
    env: dict[str, str] | None = None,
) -> Done:
    """Its end, whatever that was."""
    try:
        return subprocess.run(
            argv,
            input=feed,
            capture_output=True,
            text=True,
            errors='replace',
            timeout=timeout,
            env=env,
            check=False,
        )
    except FileNotFoundError as exc:
        raise errors.BedError(
            f'{argv[0]} is missing; run "up" as root, which installs it'
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise errors.BedError(
            f'{" ".join(argv)}: no end after {timeout:g} s'
        ) from exc


def checked(done: Done, argv: Sequence[str]) -> str:
    if done.returncode:
        raise errors.BedError(
            f'{" ".join(argv)} ended with status {done.returncode}: '
            f'{(done.stderr or done.stdout).strip()[-500:]}'
        )
    return done.stdout
