# SPDX-License-Identifier: Apache-2.0
"""What is mounted on this machine, mounted on a host that runs.

A host has a mount name space of its own; mount(8) cannot reach into it with
what only this machine has.
"""

from __future__ import annotations

import pathlib
import sys

from tests.hosts import calls, machine

# open_tree(2), setns(2), move_mount(2); of the same numbers everywhere.
_MOVE = """
import ctypes, os, sys
source, name_space, target = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def done(result):
    if result < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    return result
tree = done(libc.syscall(428, -100, os.fsencode(source), 0x80001))
done(libc.setns(os.open(name_space, os.O_RDONLY), 0x20000))
done(libc.syscall(429, tree, b'', -100, os.fsencode(target), 4))
"""


def mount(host: str, source: pathlib.Path, target: pathlib.Path) -> None:
    """Have a host see, at target, what is mounted at source here.

    :raises errors.BedError: when it cannot
    """
    space = f'/proc/{machine.init(host)}/ns/mnt'
    words = [sys.executable, '-I', '-S', '-c', _MOVE]
    which = [str(source), space, str(target)]
    calls.checked(calls.run([*words, *which]), which)
