# SPDX-License-Identifier: Apache-2.0
"""Change the states of a server, as the guide's last resort does.  Pure.

What os-resetState can do goes through the API; the rest is one guarded change
of the row.  That one is first: where it is denied, nothing was changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks.finding import Finding
from osc_recover.checks.instances.change import of_change
from osc_recover.checks.instances.states import BY_API, power_word
from osc_recover.checks.request import InstanceChange as InstanceChange
from osc_recover.facts import InstanceRow, InstanceStanding
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict

States = Mapping[str, Any]
GUARDED = ('host', 'vm_state', 'power_state', 'task_state')
_ACTION = 'set'


def change_instance(seen: InstanceStanding, request: InstanceChange) -> Plan:
    """Plan the change of one server's states; a refusal is a verdict."""
    findings = list(of_change(seen, request))
    wanted = _wanted(seen.row, request)
    verdict = _verdict(seen.row, wanted, findings)
    steps = tuple(_steps(seen, wanted)) if verdict.act else ()
    lanes = (Lane(seen.row.uuid, steps),) if steps else ()
    return Plan(
        procedure='instance',
        hosts=(seen.row.host or seen.row.uuid,),
        phases=(Phase('set states', lanes),) if lanes else (),
        verdicts=(verdict,),
        notes=tuple(_notes(seen.row, wanted, findings)),
        request=records.to_data(request),
    )


def _now(row: InstanceRow) -> dict[str, Any]:
    return {
        'vm_state': row.vm_state,
        'power_state': row.power_state,
        'task_state': row.task_state,
    }


def _wanted(row: InstanceRow, request: InstanceChange) -> dict[str, Any]:
    """What is to change, and to what."""
    asked: dict[str, Any] = {}
    if request.vm_state:
        asked['vm_state'] = request.vm_state
    if request.power_state is not None:
        asked['power_state'] = request.power_state
    if request.task_state:
        asked['task_state'] = None
    now = _now(row)
    return {key: value for key, value in asked.items() if value != now[key]}


def _by_api(row: InstanceRow, wanted: States) -> str:
    """The state that os-resetState is asked for; empty: it cannot do it.

    It sets the task state to none whatever it was.
    """
    state = str(wanted.get('vm_state', row.vm_state))
    asked = 'vm_state' in wanted or 'task_state' in wanted
    return state if asked and state in BY_API else ''


def _steps(seen: InstanceStanding, wanted: States) -> Iterator[Step]:
    row = seen.row
    state = _by_api(row, wanted)
    by_sql = {
        key: value
        for key, value in wanted.items()
        if key == 'power_state' or not state
    }
    if by_sql:
        yield Step(
            f'set:{row.uuid}', 'instance.set', row.uuid,
            {
                'cell': seen.cell, 'to': by_sql,
                'was': {key: row.columns.get(key) for key in GUARDED},
            },
        )  # fmt: skip
    if state:
        yield Step(
            f'reset:{row.uuid}', 'instance.reset', row.uuid, {'state': state}
        )


def _verdict(
    row: InstanceRow, wanted: States, findings: Sequence[Finding]
) -> Verdict:
    stops = [finding for finding in findings if finding.weight == 'refuse']
    if stops:
        return _alone(
            row,
            stops[0].code,
            '; '.join(finding.text for finding in stops),
            '; '.join(finding.way_out for finding in stops),
        )
    if not wanted:
        return _nothing(row)
    return Verdict(
        row.uuid, row.name, _said(row, wanted), _ACTION, True, row.host
    )


def _nothing(row: InstanceRow) -> Verdict:
    way_out = f'openstack recover instance show --long {row.uuid}'
    if row.task_state:
        way_out = f'--task-state none takes its {row.task_state} away'
    return _alone(row, 'nothing', 'its states are these already', way_out)


def _alone(row: InstanceRow, code: str, reason: str, way_out: str) -> Verdict:
    return Verdict(
        row.uuid, row.name, '', code, False, row.host,
        reason=reason, way_out=way_out,
    )  # fmt: skip


def _said(row: InstanceRow, wanted: States) -> str:
    now = _now(row)
    return ', '.join(
        f'{key} {_word(key, now[key])} -> {_word(key, value)}'
        for key, value in wanted.items()
    )


def _word(key: str, value: Any) -> str:
    if value is None:
        return 'NULL' if key == 'power_state' else 'none'
    if key == 'power_state':
        return f'{value} ({power_word(value)})'
    return str(value) or 'none'


def _notes(
    row: InstanceRow, wanted: States, findings: Sequence[Finding]
) -> Iterator[str]:
    if not wanted or any(f.weight == 'refuse' for f in findings):
        return
    for finding in findings:
        way_out = f'; {finding.way_out}' if finding.way_out else ''
        yield f'{row.name or row.uuid}: {finding.text}{way_out}'
    if _by_api(row, wanted) and row.task_state and 'task_state' not in wanted:
        yield (
            f'{row.name or row.uuid}: nova sets its task_state '
            f'{row.task_state} to none with it'
        )
