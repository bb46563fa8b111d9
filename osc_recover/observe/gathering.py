# SPDX-License-Identifier: Apache-2.0
"""Many questions side by side, and what becomes of those without an answer."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from osc_recover import errors

T = TypeVar('T')
D = TypeVar('D')
Future = concurrent.futures.Future


class Gathering:
    """Questions to services, asked by a few threads.

    A question that must be answered raises its error; one that may fail
    leaves a sentence in ``gaps`` instead.
    """

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self._pool = pool
        self.gaps: list[str] = []
        self.unseen: list[str] = []

    def ask(self, question: Callable[..., T], *args: Any) -> 'Future[T]':
        """Ask without waiting for the answer."""
        return self._pool.submit(question, *args)

    def may(self, what: str, answer: 'Future[T]', default: D) -> T | D:
        """Wait for an answer that we can do without.

        :param what: what we do not know without it, for the gap
        :raises errors.AuthFailed: as without a token nothing is answered
        """
        try:
            return answer.result()
        except errors.AuthFailed:
            raise
        except errors.RecoverError as exc:
            self.gap(f'{what}: {exc.sentence}')
            self.unseen.append(what)
            return default

    def gap(self, text: str) -> None:
        """Note what could not be observed; the same text once."""
        if text not in self.gaps:
            self.gaps.append(text)


@contextlib.contextmanager
def gathering(workers: int) -> Iterator[Gathering]:
    """A gathering whose queued questions are dropped when it fails."""
    pool = concurrent.futures.ThreadPoolExecutor(workers, 'observe')
    try:
        yield Gathering(pool)
    finally:
        pool.shutdown(cancel_futures=True)
