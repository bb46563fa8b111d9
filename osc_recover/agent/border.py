# SPDX-License-Identifier: Apache-2.0
"""The border between the program on a host and who sent it there.

Both sides use this module.  Everything is JSON, one object a line.  The
program greets first; then each request is answered by any number of events
and one result, refusal or traceback.  What is not of that form is not
guessed at: it is Broken, in words that say exactly what was wrong.
"""

import json
import sys
from typing import Any, Dict, List, Tuple

MAGIC = 'osc-recover-agent'
VERSION = 1
OLDEST = (3, 8)  # Python; memfd_create is not in older ones
LONGEST = 64 * 2**20  # bytes of a line

_ENDS = {'result': dict, 'refused': dict, 'died': str}
_KINDS = {'tell': dict, **_ENDS}


class Broken(Exception):
    """What came over the border is not of the agreed form."""


def line(message: Dict[str, Any]) -> bytes:
    """A message as one line.

    Text with surrogate escapes, as file names have them, goes unharmed.
    """
    return json.dumps(message, separators=(',', ':')).encode('ascii') + b'\n'


def parse(data: bytes) -> Dict[str, Any]:
    """One line as a message.

    :raises Broken: when it is no JSON object
    """
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise Broken(f'no JSON: {shown(data)}') from exc
    if not isinstance(message, dict):
        raise Broken(f'no JSON object: {shown(data)}')
    return message


def greeting() -> Dict[str, Any]:
    """What the program says first."""
    python = list(sys.version_info[:3])
    return {'magic': MAGIC, 'version': VERSION, 'python': python}


def greeted(data: bytes) -> Tuple[int, ...]:
    """The Python version in a greeting.

    :raises Broken: when it is no greeting, or one of another version
    """
    message = parse(data)
    if message.get('magic') != MAGIC:
        raise Broken(f'no greeting of ours: {shown(data)}')
    if message.get('version') != VERSION:
        raise Broken(
            f'it speaks version {message.get("version")!r} of the protocol, '
            f'and this is {VERSION}'
        )
    python = message.get('python')
    if not _is_version(python):
        raise Broken(f'no Python version in the greeting: {shown(data)}')
    assert isinstance(python, list)
    return tuple(python)


def request(data: bytes) -> Tuple[int, str, Dict[str, Any]]:
    """The number, operation and arguments of a request.

    :raises Broken: when it is no request
    """
    message = parse(data)
    if set(message) != {'id', 'op', 'args'}:
        raise Broken(f'no request: {shown(data)}')
    number, name, args = message['id'], message['op'], message['args']
    if type(number) is not int or type(name) is not str:
        raise Broken(f'no number or no name in a request: {shown(data)}')
    if type(args) is not dict:
        raise Broken(f'no arguments in a request: {shown(data)}')
    return number, name, args


def answer(data: bytes, number: int) -> Tuple[str, Any]:
    """The kind of an answer to request ``number``, and what it holds.

    The kinds are ``tell`` (an event; more follows), ``result``, ``refused``
    (code, text and fields) and ``died`` (a traceback).

    :raises Broken: when it is no answer, or one to another request
    """
    message = parse(data)
    kinds = [kind for kind in message if kind in _KINDS]
    if len(kinds) != 1 or set(message) != {'id', kinds[0]}:
        raise Broken(f'no answer: {shown(data)}')
    if message['id'] != number or type(message['id']) is not int:
        raise Broken(
            f'an answer to request {message["id"]!r} instead of {number}'
        )
    kind, value = kinds[0], message[kinds[0]]
    if type(value) is not _KINDS[kind]:
        raise Broken(f'a {kind} of another type: {shown(data)}')
    if kind == 'refused' and not _is_refusal(value):
        raise Broken(f'a refusal of another form: {shown(data)}')
    return kind, value


def shown(data: bytes) -> str:
    """The beginning of a line, fit for any terminal."""
    text = data[:80].decode('utf-8', 'replace').rstrip('\r\n')
    return ascii(text) + ('…' if len(data) > 80 else '')


def _is_version(python: Any) -> bool:
    return (
        isinstance(python, list)
        and len(python) == 3
        and all(type(part) is int for part in python)
    )


def _is_refusal(value: Dict[str, Any]) -> bool:
    types: List[type] = [type(value.get(key)) for key in ('code', 'text')]
    return (
        set(value) == {'code', 'text', 'fields'}
        and types == [str, str]
        and type(value['fields']) is dict
    )
