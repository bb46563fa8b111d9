# SPDX-License-Identifier: Apache-2.0
"""What went wrong, read from an answer or from the lack of one.

Nothing here does I/O.  No text made here holds a header or a request body, so
none can hold a token or a password.
"""

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

LONGEST = 500
_REQUEST_IDS = ('x-openstack-request-id', 'x-compute-request-id')
# "Policy doesn't allow os_compute_api:os-evacuate to be performed." (nova,
# cinder), "(rule:get_agent) is disallowed by policy" (neutron), "Policy does
# not allow placement:… to be performed." (placement), "You are not authorized
# to perform the requested action: identity:…" (keystone).
_POLICY = (
    re.compile(r"Policy (?:doesn't|does not) allow (\S+) to be performed"),
    re.compile(r'\(rule:(\S+)\) is disallowed by policy'),
    re.compile(r'requested action:? (\S+:[\w:*-]+)'),
)
_TAG = re.compile(r'<[^>]*>')


def request_id(headers: Mapping[str, str]) -> str:
    """The service's id of the request, or an empty text."""
    for name in _REQUEST_IDS:
        if value := headers.get(name):
            return str(value)
    return ''


def message(text: str) -> str:
    """The sentence in an error's body, whichever service wrote it."""
    try:
        data = json.loads(text)
    except ValueError:
        data = text
    found = next(_messages(data), '') or _TAG.sub(' ', text)
    short = ' '.join(found.split())
    return short if len(short) <= LONGEST else f'{short[:LONGEST]}…'


def _messages(data: Any) -> Iterator[str]:
    """Every sentence in the body, the service's own ones first.

    nova and cinder: {"badRequest": {"message": …}}; neutron: {"NeutronError":
    {"message": …}}; placement and the API-SIG: {"errors": [{"detail": …}]};
    keystone: {"error": {"message": …}}; webob: {"message": …}.
    """
    if isinstance(data, list):
        for item in data:
            yield from _messages(item)
    if not isinstance(data, dict):
        return
    for key in ('message', 'detail', 'faultstring', 'title'):
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            yield value
    for value in data.values():
        yield from _messages(value)


def policy(text: str) -> str:
    """The name of the policy that said no, or an empty text.

    >>> policy("Policy doesn't allow os_compute_api:os-x to be performed.")
    'os_compute_api:os-x'
    """
    for pattern in _POLICY:
        if found := pattern.search(text):
            return found.group(1).rstrip('.,')
    return ''


def kind(text: str) -> str:
    """The name that a service gives to what is wrong, or an empty text.

    placement: {"errors": [{"code": …}]}; neutron: {"NeutronError": {"type":
    …}}.

    >>> kind('{"errors": [{"code": "placement.concurrent_update"}]}')
    'placement.concurrent_update'
    """
    try:
        data = json.loads(text)
    except ValueError:
        return ''
    return next(_kinds(data), '')


def _kinds(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for item in data:
            yield from _kinds(item)
    if not isinstance(data, dict):
        return
    for key in ('code', 'type'):
        if isinstance(data.get(key), str):
            yield data[key]
    for value in data.values():
        yield from _kinds(value)


def never_sent(links: Iterable[BaseException]) -> bool:
    """Whether a failure proves that nothing of a request was sent.

    Recognized by class name, as requests and urllib3 keep moving and renaming
    the modules of these classes.

    :param links: the failure and its causes, from causes()
    """
    return any(_is_before_sending(link) for link in links)


_BEFORE_SENDING = {
    'NewConnectionError',
    'NameResolutionError',
    'ConnectTimeoutError',
    'SSLCertVerificationError',
    'gaierror',
    'ConnectionRefusedError',
    'InvalidURL',
    'InvalidSchema',
    'MissingSchema',
    'LocationParseError',
}


def _is_before_sending(exc: BaseException) -> bool:
    # keystoneauth1's own ConnectTimeout stands for read timeouts as well, so
    # requests' class of that name is told apart by its module.
    kind = type(exc)
    if kind.__name__ == 'ConnectTimeout':
        return kind.__module__.startswith('requests')
    return kind.__name__ in _BEFORE_SENDING


def reason(links: Sequence[BaseException]) -> str:
    """Why there was no answer, in a few words.

    :param links: the failure and its causes, from causes()
    """
    for link in links:
        if isinstance(link, socket.gaierror):
            return 'the host name cannot be resolved'
        if isinstance(link, OSError) and link.strerror:
            return link.strerror.lower()
    names = {type(link).__name__ for link in links}
    for name, words in _WORDS.items():
        if name in names:
            return words
    return _innermost(links)


_WORDS = {
    'ConnectTimeoutError': 'no connection in time',
    'ReadTimeoutError': 'no answer in time',
    'ReadTimeout': 'no answer in time',
    'NameResolutionError': 'the host name cannot be resolved',
    'IncompleteRead': 'the answer was cut off',
    'RemoteDisconnected': 'the connection was closed without an answer',
    'timeout': 'no answer in time',
    'TimeoutError': 'no answer in time',
}


def _innermost(links: Sequence[BaseException]) -> str:
    text = str(links[-1]).strip() or type(links[-1]).__name__
    return text if len(text) <= LONGEST else f'{text[:LONGEST]}…'


def causes(
    exc: BaseException, outside: BaseException | None = None
) -> list[BaseException]:
    """The exception and all that it was made of, nearest first.

    :param outside: what was being handled when the request was made; Python
        chains it to whatever fails then, though it tells nothing about it
    """
    seen: dict[int, BaseException] = {}
    todo: list[Any] = [exc]
    while todo:
        link = todo.pop(0)
        if not isinstance(link, BaseException) or link is outside:
            continue
        if id(link) not in seen:
            seen[id(link)] = link
            todo += [link.__cause__, link.__context__, *link.args]
            todo.append(getattr(link, 'reason', None))
    return list(seen.values())
