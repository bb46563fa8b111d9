# SPDX-License-Identifier: Apache-2.0
"""A program on a host, on a channel of an SSH connection (paramiko)."""

import contextlib
import dataclasses
import time
from typing import Any

from osc_recover.gateways.ssh import shells

_SLICE = 1.0  # seconds in which stderr is looked at again
_CHUNK = 65536
_TAIL = 4000  # bytes of stderr that are kept


@dataclasses.dataclass(eq=False)
class Connection:
    """A transport that is logged in, and what is to be closed with it."""

    transport: Any
    closing: contextlib.ExitStack

    @property
    def is_open(self) -> bool:
        """Whether it can still be used, as far as is known."""
        return bool(self.transport.is_active())

    def close(self) -> None:
        """Close it; more than once is allowed."""
        self.closing.close()


class Stream:
    """A program's stdin and stdout over SSH; the end of stderr is kept."""

    def __init__(self, channel: Any, connection: Connection) -> None:
        self._channel = channel
        self._connection = connection
        self._said = b''

    def send(self, data: bytes, timeout: float) -> None:
        """As ``link.Stream`` has it."""
        import paramiko

        self._channel.settimeout(timeout)
        try:
            self._channel.sendall(data)
        except TimeoutError:
            raise
        except (OSError, EOFError, paramiko.SSHException) as exc:
            raise ConnectionError(reason(exc)) from exc

    def receive(self, timeout: float) -> bytes:
        """As ``link.Stream`` has it."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            self._channel.settimeout(min(max(left, 0.0), _SLICE))
            try:
                data: bytes = self._channel.recv(_CHUNK)
            except TimeoutError:
                self._listen()
                if left <= 0:
                    raise
            else:
                self._listen()
                return data

    def ending(self) -> shells.Ending:
        """As ``link.Stream`` has it."""
        # It comes behind the end of the output, or not at all.
        self._channel.status_event.wait(2 * _SLICE)
        self._listen()
        status = self._channel.exit_status
        return shells.Ending(
            None if status < 0 else status,
            self._said.decode(errors='replace'),
            self._connection.is_open,
        )

    @property
    def is_open(self) -> bool:
        """As ``link.Stream`` has it."""
        return self._connection.is_open and not self._channel.closed

    def close(self) -> None:
        """As ``link.Stream`` has it."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()
        self._connection.close()

    def _listen(self) -> None:
        # Unread, it would fill the window and stop the program.
        while self._channel.recv_stderr_ready():
            data = self._channel.recv_stderr(_CHUNK)
            if not data:
                return
            self._said = (self._said + data)[-_TAIL:]


def reason(exc: BaseException | None) -> str:
    """What was wrong, on one line."""
    if exc is None or isinstance(exc, EOFError):
        return 'the connection was closed'
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return ' '.join(str(exc).split()) or type(exc).__name__
