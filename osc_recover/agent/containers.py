# SPDX-License-Identifier: Apache-2.0
"""The containers of a host, of docker or podman, as kolla runs them."""

import json
import os
from typing import Any, Callable, Dict, List, Optional

from osc_recover.agent import errors, run

Tell = Callable[[Dict[str, Any]], None]

_LETTERS = frozenset(
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.'
)
_ENGINES = ('docker', 'podman')
# A line of JSON each; both take Go's templates.
_FORMAT = '{"name":{{json .Names}},"state":{{json .State}}}'


def show(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Those of the containers that the host has.

    :param args: ``containers``, names
    :returns: ``engine``, docker, podman or None; ``containers``: name ->
        ``state``, such as running or exited
    :raises Refused: when the engine does not answer, or not as it should
    """
    program = engine()
    if program is None:
        return {'engine': None, 'containers': {}}
    argv = [program, 'ps', '--all', '--format', _FORMAT]
    found = parse(run.run(argv, expect=[0]).text)
    wanted = set(args['containers'])
    return {
        'engine': program,
        'containers': {
            name: {'state': state}
            for name, state in found.items()
            if name in wanted
        },
    }


def stop(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Stop containers.

    :param args: ``containers``; ``seconds`` that they may take
    :raises Refused: when the engine says no, or it takes longer
    """
    return _change('stop', args)


def start(args: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Start containers.

    :param args: ``containers``; ``seconds`` that they may take
    :raises Refused: when the engine says no, or it takes longer
    """
    return _change('start', args)


def _change(verb: str, args: Dict[str, Any]) -> Dict[str, Any]:
    names = args['containers']
    program = engine()
    if not names:
        return {}
    if program is None:
        raise errors.Refused('no-engine', 'there is no docker and no podman')
    for name in names:
        if not name or not _LETTERS.issuperset(name) or name[0] in '-.':
            raise errors.Refused(
                'bad-container', f'no container is called {name!r}'
            )
    run.run([program, verb, *names], timeout=args['seconds'], expect=[0])
    return {}


def parse(text: str) -> Dict[str, str]:
    """Name -> state of containers.

    :raises Refused: for a line that is not understood
    """
    found: Dict[str, str] = {}
    for line in text.splitlines():
        if line.strip():
            name, state = _container(line)
            found[name] = state
    return found


def _container(line: str) -> List[str]:
    try:
        data = json.loads(line)
        name, state = data['name'], data['state']
    except (ValueError, TypeError, KeyError) as exc:
        raise _odd(line) from exc
    # podman has a list of names.
    if isinstance(name, list) and len(name) == 1:
        name = name[0]
    if not isinstance(name, str) or not isinstance(state, str):
        raise _odd(line)
    return [name, state.lower()]


def _odd(line: str) -> errors.Refused:
    return errors.Refused(
        'not-understood', f'a container is told of as {line[:200]!r}'
    )


def engine() -> Optional[str]:
    """The program that runs containers here, or None."""
    folders = run.PATH.split(':')
    for program in _ENGINES:
        if any(os.access(os.path.join(f, program), os.X_OK) for f in folders):
            return program
    return None
