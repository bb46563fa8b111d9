# SPDX-License-Identifier: Apache-2.0
"""The one object that commands talk to: observe, check, plan, carry out."""

import functools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from osc_recover import errors, settings
from osc_recover.checks.request import (
    AuditFix,
    CloudRecovery,
    DomainRepair,
    InstanceChange,
    MountFix,
    PowerLoss,
    Request,
    ServiceChange,
    SessionClose,
    SessionOpen,
    VolumeAttach,
    VolumeRepair,
    VolumeReset,
)
from osc_recover.engine import Watcher
from osc_recover.evidence import Evidence as Evidence
from osc_recover.facts import Probe, Server
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database.databases import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.journal import Journal
from osc_recover.observe import setup
from osc_recover.plan import Plan
from osc_recover.procedures import by_hand_undo
from osc_recover.procedures import host as host_procedure
from osc_recover.procedures.attaching import PROCEDURE as ATTACH
from osc_recover.procedures.disaster import PROCEDURE as CLOUD
from osc_recover.procedures.drill import PROCEDURE as DRILL
from osc_recover.procedures.resetting import PROCEDURE as RESET
from osc_recover.procedures.volumes import PROCEDURE as VOLUME
from osc_recover.records import from_data
from osc_recover.recovery.attaching import VolumesOfServers
from osc_recover.recovery.audit import AuditOfCloud
from osc_recover.recovery.by_hand import ByHand
from osc_recover.recovery.carrying import Carrying
from osc_recover.recovery.disaster import Disaster
from osc_recover.recovery.domains import DomainsOfServers
from osc_recover.recovery.drills import Drills
from osc_recover.recovery.failed_hosts import FailedHosts
from osc_recover.recovery.instances import InstancesOfCells
from osc_recover.recovery.mounts import MountsOfMachines
from osc_recover.recovery.ownership import Ownership
from osc_recover.recovery.renumbering import Renumbering
from osc_recover.recovery.requests import Requests
from osc_recover.recovery.resetting import ResetOfVolumes
from osc_recover.recovery.runs import RunsOfCloud
from osc_recover.recovery.services import ServicesOfHosts
from osc_recover.recovery.sessions import SessionsOfHosts
from osc_recover.recovery.snapshots import SnapshotsOfCloud
from osc_recover.recovery.volumes import VolumesOfCloud
from osc_recover.runs import Run

T = TypeVar('T')

# Procedure -> who plans it, and what its request is.
_PLANNERS: Mapping[str, tuple[str, type[Any]]] = {
    ATTACH: ('attaching', VolumeAttach),
    'audit': ('audit', AuditFix),
    CLOUD: ('disaster', CloudRecovery),
    'domain': ('domains', DomainRepair),
    DRILL: ('drills', PowerLoss),
    'instance': ('instances', InstanceChange),
    'mount': ('mounts', MountFix),
    RESET: ('resetting', VolumeReset),
    'service': ('services', ServiceChange),
    VOLUME: ('volumes', VolumeRepair),
}


