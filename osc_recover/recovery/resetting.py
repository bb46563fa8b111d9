# SPDX-License-Identifier: Apache-2.0
"""Attachments of volumes that are ended, so that these are available."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from osc_recover import errors
from osc_recover.checks.request import VolumeReset
from osc_recover.facts.snapshot import KeptVolume
from osc_recover.gateways.cloud import Cloud
from osc_recover.observe import resetting as observe
from osc_recover.plan import Plan
from osc_recover.procedures.resetting import reset
from osc_recover.recovery.disaster import Disaster
from osc_recover.recovery.snapshots import SnapshotsOfCloud
from osc_recover.settings import Settings


class ResetOfVolumes:
    """Plans to end attachments that nobody is at."""

    def __init__(
        self,
        cloud: Cloud,
        snapshots: SnapshotsOfCloud,
        disaster: Disaster,
        settings: Settings,
    ) -> None:
        self._cloud = cloud
        self._snapshots = snapshots
        self._disaster = disaster
        self._settings = settings

    def request(
        self, volumes: Sequence[str], servers: Sequence[str], **options: Any
    ) -> VolumeReset:
        """What is to be reset; names of volumes are found by the plan.

        :param servers: by ID
        :raises errors.SnapshotDamaged: when the newest one is not whole
        """
        return VolumeReset(
            tuple(dict.fromkeys(volumes)),
            tuple(dict.fromkeys(servers)),
            snapshot=self._snapshots.newest(),
            workers=self._settings.workers,
            **options,
        )

    def plan(self, request: VolumeReset) -> Plan:
        """Look at the cloud, and plan; sends nothing that writes.

        :raises errors.Refused: for a volume that nobody knows
        :raises errors.ApiError: when nova does not tell
        """
        now = self._snapshots.look(agent=request.agent)
        for part in ('volumes', 'attachments'):
            if not now.knows(part):
                raise errors.Refused(
                    f'cinder does not tell its {part}',
                    'openstack recover setup check tells what does not '
                    'answer; then try again',
                    'volumes-unknown',
                )
        before, made = self._disaster.before(request.snapshot)
        asked = dataclasses.replace(
            request,
            volumes=tuple(_id(now.volumes, name) for name in request.volumes),
        )
        facts = observe.seen(
            self._cloud,
            now,
            before,
            made,
            asked.volumes,
            workers=self._settings.workers,
        )
        means = self._disaster.means()
        seen = dataclasses.replace(facts.seen, means=means)
        return reset(dataclasses.replace(facts, seen=seen), asked)


def _id(volumes: Sequence[KeptVolume], name: str) -> str:
    """The ID of a volume.

    :raises errors.Refused: for none, or several
    """
    found = [v.id for v in volumes if v.id == name]
    found = found or [v.id for v in volumes if v.name == name]
    if len(found) == 1:
        return found[0]
    raise errors.Refused(
        f'there is no one volume {name!r}',
        'openstack volume list --all-projects names all; give the ID where '
        'several have the name',
        'no-volume',
    )
