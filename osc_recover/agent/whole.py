# SPDX-License-Identifier: Apache-2.0
"""Moments in which this program is not cut, only after them."""

import contextlib
import os
from typing import Iterator, List

_held = False
_asked: List[int] = []  # signals that came meanwhile


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """What is done in here is done to its end; a cut comes after it.

    Of a program that is being started nobody would know, and it would run
    on.  For the main thread, which signals reach.
    """
    global _held
    _held = True
    try:
        yield
    finally:
        _held = False
        if _asked:
            os.kill(os.getpid(), _asked.pop())


def puts_off(number: int) -> bool:
    """Whether a signal has to wait; it is sent again then."""
    if _held:
        _asked.append(number)
    return _held
