# SPDX-License-Identifier: Apache-2.0
"""Let one of its hosts fail, and bring it back."""

from __future__ import annotations

from tests.cloud import hosts
from tests.zed import services

fail = hosts.fail


def revive(host: str) -> None:
    """Power on, nova-compute started, and its first heartbeat waited for."""
    hosts.check(host)
    hosts.power(host, on=True)
    services.compute(host).start()
