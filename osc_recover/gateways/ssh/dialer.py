# SPDX-License-Identifier: Apache-2.0
"""Connections to hosts, and programs of ours on them (paramiko).

Everything strict: a host key that is not known is an error, no password is
ever sent, and nothing is forwarded.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from osc_recover import errors
from osc_recover.gateways.ssh import (
    host_keys,
    jumps,
    keys,
    link,
    log,
    payload,
    sockets,
)
from osc_recover.gateways.ssh.config import SshConfig, Target
from osc_recover.gateways.ssh.stream import Connection, Stream, reason
from osc_recover.settings import SshSettings

# The exchange is most of what a connection costs; these are the cheap ones.
_CHEAP = (
    'curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256',
)  # fmt: skip
_KEEPALIVE = 30  # seconds


class Dialer:
    """Dials hosts; what many connections share is made once.

    :param passphrase: asks for the passphrase of a private key's file
    """

    def __init__(
        self,
        settings: SshSettings,
        passphrase: keys.Passphrase | None = None,
    ) -> None:
        self._timeout = settings.connect_timeout
        self._config = SshConfig(settings)
        self._keys = keys.Keys(passphrase)
        self._known = host_keys.KnownHosts()
        self._jumps = jumps.Jumps(self._connect)
        self._lock = threading.Lock()
        self._under_way: set[Any] = set()  # sockets
        self._closed = False

    def start(self, host: str) -> link.Link:
        """Start our program on a host.

        :raises errors.HostError: when it cannot be reached; that it cannot
            start is said by the first request
        """
        target = self._config.target(host)
        sudo = self._config.sudo(host)
        connection = self._connect(target)
        try:
            with self._ended_by_close(connection.transport.sock):
                stream = self._run(target, connection, sudo=sudo)
        except BaseException:
            connection.close()
            raise
        return link.Link(link.Who(host, target.user, sudo), stream)

    def close(self) -> None:
        """End what is being dialled, and the connections to jump hosts."""
        with self._lock:
            self._closed = True
            for sock in self._under_way:
                sockets.shut(sock)
        self._jumps.close()

    @contextlib.contextmanager
    def _ended_by_close(self, sock: Any) -> Iterator[None]:
        # Python waits for every thread before it exits, after a ^C, too.
        with self._lock:
            self._under_way.add(sock)
            if self._closed:
                sockets.shut(sock)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(sock)

    def _run(
        self, target: Target, connection: Connection, *, sudo: bool
    ) -> Stream:
        program = payload.payload()
        with _told(target, 'start of a program', self._timeout):
            channel = connection.transport.open_session(timeout=self._timeout)
            channel.settimeout(self._timeout)
            channel.exec_command(payload.command(len(program), sudo=sudo))
            stream = Stream(channel, connection)
            # A shell that has ended already says why when it is read.
            with contextlib.suppress(ConnectionError):
                stream.send(program, self._timeout)
        return stream

    def _connect(self, target: Target) -> Connection:
        import paramiko

        with contextlib.ExitStack() as closing:
            sock = sockets.dial(
                target, self._timeout, self._jumps.through, closing
            )
            with self._ended_by_close(sock):
                with _told(target, 'key exchange', self._timeout):
                    transport = paramiko.Transport(sock)
                closing.callback(transport.close)
                self._exchange(target, transport)
                self._log_in(target, transport)
            transport.set_keepalive(_KEEPALIVE)
            return Connection(transport, closing.pop_all())

    def _exchange(self, target: Target, transport: Any) -> None:
        """Exchange keys, and check the host's."""
        log.set_up(transport)
        known = self._known.of(target)
        options = transport.get_security_options()
        options.kex = _first(_CHEAP, options.kex)
        options.key_types = _first(
            host_keys.algorithms(known), options.key_types
        )
        # Ours ends first, so that silence is told as such.
        transport.banner_timeout = transport.handshake_timeout = (
            2 * self._timeout
        )
        done = threading.Event()
        transport.start_client(event=done)
        if not done.wait(self._timeout):
            raise errors.ConnectTimedOut(
                target.host, target.at, 'key exchange', self._timeout
            )
        if not transport.is_active():
            problem = reason(transport.get_exception())
            raise errors.ConnectFailed(target.host, target.at, problem)
        with _told(target, 'key exchange', self._timeout):
            key = transport.get_remote_server_key()
        host_keys.check(target, known, key.get_name(), key.asbytes())

    def _log_in(self, target: Target, transport: Any) -> None:
        transport.auth_timeout = self._timeout
        tried, problem = [], 'there is no key to try'
        with _agent_keys() as held:
            for identity in self._keys.of(
                target.identities, held, only=target.identities_only
            ):
                tried.append(str(identity))
                if identity.problem:
                    continue
                problem = self._try(target, transport, identity.key)
                if not problem:
                    return
                if not transport.is_active():
                    break
        raise errors.LoginFailed(
            target.host, target.at, target.user, problem, tuple(tried)
        )

    def _try(self, target: Target, transport: Any, key: Any) -> str:
        """Try a key; nothing is returned when it is accepted, else why not."""
        import paramiko

        try:
            more = transport.auth_publickey(target.user, key)
        except paramiko.BadAuthenticationType as exc:
            return f'it takes only {", ".join(exc.allowed_types) or "nothing"}'
        except paramiko.AuthenticationException as exc:
            if 'timeout' in str(exc):
                raise errors.ConnectTimedOut(
                    target.host, target.at, 'login', self._timeout
                ) from exc
            return 'no key was accepted'
        except (paramiko.SSHException, OSError, EOFError) as exc:
            return reason(exc)
        return f'it wants {", ".join(more)} as well' if more else ''


def _first(
    wanted: tuple[str, ...], all_of: tuple[str, ...]
) -> tuple[str, ...]:
    """All of them, the wanted ones that there are at the front."""
    front = [each for each in wanted if each in all_of]
    return (*front, *(each for each in all_of if each not in front))


@contextlib.contextmanager
def _agent_keys() -> Iterator[tuple[Any, ...]]:
    # One connection each: paramiko's is not made for several threads.
    import paramiko

    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError):
        yield ()
        return
    try:
        yield agent.get_keys()
    finally:
        agent.close()


@contextlib.contextmanager
def _told(target: Target, stage: str, timeout: float) -> Iterator[None]:
    """Tell what paramiko raises as an error of ours."""
    import paramiko

    try:
        yield
    except TimeoutError as exc:
        raise errors.ConnectTimedOut(
            target.host, target.at, stage, timeout
        ) from exc
    except (paramiko.SSHException, OSError, EOFError) as exc:
        problem = f'{stage}: {reason(exc)}'
        raise errors.ConnectFailed(target.host, target.at, problem) from exc
