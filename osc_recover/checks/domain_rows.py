# SPDX-License-Identifier: Apache-2.0
"""Findings about domains as the rows of a table.  Pure."""

import dataclasses
from collections.abc import Iterator

from osc_recover.checks.domains import SERIOUS, of_server
from osc_recover.checks.finding import Finding
from osc_recover.facts import Domain, DomainsSeen, HostLook, Server


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
    found = [row for server in seen.servers for row in _of(server, seen)]
    found += [_stranger(domain) for domain in seen.strangers]
    found += [_unknown(look) for look in seen.looks if look.problem]
    return sorted(found, key=_rank)


def _rank(row: Row) -> int:
    return SERIOUS.index(row.state) if row.state in SERIOUS else len(SERIOUS)


def _of(server: Server, seen: DomainsSeen) -> Iterator[Row]:
    found = of_server(server, seen)
    wrong = [finding for finding in found if finding.weight != 'note']
    for finding in wrong:
        yield _row(server, seen, finding.about, finding.code, [finding])
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


def _stranger(domain: Domain) -> Row:
    return Row(
        domain.uuid, '', domain.host, domain.name, domain.state, 'stranger',
        'nova knows no such server',
        'it may be of another cloud, or of nobody: see virsh dumpxml '
        f'{domain.uuid}; what nobody needs is ended with virsh destroy and '
        'forgotten with virsh undefine',
    )  # fmt: skip


def _unknown(look: HostLook) -> Row:
    return Row(
        '', '', look.host, '', '', 'unknown', look.problem, look.way_out
    )  # fmt: skip
