# SPDX-License-Identifier: Apache-2.0
"""Looks at servers wherever they are, many of them with one list."""

import datetime
from collections.abc import Collection

from osc_recover import errors
from osc_recover.facts import Server
from osc_recover.gateways.compute import Compute

_FEW = 2  # servers that are asked for one by one
# Clocks of controllers differ a little, and some ask a little late.
_MARGIN = datetime.timedelta(seconds=10)
_TIME = '%Y-%m-%dT%H:%M:%SZ'
_DELETED = 'DELETED'


class Looks:
    """Reads servers that change while we look on.

    A list of what has changed since the look before has nearly all of them,
    whatever else the cloud holds.  The times are nova's own; a server that the
    list lacks is asked for by itself.  One thread looks at a time.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._since = ''

    def __call__(self, ids: Collection[str]) -> dict[str, Server | None]:
        """Each server as it is now, or None when it was deleted.

        :raises errors.ApiError: when nova does not answer
        """
        listed = self._changed(ids) if len(ids) > _FEW else {}
        found = {
            name: listed[name] if name in listed else self._one(name)
            for name in ids
        }
        seen = [s for s in (*listed.values(), *found.values()) if s]
        self._since = max((s.updated for s in seen), default=self._since)
        return {
            name: None if server and server.status == _DELETED else server
            for name, server in found.items()
        }

    def _changed(self, ids: Collection[str]) -> dict[str, Server]:
        if not self._since:
            self._since = self._time_of_one(ids)
        if not self._since:
            return {}
        since = datetime.datetime.fromisoformat(self._since) - _MARGIN
        changed = self._compute.servers_changed(since.strftime(_TIME))
        return {s.id: s for s in changed}

    def _time_of_one(self, ids: Collection[str]) -> str:
        """When one of them changed: the others will have at about then."""
        found = (self._one(name) for name in ids)
        return next((server.updated for server in found if server), '')

    def _one(self, name: str) -> Server | None:
        try:
            return self._compute.server(name)
        except errors.Gone:
            return None


def find(compute: Compute, server: str) -> Server:
    """A server, wherever it is; raises StepFailed when it was deleted."""
    try:
        return compute.server(server)
    except errors.Gone as exc:
        raise deleted(server) from exc


def deleted(server: str) -> errors.StepFailed:
    """What is said of a server that is there no more."""
    return errors.StepFailed(
        f'server {server} was deleted meanwhile', 'there is nothing left to do'
    )
