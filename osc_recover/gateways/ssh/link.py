# SPDX-License-Identifier: Apache-2.0
"""A program of ours on a host: one request at a time, strictly read."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from osc_recover import errors
from osc_recover.agent import border
from osc_recover.gateways.ssh import shells

Tell = Callable[[dict[str, Any]], None]

_log = logging.getLogger(__name__)


class Stream(Protocol):
    """What goes to a program on a host, and what comes from it."""

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of it.

        :raises TimeoutError: when nothing is taken for so many seconds
        :raises ConnectionError: when the other side is gone
        """

    def receive(self, timeout: float) -> bytes:
        """Some bytes, or none at the end.

        :raises TimeoutError: when nothing came within so many seconds
        """

    def ending(self) -> shells.Ending:
        """How it ended, after its end."""

    @property
    def is_open(self) -> bool:
        """Whether the program still listens, as far as is known."""

    def close(self) -> None:
        """Close it, which ends the program; more than once is allowed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Who:
    """Whom the errors are about."""

    host: str
    user: str
    sudo: bool = False


class Link:
    """The border, seen from here.

    :param longest: bytes of a line that are too many
    """

    def __init__(
        self, who: Who, stream: Stream, longest: int = border.LONGEST
    ) -> None:
        self._who = who
        self._stream = stream
        self._longest = longest
        self._buffer = bytearray()
        self._number = 0
        self._greeted = False
        self._closed = False

    def ask(
        self,
        op: str,
        args: dict[str, Any],
        *,
        timeout: float,
        tell: Tell | None = None,
    ) -> dict[str, Any]:
        """Have an operation carried out, and return its result.

        :param timeout: seconds that the host may be silent, events included
        :param tell: gets every event
        :raises errors.OperationRefused: when it says no
        :raises errors.AgentDied: when it has a bug
        :raises errors.HostError: for all else; the link is then closed
        """
        try:
            kind, value = self._ask(op, args, timeout, tell)
        except BaseException:
            self.close()
            raise
        if kind == 'died':
            _log.debug('%s, %s: %s', self._who.host, op, value)
            raise errors.AgentDied(self._who.host, op, value)
        if kind == 'refused':
            raise errors.OperationRefused(
                self._who.host, op, value['code'], value['text'],
                value['fields'],
            )  # fmt: skip
        result: dict[str, Any] = value
        return result

    @property
    def is_open(self) -> bool:
        """Whether it can be asked, as far as is known."""
        return not self._closed and self._stream.is_open

    def close(self) -> None:
        """End the program, whatever it does."""
        self._closed = True
        self._stream.close()

    def _ask(
        self, op: str, args: dict[str, Any], timeout: float, tell: Tell | None
    ) -> tuple[str, Any]:
        self._number += 1
        message = {'id': self._number, 'op': op, 'args': args}
        self._send(op, border.line(message), timeout)
        # The greeting is not waited for: that would cost a round trip.
        if not self._greeted:
            self._greet(op, timeout)
        while True:
            data = self._line(op, timeout)
            kind, value = self._parsed(data)
            if kind != 'tell':
                return kind, value
            if tell is not None:
                tell(value)

    def _send(self, op: str, data: bytes, timeout: float) -> None:
        # What it has said before it went says why.
        with contextlib.suppress(ConnectionError):
            try:
                self._stream.send(data, timeout)
            except TimeoutError as exc:
                raise errors.RequestTimedOut(
                    self._who.host, op, timeout
                ) from exc

    def _greet(self, op: str, timeout: float) -> None:
        data = self._line(op, timeout)
        try:
            python = border.greeted(data)
        except border.Broken as exc:
            raise self._noise(exc) from exc
        if python < border.OLDEST:
            version = '.'.join(str(part) for part in python)
            raise errors.PythonTooOld(self._who.host, version)
        self._greeted = True

    def _parsed(self, data: bytes) -> tuple[str, Any]:
        try:
            return border.answer(data, self._number)
        except border.Broken as exc:
            raise self._noise(exc) from exc

    def _line(self, op: str, timeout: float) -> bytes:
        end = time.monotonic() + timeout
        searched = 0
        while (at := self._buffer.find(b'\n', searched)) < 0:
            searched = len(self._buffer)
            if searched > self._longest:
                raise self._noise(f'a line of more than {self._longest} bytes')
            data = self._receive(op, timeout, end - time.monotonic())
            if not data:
                raise self._ended(op)
            self._buffer += data
        line = bytes(self._buffer[: at + 1])
        del self._buffer[: at + 1]
        return line

    def _receive(self, op: str, timeout: float, left: float) -> bytes:
        try:
            return self._stream.receive(max(left, 0.0))
        except TimeoutError as exc:
            raise errors.RequestTimedOut(self._who.host, op, timeout) from exc

    def _ended(self, op: str) -> errors.HostError:
        ending = self._stream.ending()
        rest = bytes(self._buffer)
        if self._greeted:
            within = f', within the line {border.shown(rest)}' if rest else ''
            return errors.AgentCut(
                self._who.host, op, shells.words(ending) + within
            )
        if rest:
            return self._noise(f'no greeting of ours: {border.shown(rest)}')
        return shells.not_started(
            self._who.host, self._who.user, self._who.sudo, ending
        )

    def _noise(self, problem: object) -> errors.NotOurAgent:
        return errors.NotOurAgent(self._who.host, str(problem))
