# SPDX-License-Identifier: Apache-2.0
"""Wait for a fact, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.cloud import errors, paths, processes

# Set when one step has failed, so that the others need not wait any more.
abandoned = threading.Event()


def until(
    fact: Callable[[], bool],
    what: str,
    log: str,
    deadline: float = 120,
    pause: float = 0.2,
) -> None:
    """Wait for a fact about a service; `log` is that service's name."""
    end = time.monotonic() + deadline
    while True:
        if not processes.running(log):
            raise errors.CloudError(
                f'{log} has ended; why is in {paths.log(log)}'
            )
        if fact():
            return
        if abandoned.is_set():
            raise errors.CloudError(f'{what}: no longer waited for')
        if time.monotonic() > end:
            raise errors.CloudError(
                f'{what}: not within {deadline:.0f} s; what {log} does is '
                f'in {paths.log(log)}'
            )
        time.sleep(pause)
