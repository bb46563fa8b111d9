# SPDX-License-Identifier: Apache-2.0
"""Volumes whose attachments are to end, and the servers that they name.

Requests: those of a snapshot, one for the actions of each server that has one
of the volumes, and one or two more for each that nova does not list.
"""

from collections.abc import Collection

from osc_recover import errors
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.facts.resetting import ResetSeen
from osc_recover.facts.snapshot import Snapshot
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.observe.disaster import actions


def seen(
    cloud: Cloud,
    now: Snapshot,
    before: Snapshot | None,
    made: str,
    volumes: Collection[str],
    *,
    workers: int,
) -> ResetSeen:
    """Look at the servers of volumes; changes nothing.

    :param now: the cloud as it is
    :param made: when the snapshot of before was taken
    :param volumes: by ID
    :raises errors.ApiError: when nova does not tell
    """
    users = {a.server for a in now.attachments if a.volume in volumes}
    listed = users & {server.id for server in now.servers}
    asked_for = actions(cloud, listed, workers)
    found = DisasterSeen(now, before, made, asked_for)
    compute = Compute(cloud.compute)
    unlisted = sorted(users - listed - {''})
    hidden = [name for name in unlisted if _is_there(compute, name)]
    return ResetSeen(
        found,
        deleted=tuple(
            name
            for name in unlisted
            if name not in hidden and _was_there(compute, name)
        ),
        hidden=tuple(hidden),
    )


def _is_there(compute: Compute, server: str) -> bool:
    try:
        compute.server(server)
    except errors.Gone:
        return False
    return True


def _was_there(compute: Compute, server: str) -> bool:
    """Whether nova remembers actions of a server that it has deleted."""
    try:
        return bool(compute.happened(server))
    except errors.Gone:
        return False
