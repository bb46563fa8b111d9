# SPDX-License-Identifier: Apache-2.0
"""What moves by hand, in the database, are planned from."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from osc_recover.facts.claims import BoundPort, Holdings, VolumeAttachment
from osc_recover.facts.cloud import Server
from osc_recover.facts.domains import HostDomains
from osc_recover.facts.moving import BlockDevice, ComputeRow, Movable


@dataclasses.dataclass(frozen=True, slots=True)
class Connector:
    """How a host is let in to volumes, as os-brick says it.

    ``source`` says who told it: the host, or cinder's records of it.
    ``problem`` says why nobody did; then there is nothing else.
    """

    host: str
    connector: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    source: str = ''
    problem: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class ByHand:
    """Beside the situation: what databases, services and hosts have.

    ``cells`` maps a host to the cell it is in; ``movables``, ``holdings``,
    ``ports`` and ``attachments`` are those of the servers in question (the
    attachments without their connections); ``domains`` and ``connectors``
    those of the hosts that may take them.  ``unread`` maps a server to why
    nothing is known of its records.
    """

    cells: Mapping[str, str] = dataclasses.field(default_factory=dict)
    computes: tuple[ComputeRow, ...] = ()
    movables: tuple[Movable, ...] = ()
    holdings: tuple[Holdings, ...] = ()
    ports: tuple[BoundPort, ...] = ()
    attachments: tuple[VolumeAttachment, ...] = ()
    domains: tuple[HostDomains, ...] = ()
    connectors: tuple[Connector, ...] = ()
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Moved:
    """What became of servers that a run has moved by hand.

    ``servers`` are those that are still there; ``mappings`` those of their
    volumes; ``connectors`` of the hosts that they came from; ``unread`` maps a
    server to why its records are not known.
    """

    servers: tuple[Server, ...] = ()
    mappings: tuple[BlockDevice, ...] = ()
    attachments: tuple[VolumeAttachment, ...] = ()
    connectors: tuple[Connector, ...] = ()
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def server(self, key: str) -> Server | None:
        """A server, or None when it is gone."""
        return next((s for s in self.servers if s.id == key), None)

    def mapping(self, key: int) -> BlockDevice | None:
        """A mapping, or None when it is gone."""
        return next((m for m in self.mappings if m.id == key), None)

    def attached(self, server: str, volume: str) -> list[str]:
        """The attachments of a volume to a server, in order."""
        return sorted(
            one.id
            for one in self.attachments
            if (one.server, one.volume) == (server, volume)
        )

    def connector(self, host: str) -> Connector:
        """How a host is let in to volumes."""
        found = (one for one in self.connectors if one.host == host)
        return next(found, Connector(host, problem='nobody was asked'))
