# SPDX-License-Identifier: Apache-2.0
"""What a repaired host itself says before it takes servers again."""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.domains import HostDomains
from osc_recover.facts.hosts import HostAccounts
from osc_recover.facts.storage import HostSessions, HostStorage


@dataclasses.dataclass(frozen=True, slots=True)
class Returned:
    """A host that returns, asked over SSH.

    ``accounts`` are its own and those of the other hosts, to be compared.
    ``homes`` has, for each guest that runs there and should not, the host
    where nova has it; '' for one that is on none, None for one that nova does
    not know.
    """

    domains: HostDomains
    storage: HostStorage
    sessions: HostSessions
    accounts: tuple[HostAccounts, ...] = ()
    homes: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
