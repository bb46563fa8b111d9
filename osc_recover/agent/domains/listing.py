# SPDX-License-Identifier: Apache-2.0
"""Which domains a host has."""

import re
from typing import Any, Callable, Dict, Iterator, Set, Tuple

from osc_recover.agent import errors
from osc_recover.agent.domains import virsh

Tell = Callable[[Dict[str, Any]], None]

UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
# virDomainState of libvirt, in the words of virsh list.
STATES = (
    'no state', 'running', 'idle', 'paused', 'in shutdown', 'shut off',
    'crashed', 'pmsuspended',
)  # fmt: skip
_HEAD = re.compile(r"Domain: '(.*)'")
_STATE = re.compile(r'  state\.state=([0-9]+)')
_REASON = re.compile(r'  state\.reason=-?[0-9]+')


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Every domain of the host, running or not.

    :returns: ``domains``: uuid -> ``name``, ``state`` (as virsh list says)
        and ``persistent``
    :raises Refused: no-libvirt or libvirt-stopped; not-understood for a line
        that nobody knows
    """
    return {'domains': current(virsh.find())}


def current(shell: virsh.Virsh) -> Dict[str, Dict[str, Any]]:
    """The domains of now: uuid -> name, state, persistent."""
    names = uuids(shell.call('list', '--all', '--uuid', '--name'))
    kept = only_uuids(shell.call('list', '--all', '--uuid', '--persistent'))
    found = states(shell.call('domstats', '--state'))
    # One that is in one answer only has come or gone between the questions.
    return {
        uuid: {
            'name': name,
            'state': found[name],
            'persistent': uuid in kept,
        }
        for uuid, name in names.items()
        if name in found
    }


def uuids(text: str) -> Dict[str, str]:
    """What ``virsh list --uuid --name`` says: uuid -> name.

    :raises Refused: for a line that is not understood
    """
    return dict(_row(line) for line in text.split('\n') if line)


def only_uuids(text: str) -> Set[str]:
    """What ``virsh list --uuid`` says.

    :raises Refused: for a line that is not understood
    """
    lines = [line for line in text.split('\n') if line]
    for line in lines:
        if not UUID.fullmatch(line):
            raise odd('list', line)
    return set(lines)


def states(text: str) -> Dict[str, str]:
    """What ``virsh domstats --state`` says: name -> state.

    :raises Refused: for a line that is not understood
    """
    return dict(_stated(part) for part in _parts(text))


def odd(command: str, text: str) -> errors.Refused:
    """The error for words of virsh that nobody knows."""
    return errors.Refused(
        'not-understood', f'virsh {command} says {text[:200]!r}'
    )


def _row(line: str) -> Tuple[str, str]:
    uuid, _, name = line.partition(' ')
    # It is padded with blanks.
    name = name.strip(' ')
    if not UUID.fullmatch(uuid) or not name:
        raise odd('list', line)
    return uuid, name


def _parts(text: str) -> Iterator[str]:
    for part in text.split('\n\n'):
        if part.strip('\n'):
            yield part.strip('\n')


def _stated(part: str) -> Tuple[str, str]:
    head, *lines = part.split('\n')
    name = _HEAD.fullmatch(head)
    found = [_STATE.fullmatch(line) for line in lines]
    known = [int(match.group(1)) for match in found if match]
    rest = [line for line, match in zip(lines, found) if not match]
    clear = all(_REASON.fullmatch(line) for line in rest)
    if not name or not clear or len(known) != 1 or known[0] >= len(STATES):
        raise odd('domstats', part)
    return name.group(1), STATES[known[0]]
