# SPDX-License-Identifier: Apache-2.0
"""Mend what an audit found, where that does no harm.  Pure."""

from collections.abc import Iterator, Sequence

from osc_recover import errors, records
from osc_recover.checks import audit
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import AuditFix as AuditFix
from osc_recover.facts.audit import Gap
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict


def check_codes(codes: Sequence[str]) -> None:
    """See that these are codes that --fix mends.

    :raises errors.Refused: for the first that it does not
    """
    for code in codes:
        if code in audit.FIXES:
            continue
        if code in audit.codes():
            raise errors.Refused(
                f'{code} is not mended from here: whether it does harm the '
                'records cannot tell',
                f'openstack recover audit names, for each {code}, the '
                'command that repairs it',
                'not-fixable',
            )
        raise errors.Refused(
            f'an audit finds nothing that is called {code}',
            f'--fix mends {", ".join(audit.FIXES)}',
            'unknown-code',
        )


def mend(
    findings: Sequence[Finding], gaps: Sequence[Gap], request: AuditFix
) -> Plan:
    """Plan to mend every finding of some codes.

    What cannot be mended without harm is left alone, and says why.

    :raises errors.Refused: for a code that is not mended from here
    """
    check_codes(request.codes)
    chosen = [f for f in findings if f.code in request.codes]
    subjects: dict[str, list[Finding]] = {}
    for finding in chosen:
        subjects.setdefault(finding.about, []).append(finding)
    lanes = tuple(
        lane for found in subjects.values() for lane in _lanes(found)
    )
    return Plan(
        procedure='audit',
        hosts=tuple(sorted(_hosts(chosen))),
        phases=(Phase('mend', lanes),) if lanes else (),
        verdicts=tuple(_verdict(found) for found in subjects.values()),
        notes=tuple(f'not known: {gap.what}: {gap.problem}' for gap in gaps),
        request=records.to_data(request),
    )


def _hosts(chosen: Sequence[Finding]) -> set[str]:
    """Those that have to do with what is mended: they are locked for it."""
    found = {
        host
        for finding in chosen
        if finding.subject and finding.remedy
        for host in finding.subject.hosts
        if host
    }
    return found or {'-'}


def _lanes(found: Sequence[Finding]) -> Iterator[Lane]:
    steps = tuple(_steps(found))
    if not steps:
        return
    volumes = {str(s.args['volume']) for s in steps if 'volume' in s.args}
    mutexes = tuple(f'volume:{volume}' for volume in sorted(volumes))
    yield Lane(found[0].about, steps, mutexes)


def _steps(found: Sequence[Finding]) -> Iterator[Step]:
    for one in found:
        if one.remedy:
            name = f'{one.code}:{one.about}'
            yield Step(name, one.remedy.verb, one.about, one.remedy.args)


def _verdict(found: Sequence[Finding]) -> Verdict:
    """One row a subject; what is left of it is said with what is done."""
    first = next((one for one in found if one.remedy), found[0])
    left = [one for one in found if not one.remedy]
    subject = first.subject
    assert subject is not None, first.code
    return Verdict(
        server=first.about,
        name=subject.name,
        kind=f'{subject.kind}: {audit.FIXES[first.code]}'
        if first.remedy
        else subject.kind,
        code=first.code,
        act=first.remedy is not None,
        reason='; '.join(one.text for one in found),
        way_out='; '.join(one.way_out for one in left),
    )
