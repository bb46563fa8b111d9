# SPDX-License-Identifier: Apache-2.0
"""The facts of moves by hand, indexed once."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from osc_recover.facts import (
    BoundPort,
    ByHand,
    ComputeRow,
    Connector,
    Domain,
    Holdings,
    HostDomains,
    Movable,
    VolumeAttachment,
)

T = TypeVar('T')


class Known:
    """What databases, services and hosts have of servers to be moved."""

    def __init__(self, found: ByHand) -> None:
        self.found = found

    def cell(self, host: str) -> str:
        """The cell that a host is in; '' for one that is mapped to none."""
        return self.found.cells.get(host, '')

    def movable(self, server: str) -> Movable | None:
        """What the cell's database has of a server."""
        return self._movables.get(server)

    def computes(self, host: str) -> tuple[ComputeRow, ...]:
        """The compute nodes of a host: one, unless it is bare metal."""
        return self._computes.get(host, ())

    def holdings(self, server: str) -> Holdings | None:
        """All that a server holds in placement; None: it was not asked."""
        return self._holdings.get(server)

    def ports(self, server: str) -> tuple[BoundPort, ...]:
        """The ports of a server."""
        return self._ports.get(server, ())

    def attachments(self, server: str) -> tuple[VolumeAttachment, ...]:
        """The attachments that cinder has of a server."""
        return self._attachments.get(server, ())

    def asked(self, host: str) -> HostDomains | None:
        """What a host said of its domains; None: it was not asked."""
        return self._domains.get(host)

    def domain(self, host: str, server: str) -> Domain | None:
        """The domain of a server on a host, or None."""
        told = self.asked(host)
        domains = told.domains if told else ()
        return next((d for d in domains if d.uuid == server), None)

    def connector(self, host: str) -> Connector | None:
        """How a host is let in to volumes; None: nobody was asked."""
        return self._connectors.get(host)

    @functools.cached_property
    def _movables(self) -> Mapping[str, Movable]:
        return {one.row.server: one for one in self.found.movables}

    @functools.cached_property
    def _computes(self) -> Mapping[str, tuple[ComputeRow, ...]]:
        return by(self.found.computes, lambda row: row.host)

    @functools.cached_property
    def _holdings(self) -> Mapping[str, Holdings]:
        return {one.consumer: one for one in self.found.holdings}

    @functools.cached_property
    def _ports(self) -> Mapping[str, tuple[BoundPort, ...]]:
        return by(self.found.ports, lambda port: port.server)

    @functools.cached_property
    def _attachments(self) -> Mapping[str, tuple[VolumeAttachment, ...]]:
        return by(self.found.attachments, lambda one: one.server)

    @functools.cached_property
    def _domains(self) -> Mapping[str, HostDomains]:
        return {one.host: one for one in self.found.domains}

    @functools.cached_property
    def _connectors(self) -> Mapping[str, Connector]:
        return {one.host: one for one in self.found.connectors}


def by(
    items: Iterable[T], key: Callable[[T], str]
) -> dict[str, tuple[T, ...]]:
    """Items in order, by a key that several may have."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return {name: tuple(group) for name, group in found.items()}
