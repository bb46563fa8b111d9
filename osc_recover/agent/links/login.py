# SPDX-License-Identifier: Apache-2.0
"""A session opened: what its portal offers, a record, a login."""

from typing import Any, Callable, Dict, List, Optional

from osc_recover.agent import errors, run
from osc_recover.agent.links import iscsiadm
from osc_recover.agent.state import sessions

Tell = Callable[[Dict[str, Any]], None]
_SETTLE = 30  # seconds that udev may take to name new disks


def login(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Open a session, unless it is open.

    A record that is there is used as it is, with its user name and password;
    a discovery that stores what it finds would write over it.

    What is told is that the portal has been asked.

    :param args: ``target``, ``portal``, and ``iface`` or ''
    :returns: ``number``, and ``devices``, names of its disks
    :raises Refused: not-offered, login-refused, or what iscsiadm says
    """
    words = iscsiadm.checked(args)
    if _session(args) is None:
        missing = _not_offered(args['portal'], args['target'])
        # A portal that is silent takes minutes twice: no silence of ours.
        tell({'asked': args['portal']})
        if iscsiadm.iscsiadm(words, (0, iscsiadm.NONE)).code:
            if missing:
                raise errors.Refused('not-offered', missing, advice=_EXPORT)
            iscsiadm.iscsiadm([*words, '-o', 'new'])
        _log_in(words, args, missing)
    settle()
    session = _session(args)
    if session is None:
        raise errors.Refused(
            'no-session', f'there is no session to {args["target"]} after all'
        )
    return {
        'number': session['number'],
        'devices': [device['name'] for device in session['devices']],
    }


def settle() -> None:
    """Wait until udev has named new disks, or for as long as it may take.

    Where there is no udev, or it is slow, what needs the names says so.
    """
    try:
        run.run(
            ['udevadm', 'settle', f'--timeout={_SETTLE}'], timeout=_SETTLE + 5
        )
    except errors.Refused as exc:
        if exc.code not in ('no-program', 'program-timed-out'):
            raise


def _session(args: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    for one in sessions.show():
        same = (one['target'], one['portal']) == (
            args['target'],
            args['portal'],
        )
        if same and args['iface'] in ('', one['iface']):
            return one
    return None


def _not_offered(portal: str, target: str) -> str:
    """Why a portal is not known to have a target; '' where it does."""
    # nonpersistent, as otherwise all that it finds is stored, by default to
    # be logged in to at the next boot (node.startup of iscsid.conf).
    words = ['-m', 'discovery', '-t', 'st', '-p', portal]
    try:
        done = iscsiadm.iscsiadm([*words, '-o', 'nonpersistent'])
    except errors.Refused as exc:
        if exc.code != 'iscsiadm-failed':
            raise
        return f'{portal} does not tell its targets: {exc.text}'
    found: List[str] = []
    for listed in iscsiadm.targets(done.text).values():
        found += listed
    if target in found:
        return ''
    return f'{portal} does not offer {target}'


def _log_in(words: List[str], args: Dict[str, Any], missing: str) -> None:
    try:
        iscsiadm.iscsiadm([*words, '--login'], (0, iscsiadm.EXISTS))
    except errors.Refused as exc:
        text = f'{exc.text}; {missing}' if missing else exc.text
        if exc.fields.get('exit') == iscsiadm.REFUSED_LOGIN:
            raise errors.Refused(
                'login-refused',
                f'{args["target"]} wants a password that no record here has',
                advice='a hard reboot of its server has nova log in with the '
                'one of cinder; for a storage of your own, set '
                'node.session.auth of its record on the host',
            ) from exc
        raise errors.Refused(exc.code, text, **exc.fields) from exc


_EXPORT = (
    'see that the storage is up and exports it; cinder-volume exports the '
    'volumes that are in use when it starts'
)
