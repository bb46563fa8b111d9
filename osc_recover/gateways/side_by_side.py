# SPDX-License-Identifier: Apache-2.0
"""The same work for many, side by side, and left at once on a ^C."""

from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TypeVar

T = TypeVar('T')
R = TypeVar('R')

_WAIT = 1.0  # seconds


def as_they_end(
    work: Callable[[T], R], items: Iterable[T], workers: int
) -> Iterator[tuple[T, R]]:
    """Items with what their work returned, in the order in which that ends.

    A ^C leaves at once: what is not begun is dropped, what is under way goes
    on and is waited for by nobody.  What the work raises is raised here.
    """
    pool = futures.ThreadPoolExecutor(workers)
    try:
        asked = {pool.submit(work, item): item for item in items}
        left = set(asked)
        while left:
            # Python tells of a ^C just before a wait only after the wait.
            ended, left = futures.wait(left, _WAIT, futures.FIRST_COMPLETED)
            for future in ended:
                yield asked[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_order(
    work: Callable[[T], R], items: Iterable[T], workers: int
) -> tuple[R, ...]:
    """What the work returned for each item, in the order of the items."""
    each = list(items)
    numbers = range(len(each))
    found = dict(as_they_end(lambda n: work(each[n]), numbers, workers))
    return tuple(found[number] for number in numbers)
