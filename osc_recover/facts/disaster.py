# SPDX-License-Identifier: Apache-2.0
"""A cloud after its power was lost, beside what was kept of it before."""

import dataclasses
from collections.abc import Iterator, Mapping

from osc_recover.facts.ceph import CephSeen
from osc_recover.facts.cleaning import Means
from osc_recover.facts.snapshot import KeptAttachment, Snapshot

# Actions after which a guest may run (nova/compute/instance_actions.py).
STARTING = frozenset({
    'start', 'reboot', 'unshelve', 'resume', 'unpause', 'rebuild', 'create',
    'rescue', 'unrescue', 'restore', 'resize', 'revertResize', 'migrate',
    'live-migration', 'evacuate',
})  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """One instance action of nova; ``user`` is '' where nova itself did it."""

    action: str
    request: str
    user: str = ''
    at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class DisasterSeen:
    """The cloud as it is now and, where there is one, a snapshot of before.

    ``made`` is when the snapshot was taken, in words.  ``actions``: server ->
    what was asked for of it, newest first; only of servers that may be
    started, and of those without an entry nova did not tell.  ``means`` are
    for cleaning.  ``ceph`` is what was told of the images of these.
    """

    now: Snapshot
    before: Snapshot | None = None
    made: str = ''
    actions: Mapping[str, tuple[Happened, ...]] = dataclasses.field(
        default_factory=dict
    )
    means: Means = dataclasses.field(default_factory=Means)
    ceph: CephSeen = dataclasses.field(default_factory=CephSeen)


@dataclasses.dataclass(frozen=True, slots=True)
class Mapped:
    """The volumes of a server, each side's attachments joined by their ids.

    ``statuses``: volume -> its status, of those that cinder has.
    """

    attachments: tuple[KeptAttachment, ...]
    statuses: Mapping[str, str]

    def wrong(self) -> Iterator[tuple[str, str]]:
        """A volume that a reboot would take away or lose, and why.

        A reboot drops the mappings of which cinder has no attachment, the
        root's included, and cinder's attachments of which nova has no mapping
        (nova/compute/manager.py, _delete_dangling_bdms, from nova 28).
        """
        for one in self.attachments:
            if one.volume not in self.statuses:
                yield one.volume, 'cinder has no such volume'
            elif 'cinder' not in one.sides:
                yield one.volume, 'nova maps it and cinder does not know that'
            elif 'nova' not in one.sides:
                yield one.volume, 'cinder has it attached and nova does not'
            elif one.status != 'attached':
                yield one.volume, f'its attachment is {one.status}'
            elif self.statuses[one.volume] != 'in-use':
                yield one.volume, f'it is {self.statuses[one.volume]}'
