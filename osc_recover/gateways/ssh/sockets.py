# SPDX-License-Identifier: Apache-2.0
"""What a connection to a host runs over: TCP, a jump host, a command."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from osc_recover import errors
from osc_recover.gateways.ssh.config import Target

# A host that has died in the middle is noticed within a minute.
_ALIVE = (
    (socket.SOL_SOCKET, 'SO_KEEPALIVE', 1),
    (socket.IPPROTO_TCP, 'TCP_NODELAY', 1),
    (socket.IPPROTO_TCP, 'TCP_KEEPIDLE', 20),
    (socket.IPPROTO_TCP, 'TCP_KEEPINTVL', 10),
    (socket.IPPROTO_TCP, 'TCP_KEEPCNT', 4),
    (socket.IPPROTO_TCP, 'TCP_USER_TIMEOUT', 60_000),
)


def dial(
    target: Target,
    timeout: float,
    through: Callable[[Target, float], Any],
    closing: contextlib.ExitStack,
) -> Any:
    """A socket, or what serves as one, to a target's sshd.

    :param through: makes one through the target's jump host
    :param closing: gets what ends it
    :raises errors.HostError: when there is no way to it
    """
    if target.via:
        sock = through(target, timeout)
    elif target.proxy_command:
        sock = _through_command(target, closing)
    else:
        sock = _tcp(target, timeout)
    closing.callback(sock.close)
    closing.callback(shut, sock)
    return sock


def shut(sock: Any) -> None:
    """End what goes over a socket; whoever reads from it wakes at once."""
    with contextlib.suppress(OSError, EOFError):
        sock.shutdown(socket.SHUT_RDWR)


def _tcp(target: Target, timeout: float) -> socket.socket:
    host, at = target.host, target.at
    try:
        sock = socket.create_connection((target.address, target.port), timeout)
    except socket.gaierror as exc:
        problem = exc.strerror or str(exc)
        raise errors.NameUnresolved(host, at, problem) from exc
    except TimeoutError as exc:
        raise errors.ConnectTimedOut(host, at, 'TCP', timeout) from exc
    except ConnectionRefusedError as exc:
        raise errors.ConnectRefused(host, at) from exc
    except (OSError, UnicodeError) as exc:
        problem = getattr(exc, 'strerror', None) or str(exc)
        raise errors.ConnectFailed(host, at, problem) from exc
    for level, name, value in _ALIVE:
        # Some of them are Linux's own.
        if hasattr(socket, name):
            sock.setsockopt(level, getattr(socket, name), value)
    return sock


def _through_command(
    target: Target, closing: contextlib.ExitStack
) -> socket.socket:
    """The stdin and stdout of a ProxyCommand, which is a shell's (ssh(1)).

    paramiko's own does not notice when the command ends.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            ['/bin/sh', '-c', f'exec {target.proxy_command}'],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    closing.callback(_end, process)
    return ours


def _end(process: 'subprocess.Popen[bytes]') -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
