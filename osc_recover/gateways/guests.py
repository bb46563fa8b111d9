# SPDX-License-Identifier: Apache-2.0
"""Guests, over SSH where it is said how, or knocked at from outside."""

import socket
from collections.abc import Callable
from typing import Any

from osc_recover import errors
from osc_recover.facts.guests import GuestBoot
from osc_recover.gateways.api import Api
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.guest_addresses import address_of, floating_of
from osc_recover.gateways.hosts import Hosts
from osc_recover.settings import Settings, SshSettings

TIMEOUT = 60.0  # seconds that a guest may be silent
_SSH = 22


class Guests:
    """The guests of a cloud.

    Each question is a connection of its own, as a reboot ends all others.

    :param api: of nova, which tells their addresses
    :param dial: makes the connections
    """

    def __init__(
        self,
        api: Api,
        settings: Settings,
        dial: Callable[[SshSettings], Hosts] = Hosts,
    ) -> None:
        self._api = api
        self._settings = settings
        self._dial = dial

    @property
    def known(self) -> bool:
        """Whether recover: guests says how they let one in."""
        return bool(self._settings.guests.user)

    def boot(self, server: str) -> GuestBoot:
        """The boot of a guest.

        :raises errors.Gone: when nova has no such server
        :raises errors.HostError: when the guest cannot be asked
        """
        told = Foreign.of(server, 'its boot', self._ask(server, 'guest.boot'))
        age = told.number('up_for', -1)
        return GuestBoot(told.text('boot_id'), age if age >= 0 else None)

    def reboot(self, server: str, boot: str) -> None:
        """Have a guest reboot, if it is still at that boot.

        :raises errors.OperationRefused: booted-anew, when it is not; or when
            it says no
        :raises errors.HostError: when it cannot be asked, or is gone before
            it has answered
        """
        self._ask(server, 'guest.reboot', boot=boot)

    def _ask(self, server: str, op: str, **args: Any) -> dict[str, Any]:
        named = {host.name for host in self._settings.guests.hosts}
        at: dict[str, str] = {}
        if server not in named:
            at[server] = address_of(self._api, server)
            if not at[server]:
                raise errors.HostSilent(
                    server,
                    'nova knows no address of it',
                    'name its address as recover: guests: hosts in '
                    'clouds.yaml',
                )
        with self._dial(self._settings.guests_at(at)) as guests:
            return guests.ask(server, op, args, timeout=TIMEOUT)

    def knock(self, server: str, port: int = _SSH) -> str | None:
        """Whether something is alive at its floating address.

        An answer of any kind will do: a port that is closed is closed by
        somebody.  Returns '' then, why not otherwise, and None for a server
        that has no such address.

        :raises errors.Gone: when nova has no such server
        """
        address = floating_of(self._api, server)
        if not address:
            return None
        seconds = self._settings.guests.connect_timeout
        try:
            socket.create_connection((address, port), seconds).close()
        except ConnectionRefusedError:
            return ''
        except OSError as exc:
            return f'{address} port {port}: {exc}'
        return ''
