# SPDX-License-Identifier: Apache-2.0
"""A power loss reproduced for one server."""

from collections.abc import Sequence

from osc_recover.checks.request import PowerLoss
from osc_recover.facts.snapshot import HostState
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.host_states import links
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe import drill as observe
from osc_recover.plan import Plan
from osc_recover.procedures.drill import power_loss
from osc_recover.settings import Settings


class Drills:
    """Plans what is lost on purpose, and brought back."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._settings = settings

    def request(
        self, server: str, *, force: bool = False, timeout: int | None = None
    ) -> PowerLoss:
        """What is asked for, with what the configuration says.

        :param server: its ID
        :param timeout: seconds until it must run again; None: the usual ones
        """
        return PowerLoss(server, force, timeout or self._settings.timeout)

    def plan(self, request: PowerLoss) -> Plan:
        """Look at a server and its host, and plan; changes nothing.

        :raises errors.ApiError: when nova or neutron does not tell
        :raises errors.Refused: when it must not lose its sessions
        """
        seen = observe.seen(
            self._cloud, self._links, request.server, self._settings.workers
        )
        return power_loss(seen, request)

    def _links(self, names: Sequence[str]) -> tuple[HostState, ...]:
        with Hosts(self._settings.ssh) as asked:
            return links(asked, names)
