# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the volumes of servers."""

import contextlib
import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

from osc_recover import errors
from osc_recover.checks import volume_rows
from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.ceph import hints
from osc_recover.checks.disaster import Wrong
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import VolumeRepair
from osc_recover.checks.volume_mending import BY_MAPPING
from osc_recover.facts.audit import Everything, Gap
from osc_recover.facts.ceph import CephSeen
from osc_recover.facts.mending import Mending
from osc_recover.facts.sessions import volume_hosts
from osc_recover.facts.snapshot import KeptAttachment
from osc_recover.gateways import inventory, kept_lists
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.database import Databases
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe import ceph
from osc_recover.observe.by_hand import Asking
from osc_recover.observe.mending import mending
from osc_recover.plan import Plan
from osc_recover.procedures.volumes import repair
from osc_recover.recovery.audit import AuditOfCloud
from osc_recover.settings import Settings, SshSettings


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """Which volumes are meant: IDs or names; none of anything for all."""

    volumes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A row for each volume, and whether the databases were asked.

    ``notes`` are what else could not be seen.
    """

    rows: tuple[volume_rows.Row, ...]
    databases: bool
    notes: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[volume_rows.Row, ...]:
        """The rows of what is neither intact nor unused."""
        return tuple(r for r in self.rows if r.state not in volume_rows.GOOD)


class VolumesOfCloud:
    """Looks at volumes as an audit does, and plans to repair them."""

    def __init__(
        self,
        cloud: Cloud,
        audit: AuditOfCloud,
        databases: Databases,
        settings: Settings,
    ) -> None:
        self._cloud = cloud
        self._audit = audit
        self._databases = databases
        self._settings = settings

    def check(self, min_age: int = 0, **chosen: Sequence[str]) -> Checked:
        """What is wrong with volumes; changes nothing.

        :param chosen: as the fields of Chosen
        :param min_age: seconds that a record must have been unchanged
        :raises errors.UnknownServer: for none, or several
        :raises errors.ApiError: when nova does not tell
        """
        findings, seen = self._audit.found('', min_age)
        view = AuditView(seen, min_age)
        meant = Chosen(**{key: tuple(some) for key, some in chosen.items()})
        servers = _servers(seen, meant)
        gaps = [gap for gap in seen.gaps if _matters(gap.what)]
        rows = volume_rows.rows(
            view, findings, _names(view, meant, servers), gaps, servers
        )
        told, attachments = self._ceph(view, rows)
        images = ceph.images(attachments)
        return Checked(
            tuple(
                volume_rows.hinted(
                    row, [*hints(told, images.get(row.volume, ()))]
                )
                for row in rows
            ),
            self._databases.configured,
            tuple(f'{gap.what}: {gap.problem}' for gap in told.gaps),
        )

    def _ceph(
        self, view: AuditView, rows: Sequence[volume_rows.Row]
    ) -> tuple[CephSeen, Sequence[KeptAttachment]]:
        """What hosts tell of images, where it is said how they are reached."""
        ssh = self._settings.ssh
        if ssh == SshSettings() or not view.told('attachments'):
            return CephSeen(), ()
        mine = {row.volume for row in rows}
        try:
            every = kept_lists.attachments(self._cloud.volume)
            stores = volume_hosts(inventory.storage(self._cloud.volume))
        except errors.CALL as exc:
            return CephSeen(gaps=(Gap('Ceph', exc.sentence, exc.way_out),)), ()
        found = [one for one in every if one.volume in mine]
        told = ceph.seen(ssh, view.servers.values(), found, stores)
        return told, found

    def request(
        self, volumes: Sequence[str], servers: Sequence[str], **options: Any
    ) -> VolumeRepair:
        """What is to be repaired; names of volumes are found by the plan.

        :raises errors.Refused: when nothing was named
        """
        if not volumes and not servers:
            raise errors.Refused(
                'no volume and no server was named',
                'openstack recover volume check lists what is wrong; name '
                'what is to be repaired, or --server',
                'nothing-named',
            )
        return VolumeRepair(
            tuple(dict.fromkeys(volumes)),
            tuple(dict.fromkeys(servers)),
            workers=self._settings.workers,
            **options,
        )

    def plan(self, request: VolumeRepair) -> Plan:
        """Plan the repair of volumes; changes nothing.

        :raises errors.Refused: for a volume that nobody knows
        :raises errors.ApiError: when nova does not tell
        :raises errors.DatabaseError: when nova's API database does not answer
        """
        findings, seen = self._audit.found('', request.min_age)
        view = AuditView(seen, request.min_age)
        asked = dataclasses.replace(
            request, volumes=tuple(_id(view, v) for v in request.volumes)
        )
        _check_known(view, findings, asked.volumes)
        rows = _rows(view, findings, asked)
        return repair(findings, self._facts(findings, view), asked, rows)

    def wrong(self, servers: Collection[str]) -> Wrong:
        """What is wrong with volumes, and what is known to mend these servers.

        :raises errors.ApiError: when nova does not tell
        """
        findings, seen = self._audit.found('', 0)
        mine = [f for f in findings if f.about in servers]
        try:
            known = self._facts(mine, AuditView(seen, 0))
        except errors.DatabaseError as exc:
            # All others are to be started nevertheless.
            known = Mending(why_none=exc.sentence)
        return Wrong(tuple(findings), known)

    def _facts(self, findings: Sequence[Finding], view: AuditView) -> Mending:
        names = dict.fromkeys(
            f.about for f in findings if f.code in BY_MAPPING
        )
        servers = [view.servers[name] for name in names]
        holders = {
            v.id: tuple(a.server for a in view.attachments[v.id] if a.server)
            for v in view.seen.volumes
            if not v.multiattach
        }
        if not servers or not self._databases.configured:
            why = '' if self._databases.configured else 'it was not asked'
            return Mending(holders=holders, why_none=why)
        ssh = self._settings.ssh
        with contextlib.ExitStack() as stack:
            hosts = (
                stack.enter_context(Hosts(ssh))
                if ssh != SshSettings()
                else None
            )
            asking = Asking(self._cloud, self._databases, hosts)
            known = mending(asking, servers, holders)
        statuses = {one.id: one.status for one in view.seen.volumes}
        return dataclasses.replace(known, statuses=statuses)


def _check_known(
    view: AuditView, findings: Sequence[Finding], volumes: Sequence[str]
) -> None:
    told = {v for f in findings if f.subject for v in f.subject.volumes}
    unknown = [v for v in volumes if v not in view.volumes and v not in told]
    if unknown:
        raise errors.Refused(
            f'there is no one volume {unknown[0]!r}',
            'openstack volume list --all-projects names all; give the ID '
            'where several have the name',
            'no-volume',
        )


def _rows(
    view: AuditView, findings: Sequence[Finding], asked: VolumeRepair
) -> list[volume_rows.Row]:
    """What a check says of the volumes that are to be repaired."""
    mine = [*asked.volumes]
    if asked.servers:
        mine += volume_rows.concerned(view, asked.servers)
    return volume_rows.rows(
        view, findings, list(dict.fromkeys(mine)), servers=()
    )


def _matters(what: str) -> bool:
    return what.startswith(('volumes', 'attachments', 'cell', 'mappings'))


def _names(
    view: AuditView, chosen: Chosen, servers: set[str] | None
) -> list[str]:
    if chosen.volumes:
        return [_id(view, name) for name in dict.fromkeys(chosen.volumes)]
    if servers is None:
        return volume_rows.concerned(view)
    return volume_rows.concerned(view, servers) if servers else []


def _id(view: AuditView, name: str) -> str:
    """The ID of a volume; a name that fits none, or several, stays."""
    if name in view.volumes:
        return name
    found = [v.id for v in view.seen.volumes if v.name == name]
    return found[0] if len(found) == 1 else name


def _servers(seen: Everything, chosen: Chosen) -> set[str] | None:
    """The servers that are meant; None for all."""
    if chosen.volumes:
        return set()
    if not (chosen.servers or chosen.hosts or chosen.projects):
        return None
    named = [_server(seen, name) for name in chosen.servers]
    return {
        server.id
        for server in seen.servers
        if (not chosen.servers or server.id in named)
        and (not chosen.hosts or server.host in chosen.hosts)
        and (not chosen.projects or server.project in chosen.projects)
    }


def _server(seen: Everything, name: str) -> str:
    found: Sequence[str] = [
        server.id
        for server in seen.servers
        if name in (server.id, server.name)
    ]
    if len(found) != 1:
        raise errors.UnknownServer(name, tuple(found))
    return found[0]
