# SPDX-License-Identifier: Apache-2.0
"""What is asked for: the options of commands and the configuration."""

from collections.abc import Sequence
from typing import Any

from osc_recover.checks.request import (
    AuditFix,
    DomainRepair,
    MountFix,
    Request,
    ServiceChange,
    SessionClose,
    SessionOpen,
)
from osc_recover.facts import Server
from osc_recover.settings import Settings


class Requests:
    """Makes requests of what a command was given.

    :param settings: the cloud's ``recover:`` section
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def host(self, hosts: Sequence[str], **options: Any) -> Request:
        """To recover hosts, with what the configuration says of the cloud."""
        known = self._settings
        defaults = {'workers': known.workers, 'timeout': known.timeout}
        return Request(
            hosts=tuple(hosts),
            shared_storage=known.shared_storage,
            shared_hosts=known.shared_hosts,
            **{**defaults, **options},
        )

    def service(
        self, hosts: Sequence[str], action: str, *, libvirt: bool
    ) -> ServiceChange:
        """To change the services of hosts, each once."""
        return ServiceChange(
            tuple(dict.fromkeys(hosts)),
            action,
            libvirt,
            self._settings.workers,
        )

    def audit(
        self, codes: Sequence[str], *, host: str, min_age: int
    ) -> AuditFix:
        """To mend findings of these codes, each once."""
        names = tuple(dict.fromkeys(codes))
        return AuditFix(names, host, min_age, self._settings.workers)

    def session_close(
        self, host: str, session: int, target: str, server: str
    ) -> SessionClose:
        """To close one session of a host."""
        return SessionClose(host, session, target, server)

    def session_open(
        self, hosts: Sequence[str], snapshot: str, targets: Sequence[str]
    ) -> SessionOpen:
        """To open what hosts have lost, each once."""
        names = tuple(dict.fromkeys(hosts))
        wanted = tuple(dict.fromkeys(targets))
        return SessionOpen(names, snapshot, wanted, self._settings.workers)

    def mounts(
        self,
        hosts: Sequence[str],
        guests: Sequence[Server],
        points: Sequence[str] = (),
    ) -> MountFix:
        """To look at, or mend, what machines mount at boot, each once."""
        return MountFix(
            tuple(dict.fromkeys(hosts)),
            tuple(dict.fromkeys(guest.id for guest in guests)),
            points=tuple(dict.fromkeys(points)),
            workers=self._settings.workers,
        )

    def domain(
        self, servers: Sequence[Server], **options: Any
    ) -> DomainRepair:
        """To repair the domains of servers, each once."""
        names = tuple(dict.fromkeys(server.id for server in servers))
        return DomainRepair(names, workers=self._settings.workers, **options)
