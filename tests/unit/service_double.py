# SPDX-License-Identifier: Apache-2.0
"""A small HTTP service on loopback that answers, or misbehaves, as told.

It keeps every request that reached it, so that a test can count them.
"""

import contextlib
import dataclasses
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from keystoneauth1 import adapter, session, token_endpoint

from osc_recover.gateways.api import Api

TOKEN = 'gAAAA-a-secret-token'


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """What to send; ``cut`` closes instead, ``hang`` sends nothing."""

    status: int = 200
    body: Any = dataclasses.field(default_factory=dict)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    cut: bool = False
    hang: bool = False

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()


Behaviour = Callable[[Request], Answer]


class Service:
    """The service: its URL, what it got, and how it answers."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[Request] = []
        self.behaviour = behaviour
        self.over = threading.Event()
        self._lock = threading.Lock()
        handler = type('Handler', (_Handler,), {'service': self})
        self.server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), handler
        )
        self.url = f'http://127.0.0.1:{self.server.server_port}'

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
        return self.behaviour(request)

    def seen(self) -> list[str]:
        return sorted(f'{r.method} {r.path}' for r in self.requests)


class _Handler(http.server.BaseHTTPRequestHandler):
    service: Service
    protocol_version = 'HTTP/1.1'
    # Otherwise each body waits 40 ms for the other side's word on the headers.
    disable_nagle_algorithm = True

    def _any(self) -> None:
        length = int(self.headers.get('content-length') or 0)
        data = self.rfile.read(length)
        url = urlsplit(self.path)
        answer = self.service.answer(
            Request(
                self.command,
                url.path,
                parse_qs(url.query, keep_blank_values=True),
                {key.lower(): value for key, value in self.headers.items()},
                json.loads(data) if data else None,
            )
        )
        if answer.hang:
            self.service.over.wait(30)
        if answer.hang or answer.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = answer.content()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header('content-length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _any

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[Service]:
    service = Service(behaviour)
    # Polled often, as shutdown() waits for a poll.
    thread = threading.Thread(
        target=service.server.serve_forever, args=(0.01,), daemon=True
    )
    thread.start()
    try:
        yield service
    finally:
        service.over.set()
        service.server.shutdown()
        service.server.server_close()
        thread.join()


def always(**answer: Any) -> Behaviour:
    return lambda request: Answer(**answer)


def by_path(answers: dict[str, Any]) -> Behaviour:
    """Answers by path, or what makes one; 404 where there is none."""

    def behaviour(request: Request) -> Answer:
        if request.path not in answers:
            message = f'{request.path} is not there'
            return Answer(404, {'itemNotFound': {'message': message}})
        answer = answers[request.path]
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, Answer) else Answer(body=answer)

    return behaviour


def api(
    url: str,
    *,
    name: str = 'nova',
    service: str = 'compute',
    version: str = '',
    timeout: float = 5,
) -> Api:
    auth = token_endpoint.Token(url, TOKEN)
    ksa = adapter.Adapter(
        session=session.Session(auth=auth),
        service_type=service,
        # What clouds.yaml may say about retries must not count.
        connect_retries=3,
        status_code_retries=3,
    )
    return Api(ksa, name=name, version=version, timeout=timeout)


def refused_url() -> str:
    """A URL on a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return f'http://127.0.0.1:{probe.getsockname()[1]}'
