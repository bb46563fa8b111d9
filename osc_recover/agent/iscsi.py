# SPDX-License-Identifier: Apache-2.0
"""The iSCSI sessions of a host."""

import os
import re
from typing import Any, Callable, Dict, List

from osc_recover.agent import errors, run

NO_SESSIONS = 21  # ISCSI_ERR_NO_OBJS_FOUND
# Of the kernel; iscsiadm may be in a container only, as kolla's is.
_SESSIONS = '/sys/class/iscsi_session'
_LINE = re.compile(
    r'[a-z0-9_]+: \[([0-9]+)\] (\[[0-9a-fA-F:.]+\]:[0-9]+|[^ ,\[\]]+)'
    r',-?[0-9]+ ([^ ]+)(?: \([a-z-]+\))?'
)


def sessions(
    args: Dict[str, Any], tell: Callable[[Dict[str, Any]], None]
) -> Dict[str, Any]:
    """Every session, by whatever it was made.

    :returns: ``sessions``, each with ``number``, ``portal`` and ``target``
    :raises Refused: for what iscsiadm says and nobody knows, and when there
        are sessions and no iscsiadm
    """
    argv = ['iscsiadm', '-m', 'session']
    try:
        done = run.run(argv, expect=[0, NO_SESSIONS])
    except errors.Refused as exc:
        if exc.code != 'no-program':
            raise
        if _has_sessions():
            raise errors.Refused(
                'no-program',
                'there are iSCSI sessions, and no iscsiadm to list them',
                advice='look where it is: docker (or podman) exec iscsid '
                'iscsiadm -m session',
            ) from exc
        return {'sessions': []}
    return {'sessions': parse(done.text) if done.code == 0 else []}


def parse(said: str) -> List[Dict[str, Any]]:
    """What ``iscsiadm -m session`` says.

    :raises Refused: for a line that is not understood
    """
    return [_session(line) for line in said.split('\n') if line]


def _session(line: str) -> Dict[str, Any]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise errors.Refused(
            'not-understood', f'iscsiadm -m session says {line[:200]!r}'
        )
    number, portal, target = match.groups()
    return {'number': int(number), 'portal': portal, 'target': target}


def _has_sessions() -> bool:
    return os.path.isdir(_SESSIONS) and bool(os.listdir(_SESSIONS))
