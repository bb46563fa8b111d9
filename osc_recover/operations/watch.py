# SPDX-License-Identifier: Apache-2.0
"""One list call a tick, however many lanes wait for it."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from osc_recover import errors
from osc_recover.effects import Control, Cut

T = TypeVar('T')


class Shared(Generic[T]):
    """A reading that threads share: one of them reads, the others get it.

    :param read: makes a reading
    :param tick: seconds between two readings that nobody is in a hurry for
    """

    def __init__(
        self,
        read: Callable[[], T],
        tick: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._tick = tick
        self._clock = clock
        self._changed = threading.Condition()
        self._number = 0
        self._led = False  # a thread waits for the tick, or reads
        self._reading = False
        self._hurry = False
        self._due = 0.0
        self._begun = float('-inf')
        self._value: T | None = None
        self._problem: errors.ApiError | errors.AuthFailed | None = None

    def now(self, control: Control) -> tuple[int, T]:
        """A reading that is begun after this call, at once, and its number."""
        with self._changed:
            seen = self._number + (1 if self._reading else 0)
            self._hurry = True
            self._changed.notify_all()
        return self.after(seen, control)

    def recent(self, age: float, control: Control) -> tuple[int, T]:
        """A reading that was begun at most ``age`` seconds ago, or now."""
        with self._changed:
            fresh = self._clock() - self._begun <= age
            if fresh and self._problem is None and self._value is not None:
                return self._number, self._value
        return self.now(control)

    def after(self, seen: int, control: Control) -> tuple[int, T]:
        """A reading newer than number ``seen``, waited for, and its number.

        :raises errors.ApiError: when that reading failed
        :raises errors.AuthFailed: when there was no token for it
        :raises Cut: when the run is cut meanwhile
        """
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
                while not self._hurry and self._clock() < self._due:
                    self._pause(self._due - self._clock(), control)
                self._hurry, self._reading = False, True
            self._make()
        finally:
            with self._changed:
                self._led = self._reading = False
                self._changed.notify_all()

    def _make(self) -> None:
        value, begun = self._value, self._clock()
        problem: errors.ApiError | errors.AuthFailed | None = None
        try:
            value = self._read()
        except errors.CALL as exc:
            problem = exc
        with self._changed:
            self._value, self._problem = value, problem
            self._number += 1
            self._begun = begun
            self._due = self._clock() + self._tick

    def _pause(self, seconds: float, control: Control) -> None:
        if control.is_cut:
            raise Cut
        self._changed.wait(min(seconds, 0.2))
