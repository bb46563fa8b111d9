# SPDX-License-Identifier: Apache-2.0
"""Volumes that servers are given again: from a file, or a snapshot."""

import pathlib
from collections.abc import Collection

from osc_recover import errors
from osc_recover.checks import attach_file
from osc_recover.checks.request import VolumeAttach
from osc_recover.facts.attaching import Wanted
from osc_recover.facts.snapshot import KeptAttachment
from osc_recover.gateways.cloud import Cloud
from osc_recover.observe import attaching as observe
from osc_recover.plan import Plan
from osc_recover.procedures.attaching import attach
from osc_recover.recovery.snapshots import SnapshotsOfCloud
from osc_recover.settings import Settings


class VolumesOfServers:
    """Reads what is to be attached, and plans it."""

    def __init__(
        self, cloud: Cloud, snapshots: SnapshotsOfCloud, settings: Settings
    ) -> None:
        self._cloud = cloud
        self._snapshots = snapshots
        self._settings = settings

    def from_file(self, name: str, only: Collection[str] = ()) -> VolumeAttach:
        """What the lines of a file ask for.

        :param only: servers, by ID; none for all
        :raises errors.Refused: when it cannot be read, a line is wrong, or
            none is of these servers
        """
        lines = attach_file.lines(_text(name), name)
        servers, volumes = observe.ids(
            self._cloud,
            [line.server for line in lines],
            [line.volume for line in lines],
        )
        wanted = tuple(
            Wanted(volumes[line.volume], servers[line.server], line.device)
            for line in lines
        )
        return self._asked(f'file {name}', wanted, only)

    def from_snapshot(
        self, name: str, only: Collection[str] = ()
    ) -> VolumeAttach:
        """What servers had when a snapshot was taken.

        :param only: servers, by ID; none for all
        :raises errors.RecoverError: when there is no such snapshot, or it is
            not as it was written, or has no volume of these servers
        """
        _, kept = self._snapshots.load(name)
        wanted = tuple(
            _wanted(one)
            for one in kept.attachments
            if one.server and 'nova' in one.sides and one.boot_index != 0
        )
        return self._asked(f'snapshot {name}', wanted, only)

    def _asked(
        self, source: str, wanted: Collection[Wanted], only: Collection[str]
    ) -> VolumeAttach:
        chosen = [w for w in wanted if not only or w.server in only]
        if not chosen:
            raise errors.Refused(
                f'{source} has no data volume of '
                f'{"these servers" if only else "any server"}',
                'name other servers, or another source',
                'no-lines',
            )
        return VolumeAttach(tuple(chosen), self._settings.workers)

    def plan(self, request: VolumeAttach) -> Plan:
        """Plan to attach volumes; changes nothing.

        :raises errors.ApiError: when nova or cinder does not tell
        """
        seen = observe.seen(
            self._cloud, request.wanted, self._settings.workers
        )
        return attach(seen, request)


def _wanted(one: KeptAttachment) -> Wanted:
    return Wanted(
        one.volume,
        one.server,
        one.device,
        one.tag,
        one.delete_on_termination,
        order=one.order,
    )


def _text(name: str) -> str:
    try:
        return pathlib.Path(name).read_text()
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, 'strerror', None) or 'it is no text'
        raise errors.Refused(
            f'{name} cannot be read: {why}; nothing was changed',
            'give a file with lines: volume server device',
            'unreadable-file',
        ) from exc
