# SPDX-License-Identifier: Apache-2.0
"""Kernel limits that about ten systemd containers use up.

Past them, a host has a pid 1 that starts nothing and says nothing.
"""

from __future__ import annotations

import pathlib

WANTED = {
    'fs/inotify/max_user_instances': 65536,
    'fs/inotify/max_user_watches': 1048576,
    'kernel/keys/maxbytes': 2000000,
    'kernel/keys/maxkeys': 20000,
}
_SYS = pathlib.Path('/proc/sys')


def raised() -> dict[str, int]:
    """Raise those that are lower; returns what they were."""
    before = {}
    for name, wanted in WANTED.items():
        now = int((_SYS / name).read_text())
        if now < wanted:
            (_SYS / name).write_text(str(wanted))
            before[name] = now
    return before


def put_back(before: dict[str, int]) -> None:
    """Put them back, unless somebody else has changed them meanwhile."""
    for name, value in before.items():
        if int((_SYS / name).read_text()) == WANTED[name]:
            (_SYS / name).write_text(str(value))
