# SPDX-License-Identifier: Apache-2.0
"""Findings about domains as the rows of a table.  Pure."""

import dataclasses
from collections.abc import Iterator

from osc_recover.checks.domains.findings import SERIOUS, findings, seen_at
from osc_recover.checks.finding import Finding
from osc_recover.facts import DomainsSeen, HostLook, Server


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A server's domain on a host, and what is wrong with it.

    ``state`` is ok, or the code of a finding; ``domain_state`` is virsh's.
    """

    server: str
    name: str
    host: str
    domain: str
    domain_state: str
    state: str
    reason: str = ''
    way_out: str = ''


def rows(seen: DomainsSeen) -> list[Row]:
    """What was found, a guest in two places first.

    One row a server where nothing is wrong, and one a host that could not be
    asked.
    """
    told: dict[str, list[Finding]] = {}
    for finding in findings(seen):
        told.setdefault(finding.about, []).append(finding)
    known = [
        row
        for server in seen.servers
        for row in _of(server, seen, told.pop(server.id, []))
    ]
    known += [_stranger(f, seen) for found in told.values() for f in found]
    known += [_unknown(look) for look in seen.looks if look.problem]
    return sorted(known, key=_rank)


def _rank(row: Row) -> int:
    return SERIOUS.index(row.state) if row.state in SERIOUS else len(SERIOUS)


def _of(
    server: Server, seen: DomainsSeen, found: list[Finding]
) -> Iterator[Row]:
    wrong = [finding for finding in found if finding.weight != 'note']
    for finding in wrong:
        yield _row(server, seen, seen_at(finding), finding.code, [finding])
    if not wrong:
        yield _row(server, seen, server.host, 'ok', found)


def _row(
    server: Server,
    seen: DomainsSeen,
    host: str,
    state: str,
    findings: list[Finding],
) -> Row:
    look = seen.look(host)
    domain = look.domain(server.id) if look else None
    return Row(
        server.id,
        server.name,
        host,
        domain.name if domain else '',
        domain.state if domain else '',
        state,
        '; '.join(finding.text for finding in findings),
        '; '.join(f.way_out for f in findings if f.way_out),
    )


def _stranger(finding: Finding, seen: DomainsSeen) -> Row:
    uuid, host = finding.about, seen_at(finding)
    look = seen.look(host)
    domain = look.domain(uuid) if look else None
    return Row(
        uuid,
        '',
        host,
        domain.name if domain else '',
        domain.state if domain else '',
        finding.code,
        finding.text,
        finding.way_out,
    )


def _unknown(look: HostLook) -> Row:
    return Row(
        '', '', look.host, '', '', 'unknown', look.problem, look.way_out
    )  # fmt: skip
