# SPDX-License-Identifier: Apache-2.0
"""Servers whose volumes are to be mended, as their records are now."""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.by_hand import Moved
from osc_recover.facts.moving import BlockDevice


@dataclasses.dataclass(frozen=True, slots=True)
class Mending:
    """What nova's database, cinder and the hosts say of them.

    ``cells``: server -> the uuid of its cell.  ``records``: the servers,
    their live mappings, attachments and how their hosts are let in.
    ``dropped``: mappings that nova has marked as deleted, the newest of each
    server and volume.  ``holders``: volume -> the servers that cinder gives
    it to, where it is no shared one.  ``statuses``: volume -> its status, of
    those that cinder has.  ``why_none``: why the databases were not asked.
    """

    cells: Mapping[str, str] = dataclasses.field(default_factory=dict)
    records: Moved = dataclasses.field(default_factory=Moved)
    dropped: tuple[BlockDevice, ...] = ()
    holders: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict
    )
    statuses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    why_none: str = ''
