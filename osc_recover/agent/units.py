# SPDX-License-Identifier: Apache-2.0
"""The systemd units of a host."""

from typing import Any, Callable, Dict, List, Sequence

from osc_recover.agent import errors, run

Tell = Callable[[Dict[str, Any]], None]

_PROPERTIES = {
    'Id': 'name',
    'LoadState': 'load',
    'ActiveState': 'active',
    'SubState': 'sub',
    'UnitFileState': 'file',
    'MainPID': 'pid',
}
# What people may call a unit; no option, and nothing of a shell.
_LETTERS = frozenset(
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@:\\'
)


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Those of the units that the host has.

    :param args: ``units``, names with their suffixes
    :returns: ``units``: name -> ``active`` (systemd's ActiveState), ``sub``,
        ``file`` (whether it is enabled) and ``pid``
    :raises Refused: without systemd, or for what it says and nobody knows
    """
    names = checked(args['units'])
    if not names:
        return {'units': {}}
    wanted = ','.join(_PROPERTIES)
    argv = ['systemctl', 'show', '--no-pager', f'--property={wanted}', '--']
    done = run.run([*argv, *names], expect=[0])
    return {
        'units': {
            unit.pop('name'): unit
            for unit in parse(done.text)
            if unit.pop('load') == 'loaded'
        }
    }


def stop(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Stop units, all in one go, as sockets would start their services anew.

    :param args: ``units``; ``seconds`` that they may take
    :raises Refused: when systemd says no, or it takes longer
    """
    return _change('stop', args)


def start(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Start units.

    :param args: ``units``; ``seconds`` that they may take
    :raises Refused: when systemd says no, or it takes longer
    """
    return _change('start', args)


def _change(verb: str, args: Dict[str, Any]) -> Dict[str, Any]:
    names = checked(args['units'])
    if names:
        argv = ['systemctl', '--no-ask-password', verb, '--', *names]
        run.run(argv, timeout=args['seconds'], expect=[0])
    return {}


def checked(names: Sequence[str]) -> List[str]:
    """Names of units, as they were given.

    :raises Refused: for what no unit is called
    """
    for name in names:
        if not name or name[0] == '-' or not _LETTERS.issuperset(name):
            raise errors.Refused(
                'bad-unit', f'no unit is called {name!r}', unit=name
            )
    return list(names)


def parse(text: str) -> List[Dict[str, Any]]:
    """What ``systemctl show`` says of several units.

    :raises Refused: for a line that is not understood
    """
    return [_unit(part) for part in text.split('\n\n') if part.strip()]


def _unit(text: str) -> Dict[str, Any]:
    found: Dict[str, Any] = dict.fromkeys(_PROPERTIES.values(), '')
    # Of a socket there is no main process.
    found['pid'] = 0
    for line in text.strip('\n').split('\n'):
        key, sign, value = line.partition('=')
        if not sign or key not in _PROPERTIES:
            raise _odd(line)
        found[_PROPERTIES[key]] = value
    if not found['name'] or not str(found['pid']).isdigit():
        raise _odd(text)
    found['pid'] = int(found['pid'])
    return found


def _odd(text: str) -> errors.Refused:
    return errors.Refused(
        'not-understood', f'systemctl show says {text[:200]!r}'
    )
