# SPDX-License-Identifier: Apache-2.0
"""A virsh that tells what a fake hypervisor of the practice cloud has.

It prints what virsh 9.0 of Debian 12 prints with -q and LC_ALL=C.  Its first
word is the file of the guests; a host without one has none.
"""

import json
import pathlib
import sys

_STATES = {1: 1, 3: 3, 4: 5}  # nova's power states -> libvirt's


def virsh(guests: str, words: list[str]) -> str:
    """What it prints."""
    if words == ['--version']:
        return '9.0.0'
    path = pathlib.Path(guests)
    known = json.loads(path.read_text()) if path.exists() else {}
    command = words[3:]
    if command == ['list', '--all', '--uuid', '--name']:
        return ''.join(f'{u} {g["domain"]}\n' for u, g in known.items())
    if command == ['list', '--all', '--uuid', '--persistent']:
        return ''.join(f'{u}\n' for u in known)
    assert command == ['domstats', '--state'], command
    return ''.join(
        f"Domain: '{g['domain']}'\n  state.state={_STATES[g['power']]}\n"
        '  state.reason=1\n\n'
        for g in known.values()
    )


if __name__ == '__main__':
    print(virsh(sys.argv[1], sys.argv[2:]))
