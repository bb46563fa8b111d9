# SPDX-License-Identifier: Apache-2.0
"""A proxy before the practice cloud's APIs that records calls and breaks them.

A *kind* of call is its service, method and path without ids, with the name of
the action: ``nova POST /servers/{id}/action evacuate``.  Calls before the
first write are of the stage ``plan``, the others of the stage ``run``.
"""

import contextlib
import dataclasses
import http.client
import http.server
import json
import re
import socket
import socketserver
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

# A service in clouds.yaml, by its name.
OVERRIDES = {
    'nova': ('compute', '/v2.1'),
    'placement': ('placement', ''),
    'neutron': ('network', ''),
    'cinder': ('block_storage', '/v3'),
    'glance': ('image', ''),
}
FAULTS = (
    '503',  # an answer of the proxy's own; not forwarded
    '401',  # likewise
    '503-after',  # forwarded, and its answer replaced
    'hang',  # neither forwarded nor answered
    'hang-after',  # forwarded, and its answer kept back
    'cut',  # forwarded, and the connection closed without an answer
    'cut-before',  # the connection closed; not forwarded
    'late',  # as cut-before, but forwarded a little later
)
_LATE = 1.0
_ID = re.compile(r'(?<=/)([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+)')
_VERSION = re.compile(r'^/v[0-9.]+(/[0-9a-f]{32})?(?=/|$)')


@dataclasses.dataclass
class Fault:
    """What happens to calls: from the ``first`` on, ``times`` of them."""

    kind: str  # of calls; '' for every kind, or a service's name
    what: str
    stage: str = ''
    first: int = 1
    times: float = 1
    met: int = 0  # calls that fitted
    done: int = 0  # calls that it struck

    def strikes(self, stage: str, kind: str) -> bool:
        """Whether it strikes a call, which is counted."""
        if self.stage not in ('', stage):
            return False
        if self.kind not in ('', kind, kind.partition(' ')[0]):
            return False
        self.met += 1
        if not self.first <= self.met < self.first + self.times:
            return False
        self.done += 1
        return True


@dataclasses.dataclass(frozen=True)
class Call:
    """One call: its stage, its kind, and what it struck."""

    stage: str
    kind: str
    fault: str = ''
    path: str = ''


