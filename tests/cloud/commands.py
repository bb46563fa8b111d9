# SPDX-License-Identifier: Apache-2.0
"""Run one command to its end, its output kept in a log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from tests.cloud import errors, paths


def run(
    name: str,
    argv: Sequence[str],
    feed: str = '',
    env: Mapping[str, str] | None = None,
) -> None:
    log = paths.log(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'ab') as out:
        ended = subprocess.run(
            argv,
            input=feed.encode(),
            stdout=out,
            stderr=out,
            env={**os.environ, **(env or {})},
            check=False,
        )
    if ended.returncode:
        raise errors.CloudError(
            f'{" ".join(argv[:3])} … ended with status {ended.returncode}; '
            f'its last words are in {log}'
        )
