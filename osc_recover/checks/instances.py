# SPDX-License-Identifier: Apache-2.0
"""What disagrees about one server: its row, API, placement, ports, volumes.

Each finding is about whom the row is compared with.  Pure.
"""

from collections.abc import Callable, Iterator, Sequence

from osc_recover.checks.finding import Finding
from osc_recover.checks.instance_states import (
    OFF,
    POWER_STATES,
    SETTABLE,
    leaving,
    power_word,
)
from osc_recover.facts import Allocation, InstanceSeen, MappedVolume

ROW, API, NOVA_API = 'row', 'api', 'nova_api'
PLACEMENT, NEUTRON, CINDER = 'placement', 'neutron', 'cinder'
OTHERS = (ROW, NOVA_API, API, PLACEMENT, NEUTRON, CINDER)

_KNOWN = (*SETTABLE, 'building', 'rescued')
_UNBOUND = ('unbound', 'binding_failed')
# A server whose evacuation is in one of these holds its source, too, until
# that returns (nova/compute/manager.py, _destroy_evacuated_instances).
_OPEN = ('accepted', 'pre-migrating', 'done')
# What a host itself gives; other providers share disks or are parts of it.
_OF_HOSTS = ('VCPU', 'PCPU', 'MEMORY_MB')


def of_instance(seen: InstanceSeen) -> list[Finding]:
    """All that disagrees, in the order of those that are asked."""
    return [
        finding
        for about, checks in _CHECKS.items()
        if about not in seen.unasked
        for check in checks
        for finding in check(seen)
    ]


# The row by itself


def _old_values(seen: InstanceSeen) -> Iterator[Finding]:
    row = seen.row
    if row.vm_state not in _KNOWN and not leaving(row.vm_state):
        yield _found(
            ROW, 'old-value', f'vm_state {row.vm_state!r} is none of nova',
            f'openstack recover instance set {row.uuid} --vm-state error',
        )  # fmt: skip
    if row.power_state is not None and row.power_state not in POWER_STATES:
        yield _found(
            ROW, 'old-value', f'power_state {row.power_state} is none of nova',
            f'openstack recover instance set {row.uuid} --power-state 0',
        )  # fmt: skip


def _states(seen: InstanceSeen) -> Iterator[Finding]:
    """nova-compute compares them every ten minutes by itself."""
    row = seen.row
    off = row.power_state in OFF
    if row.task_state or row.power_state is None:
        return
    if row.vm_state == 'active' and off:
        yield _found(
            ROW, 'states-disagree',
            'it is to be active, and the hypervisor has it off',
            f'openstack server reboot --hard {row.uuid}',
            f'power_state {power_word(row.power_state)}',
        )  # fmt: skip
    if row.vm_state == 'stopped' and not off:
        yield _found(
            ROW, 'states-disagree',
            'it is to be stopped and its guest runs: nova-compute ends the '
            'guest within ten minutes (_sync_instance_power_state)',
            f'openstack recover instance set {row.uuid} --vm-state active '
            'keeps it running',
            f'power_state {power_word(row.power_state)}',
        )  # fmt: skip


def _task(seen: InstanceSeen) -> Iterator[Finding]:
    if seen.row.task_state:
        yield _found(
            ROW, 'under-way', 'nova is at work on it, or was cut off in that',
            'wait; when nobody is at it any more: openstack recover instance '
            f'set {seen.row.uuid} --task-state none',
            f'task_state {seen.row.task_state}, row of '
            f'{seen.row.text("updated_at") or "an unknown time"}',
        )  # fmt: skip


def _no_host(seen: InstanceSeen) -> Iterator[Finding]:
    row = seen.row
    if not row.host and row.vm_state in ('active', 'stopped', 'paused'):
        yield _found(
            ROW, 'no-host', f'it is {row.vm_state} on no host',
            f'openstack server event list {row.uuid} tells how it came',
        )  # fmt: skip


# Others


def _mapping(seen: InstanceSeen) -> Iterator[Finding]:
    if seen.mapped is None or seen.mapped == seen.row.cell:
        return
    where = f'has it in {seen.mapped}' if seen.mapped else 'has it in no cell'
    yield _found(
        NOVA_API, 'mapped-elsewhere',
        f'it is in {seen.row.cell}, and nova_api {where}: the API does not '
        'find it',
        'nova-manage cell_v2 map_instances --cell_uuid <cell> maps what is '
        'in a cell',
        f'instance_mappings of {seen.row.uuid}',
    )  # fmt: skip


def _api(seen: InstanceSeen) -> Iterator[Finding]:
    row, server = seen.row, seen.server
    if server is None:
        if not row.deleted:
            yield _found(
                API, 'api-unknown', 'the API has no such server',
                'see whether nova_api maps it to this cell, and whether the '
                'API has the same cells (nova-manage cell_v2 list_cells)',
            )  # fmt: skip
        return
    if row.deleted or server.status == 'UNKNOWN':
        yield _found(
            API, 'api-differs',
            'the API does not see this row: it asks another database, or '
            'none',
            'see the log of nova-api, and nova-manage cell_v2 list_cells',
            f'status {server.status}',
        )  # fmt: skip
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
        yield _found(
            API, 'api-differs', 'the API says something else',
            'look again: it may have changed just now; else the API asks '
            'another database',
            '; '.join(told),
        )  # fmt: skip


