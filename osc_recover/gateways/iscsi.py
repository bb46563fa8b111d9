# SPDX-License-Identifier: Apache-2.0
"""The iSCSI sessions of hosts, as facts."""

from collections.abc import Iterator, Sequence
from typing import Any

from osc_recover import facts
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

TIMEOUT = 30.0


class Sessions:
    """What the kernels of hosts hold open to storage."""

    def __init__(self, hosts: Hosts, timeout: float = TIMEOUT) -> None:
        self._hosts = hosts
        self._timeout = timeout

    def list(self, names: Sequence[str]) -> tuple[facts.HostSessions, ...]:
        """The sessions of hosts, in the order of the hosts' names."""
        found = dict(self._each(names))
        return tuple(found[name] for name in names)

    def _each(
        self, names: Sequence[str]
    ) -> Iterator[tuple[str, facts.HostSessions]]:
        asked = self._hosts.each(
            names, 'sessions.list', {}, timeout=self._timeout
        )
        for host, outcome in asked:
            yield (
                host,
                fact_of(host, outcome, sessions_from, facts.HostSessions),
            )


def sessions_from(host: str, data: Any) -> facts.HostSessions:
    """Read what sessions.list tells of a host.

    :raises errors.ApiError: for what it cannot be
    """
    record = Foreign.of(host, 'its sessions', data)
    return facts.HostSessions(
        host,
        tuple(
            facts.Session(
                told.number('number'), told.text('target'), told.text('portal')
            )
            for told in record.objects('sessions')
        ),
    )
