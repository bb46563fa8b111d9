# SPDX-License-Identifier: Apache-2.0
"""What an audit found as the rows of a table.  Pure."""

import dataclasses
from collections.abc import Iterable

from osc_recover.checks.finding import Finding
from osc_recover.facts.audit import Everything, Gap

UNKNOWN = 'unknown'
NO_DOMAINS = 'no domains of hosts'


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One thing that is inconsistent, or that could not be asked.

    ``state`` is the code of a finding, or unknown; ``since`` is when it was
    last changed, as its own service says; ``fix`` is yes where --fix mends it.
    """

    state: str
    kind: str
    id: str
    name: str
    hosts: str
    since: str
    fix: str
    reason: str
    way_out: str


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found, and in words what it compared to find it."""

    rows: tuple[Row, ...]
    compared: str


def compared(seen: Everything) -> str:
    """How much was compared, so that no finding can be told from no look.

    >>> compared(Everything(unseen=('volumes',)))
    '0 servers, 0 ports, 0 allocations; no domains of hosts'
    """
    counted = {
        'servers': seen.servers,
        'ports': seen.ports,
        'volumes': seen.volumes,
        'attachments': seen.attachments,
        'allocations': seen.allocations,
    }
    told = [
        f'{len(found)} {what}'
        for what, found in counted.items()
        if what not in seen.unseen
    ]
    asked = sum(len(host.domains) for host in seen.domains)
    hosts = f'{asked} domains on {len(seen.domains)} hosts'
    return f'{", ".join(told)}; {hosts if seen.domains else NO_DOMAINS}'


def rows(findings: Iterable[Finding], gaps: Iterable[Gap]) -> tuple[Row, ...]:
    """The findings in their order, and what is not known."""
    return *map(_found, findings), *map(_gap, gaps)


def _found(finding: Finding) -> Row:
    subject = finding.subject
    assert subject is not None, finding.code
    return Row(
        finding.code,
        subject.kind,
        subject.id,
        subject.name,
        ', '.join(subject.hosts),
        subject.since,
        'yes' if finding.remedy else '',
        finding.text,
        finding.way_out,
    )


def _gap(gap: Gap) -> Row:
    return Row(
        UNKNOWN, 'service', '', gap.what, '', '', '', gap.problem, gap.way_out
    )  # fmt: skip
