# SPDX-License-Identifier: Apache-2.0
"""What an audit found as the rows of a table.  Pure."""

import dataclasses
from collections.abc import Iterable

from osc_recover.checks.finding import Finding
from osc_recover.facts.audit import Gap

UNKNOWN = 'unknown'


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


def rows(findings: Iterable[Finding], gaps: Iterable[Gap]) -> list[Row]:
    """The findings in their order, and what is not known."""
    return [*map(_found, findings), *map(_gap, gaps)]


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
