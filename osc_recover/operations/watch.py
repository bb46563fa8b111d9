# SPDX-License-Identifier: Apache-2.0
"""One list call a tick, however many lanes wait for it."""

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Generic, TypeVar

from osc_recover import errors
from osc_recover.effects import Control, Cut

_GATHER = 0.05  # seconds in which hurried questions come together

T = TypeVar('T')
Asked = TypeVar('Asked')
Found = TypeVar('Found')


class Shared(Generic[T]):
    """A reading that threads share: one of them reads, the others get it.

    :param read: makes a reading
    :param tick: seconds between two readings that nobody is in a hurry for
    :param ticks: how many of them to wait for, as things stand
    :param first: a reading that was made already, and when it was begun
    :param gathers: the first reading, too, waits for the tick
    """

    def __init__(
        self,
        read: Callable[[], T],
        tick: float,
        *,
        ticks: Callable[[], float] = lambda: 1.0,
        first: tuple[float, T] | None = None,
        gathers: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._tick = tick
        self._ticks = ticks
        self._clock = clock
        self._changed = threading.Condition()
        self._number = 0
        self._led = False  # a thread waits for the tick, or reads
        self._reading = False
        self._hurry = False
        self._ended = None if gathers else float('-inf')
        self._begun: float
        self._value: T | None
        self._begun, self._value = first or (float('-inf'), None)
        self._problem: errors.ApiError | errors.AuthFailed | None = None

    def begun(self) -> int:
        """How many readings were begun so far, for ``after``."""
        with self._changed:
            return self._number + self._reading

    def now(self, control: Control) -> tuple[int, T]:
        """A reading that is begun after this call, at once, and its number."""
        return self.after(self.begun(), control, hurry=True)

    def recent(self, age: float, control: Control) -> tuple[int, T]:
        """A reading that was begun at most ``age`` seconds ago, or now."""
        with self._changed:
            number, value = self._number, self._value
            fresh = self._clock() - self._begun <= age
            if not (fresh and self._reading):
                if fresh and self._problem is None and value is not None:
                    return number, value
                number = self.begun()
        return self.after(number, control, hurry=True)

    def after(
        self, seen: int, control: Control, *, hurry: bool = False
    ) -> tuple[int, T]:
        """A reading newer than number ``seen``, waited for, and its number.

        :param hurry: not to wait for the tick
        :raises errors.ApiError: when that reading failed
        :raises errors.AuthFailed: when there was no token for it
        :raises Cut: when the run is cut meanwhile
        """
        with self._changed:
            if hurry and self.begun() <= seen:
                self._hurry = True
                self._changed.notify_all()
        while self._is_ours(seen, control):
            self._lead(control)
        with self._changed:
            if self._problem is not None:
                raise self._problem
            assert self._value is not None
            return self._number, self._value

    def _is_ours(self, seen: int, control: Control) -> bool:
        """Wait for another thread's reading; True: it is ours to make."""
        with self._changed:
            while self._number <= seen:
                if not self._led:
                    self._led = True
                    return True
                self._pause(0.2, control)
            return False

    def _lead(self, control: Control) -> None:
        try:
            with self._changed:
                while not self._hurry and (left := self._left()) > 0:
                    self._pause(left, control)
                self._hurry, self._reading = False, True
                self._begun = self._clock()
            self._make()
        finally:
            with self._changed:
                self._led = self._reading = False
                self._changed.notify_all()

    def _make(self) -> None:
        value = self._value
        problem: errors.ApiError | errors.AuthFailed | None = None
        try:
            value = self._read()
        except errors.CALL as exc:
            problem = exc
        with self._changed:
            self._value, self._problem = value, problem
            self._number += 1
            self._ended = self._clock()

    def _left(self) -> float:
        """Seconds until the next reading, as things stand now."""
        if self._ended is None:
            self._ended = self._clock()
        return self._ended + self._tick * self._ticks() - self._clock()

    def _pause(self, seconds: float, control: Control) -> None:
        if control.is_cut:
            raise Cut
        self._changed.wait(min(seconds, 0.2))


class Together(Generic[Asked, Found]):
    """Questions of many lanes, answered by one reading for all of them.

    :param read: answers all the questions that there are, by their keys
    :param tick: seconds that questions gather when nobody is in a hurry
    """

    def __init__(
        self,
        read: Callable[[Mapping[str, Asked]], Mapping[str, Found]],
        tick: float,
    ) -> None:
        self._read = read
        self._asked: dict[str, Asked] = {}
        self._lock = threading.Lock()
        self._shared = Shared(self._answer, tick, gathers=True)
        self._gather = min(_GATHER, tick)

    def ask(
        self,
        key: str,
        question: Asked,
        control: Control,
        *,
        hurry: bool = False,
    ) -> Found:
        """The answer of a reading that is begun after this call.

        :param key: one that nobody else asks with meanwhile
        :raises errors.ApiError: and what else ``Shared.after`` does
        """
        with self._lock:
            self._asked[key] = question
            seen = self._shared.begun()
        try:
            if hurry:
                control.wait(self._gather)
            return self._shared.after(seen, control, hurry=hurry)[1][key]
        finally:
            with self._lock:
                del self._asked[key]

    def _answer(self) -> Mapping[str, Found]:
        with self._lock:
            asked = dict(self._asked)
        return self._read(asked)


class UnderWay:
    """Counts what is on its way: ``with`` it while something is."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._count -= 1

    def __len__(self) -> int:
        return self._count
