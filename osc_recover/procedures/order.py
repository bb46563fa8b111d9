# SPDX-License-Identifier: Apache-2.0
"""Which server comes first."""

import math
from collections.abc import Iterable

from osc_recover.checks.view import ran
from osc_recover.facts import Server


def by_priority(servers: Iterable[Server], key: str) -> list[Server]:
    """Larger property first, then what ran, then by name.

    :param key: the server property that holds a number; '' for none
    """
    return sorted(servers, key=lambda s: (-priority(s, key), *_rest(s)))


def priority(server: Server, key: str) -> float:
    """The number in a server's property; one without comes last."""
    try:
        value = float(server.metadata.get(key, ''))
    except ValueError:
        return -math.inf
    return -math.inf if math.isnan(value) else value


def _rest(server: Server) -> tuple[bool, str, str]:
    return not ran(server), server.name, server.id
