# SPDX-License-Identifier: Apache-2.0
"""The iSCSI sessions of hosts: shown, closed, opened."""

import dataclasses
from collections.abc import Sequence

from osc_recover.checks.request import SessionClose, SessionOpen
from osc_recover.checks.sessions import Row, rows
from osc_recover.facts.audit import Gap
from osc_recover.facts.sessions import SessionsSeen, volume_hosts
from osc_recover.facts.snapshot import HostState
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.host_states import links
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe.sessions import sessions as observe
from osc_recover.plan import Plan
from osc_recover.procedures.opening import open_sessions
from osc_recover.procedures.sessions import close_session
from osc_recover.recovery.known import check_hosts
from osc_recover.recovery.snapshots import SnapshotsOfCloud
from osc_recover.settings import Settings


class SessionsOfHosts:
    """Looks at sessions, and plans what is to become of them."""

    def __init__(
        self, cloud: Cloud, settings: Settings, snapshots: SnapshotsOfCloud
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._snapshots = snapshots

    def list(self, hosts: Sequence[str]) -> tuple[list[Row], tuple[Gap, ...]]:
        """A row for each path of each disk; what could not be asked.

        :param hosts: none for all with nova-compute or cinder-volume
        :raises errors.UnknownHost: for a name that is none of these
        """
        seen = self._seen(hosts)
        return list(rows(seen)), seen.gaps

    def plan_close(self, request: SessionClose) -> Plan:
        """Plan to close one session; changes nothing.

        :raises errors.UnknownHost: for a host that is not known
        :raises errors.Refused: when it is not the session that was meant
        """
        return close_session(self._seen([request.host]), request)

    def plan_open(self, request: SessionOpen) -> Plan:
        """Plan to open what is missing; changes nothing.

        :raises errors.UnknownHost: for a host that is not known
        :raises errors.RecoverError: when the snapshot cannot be trusted
        """
        before = None
        if request.snapshot:
            before = self._snapshots.load(request.snapshot)[1]
        seen = self._seen(request.hosts)
        return open_sessions(self._with_others(seen), before, request)

    def _with_others(self, seen: SessionsSeen) -> SessionsSeen:
        """The same with the other volume servers, where one is opened."""
        asked = [host.host for host in seen.hosts]
        stores = volume_hosts(seen.storage)
        others = [name for name in stores if name not in asked]
        if not others or not set(asked) & set(stores):
            return seen
        return dataclasses.replace(seen, others=self._links(others))

    def _seen(self, hosts: Sequence[str]) -> SessionsSeen:
        def chosen(every: Sequence[str]) -> Sequence[str]:
            check_hosts(hosts, every)
            return list(dict.fromkeys(hosts)) or every

        return observe(
            self._cloud, self._links, chosen, self._settings.workers
        )

    def _links(self, names: Sequence[str]) -> tuple[HostState, ...]:
        with Hosts(self._settings.ssh) as asked:
            return links(asked, names)
