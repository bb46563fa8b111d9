# SPDX-License-Identifier: Apache-2.0
"""A server that is to lose its storage on purpose, and all that serves it."""

import dataclasses

from osc_recover.facts.cloud import Server, Service
from osc_recover.facts.disaster import Mapped
from osc_recover.facts.sessions import SessionsSeen


@dataclasses.dataclass(frozen=True, slots=True)
class DrillSeen:
    """One server before a drill.

    ``mapped`` are its volumes as nova and cinder have them; ``sessions`` is
    what its host has, and whom that may serve; ``service`` is the
    nova-compute there.  ``after`` is the request of the newest action that
    nova has noted of it.
    """

    server: Server
    mapped: Mapped
    sessions: SessionsSeen
    service: Service | None = None
    ports: tuple[str, ...] = ()
    after: str = ''