def _allocations(seen: InstanceSeen) -> Iterator[Finding]:
    row = seen.row
    node = row.text('node')
    held = [_provider(seen, one) for one in seen.allocations if _is_host(one)]
    if row.deleted or not row.host:
        if held:
            yield _found(
                PLACEMENT, 'allocation-left',
                'it is on no host, and holds resources',
                f'openstack resource provider allocation delete {row.uuid}',
                ', '.join(held),
            )  # fmt: skip
        return
    if node not in held:
        yield _found(
            PLACEMENT, 'allocation-missing',
            f'it holds nothing of {node}, where it is',
            f'nova-manage placement heal_allocations --instance {row.uuid}',
            f'it holds {", ".join(held) or "nothing"}',
        )  # fmt: skip
    others = [name for name in held if name != node]
    if others:
        yield _double(seen, others)


def _double(seen: InstanceSeen, others: Sequence[str]) -> Finding:
    uuid = seen.row.uuid
    evidence = ', '.join(others)
    moves = [one for one in seen.migrations if one.status in _OPEN]
    if moves and moves[0].type == 'evacuation':
        return _found(
            PLACEMENT, 'allocation-double',
            f'it was evacuated off {moves[0].source}, and holds what it held '
            'there until that host returns',
            f'openstack recover return {moves[0].source}, when it is repaired',
            evidence,
        )  # fmt: skip
    return _found(
        PLACEMENT, 'allocation-double',
        'it holds resources of a host where it is not',
        f'see openstack server migration list --server {uuid}; where no move '
        'is under way: openstack resource provider allocation unset '
        f'--provider <uuid> {uuid}',
        evidence,
    )  # fmt: skip


def _ports(seen: InstanceSeen) -> Iterator[Finding]:
    row = seen.row
    for port in seen.ports:
        if port.vif_type in _UNBOUND:
            yield _found(
                NEUTRON, 'port-unbound', f'port {port.id} is not bound',
                f'see that the network agent of {port.host or row.host} is '
                f'alive, then: openstack server reboot --hard {row.uuid}',
                f'vif_type {port.vif_type}',
            )  # fmt: skip
        elif row.host and port.host != row.host:
            yield _found(
                NEUTRON, 'port-elsewhere',
                f'port {port.id} is bound to another host',
                f'openstack port set --host {row.host} {port.id}',
                f'binding:host_id {port.host or "none"}',
            )  # fmt: skip


def _volumes(seen: InstanceSeen) -> Iterator[Finding]:
    for device in seen.devices:
        yield from _volume(seen, device)


def _volume(seen: InstanceSeen, device: MappedVolume) -> Iterator[Finding]:
    row = seen.row
    name = f'volume {device.volume} ({device.device or "no device"})'
    volume = next((v for v in seen.volumes if v.id == device.volume), None)
    if volume is None:
        yield _found(
            CINDER, 'volume-gone', f'cinder has no {name}',
            f'openstack volume show {device.volume} tells whether it is so',
        )  # fmt: skip
        return
    mine = [one for one in volume.attachments if one.server == row.uuid]
    evidence = f'status {volume.status}, {len(mine)} attachments to it'
    again = f'openstack volume attachment list --volume-id {volume.id}'
    if not mine:
        yield _found(
            CINDER, 'volume-detached',
            f'nova has {name}, and cinder does not have it attached',
            f'see {again}', evidence,
        )  # fmt: skip
    elif volume.status != 'in-use':
        yield _found(
            CINDER, 'volume-status',
            f'{name} is attached, and its status is {volume.status}',
            f'see {again}; then openstack volume set --state in-use '
            f'{volume.id}',
            evidence,
        )  # fmt: skip
    for one in mine:
        if one.host and row.host and one.host != row.host:
            yield _found(
                CINDER, 'volume-elsewhere',
                f'{name} is attached on {one.host}, not on {row.host}',
                f'see {again}',
                f'attachment {one.id}',
            )  # fmt: skip


Check = Callable[[InstanceSeen], Iterator[Finding]]
_CHECKS: dict[str, tuple[Check, ...]] = {
    ROW: (_old_values, _states, _task, _no_host),
    NOVA_API: (_mapping,),
    API: (_api,),
    PLACEMENT: (_allocations,),
    NEUTRON: (_ports,),
    CINDER: (_volumes,),
}


def _is_host(allocation: Allocation) -> bool:
    return any(name in allocation.resources for name in _OF_HOSTS)


def _provider(seen: InstanceSeen, allocation: Allocation) -> str:
    return seen.providers.get(allocation.provider, allocation.provider)


def _found(
    about: str, code: str, what: str, way_out: str, evidence: str = ''
) -> Finding:
    return Finding(code, about, what, evidence, way_out, 'warn')
