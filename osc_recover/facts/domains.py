# SPDX-License-Identifier: Apache-2.0
"""What libvirt on hosts says of its domains, and nova.conf of consoles."""

import dataclasses
from collections.abc import Iterator, Mapping

from osc_recover.facts.cloud import Server


@dataclasses.dataclass(frozen=True, slots=True)
class Domain:
    """A domain of a host; ``uuid`` is that of nova's server.

    ``state`` is as virsh says: running, idle, paused, in shutdown, shut off,
    crashed, pmsuspended or no state.  One that is not ``persistent`` is gone
    when it stops.
    """

    host: str
    uuid: str
    name: str
    state: str
    persistent: bool

    @property
    def runs(self) -> bool:
        """Whether there is a process that may write to its disks."""
        return self.state != 'shut off'


@dataclasses.dataclass(frozen=True, slots=True)
class HostDomains:
    """The domains of one host, or why they are not known."""

    host: str
    domains: tuple[Domain, ...] = ()
    problem: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Console:
    """A graphics device: its ``kind``, and the addresses it listens at."""

    kind: str  # vnc or spice
    listen: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Definition:
    """What an XML of a domain says of its consoles and network filters.

    ``dhcp_servers`` are DHCPSERVER parameters, as nova-network wanted them.
    """

    consoles: tuple[Console, ...] = ()
    filters: tuple[str, ...] = ()
    dhcp_servers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DomainDetail:
    """The XML of a domain: that of the running guest, and what is kept.

    ``legacy`` maps the path of each old libvirt.xml to what it says.
    """

    live: Definition | None = None
    kept: Definition | None = None
    legacy: Mapping[str, Definition] = dataclasses.field(default_factory=dict)
    problem: str = ''

    def all(self) -> Iterator[tuple[str, Definition]]:
        """Every definition, and a word for where it is."""
        if self.live:
            yield 'the running guest', self.live
        if self.kept:
            yield "libvirt's definition", self.kept
        yield from self.legacy.items()


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """A value of nova.conf, and the addresses that it stands for there.

    ``file`` is '' for what no file says: a default of nova.
    """

    value: str = ''
    addresses: tuple[str, ...] = ()
    file: str = ''
    line: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class NetworkFilter:
    """A network filter as XML, and the names of those it is made of."""

    xml: str
    refers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HostLook:
    """All that a check of domains saw of one host, or why it saw nothing.

    ``details`` are of the domains that were asked for, by uuid; ``filters``
    maps each network filter that they need, and that is there, to those that
    it is made of; ``settings`` has my_ip, vnc.server_listen and the like;
    ``settings_problem`` says why nova.conf is not known.
    """

    host: str
    domains: tuple[Domain, ...] = ()
    details: Mapping[str, DomainDetail] = dataclasses.field(
        default_factory=dict
    )
    filters: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict
    )
    addresses: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = dataclasses.field(default_factory=dict)
    settings_problem: str = ''
    problem: str = ''
    way_out: str = ''

    def domain(self, uuid: str) -> Domain | None:
        """The domain of that uuid, or None."""
        return next((d for d in self.domains if d.uuid == uuid), None)


@dataclasses.dataclass(frozen=True, slots=True)
class DomainsSeen:
    """Servers as nova has them, and what was seen of them on hosts.

    ``strangers`` are domains of the hosts that were asked about of which nova
    knows no server.
    """

    servers: tuple[Server, ...] = ()
    looks: tuple[HostLook, ...] = ()
    strangers: tuple[Domain, ...] = ()

    def look(self, host: str) -> HostLook | None:
        """What was seen of a host, or None."""
        return next((look for look in self.looks if look.host == host), None)
