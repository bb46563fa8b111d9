# SPDX-License-Identifier: Apache-2.0
"""A cloud brought back after its power was lost."""

import dataclasses
import time
from typing import Any

from osc_recover.checks import disaster
from osc_recover.checks.disaster import Wrong
from osc_recover.checks.request import CloudRecovery
from osc_recover.facts.cleaning import Means
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.facts.sessions import volume_hosts
from osc_recover.facts.snapshot import Manifest, Snapshot
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Databases
from osc_recover.observe import ceph
from osc_recover.observe import disaster as observe
from osc_recover.plan import Plan
from osc_recover.procedures import cleaning
from osc_recover.recovery.known import check_hosts
from osc_recover.recovery.snapshots import SnapshotsOfCloud
from osc_recover.recovery.volumes import VolumesOfCloud
from osc_recover.settings import Settings


class Disaster:
    """Plans recoveries of a whole cloud, or of a part of it."""

    def __init__(
        self,
        cloud: Cloud,
        snapshots: SnapshotsOfCloud,
        databases: Databases,
        volumes: VolumesOfCloud,
        settings: Settings,
    ) -> None:
        self._cloud = cloud
        self._snapshots = snapshots
        self._databases = databases
        self._volumes = volumes
        self._settings = settings

    def request(self, snapshot: str = '', **options: Any) -> CloudRecovery:
        """What is asked for, with what the configuration says.

        :param snapshot: ID, name or path; '' for the newest of this cloud,
            or none where there is none
        :raises errors.RecoverError: when it is of another cloud, or is not
            as it was written
        """
        known = self._settings
        defaults = {
            'workers': known.workers,
            'timeout': known.timeout,
            'guests': bool(known.guests.user),
        }
        given = self._snapshots.lasting(snapshot) if snapshot else ''
        found = given or self._snapshots.newest()
        return CloudRecovery(found, **{**defaults, **options})

    def plan(self, request: CloudRecovery) -> Plan:
        """Look at the cloud, and plan; sends nothing that writes.

        :raises errors.ApiError: when nova does not tell
        :raises errors.RecoverError: for a snapshot that cannot be trusted
        :raises errors.UnknownHost: when nova has no such compute host
        """
        compute = Compute(self._cloud.compute)
        if request.hosts:
            hosts = [s.host for s in compute.services()]
            check_hosts(request.hosts, hosts)
        found = self._seen(request)
        wrong = self._wrong(found, request)
        if request.agent:
            first = cleaning.recover(found, request, wrong)
            found = self._with_ceph(found, first)
        return cleaning.recover(found, request, wrong)

    def _seen(self, request: CloudRecovery) -> DisasterSeen:
        before, made = self.before(request.snapshot)
        means = self.means()
        # What is to be attached anew is asked for server by server.
        each = request.mode == cleaning.CLEAN

        def reads(seen: DisasterSeen) -> None:
            cleaning.reads(dataclasses.replace(seen, means=means), request)

        seen = observe.seen(
            self._cloud,
            lambda: self._snapshots.look(agent=request.agent, each=each),
            before,
            made,
            workers=self._settings.workers,
            reads=reads,
        )
        return dataclasses.replace(seen, means=means)

    def _with_ceph(self, seen: DisasterSeen, made: Plan) -> DisasterSeen:
        """The same, with what hosts tell of the images of what is started."""
        going = {verdict.server for verdict in made.verdicts if verdict.act}
        now = seen.now
        told = ceph.seen(
            self._settings.ssh,
            [server for server in now.servers if server.id in going],
            now.attachments,
            volume_hosts(now.storage),
        )
        return dataclasses.replace(seen, ceph=told)

    def _wrong(
        self, seen: DisasterSeen, request: CloudRecovery
    ) -> Wrong | None:
        """What an audit says, where volumes are wrong and may be mended."""
        if request.mode == cleaning.CLEAN:
            return None
        broken = disaster.broken(disaster.View(seen, request))
        return self._volumes.wrong(broken) if broken else None

    def means(self) -> Means:
        """What is to hand for cleaning volumes."""
        return Means(
            token=bool(self._settings.service_auth),
            cinder=self._databases.cinder is not None,
            nova=self._databases.configured,
            newest=self._cloud.compute_max(),
        )

    def before(self, name: str) -> tuple[Snapshot | None, str]:
        """A snapshot, and when it was taken; '' for none.

        :raises errors.RecoverError: for one that cannot be trusted
        """
        if not name:
            return None, ''
        manifest, kept = self._snapshots.load(name)
        return kept, _when(manifest)


def _when(manifest: Manifest) -> str:
    return time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(manifest.made))
