# SPDX-License-Identifier: Apache-2.0
"""A cloud after a disaster: all of it, and what was asked of its servers.

Requests: the lists of a snapshot, and one of nova for each server of which it
matters what was asked for.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from osc_recover import errors
from osc_recover.facts.disaster import DisasterSeen, Happened
from osc_recover.facts.snapshot import Snapshot
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.observe.gathering import gathering

Readers = Callable[[DisasterSeen], object]


def seen(
    cloud: Cloud,
    look: Callable[[], Snapshot],
    before: Snapshot | None,
    made: str,
    *,
    workers: int,
    reads: Readers,
) -> DisasterSeen:
    """Look at a cloud; changes nothing.

    :param look: takes a snapshot of now
    :param made: when the one of before was taken
    :param reads: plans; the servers whose actions it reads are asked about
    :raises errors.ApiError: when nova does not tell
    """
    read = _Read()
    now = look()
    reads(DisasterSeen(now, before, made, read))
    return DisasterSeen(now, before, made, actions(cloud, read.names, workers))


class _Read(Mapping[str, tuple[Happened, ...]]):
    """No actions of any server, and the names of those that were read.

    What is decided without reading them is decided so whatever they are.
    """

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def __getitem__(self, name: str) -> tuple[Happened, ...]:
        self.names[name] = None
        return ()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def actions(
    cloud: Cloud, servers: Collection[str], workers: int
) -> dict[str, tuple[Happened, ...]]:
    """What was asked for of servers, newest first; nothing of unknown ones.

    :raises errors.ApiError: when nova does not tell
    """
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
