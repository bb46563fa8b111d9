# SPDX-License-Identifier: Apache-2.0
"""Errors of hosts as those of steps."""

import contextlib
from collections.abc import Iterator

from osc_recover import errors


@contextlib.contextmanager
def told(host: str, asked: str = '') -> Iterator[None]:
    """What a host says no to, and the lack of an answer.

    :param asked: what it was asked to do, so that a lost answer is uncertain
    :raises errors.Uncertain: when an effect may or may not have come about
    :raises errors.StepFailed: otherwise
    """
    try:
        yield
    except (errors.RequestTimedOut, errors.AgentCut) as exc:
        if not asked:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        raise errors.Uncertain(host, asked, exc.sentence) from exc
    except errors.HostError as exc:
        raise errors.StepFailed(exc.sentence, exc.way_out) from exc
