# SPDX-License-Identifier: Apache-2.0
"""Bring a repaired host back into service: facts and a request to a plan.

The verdicts of this plan are its checks: ``server`` is the host, ``name`` what
was looked at, ``code`` one of 'ok', 'open' (it keeps the host out), 'look'
(somebody should look at it) and 'unknown'.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from osc_recover import checks, errors, markers, records
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Return as Return
from osc_recover.facts import Returned, Service, Situation
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

OK, OPEN, LOOK, UNKNOWN = 'ok', 'open', 'look', 'unknown'

# What is looked at -> the checks that tell.
ROWS: Mapping[str, tuple[str, ...]] = {
    'evacuation records': ('open-evacuations', 'evacuated-back'),
    'allocations': ('double-allocation',),
    'heartbeat': ('no-heartbeat',),
    'duplicate guests': ('duplicate-guests', 'strange-guests'),
    'leftovers': ('stopped-domains', 'left-directories'),
    'ids': ('numbers',),
    'iSCSI sessions': ('left-sessions',),
    'service': ('open-run', 'foreign-reason'),
}
_HOST_ITSELF = 'only the host itself can tell'


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
    why, way_out = _unknown(situation, request, name)
    said = [*(finding.text for finding in mine), why]
    ways = [*(finding.way_out for finding in mine), way_out]
    return Verdict(
        server=request.host,
        name=name,
        kind='',
        code=_code(name, mine, why),
        act=False,
        reason='; '.join(text for text in said if text),
        way_out=_once(ways),
    )


def _code(name: str, findings: Sequence[Finding], unknown: str) -> str:
    weights = {finding.weight for finding in findings}
    if 'refuse' in weights:
        return OPEN
    if unknown:
        return UNKNOWN
    # What is said of the service is already so.
    return LOOK if 'warn' in weights and name != 'service' else OK


def _unknown(
    situation: Situation, request: Return, name: str
) -> tuple[str, str]:
    """Why a row cannot be told, and what to do; texts, empty if it can."""
    if name == 'allocations' and _blind(situation, request.host):
        why = '; '.join(situation.gaps) or 'nova shows no node of this host'
        return why, _LOOK[name].format(host=request.host)
    if name not in _PARTS:
        return '', ''
    told = situation.returned
    if told is None:
        return _HOST_ITSELF, _LOOK[name].format(host=request.host)
    return _PARTS[name](told, request.host)


def _blind(situation: Situation, host: str) -> bool:
    """Whether no allocation was seen because none could be."""
    if not any(node.host == host for node in situation.hypervisors):
        return True
    return bool(situation.gaps) and not situation.allocations


def _guests(told: Returned, host: str) -> tuple[str, str]:
    return told.domains.problem, told.domains.way_out


def _leftovers(told: Returned, host: str) -> tuple[str, str]:
    for part in (told.domains, told.storage):
        if part.problem:
            return part.problem, part.way_out
    return '', ''


def _ids(told: Returned, host: str) -> tuple[str, str]:
    for one in told.accounts:
        if one.host == host and one.problem:
            return one.problem, one.way_out
    if not any(not a.problem for a in told.accounts if a.host != host):
        return (
            'there is no other host to compare with',
            _LOOK['ids'].format(host=host),
        )
    return '', ''


def _sessions(told: Returned, host: str) -> tuple[str, str]:
    return told.sessions.problem, told.sessions.way_out


# What only the host itself can tell -> why it does not.
_PARTS: Mapping[str, Callable[[Returned, str], tuple[str, str]]] = {
    'duplicate guests': _guests,
    'leftovers': _leftovers,
    'ids': _ids,
    'iSCSI sessions': _sessions,
}


def _once(texts: Iterable[str]) -> str:
    return '; '.join(dict.fromkeys(text for text in texts if text))


_LOOK = {
    'allocations': 'look at openstack resource provider show --allocations '
    '<node of {host}>',
    'duplicate guests': 'compare virsh list --all on {host} with openstack '
    'server list --all-projects --host {host}',
    'leftovers': 'look at virsh list --all and the directory of instances '
    '(instances_path, /var/lib/nova/instances) on {host}',
    'ids': 'compare id nova; id libvirt-qemu (or qemu) on {host} with '
    'another host',
    'iSCSI sessions': 'look at iscsiadm -m session on {host}',
}
