# SPDX-License-Identifier: Apache-2.0
"""What rbd and ceph say, read strictly; in the shapes of their releases."""

import json
import re
from typing import Any, Dict, List, Tuple

from osc_recover.agent import errors

# entity_addr_t (src/msg/msg_types.cc), and how long; the time of releases
# before 15 has a space in it.
_BLOCKED = re.compile(
    r'((?:(?:v1|v2|any|cidr):)?(?:\[[0-9a-fA-F:.]+\]|[0-9.]+):\d+/\d+)'
    r' +(\d{4}-\d\d-\d\d[ T][0-9:.]+(?:[+-]\d{4}|Z)?)'
)
_COUNT = re.compile(r'listed \d+ entries')


def locks(said: str) -> List[Dict[str, str]]:
    """What ``rbd lock ls --format json`` says.

    From release 14 it is a list, before that an object by the locks' ids
    (src/tools/rbd/action/Lock.cc).

    :returns: of each lock its ``id``, ``locker`` and ``address``
    :raises Refused: for what is not understood
    """
    told = _read(said, 'rbd lock ls')
    if isinstance(told, dict):
        told = [{'id': name, **_object(one, said)} for name, one in
                told.items()]  # fmt: skip
    return [
        {key: _text(one, key, said) for key in ('id', 'locker', 'address')}
        for one in _list(told, said)
    ]


def watchers(said: str) -> List[Dict[str, str]]:
    """What ``rbd status --format json`` says of who has an image open.

    Before release 13 the watchers are an object, with the same key for each
    (src/tools/rbd/action/Status.cc).

    :returns: of each its ``client``, as a lock names it, and ``address``
    :raises Refused: for what is not understood
    """
    told = _object(_read(said, 'rbd status'), said).get('watchers')
    if isinstance(told, dict):
        told = told.get('watcher', [])
        told = told if isinstance(told, list) else [told]
    return [
        {
            'client': f'client.{_number(one, said)}',
            'address': _text(one, 'address', said),
        }
        for one in _list(told, said)
    ]


def blocked(said: str) -> List[Dict[str, str]]:
    """What ``ceph osd blocklist ls`` says, in words.

    Its JSON is two documents where there are ranges, so it is not asked for.

    :returns: of each entry its ``address``, and ``until`` when it holds
    :raises Refused: for a line that is not understood
    """
    found = []
    for line in said.split('\n'):
        text = line.strip()
        if not text or _COUNT.fullmatch(text):
            continue
        match = _BLOCKED.fullmatch(text)
        if match is None:
            raise _odd('ceph osd blocklist ls', text)
        found.append({'address': match.group(1), 'until': match.group(2)})
    return found


def _read(said: str, what: str) -> Any:
    try:
        return json.loads(said, object_pairs_hook=_joined)
    except (ValueError, RecursionError) as exc:
        raise _odd(what, said) from exc


def _joined(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """An object whose keys may come again: a list of all it has then."""
    found: Dict[str, List[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: has if len(has) > 1 else has[0] for key, has in found.items()}


def _list(told: Any, said: str) -> List[Dict[str, Any]]:
    if not isinstance(told, list):
        raise _odd('rbd', said)
    return [_object(one, said) for one in told]


def _object(told: Any, said: str) -> Dict[str, Any]:
    if not isinstance(told, dict):
        raise _odd('rbd', said)
    return told


def _text(told: Dict[str, Any], key: str, said: str) -> str:
    value = told.get(key)
    if not isinstance(value, str):
        raise _odd('rbd', said)
    return value


def _number(told: Dict[str, Any], said: str) -> int:
    value = told.get('client')
    if type(value) is not int:
        raise _odd('rbd', said)
    return value


def _odd(what: str, said: str) -> errors.Refused:
    return errors.Refused('not-understood', f'{what} says {said[:200]!r}')
