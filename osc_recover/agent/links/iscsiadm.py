# SPDX-License-Identifier: Apache-2.0
"""iscsiadm, on the host or in kolla's container, and what it says."""

import os
import re
from typing import Any, Container, Dict, List, NoReturn

from osc_recover.agent import containers, errors, run

# Of open-iscsi's include/iscsi_err.h.
EXISTS = 15  # ISCSI_ERR_SESS_EXISTS
NONE = 21  # ISCSI_ERR_NO_OBJS_FOUND
_WORDS = {
    4: 'the connection failed',
    8: 'it took too long',
    11: 'the target does not answer as it should',
    12: 'the kernel has no iSCSI driver',
    19: 'the initiator is not allowed in',
    20: 'iscsid does not answer',
    24: 'the target wants another user name or password',
}
NO_DRIVER, REFUSED_LOGIN = 12, 24
_SECONDS = 150.0  # open-iscsi gives up a login after 15 s and 8 attempts
_CONTAINER = 'iscsid'  # as kolla calls it
_TARGET = re.compile(
    r'(\[[0-9a-fA-F:.]+\]:[0-9]+|[^ ,\[\]]+:[0-9]+),-?[0-9]+ ([^ ]+)'
)
# What RFC 3720 has names of: iqn., eui. and naa., and no option.
_NAME = re.compile(r'(?:iqn|eui|naa)\.[^\s\x00-\x1f]{1,250}')
_PORTAL = re.compile(r'(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):\d+')
_IFACE = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.:-]*')


def iscsiadm(words: List[str], expect: Container[int] = (0,)) -> run.Done:
    """Run it.

    :param expect: the exit codes that are no failure
    :raises Refused: no-iscsiadm, or iscsiadm-failed with its ``exit``
    """
    done = run.run([*_program(), *words], timeout=_SECONDS)
    if done.code not in expect:
        _failed(done, words)
    return done


def targets(text: str) -> Dict[str, List[str]]:
    """What a discovery says: portal -> the targets there.

    :raises Refused: for a line that is not understood
    """
    found: Dict[str, List[str]] = {}
    for line in text.split('\n'):
        if line.strip():
            match = _TARGET.fullmatch(line.strip())
            if match is None:
                raise errors.Refused(
                    'not-understood',
                    f'iscsiadm -m discovery says {line[:200]!r}',
                )
            found.setdefault(match.group(1), []).append(match.group(2))
    return found


def checked(args: Dict[str, Any]) -> List[str]:
    """Options that name a target, its portal and the interface to it.

    :raises Refused: for what none is called
    """
    target, portal, iface = args['target'], args['portal'], args['iface']
    for text, known in (
        (target, _NAME),
        (portal, _PORTAL),
        (iface or 'default', _IFACE),
    ):
        if not known.fullmatch(text):
            raise errors.Refused(
                'bad-name', f'no target, portal or interface is {text!r}'
            )
    words = ['-m', 'node', '-T', target, '-p', portal]
    return words + (['-I', iface] if iface else [])


def _program() -> List[str]:
    folders = run.PATH.split(':')
    if any(os.access(f'{f}/iscsiadm', os.X_OK) for f in folders):
        return ['iscsiadm']
    engine = containers.engine()
    if engine is None:
        raise errors.Refused(
            'no-iscsiadm',
            'there is no iscsiadm, and no docker or podman to have one',
            advice='install open-iscsi (iscsi-initiator-utils) there',
        )
    return [engine, 'exec', _CONTAINER, 'iscsiadm']


def _failed(done: run.Done, words: List[str]) -> NoReturn:
    meant = _WORDS.get(done.code, '')
    text = f'iscsiadm {" ".join(words[:2])} ended with {done.code}'
    text += f' ({meant})' if meant else ''
    raise errors.Refused(
        'iscsiadm-failed', f'{text}: {done.words}', exit=done.code
    )
