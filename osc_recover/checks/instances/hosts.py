# SPDX-License-Identifier: Apache-2.0
"""What database, API and libvirt think is on a host, side by side.  Pure.

What is wrong with it is judged by the checks of an audit.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from osc_recover.checks import registry
from osc_recover.checks.audit.databases import server_of, states
from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.finding import Finding
from osc_recover.facts import Domain, HostSeen, Placed, Server
from osc_recover.facts.audit import Everything

OK, UNKNOWN = 'ok', 'unknown'


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A server, and what each of three says of it on this host.

    ``database``, ``api`` and ``libvirt`` are None where it is not there for
    them, and '?' where that is not known.
    """

    server: str
    name: str
    host: str
    cell: str
    database: str | None
    api: str | None
    libvirt: str | None
    state: str = OK
    reason: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class _Trio:
    """A server as each of the three has it on the host, or does not."""

    uuid: str
    seen: HostSeen
    row: Placed | None
    other: Placed | None  # its row, elsewhere
    server: Server | None
    domain: Domain | None


def rows(seen: HostSeen) -> list[Row]:
    """One row a server of any of the three; then those who did not answer."""
    told: dict[str, list[Finding]] = {}
    for finding in findings(seen):
        told.setdefault(finding.about, []).append(finding)
    return [
        *(_row(trio, told.get(trio.uuid, ())) for trio in _trios(seen)),
        *_gaps(seen),
    ]


def findings(seen: HostSeen) -> Iterator[Finding]:
    """What there is to say of what was seen on the host."""
    view = AuditView(_everything(seen), min_age=0)
    for check in registry.of('instances'):
        for finding in check.findings(view):
            subject = finding.subject
            if subject and subject.at in ('', seen.host):
                yield finding


def _everything(seen: HostSeen) -> Everything:
    """The same facts as those of an audit."""
    servers = seen.servers or ()
    placed = (*seen.placed, *seen.elsewhere)
    listed = {server.id for server in servers}
    rows_ = [row for row in placed if not row.deleted]
    known = listed | {row.uuid for row in rows_}
    unseen = [
        *(['servers'] if seen.servers is None else []),
        *(['cells'] if seen.gaps else []),
    ]
    doing = {row.uuid: row.task_state for row in rows_ if row.task_state}
    return Everything(
        servers=tuple(
            dataclasses.replace(s, task_state=doing.get(s.id, s.task_state))
            for s in servers
        ),
        known=tuple(server_of(r) for r in rows_ if r.uuid not in listed),
        # A cell that did not answer may have them.
        gone=() if seen.gaps else tuple(sorted({*_domains(seen)} - known)),
        placed=placed,
        domains=(*([seen.domains] if seen.domains else []), *seen.beside),
        unseen=tuple(unseen),
        host=seen.host,
    )


def further(seen: HostSeen) -> list[str]:
    """The servers that API or libvirt have there, and no cell has."""
    known = {one.uuid for one in seen.placed}
    servers = [server.id for server in seen.servers or ()]
    return sorted({*servers, *_domains(seen)} - known)


def _trios(seen: HostSeen) -> Iterator[_Trio]:
    rows_ = {one.uuid: one for one in seen.placed}
    others = {one.uuid: one for one in seen.elsewhere}
    servers = {server.id: server for server in seen.servers or ()}
    domains = _domains(seen)
    for uuid in dict.fromkeys([*rows_, *further(seen)]):
        yield _Trio(
            uuid, seen, rows_.get(uuid), others.get(uuid), servers.get(uuid),
            domains.get(uuid),
        )  # fmt: skip


def _domains(seen: HostSeen) -> dict[str, Domain]:
    found = seen.domains.domains if seen.domains else ()
    return {domain.uuid: domain for domain in found}


def _row(trio: _Trio, found: Sequence[Finding]) -> Row:
    state, reason, way_out = _state(trio, found)
    row, server, domain = trio.row, trio.server, trio.domain
    placed = row or trio.other
    name = (placed and placed.name) or (server and server.name) or ''
    return Row(
        trio.uuid,
        name,
        trio.seen.host,
        placed.cell if placed else '',
        states(row) if row else ('?' if trio.seen.gaps else None),
        states(server) if server else _unless(trio.seen.servers is None),
        domain.state if domain else _unless(not _is_told(trio.seen)),
        state,
        reason,
        way_out,
    )


def _unless(unknown: bool) -> str | None:
    return '?' if unknown else None


def _is_told(seen: HostSeen) -> bool:
    return seen.domains is not None and not seen.domains.problem


def _state(trio: _Trio, found: Sequence[Finding]) -> tuple[str, str, str]:
    """The most serious that there is to say, or why nothing is."""
    placed = trio.row or trio.other
    if placed is None and trio.seen.gaps:
        return (
            UNKNOWN,
            'a cell that did not answer may have it',
            f'openstack recover instance show --long {trio.uuid}',
        )
    wrong = [finding for finding in found if finding.weight != 'note']
    if wrong:
        return wrong[0].code, wrong[0].text, wrong[0].way_out
    if found:
        return OK, found[0].text, found[0].way_out
    if placed and placed.task_state:
        return OK, f'nova is at it: {placed.task_state}', ''
    return OK, '', ''


def _gaps(seen: HostSeen) -> Iterator[Row]:
    """Those who did not answer, a row each."""
    for gap in seen.gaps:
        yield Row(
            '', '', seen.host, gap.cell, '?', None, None, UNKNOWN,
            gap.problem, gap.way_out,
        )  # fmt: skip
    if seen.silent:
        yield Row(
            '', '', seen.host, '', None, '?', None, UNKNOWN,
            seen.silent.problem, seen.silent.way_out,
        )  # fmt: skip
    if seen.domains is not None and seen.domains.problem:
        yield Row(
            '', '', seen.host, '', None, None, '?', UNKNOWN,
            seen.domains.problem, seen.domains.way_out,
        )  # fmt: skip
