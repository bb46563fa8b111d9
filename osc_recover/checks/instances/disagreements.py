# SPDX-License-Identifier: Apache-2.0
"""What disagrees about one server: its row, API, placement, ports, volumes.

What an audit judges as well is judged by its checks; here are those that need
the whole row.  Each finding is about whom the row is compared with.  Pure.
"""

import dataclasses
from collections.abc import Iterator, Mapping

from osc_recover.checks import registry
from osc_recover.checks.audit.view import AuditView
from osc_recover.checks.finding import Finding, warn
from osc_recover.checks.instances.facts import everything
from osc_recover.checks.instances.states import (
    POWER_STATES,
    SETTABLE,
    leaving,
)
from osc_recover.checks.registry import check
from osc_recover.facts import InstanceSeen

ROW, API, NOVA_API = 'row', 'api', 'nova_api'
PLACEMENT, NEUTRON, CINDER = 'placement', 'neutron', 'cinder'
OTHERS = (ROW, NOVA_API, API, PLACEMENT, NEUTRON, CINDER)

# With whom the row is compared by checks of an audit.
_ABOUT: Mapping[str, str] = {
    'states-disagree': ROW,
    'no-host': ROW,
    'double-allocation': PLACEMENT,
    'missing-allocation': PLACEMENT,
    'allocation-left': PLACEMENT,
    'orphan-allocation': PLACEMENT,
    'held-until-return': PLACEMENT,
    'port-elsewhere': NEUTRON,
    'port-unbound': NEUTRON,
}
_KNOWN = (*SETTABLE, 'building', 'rescued')


def of_instance(seen: InstanceSeen) -> list[Finding]:
    """All that disagrees, in the order of those that are asked."""
    found = [f for c in registry.of('row') for f in c.findings(seen)]
    view = AuditView(everything(seen), min_age=0)
    for one in registry.of('instance'):
        about = _ABOUT.get(one.code, CINDER)
        found += [
            dataclasses.replace(finding, about=about)
            for finding in one.findings(view)
        ]
    asked = [finding for finding in found if finding.about not in seen.unasked]
    return sorted(asked, key=lambda finding: OTHERS.index(finding.about))


# The row by itself


@check('old-value', 'row')
def old_value(seen: InstanceSeen) -> Iterator[Finding]:
    """The guide's states are of 2012."""
    row = seen.row
    if row.vm_state not in _KNOWN and not leaving(row.vm_state):
        yield warn(
            f'vm_state {row.vm_state!r} is none of nova',
            f'openstack recover instance set {row.uuid} --vm-state error',
            about=ROW,
        )
    if row.power_state is not None and row.power_state not in POWER_STATES:
        yield warn(
            f'power_state {row.power_state} is none of nova',
            f'openstack recover instance set {row.uuid} --power-state 0',
            about=ROW,
        )


@check('under-way', 'row')
def under_way(seen: InstanceSeen) -> Iterator[Finding]:
    """Of such a server others say what they like for a while."""
    if seen.row.task_state:
        yield warn(
            'nova is at work on it, or was cut off in that',
            'wait; when nobody is at it any more: openstack recover instance '
            f'set {seen.row.uuid} --task-state none',
            f'task_state {seen.row.task_state}, row of '
            f'{seen.row.text("updated_at") or "an unknown time"}',
            about=ROW,
        )


# Others


@check('mapped-elsewhere', 'row')
def mapped_elsewhere(seen: InstanceSeen) -> Iterator[Finding]:
    """The API looks for it in the cell that nova_api names."""
    if seen.mapped is None or seen.mapped == seen.row.cell:
        return
    where = f'has it in {seen.mapped}' if seen.mapped else 'has it in no cell'
    yield warn(
        f'it is in {seen.row.cell}, and nova_api {where}: the API does not '
        'find it',
        'nova-manage cell_v2 map_instances --cell_uuid <cell> maps what is '
        'in a cell',
        f'instance_mappings of {seen.row.uuid}',
        about=NOVA_API,
    )


@check('api-unknown', 'row')
def api_unknown(seen: InstanceSeen) -> Iterator[Finding]:
    """A row that is not deleted, and that the API does not have."""
    if seen.server is None and not seen.row.deleted:
        yield warn(
            'the API has no such server',
            'see whether nova_api maps it to this cell, and whether the '
            'API has the same cells (nova-manage cell_v2 list_cells)',
            about=API,
        )


@check('api-differs', 'row')
def api_differs(seen: InstanceSeen) -> Iterator[Finding]:
    """The API asks another database, or it changed between two questions."""
    row, server = seen.row, seen.server
    if server is None:
        return
    if row.deleted or server.status == 'UNKNOWN':
        yield warn(
            'the API does not see this row: it asks another database, or none',
            'see the log of nova-api, and nova-manage cell_v2 list_cells',
            f'status {server.status}',
            about=API,
        )
        return
    pairs = (
        ('host', row.host, server.host),
        ('vm_state', row.vm_state, server.vm_state),
        ('task_state', row.task_state, server.task_state),
        ('power_state', row.power_state or 0, server.power_state),
    )
    told = [f'{key} {theirs}, not {ours}' for key, ours, theirs in pairs
            if ours != theirs]  # fmt: skip
    if told:
        yield warn(
            'the API says something else',
            'look again: it may have changed just now; else the API asks '
            'another database',
            '; '.join(told),
            about=API,
        )
