# SPDX-License-Identifier: Apache-2.0
"""Jump hosts: one connection each, whatever the number of hosts behind."""

import dataclasses
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, Protocol

from osc_recover import errors
from osc_recover.gateways.ssh.config import Target

_REFUSED = 2  # RFC 4254, 5.1: SSH_OPEN_CONNECT_FAILED


class Connection(Protocol):
    """A connection that is logged in."""

    transport: Any

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""

    def close(self) -> None:
        """Close it."""


class Jumps:
    """The connections to jump hosts.

    :param connect: connects to one
    """

    def __init__(self, connect: Callable[[Target], Connection]) -> None:
        self._connect = connect
        self._made: dict[Target, futures.Future[Connection]] = {}
        self._lock = threading.Lock()

    def through(self, target: Target, timeout: float) -> Any:
        """A channel to a target through its jump host, for use as a socket.

        :raises errors.HostError: when the jump host cannot be reached, or
            the target not from there
        """
        import paramiko

        assert target.via is not None
        jump = self._connection(target.via)
        address = (target.address, target.port)
        try:
            return jump.transport.open_channel(
                'direct-tcpip', address, ('127.0.0.1', 0), timeout=timeout
            )
        except paramiko.ChannelException as exc:
            raise _not_from_there(target, exc.code) from exc
        except (paramiko.SSHException, OSError, EOFError) as exc:
            raise errors.ConnectTimedOut(
                target.host, target.at, f'through {target.via.at}', timeout
            ) from exc

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            made, self._made = self._made, {}
        for future in made.values():
            if future.done() and future.exception() is None:
                future.result().close()

    def _connection(self, via: Target) -> Connection:
        # One that fails is dialled once for all who wait for it.
        key = _key(via)
        with self._lock:
            future = self._made.get(key)
            ours = future is None or _is_lost(future)
            if future is None or ours:
                future = self._made[key] = futures.Future()
        if ours:
            self._make(key, via, future)
        try:
            return future.result()
        except errors.HostError as exc:
            # Each host is told of it under its own name.
            raise dataclasses.replace(exc, host=via.host) from exc

    def _make(
        self, key: Target, via: Target, future: 'futures.Future[Connection]'
    ) -> None:
        try:
            future.set_result(self._connect(via))
        # Whatever it is, it must not leave the others waiting.
        except BaseException as exc:  # noqa: BLE001
            with self._lock:
                self._made.pop(key, None)
            future.set_exception(exc)


def _key(target: Target) -> Target:
    """The same whatever the host that it leads to."""
    via = target.via and _key(target.via)
    return dataclasses.replace(target, host='', via=via)


def _is_lost(future: 'futures.Future[Connection]') -> bool:
    return (
        future.done()
        and future.exception() is None
        and not future.result().is_open
    )


def _not_from_there(target: Target, code: int) -> errors.HostError:
    assert target.via is not None
    why = 'cannot reach it' if code == _REFUSED else 'does not let us through'
    return errors.ConnectFailed(
        target.host, target.at, f'{target.via.at} {why}'
    )
