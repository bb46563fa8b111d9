# SPDX-License-Identifier: Apache-2.0
"""What the fence agent of the practice cloud does."""

from __future__ import annotations

import sys

from tests.cloud import files, hosts, paths, services

DONE = 0
FAILED = 1
IS_OFF = 2


def call(action: str, plug: str) -> int:
    status = _act(action, plug)
    files.append(
        paths.state() / 'fence.jsonl', action=action, plug=plug, status=status
    )
    return status


def _act(action: str, plug: str) -> int:
    if action == 'monitor':
        return DONE
    if plug not in hosts.names():
        print(f'fence_practice: no host {plug!r}', file=sys.stderr)
        return FAILED
    match action:
        case 'status':
            return DONE if services.powered(plug) else IS_OFF
        case 'on' | 'off' | 'reboot':
            return _switch(action, plug)
    print(f'fence_practice: no action {action!r}', file=sys.stderr)
    return FAILED


def _switch(action: str, plug: str) -> int:
    knobs = files.read(paths.host(plug) / 'knobs.json', {})
    match knobs.get('fence'):
        case 'fail':
            print(f'fence_practice: {plug} does not answer', file=sys.stderr)
            return FAILED
        case 'stuck':
            # The worst of agents: says "done", and did nothing.
            return DONE
    if action in ('off', 'reboot'):
        hosts.fail(plug)
    if action in ('on', 'reboot'):
        hosts.power(plug, on=True)
    return DONE
