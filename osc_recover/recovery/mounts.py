# SPDX-License-Identifier: Apache-2.0
"""What hosts and guests mount at boot: looked at, and mended."""

import dataclasses
from collections.abc import Sequence

from osc_recover import errors
from osc_recover.checks.mounts import Row, rows
from osc_recover.checks.request import MountFix
from osc_recover.facts.mounts import Fstab, Role
from osc_recover.facts.sessions import volume_hosts
from osc_recover.gateways import inventory
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.fstabs import Fstabs
from osc_recover.gateways.guest_addresses import address_of
from osc_recover.gateways.hosts import Hosts
from osc_recover.plan import Plan
from osc_recover.procedures.mounts import fix_mounts
from osc_recover.recovery.known import check_hosts
from osc_recover.settings import Settings, SshSettings


class MountsOfMachines:
    """Looks at fstab on machines, and plans how it is mended."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._settings = settings

    def check(self, request: MountFix) -> list[Row]:
        """A row for each entry and thing about it; changes nothing.

        :param request: with neither hosts nor guests, every volume server
        :raises errors.UnknownHost: for a host that is not known
        :raises errors.ApiError: when nova or cinder does not tell
        """
        return list(rows(self._look(request)))

    def plan(self, request: MountFix) -> Plan:
        """Plan to mend what can be; changes nothing.

        :raises errors.RecoverError: as check() does
        """
        whole = self._with_addresses(request)
        return fix_mounts(self._look(whole), whole)

    def _look(self, request: MountFix) -> tuple[Fstab, ...]:
        roles = self._roles(request)
        found = self._asked(self._settings.ssh, roles)
        if request.guests:
            addresses = self._with_addresses(request).addresses
            settings = self._settings.guests_at(addresses)
            found += self._named(
                self._asked(settings, dict.fromkeys(request.guests, 'guest'))
            )
        return found

    def _roles(self, request: MountFix) -> dict[str, Role]:
        """The hosts, and which of them are volume servers."""
        stores = volume_hosts(inventory.storage(self._cloud.volume))
        computes = [
            service.host
            for service in self._compute.services()
            if service.binary == 'nova-compute'
        ]
        check_hosts(request.hosts, [*computes, *stores])
        asked = request.hosts or (() if request.guests else tuple(stores))
        return {
            host: 'volume server' if host in stores else 'host'
            for host in asked
        }

    def _with_addresses(self, request: MountFix) -> MountFix:
        """The request with where each guest is reached now."""
        if request.addresses or not request.guests:
            return request
        if not self._settings.guests.user:
            raise errors.BadSettings(
                'guests', 'does not say as which user guests let one in'
            )
        api = self._cloud.compute
        return dataclasses.replace(
            request,
            addresses={
                guest: address_of(api, guest) for guest in request.guests
            },
        )

    def _named(self, fstabs: Sequence[Fstab]) -> tuple[Fstab, ...]:
        return tuple(
            dataclasses.replace(one, name=self._compute.server(one.host).name)
            for one in fstabs
        )

    def _asked(
        self, settings: SshSettings, roles: dict[str, Role]
    ) -> tuple[Fstab, ...]:
        if not roles:
            return ()
        with Hosts(settings) as asked:
            return Fstabs(asked).show(list(roles), roles)
