# SPDX-License-Identifier: Apache-2.0
"""Run steps side by side, each as soon as what it needs is done."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import time
from collections.abc import Callable, Iterable

from tests.cloud import errors, waiting


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    action: Callable[[], None]
    needs: tuple[str, ...] = ()


def run(steps: Iterable[Step], say: Callable[[str], None]) -> None:
    left = list(steps)
    done: set[str] = set()
    busy: dict[concurrent.futures.Future[float], str] = {}
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        while left or busy:
            for step in [s for s in left if set(s.needs) <= done]:
                left.remove(step)
                busy[pool.submit(_timed, step)] = step.name
            if not busy:
                raise errors.CloudError(
                    'these steps need something that is never done: '
                    f'{[step.name for step in left]}'
                )
            for future in _next(busy):
                name = busy.pop(future)
                say(f'{name}: {future.result():.1f} s')
                done.add(name)


def _next(
    busy: Iterable[concurrent.futures.Future[float]],
) -> set[concurrent.futures.Future[float]]:
    return concurrent.futures.wait(
        busy, return_when=concurrent.futures.FIRST_COMPLETED
    ).done


def _timed(step: Step) -> float:
    began = time.monotonic()
    try:
        step.action()
    except BaseException:
        waiting.abandoned.set()
        raise
    return time.monotonic() - began