class Proxy:
    """One listening port for each service.

    :param upstream: service -> URL of the real one
    """

    def __init__(self, upstream: Mapping[str, str]) -> None:
        self.calls: list[Call] = []
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._stage = 'plan'
        self._released = threading.Event()
        self._held = 0
        self._upstream = {
            name: urllib.parse.urlsplit(url).netloc
            for name, url in upstream.items()
        }
        self._servers = {name: _Server(self, name) for name in upstream}
        self.on_call: Callable[[Call], None] = lambda call: None

    def __enter__(self) -> 'Proxy':
        return self

    def __exit__(self, *exc: object) -> None:
        self.clear()
        for server in self._servers.values():
            server.end()

    def clouds(self, clouds: dict[str, Any]) -> None:
        """Lead every cloud of a clouds.yaml through here."""
        for cloud in clouds.values():
            cloud['auth']['auth_url'] = f'{self.url("keystone")}/v3'
            for name, (service, version) in OVERRIDES.items():
                key = f'{service}_endpoint_override'
                cloud[key] = self.url(name) + version

    def rewrite(self, path: Any) -> None:
        """Lead a clouds.yaml on disk through here."""
        known = yaml.safe_load(path.read_text())
        self.clouds(known['clouds'])
        path.write_text(yaml.safe_dump(known))

    def url(self, service: str) -> str:
        """Where a service is reached through here."""
        return f'http://127.0.0.1:{self._servers[service].server_port}'

    def inject(self, kind: str, what: str, **when: Any) -> Fault:
        """Break calls of a kind from now on."""
        fault = Fault(kind, what, **when)
        with self._changed:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """No faults, no calls seen; what hangs is cut off."""
        with self._changed:
            self._faults.clear()
            self.calls.clear()
            self._stage = 'plan'
            self._released.set()
            self._released = threading.Event()

    @contextlib.contextmanager
    def down(self, service: str) -> Iterator[None]:
        """Nobody listens on the port of a service."""
        old = self._servers[service]
        old.end()
        try:
            yield
        finally:
            self._servers[service] = _Server(self, service, old.server_port)

    def kinds(self) -> list[tuple[str, str]]:
        """The stage and the kind of every call seen, each once, sorted."""
        with self._changed:
            return sorted({(call.stage, call.kind) for call in self.calls})

    def count(self, kind: str) -> int:
        """How many calls of a kind were seen."""
        with self._changed:
            return sum(call.kind == kind for call in self.calls)

    def wait_for(self, there: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so; asked again after each call."""
        with self._changed:
            return self._changed.wait_for(there, seconds)

    def holding(self) -> int:
        """How many calls hang now."""
        return self._held

    # What the ports' threads ask

    def seen(self, service: str, method: str, path: str, body: bytes) -> Call:
        """Count a call, and say what happens to it."""
        kind = kind_of(service, method, path, body)
        with self._changed:
            if method not in ('GET', 'HEAD') and service != 'keystone':
                self._stage = 'run'
            struck = [
                fault.what
                for fault in self._faults
                if fault.strikes(self._stage, kind)
            ]
            call = Call(self._stage, kind, next(iter(struck), ''), path)
            self.calls.append(call)
            self._changed.notify_all()
        self.on_call(call)
        return call

    def hang(self) -> None:
        """Keep a call until the faults are cleared."""
        with self._changed:
            self._held += 1
            released = self._released
            self._changed.notify_all()
        released.wait(120)
        with self._changed:
            self._held -= 1

    def forward(
        self, service: str, method: str, path: str, headers: Any, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the real service."""
        upstream = http.client.HTTPConnection(
            self._upstream[service], timeout=120
        )
        with contextlib.closing(upstream):
            # The Host header stays, so that links lead through here.
            upstream.request(method, path, body or None, dict(headers))
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()


def kind_of(service: str, method: str, path: str, body: bytes) -> str:
    """The kind of a call.

    >>> kind_of('nova', 'POST', '/v2.1/servers/12/action', b'{"os-stop": 0}')
    'nova POST /servers/{id}/action os-stop'
    """
    plain = _VERSION.sub('', urllib.parse.urlsplit(path).path) or '/'
    words = [service, method, _ID.sub('{id}', plain)]
    if plain.endswith('/action'):
        words.append(next(iter(json.loads(body))))
    return ' '.join(words)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, proxy: Proxy, service: str, port: int = 0) -> None:
        super().__init__(('127.0.0.1', port), _Handler)
        self.proxy, self.service = proxy, service
        self._open: set[socket.socket] = set()
        threading.Thread(
            target=self.serve_forever, args=(0.05,), daemon=True
        ).start()

    def server_bind(self) -> None:
        # Not HTTPServer's: it looks the machine's name up.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def get_request(self) -> tuple[socket.socket, Any]:
        found = super().get_request()
        self._open.add(found[0])
        return found

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is what these tests are about."""

    def end(self) -> None:
        """Listen no more, and cut every connection."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: _Server
    disable_nagle_algorithm = True

    def _any(self) -> None:
        proxy, service = self.server.proxy, self.server.service
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        call = proxy.seen(service, self.command, self.path, body)
        asked = (service, self.command, self.path, self.headers, body)
        fault = call.fault
        if fault == 'late':
            threading.Timer(_LATE, proxy.forward, asked).start()
        if fault in ('503', '401'):
            return self._answer(int(fault))
        if fault in ('cut-before', 'late'):
            return self._close()
        if fault != 'hang':
            status, headers, content = proxy.forward(*asked)
        if fault in ('hang', 'hang-after'):
            proxy.hang()
        if fault in ('hang', 'hang-after', 'cut'):
            return self._close()
        if fault == '503-after':
            return self._answer(503)
        return self._pass(status, headers, content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any

    def _answer(self, status: int) -> None:
        text = b'{"error": {"message": "broken by the proxy of the tests"}}'
        self._pass(status, [('Content-Type', 'application/json')], text)

    def _pass(
        self, status: int, headers: list[tuple[str, str]], content: bytes
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _OURS:
                self.send_header(name, value)
        if status != 204:
            self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    def _close(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


_OURS = ('content-length', 'connection', 'transfer-encoding', 'keep-alive')