class Recovery:
    """Plans recoveries of one cloud, and carries them out.

    :param cloud: the cloud's services
    :param config: its ``recover:`` section
    """

    def __init__(self, cloud: Cloud, config: settings.Settings) -> None:
        self.cloud = cloud
        self.compute = Compute(cloud.compute)
        self.settings = config

    @classmethod
    def from_osc(cls, instance: Any) -> Self:
        """Use the client's own configuration, session and endpoints."""
        region = instance.sdk_connection.config
        section = region.config.get('recover') or {}
        config = settings.read(section)
        cloud = Cloud(
            region,
            timeout=config.request_timeout,
            service_auth=config.service_auth,
        )
        return cls(cloud, config)

    @functools.cached_property
    def journal(self) -> Journal:
        """The journal, opened when it is first needed."""
        return Journal(self.settings.journal_path)

    @functools.cached_property
    def databases(self) -> Databases:
        """The databases of nova and cinder; asked when they are needed."""
        return Databases(Sources(self.settings.database, self.settings.ssh))

    @functools.cached_property
    def runs(self) -> RunsOfCloud:
        """The runs of this cloud."""
        return RunsOfCloud(self.cloud, lambda: self.journal)

    @functools.cached_property
    def failed_hosts(self) -> FailedHosts:
        """Hosts that have failed, and their return."""
        return FailedHosts(self.cloud, self.settings, self.runs, self.by_hand)

    @functools.cached_property
    def by_hand(self) -> ByHand:
        """Moves in nova's database."""
        return ByHand(
            self.cloud,
            self.settings,
            lambda: self.databases,
            self.runs,
            lambda: self.journal,
        )

    @property
    def ownership(self) -> Ownership:
        """The numbers of accounts on the hosts."""
        return Ownership(self.compute, self.settings)

    @property
    def renumbering(self) -> Renumbering:
        """New numbers of accounts and files on the hosts."""
        return Renumbering(self.cloud, self.settings, self.journal)

    @property
    def services(self) -> ServicesOfHosts:
        """The services on the hosts."""
        return ServicesOfHosts(self.cloud, self.settings)

    @property
    def sessions(self) -> SessionsOfHosts:
        """The iSCSI sessions of the hosts."""
        return SessionsOfHosts(self.cloud, self.settings, self.snapshots)

    @property
    def mounts(self) -> MountsOfMachines:
        """What hosts and guests mount at boot."""
        return MountsOfMachines(self.cloud, self.settings)

    @property
    def audit(self) -> AuditOfCloud:
        """What the services and hosts contradict each other in."""
        return AuditOfCloud(
            self.cloud, self.databases, self.settings, self.runs
        )

    @property
    def snapshots(self) -> SnapshotsOfCloud:
        """The state of this cloud, as it was kept."""
        return SnapshotsOfCloud(self.cloud, self.settings)

    @property
    def attaching(self) -> VolumesOfServers:
        """Volumes that servers are given again."""
        return VolumesOfServers(self.cloud, self.snapshots, self.settings)

    @property
    def disaster(self) -> Disaster:
        """The whole cloud, after its power was lost."""
        return Disaster(
            self.cloud,
            self.snapshots,
            self.databases,
            self.volumes,
            self.settings,
        )

    @property
    def drills(self) -> Drills:
        """Power losses that are reproduced on purpose."""
        return Drills(self.cloud, self.settings)

    @property
    def volumes(self) -> VolumesOfCloud:
        """The volumes of servers, and what is wrong with them."""
        return VolumesOfCloud(
            self.cloud, self.audit, self.databases, self.settings
        )

    @property
    def resetting(self) -> ResetOfVolumes:
        """Attachments that nobody is at."""
        return ResetOfVolumes(
            self.cloud, self.snapshots, self.disaster, self.settings
        )

    @property
    def domains(self) -> DomainsOfServers:
        """The domains of servers on the hosts."""
        return DomainsOfServers(self.compute, self.settings)

    @property
    def instances(self) -> InstancesOfCells:
        """Servers as nova's databases have them."""
        return InstancesOfCells(self.cloud, self.databases, self.settings)

    @property
    def requests(self) -> Requests:
        """What is asked for, with what the configuration says."""
        return Requests(self.settings)

    def find_servers(self, names: Sequence[str]) -> list[Server]:
        """The servers of these names or IDs.

        :raises errors.UnknownServer: for none, or several
        """
        found = []
        for name in names:
            hits = self.compute.find_servers(name)
            if len(hits) != 1:
                raise errors.UnknownServer(name, tuple(s.id for s in hits))
            found.append(hits[0])
        return found

    def server_ids(self, names: Sequence[str]) -> list[str]:
        """The IDs of servers; an ID may be of one that nova has deleted.

        :raises errors.UnknownServer: for a name of none, or of several
        """
        return [
            name if _is_id(name) else self.find_servers([name])[0].id
            for name in names
        ]

    def probes(self) -> Iterator[Probe]:
        """What a recovery needs, tried; changes nothing."""
        return setup.probes(
            self.cloud, self.databases, self.settings, lambda: self.journal
        )

    def check_unmoved(self, run: Run) -> None:
        """See that the cloud still is what the stored plan was made for.

        :raises errors.FactsMoved: naming what has changed
        :raises errors.Refused: when it was made without fencing evidence
        """
        if run.plan.request.get('rehearsal'):
            raise errors.Refused(
                f'plan {run.id} is a rehearsal: nothing shows that '
                f'{", ".join(run.plan.hosts)} is off',
                'make a plan with --fence or --fenced "how you know"',
                'no-evidence',
            )
        fresh = self._anew(run.plan)
        changes = host_procedure.differences(run.plan, fresh)
        if changes:
            raise errors.FactsMoved(run.id, changes)

    def _anew(self, plan: Plan) -> Plan:
        """The same plan from facts of now."""
        procedure = plan.procedure
        if procedure == 'return':
            return self.failed_hosts.plan_return(plan.hosts[0])
        if procedure == by_hand_undo.PROCEDURE:
            return self.by_hand.anew(plan)
        if procedure in ('ownership', 'ownership-undo'):
            return self.renumbering.anew(plan)
        if procedure == 'session-close':
            return self.sessions.plan_close(_request(plan, SessionClose))
        if procedure == 'session-open':
            return self.sessions.plan_open(_request(plan, SessionOpen))
        name, kind = _PLANNERS.get(procedure, ('failed_hosts', Request))
        made: Plan = getattr(self, name).plan(_request(plan, kind))
        return made

    def carry_out(
        self, run: Run, watch: Watcher, evidence: Evidence | None = None
    ) -> bool:
        """Do what of a run is not in effect yet; returns whether all is.

        :param evidence: fresh evidence that the hosts are off, on a resume
        :raises errors.HostLocked: when another process is at it
        :raises errors.Refused: when the evidence no longer holds
        :raises errors.Interrupted: after ^C
        """
        carrying = Carrying(
            self.cloud,
            self.settings,
            self.journal,
            self.services,
            lambda: self.databases,
            self.failed_hosts.looked,
        )
        self.by_hand.check_not_taken_back(run)
        return carrying.carry_out(run, watch, evidence or Evidence())


def _request(plan: Plan, kind: type[T]) -> T:
    request = from_data(kind, dict(plan.request))
    assert isinstance(request, kind)
    return request


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
