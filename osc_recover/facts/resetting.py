# SPDX-License-Identifier: Apache-2.0
"""Volumes whose attachments are to end, and the servers that they name."""

import dataclasses

from osc_recover.facts.disaster import DisasterSeen


@dataclasses.dataclass(frozen=True, slots=True)
class ResetSeen:
    """The cloud, and what nova knows of servers that its list lacks.

    ``deleted``: those that nova has deleted, and remembers; ``hidden``: those
    that it still has, such as soft-deleted ones.
    """

    seen: DisasterSeen
    deleted: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
