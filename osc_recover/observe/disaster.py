# SPDX-License-Identifier: Apache-2.0
"""A cloud after a disaster: all of it, and what was asked of its servers.

Requests: those of a snapshot, and one more of nova for each server that may
be started.
"""

from collections.abc import Callable, Collection

from osc_recover import errors
from osc_recover.facts import Server
from osc_recover.facts.disaster import DisasterSeen, Happened
from osc_recover.facts.snapshot import Snapshot
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.observe.gathering import gathering


def seen(
    cloud: Cloud,
    look: Callable[[], Snapshot],
    before: Snapshot | None,
    made: str,
    *,
    workers: int,
    chosen: Callable[[Server], bool] = lambda server: True,
) -> DisasterSeen:
    """Look at a cloud; changes nothing.

    :param look: takes a snapshot of now
    :param made: when the one of before was taken
    :param chosen: the servers that are asked about
    :raises errors.ApiError: when nova does not tell
    """
    now = look()
    running = {
        domain.uuid
        for host in now.hosts
        for domain in host.domains
        if domain.runs
    }
    asked = [s.id for s in now.servers if chosen(s) and s.id not in running]
    return DisasterSeen(now, before, made, _actions(cloud, asked, workers))


def _actions(
    cloud: Cloud, servers: Collection[str], workers: int
) -> dict[str, tuple[Happened, ...]]:
    compute = Compute(cloud.compute)
    with gathering(workers) as crowd:
        answers = {
            name: crowd.ask(_of_server, compute, name) for name in servers
        }
        return {name: answer.result() for name, answer in answers.items()}


def _of_server(compute: Compute, server: str) -> tuple[Happened, ...]:
    try:
        return compute.happened(server)
    except errors.Gone:
        return ()
