# SPDX-License-Identifier: Apache-2.0
"""Hosts, asked one at a time or many side by side."""

import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from osc_recover import errors
from osc_recover.gateways import side_by_side
from osc_recover.gateways.ssh.dialer import Dialer
from osc_recover.gateways.ssh.keys import Passphrase
from osc_recover.gateways.ssh.link import Link, Tell
from osc_recover.settings import SshSettings

T = TypeVar('T')
Outcome = dict[str, Any] | errors.HostError


class Hosts:
    """Programs of ours on hosts, started when a host is first asked.

    A context manager; at its end every program is ended, whatever it does.

    :param settings: how hosts are reached
    :param workers: how many hosts are asked side by side
    :param passphrase: asks for the passphrase of a private key's file
    """

    def __init__(
        self,
        settings: SshSettings,
        workers: int = 32,
        passphrase: Passphrase | None = None,
    ) -> None:
        self._dialer = Dialer(settings, passphrase)
        self._workers = workers
        self._links: dict[str, Link] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> 'Hosts':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every program, and the connections."""
        with self._lock:
            self._closed = True
            links = list(self._links.values())
        for link in links:
            link.close()
        self._dialer.close()

    def ask(
        self,
        host: str,
        op: str,
        args: dict[str, Any],
        *,
        timeout: float,
        tell: Tell | None = None,
    ) -> dict[str, Any]:
        """Have an operation carried out on a host, and return its result.

        One host carries out one operation at a time.  Nothing is tried
        twice.

        :param args: what JSON can hold; file names as os.fsdecode has them
        :param timeout: seconds that the host may be silent
        :param tell: gets every event of the operation, as it comes
        :raises errors.OperationRefused: when the operation says no
        :raises errors.HostError: when the host cannot be reached, or does
            not answer as it should
        """
        with self._turn(host):
            link = self._link(host)
            return link.ask(op, args, timeout=timeout, tell=tell)

    def each(
        self,
        hosts: Iterable[str],
        op: str,
        args: dict[str, Any],
        *,
        timeout: float,
        tell: Callable[[str, dict[str, Any]], None] | None = None,
    ) -> Iterator[tuple[str, Outcome]]:
        """Ask many hosts the same; a host and its result or error each.

        They come in the order in which they end.

        :param tell: gets every event and the host that it is from
        """

        def ask(host: str) -> Outcome:
            def told(event: dict[str, Any]) -> None:
                if tell is not None:
                    tell(host, event)

            try:
                return self.ask(host, op, args, timeout=timeout, tell=told)
            except errors.HostError as exc:
                return exc

        names = dict.fromkeys(hosts)
        return side_by_side.as_they_end(ask, names, self._workers)

    def _turn(self, host: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(host, threading.Lock())

    def _link(self, host: str) -> Link:
        """The link to a host; only in its turn."""
        link = self._links.get(host)
        if link is None or not link.is_open:
            link = self._dialer.start(host)
            with self._lock:
                self._links[host] = link
                closed = self._closed
            if closed:
                link.close()
        return link


def fact_of(
    host: str,
    outcome: Outcome,
    read: Callable[[str, Any], T],
    kind: Callable[..., T],
) -> T:
    """What a host answered, as a fact; or a fact that says why it did not.

    :param read: makes the fact of host and answer
    :param kind: makes one of host, ``problem`` and ``way_out``
    """
    try:
        if isinstance(outcome, errors.HostError):
            raise outcome
        return read(host, outcome)
    except (errors.HostError, errors.ApiError) as exc:
        return kind(host, problem=exc.sentence, way_out=exc.way_out)
