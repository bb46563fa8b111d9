# SPDX-License-Identifier: Apache-2.0
"""One session closed, if it still is the one that was meant."""

from typing import Any, Callable, Dict

from osc_recover.agent import errors, hello
from osc_recover.agent.links import iscsiadm, use
from osc_recover.agent.state import sessions

Tell = Callable[[Dict[str, Any]], None]


def close(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Close a session by its number, and no other.

    :param args: ``number``; ``target`` that it must lead to; ``boot_id`` of
        the boot in which it had this number; ``servers`` whose guests may
        have its disks
    :raises Refused: rebooted, no-session, other-target, in-use, or what
        iscsiadm says; nothing was closed then
    """
    number, target = int(args['number']), args['target']
    if hello.boot_id() != args['boot_id']:
        raise errors.Refused(
            'rebooted', 'the host was booted since the session was seen'
        )
    found = [one for one in sessions.show() if one['number'] == number]
    if not found:
        raise errors.Refused('no-session', f'there is no session {number}')
    if found[0]['target'] != target:
        raise errors.Refused(
            'other-target',
            f'session {number} leads to {found[0]["target"]}',
        )
    used = use.uses(found[0], args['servers'])
    if used:
        raise errors.Refused(
            'in-use',
            f'its disks are in use on the host: {", ".join(used)}',
            advice='end that first; what it has not written would be lost',
        )
    # A disk that does not answer may have kept us waiting.
    tell({'unused': number})
    # Without -r, all sessions of the host would be closed.
    iscsiadm.iscsiadm(['-m', 'session', '-r', str(number), '-u'])
    return {}
