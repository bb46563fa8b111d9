# SPDX-License-Identifier: Apache-2.0
"""The domains of servers: a view of what an audit judges.  Pure."""

from collections.abc import Iterator, Sequence

from osc_recover.checks import registry
from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.finding import Finding
from osc_recover.facts import DomainsSeen, Server
from osc_recover.facts.audit import Everything

# The most serious first.
SERIOUS = ('two-places', 'runs-elsewhere')


def findings(seen: DomainsSeen) -> Iterator[Finding]:
    """What there is to say of servers, and of domains of nobody.

    What has the weight 'refuse' stops a repair of that server; each was seen
    on the host that its subject names.
    """
    view = AuditView(
        Everything(
            servers=seen.servers,
            gone=tuple(domain.uuid for domain in seen.strangers),
            looks=seen.looks,
        ),
        min_age=0,
    )
    for check in registry.of('domain'):
        yield from check.findings(view)


def of_server(server: Server, seen: DomainsSeen) -> list[Finding]:
    """What there is to say of the domains of one server."""
    return [*findings(DomainsSeen((server,), seen.looks))]


def seen_at(finding: Finding) -> str:
    """The host that a finding was made on."""
    return finding.subject.at if finding.subject else ''


def left_on(found: Sequence[Finding]) -> list[str]:
    """The hosts that have a domain that does not run nor belong there."""
    return [seen_at(finding) for finding in found if finding.code == 'stale']
