# SPDX-License-Identifier: Apache-2.0
"""Volumes that are to be attached, and the servers that are to get them."""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.cloud import Server, Service, Volume


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A volume that a server is to have.

    ``volume`` and ``server`` are IDs, or the words that nothing was found
    for.  ``device`` is '' where nova is to choose.  ``tag`` and
    ``delete_on_termination`` are those of the attachment of before; None
    leaves the second to nova.  ``order`` counts from 0 where more is known of
    it than the device tells.
    """

    volume: str
    server: str
    device: str = ''
    tag: str = ''
    delete_on_termination: bool | None = None
    order: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class AttachingSeen:
    """What nova and cinder say of them now.

    ``given``: server -> the volumes that nova lists for it.
    """

    servers: Mapping[str, Server] = dataclasses.field(default_factory=dict)
    volumes: Mapping[str, Volume] = dataclasses.field(default_factory=dict)
    given: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict
    )
    services: tuple[Service, ...] = ()

    def is_up(self, host: str) -> bool:
        """Whether a host's nova-compute is."""
        return any(s.up for s in self.services if s.host == host)
