# SPDX-License-Identifier: Apache-2.0
"""Bring a repaired host back into service: facts and a request to a plan.

The verdicts of this plan are its checks: ``server`` is the host, ``name`` what
was looked at, ``code`` one of 'ok', 'open' and 'unknown'.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from osc_recover import checks, errors, markers, records
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Return as Return
from osc_recover.facts import Service, Situation
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

OK, OPEN, UNKNOWN = 'ok', 'open', 'unknown'

# What is looked at -> the checks that tell; none: only the host itself knows.
ROWS: Mapping[str, tuple[str, ...]] = {
    'evacuation records': ('open-evacuations', 'evacuated-back'),
    'allocations': ('double-allocation',),
    'heartbeat': ('no-heartbeat',),
    'duplicate guests': (),
    'ids': (),
    'iSCSI sessions': (),
    'service': ('open-run', 'foreign-reason'),
}


def return_host(situation: Situation, request: Return) -> Plan:
    """Plan the return of a host.

    While any row is open the plan has no phases: ``refusal`` says why.

    :raises errors.UnknownHost: when nova has no compute on that host
    """
    service = situation.service(request.host)
    if service is None:
        raise errors.UnknownHost(request.host)
    found = checks.of_return(situation, request)
    rows = tuple(_row(situation, request, name, found) for name in ROWS)
    blocked = any(row.code == OPEN for row in rows)
    phases = () if blocked else _phases(service, request)
    return Plan(
        procedure='return',
        hosts=(request.host,),
        phases=phases,
        verdicts=tuple(_acting(row, bool(phases)) for row in rows),
        notes=situation.gaps,
        request=records.to_data(request),
    )


def refusal(plan: Plan) -> errors.Refused | None:
    """Why nothing is done, or None when nothing is open."""
    rows = [row for row in plan.verdicts if row.code == OPEN]
    if not rows:
        return None
    return errors.Refused(
        reason='; '.join(row.reason for row in rows),
        advice='; '.join(row.way_out for row in rows),
        why='not-ready',
    )


def _acting(row: Verdict, going: bool) -> Verdict:
    # The service is all that is acted on; the other rows only look.
    return dataclasses.replace(row, act=going and row.name == 'service')


def _phases(service: Service, request: Return) -> tuple[Phase, ...]:
    enable = request.was_enabled or service.enabled
    settled = service.enabled or not enable
    if settled and service.up and not service.forced_down:
        return ()
    args = {
        'service': service.id,
        'enable': enable,
        'reason': markers.former_in(service.disabled_reason),
    }
    step = Step(f'up:{service.host}', 'service.up', service.host, args)
    return (Phase('return', (Lane(service.host, (step,)),), must=True),)


def _row(
    situation: Situation,
    request: Return,
    name: str,
    found: Iterable[Finding],
) -> Verdict:
    mine = [finding for finding in found if finding.code in ROWS[name]]
    code = _code(situation, request, name, mine)
    return Verdict(
        server=request.host,
        name=name,
        kind='',
        code=code,
        act=False,
        reason='; '.join(f.text for f in mine) or _said(situation, name, code),
        way_out=_once(f.way_out for f in mine) or _ask(request, name, code),
    )


def _code(
    situation: Situation,
    request: Return,
    name: str,
    findings: Sequence[Finding],
) -> str:
    if any(finding.weight == 'refuse' for finding in findings):
        return OPEN
    blind = name == 'allocations' and _blind(situation, request.host)
    return UNKNOWN if blind or not ROWS[name] else OK


def _blind(situation: Situation, host: str) -> bool:
    """Whether no allocation was seen because none could be."""
    if not any(node.host == host for node in situation.hypervisors):
        return True
    return bool(situation.gaps) and not situation.allocations


def _said(situation: Situation, name: str, code: str) -> str:
    if code == OK:
        return ''
    if name == 'allocations':
        return '; '.join(situation.gaps) or 'nova shows no node of this host'
    return 'only the host itself can tell'


def _ask(request: Return, name: str, code: str) -> str:
    if code == OK:
        return ''
    return _LOOK[name].format(host=request.host)


def _once(texts: Iterable[str]) -> str:
    return '; '.join(dict.fromkeys(text for text in texts if text))


_LOOK = {
    'allocations': 'look at openstack resource provider show --allocations '
    '<node of {host}>',
    'duplicate guests': 'compare virsh list --all on {host} with openstack '
    'server list --all-projects --host {host}',
    'ids': 'compare id nova; id libvirt-qemu (or qemu) on {host} with '
    'another host',
    'iSCSI sessions': 'look at iscsiadm -m session on {host}',
}
