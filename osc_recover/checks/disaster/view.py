# SPDX-License-Identifier: Apache-2.0
"""What the checks of a disaster read, by server and host.  Pure."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence

from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.request import CloudRecovery
from osc_recover.facts import Domain, Server, Service
from osc_recover.facts.disaster import DisasterSeen, Happened, Mapped
from osc_recover.facts.mending import Mending
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptMapping,
    KeptVolume,
)

_Grouped = Mapping[str, tuple[KeptAttachment, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Wrong:
    """What an audit finds of volumes, and what is known to mend it."""

    findings: tuple[Finding, ...] = ()
    known: Mending = dataclasses.field(default_factory=Mending)


class View:
    """The facts of a disaster, and what is asked for.

    :param wrong: asked for where volumes of servers are not as they should be
    """

    def __init__(
        self,
        seen: DisasterSeen,
        request: CloudRecovery,
        wrong: Wrong | None = None,
    ) -> None:
        self.seen = seen
        self.request = request
        self.wrong = wrong or Wrong()

    @functools.cached_property
    def servers(self) -> tuple[Server, ...]:
        """Those that the options leave, and that are or were on a host.

        One that is named is there in any case.
        """
        asked = self.request
        return tuple(
            s
            for s in self.seen.now.servers
            if (s.host or self._was_placed(s) or s.id in asked.servers)
            and (not asked.servers or s.id in asked.servers)
            and (not asked.projects or s.project in asked.projects)
            and (not asked.hosts or s.host in asked.hosts)
        )

    def was(self, server: Server) -> Server | None:
        """The server in the snapshot."""
        return self._before.get(server.id)

    def host(self, name: str) -> HostState | None:
        """What a host tells of itself now, if it was asked."""
        return self._hosts.get(name)

    def host_before(self, name: str) -> HostState | None:
        """What a host told of itself in the snapshot."""
        return self._hosts_before.get(name)

    def domain(self, server: Server) -> Domain | None:
        """The server's domain on its own host."""
        host = self.host(server.host)
        told = host.domains if host else ()
        return next((d for d in told if d.uuid == server.id), None)

    def elsewhere(self, server: Server) -> str:
        """Another host on which its guest runs, or ''."""
        found = self._running.get(server.id, ())
        return next((host for host in found if host != server.host), '')

    def service(self, host: str) -> Service | None:
        """The nova-compute of a host."""
        return self._services.get(host)

    def actions(self, server: Server) -> tuple[Happened, ...]:
        """What was asked for of it, newest first."""
        return self.seen.actions.get(server.id, ())

    def attachments(self, server: str) -> tuple[KeptAttachment, ...]:
        """Its volumes now, in their order."""
        return self._attached.get(server, ())

    def held(self, volume: str) -> tuple[KeptAttachment, ...]:
        """All attachments of a volume in cinder, of whatever server."""
        return self._held.get(volume, ())

    def attachments_before(self, server: str) -> tuple[KeptAttachment, ...]:
        """Its volumes in the snapshot, as far as it knows them."""
        return self._attached_before.get(server, ())

    def lost(self, server: Server) -> tuple[KeptAttachment, ...]:
        """Volumes that it had in the snapshot, and has no more."""
        if server.id in self.seen.now.unasked:
            return ()
        has = {one.volume for one in self.attachments(server.id)}
        before = self.attachments_before(server.id)
        return tuple(one for one in before if one.volume not in has)

    def mapped(self, server: Server) -> Mapped:
        """Its volumes, with their statuses."""
        return Mapped(self.attachments(server.id), self._statuses)

    def booted_at(self, host: str) -> str:
        """When a host was booted, in its own time, or ''."""
        told = self.host(host)
        return told.booted_at if told else ''

    def findings(self, server: Server) -> list[Finding]:
        """What an audit says of it, of its volumes and their attachments."""
        mine = self.attachments(server.id)
        keys = {server.id, *(a.id for a in mine), *(a.volume for a in mine)}
        found = {
            number: finding
            for key in keys
            for number, finding in self._findings.get(key, ())
        }
        return [found[number] for number in sorted(found)]

    def _was_placed(self, server: Server) -> bool:
        was = self.was(server)
        return was is not None and bool(was.host)

    @functools.cached_property
    def _before(self) -> Mapping[str, Server]:
        before = self.seen.before
        return {s.id: s for s in before.servers} if before else {}

    @functools.cached_property
    def _hosts(self) -> Mapping[str, HostState]:
        return {h.host: h for h in self.seen.now.hosts}

    @functools.cached_property
    def _hosts_before(self) -> Mapping[str, HostState]:
        before = self.seen.before
        return {h.host: h for h in before.hosts} if before else {}

    @functools.cached_property
    def _running(self) -> Mapping[str, Sequence[str]]:
        """Server -> the hosts on which a guest of it runs."""
        found: dict[str, list[str]] = {}
        for host in self.seen.now.hosts:
            for domain in host.domains:
                if domain.runs:
                    found.setdefault(domain.uuid, []).append(host.host)
        return found

    @functools.cached_property
    def _services(self) -> Mapping[str, Service]:
        told = self.seen.now.services
        return {s.host: s for s in told if s.binary == 'nova-compute'}

    @functools.cached_property
    def _findings(self) -> Mapping[str, Sequence[tuple[int, Finding]]]:
        """What each is about -> their numbers, and themselves."""
        found: dict[str, list[tuple[int, Finding]]] = {}
        for number, finding in enumerate(self.wrong.findings):
            for key in {finding.about, *_volumes(finding)}:
                found.setdefault(key, []).append((number, finding))
        return found

    @functools.cached_property
    def volumes(self) -> Mapping[str, KeptVolume]:
        """Those that cinder has, by their IDs."""
        return {v.id: v for v in self.seen.now.volumes}

    def mapping(self, name: str) -> KeptMapping | None:
        """nova's row of a mapping, where its database was asked."""
        return self._mappings.get(name)

    @functools.cached_property
    def _mappings(self) -> Mapping[str, KeptMapping]:
        return {row.id: row for row in self.seen.now.mappings}

    @functools.cached_property
    def _attached(self) -> _Grouped:
        return _grouped(self.seen.now.attachments, _server)

    @functools.cached_property
    def _attached_before(self) -> _Grouped:
        before = self.seen.before
        if before is None or not before.knows('attachments'):
            return {}
        told = (one for one in before.attachments if 'nova' in one.sides)
        return _grouped(told, _server)

    @functools.cached_property
    def _held(self) -> _Grouped:
        told = (a for a in self.seen.now.attachments if 'cinder' in a.sides)
        return _grouped(told, _volume)

    @functools.cached_property
    def _statuses(self) -> Mapping[str, str]:
        return {v.id: v.status for v in self.seen.now.volumes}


_server, _volume = operator.attrgetter('server'), operator.attrgetter('volume')


def _grouped(
    told: Iterable[KeptAttachment], key: Callable[[KeptAttachment], str]
) -> _Grouped:
    found: dict[str, list[KeptAttachment]] = {}
    for one in told:
        found.setdefault(key(one), []).append(one)
    return {name: tuple(some) for name, some in found.items()}


def _volumes(finding: Finding) -> Sequence[str]:
    """Those whose servers it concerns, beside what it is about itself."""
    subject = finding.subject
    if subject is None or subject.kind in ('server', 'attachment'):
        return ()
    return subject.volumes


def refusal(code: str, what: str, way_out: str, evidence: str = '') -> Finding:
    """A finding that leaves a server alone."""
    return dataclasses.replace(refuse(what, way_out, evidence), code=code)


def fine(what: str) -> Finding:
    """A finding that says why a server is as it should be already."""
    return Finding('ok', '', what, '', '', 'note')
