# SPDX-License-Identifier: Apache-2.0
"""What is inconsistent between nova, placement, neutron, cinder and hosts.

Importing the package registers every check, the most serious first.  Other
commands are views of the same checks: each runs those of its scope.
"""

import dataclasses
from collections.abc import Collection, Mapping

from osc_recover.checks import registry
from osc_recover.checks.audit.view import MIN_AGE, AuditView
from osc_recover.checks.finding import Finding
from osc_recover.facts.audit import Everything

# isort: off
from osc_recover.checks.audit import databases as databases
from osc_recover.checks.audit import guests as guests
from osc_recover.checks.audit import homes as homes
from osc_recover.checks.audit import migrations as migrations
from osc_recover.checks.audit import volumes as volumes
from osc_recover.checks.audit import volume_states as volume_states
from osc_recover.checks.audit import attachments as attachments
from osc_recover.checks.audit import servers as servers
from osc_recover.checks.audit import ports as ports
from osc_recover.checks.audit import allocations as allocations
from osc_recover.checks.audit import settings as settings
from osc_recover.checks.audit import consoles as consoles
# isort: on

# What --fix mends, and what it does.
FIXES: Mapping[str, str] = {
    'double-allocation': 'give back the room elsewhere',
    'orphan-allocation': 'give back its room',
    'port-elsewhere': 'bind it where its server is',
    'port-unbound': 'bind it where its server is',
    'attachment-of-nobody': 'delete it',
    'attachment-reserved': 'delete it',
    'volume-wedged': 'make it in-use or available again',
    'volume-error': 'make it in-use again',
    'volume-status': 'make it in-use again',
    'wedged-task': 'take the task away',
}


def codes() -> tuple[str, ...]:
    """Every code that an audit may find, the most serious first."""
    return tuple(check.code for check in registry.of('audit'))


def findings(seen: Everything, min_age: int = MIN_AGE) -> list[Finding]:
    """All that is inconsistent, the most serious first."""
    view = AuditView(seen, min_age)
    found = (f for check in registry.of('audit') for f in check.findings(view))
    return [_untouched(_undisputed(f, view), view) for f in found]


def confirmed(
    first: Collection[Finding], second: Collection[Finding]
) -> list[Finding]:
    """What was found twice, as it was the second time.

    Lists are not read at one moment: what changes between two of them looks
    inconsistent once, and not in the same way again.
    """
    known = {_same(finding) for finding in first}
    return [finding for finding in second if _same(finding) in known]


def _same(finding: Finding) -> tuple[str, str, str]:
    # Not the evidence: ages go on.
    return finding.code, finding.about, finding.what


def _untouched(finding: Finding, view: AuditView) -> Finding:
    """Mend nothing of a volume that cinder is at, or of unknown worth."""
    if finding.remedy is None or finding.subject is None:
        return finding
    told = [view.volumes.get(one) for one in finding.subject.volumes]
    busy = [one for one in told if one and one.status in volume_states.ALONE]
    if not busy:
        return finding
    return dataclasses.replace(
        finding,
        remedy=None,
        way_out=f'wait until volume {busy[0].id} is no more {busy[0].status}; '
        'what cinder does itself, or has failed to, is left alone',
    )


def _undisputed(finding: Finding, view: AuditView) -> Finding:
    """Mend nothing of a server of which it is not clear where it runs.

    nova's record may be what is wrong, and the port be bound where it is.
    """
    if finding.remedy is None:
        return finding
    args = finding.remedy.args
    mine = {finding.about, args.get('server'), *args.get('servers', ())}
    if mine.isdisjoint(view.disputed):
        return finding
    return dataclasses.replace(
        finding,
        remedy=None,
        way_out='find out first where the guest of '
        f'{", ".join(sorted(view.disputed & mine))} runs, and mend what is '
        'said of it above',
    )


def held_back(
    found: Collection[Finding], taken: Mapping[str, str]
) -> list[Finding]:
    """Leave to a recovery that is not at its end what it may write itself.

    It holds room twice, for one, and does not look again at what it has done.

    :param taken: host -> the run that has it
    """
    return [_held_back(finding, taken) for finding in found]


def _held_back(finding: Finding, taken: Mapping[str, str]) -> Finding:
    hosts = finding.subject.hosts if finding.subject else ()
    mine = [host for host in hosts if host in taken]
    if not (finding.remedy and mine):
        return finding
    host, run = mine[0], taken[mine[0]]
    return dataclasses.replace(
        finding,
        remedy=None,
        way_out=f'run {run} has {host} and is not finished: openstack recover '
        f'run resume {run} where it was started; or, if it is given up, '
        f'openstack recover return {host}, then look again',
    )


def on_host(found: Collection[Finding], host: str) -> list[Finding]:
    """Those that have to do with a host."""
    return [f for f in found if f.subject and host in f.subject.hosts]
