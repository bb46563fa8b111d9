# SPDX-License-Identifier: Apache-2.0
"""Changes of servers, ports, allocations and services.  Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from osc_recover.checks.snapshots.change import (
    TIME,
    Change,
    Field,
    Sort,
    by,
    compared,
    text,
)
from osc_recover.checks.snapshots.names import Names
from osc_recover.facts.snapshot import Snapshot

# nova/compute/power_state.py
POWER = {
    0: 'no state',
    1: 'running',
    3: 'paused',
    4: 'shut down',
    6: 'crashed',
    7: 'suspended',
}


def power(state: int) -> str:
    """nova's number of a power state as a word."""
    return POWER.get(state, str(state))


def changes(
    before: Snapshot, after: Snapshot, names: Names
) -> Iterator[Change]:
    """What is not as it was, of parts that both know."""
    for part, sort, key in _PARTS:
        if before.knows(part) and after.knows(part):
            old, new = (getattr(one, part) for one in (before, after))
            yield from compared(sort(names), by(key, old), by(key, new))
    if before.knows('cinder services') and after.knows('cinder services'):
        yield from compared(
            _STORE, by(_binary, before.storage), by(_binary, after.storage)
        )


def _server(names: Names) -> Sort:
    return Sort(
        'server',
        lambda s: (s.id, s.name, f'server {s.name or s.id}'),
        lambda s: f'{s.status} on {s.host or "no host"}',
        (
            Field('host', 'is on another host'),
            Field('status', 'its status is another'),
            Field('vm_state', "nova's state of it is another"),
            Field('task_state', 'what nova does with it is another'),
            Field('power_state', 'its power is another', told=power),
            Field('name', 'has another name'),
            Field('project', 'is of another project'),
            Field('flavor', 'has another flavor'),
            Field('image', 'has another image'),
            Field('locked', 'its lock is another'),
            Field('fault', 'its fault is another'),
            Field('instance_name', 'its domain has another name'),
            Field('root_device', 'its root is another device'),
            Field('updated', 'was updated', TIME),
        ),
    )


def _port(names: Names) -> Sort:
    return Sort(
        'port',
        lambda p: (
            p.id,
            names.server(p.server),
            f'port {p.id} of {names.server(p.server)}',
        ),
        lambda p: f'{p.status} on {p.host or "no host"}, {text(p.addresses)}',
        (
            Field('server', 'is of another server'),
            Field('host', 'is bound to another host'),
            Field('status', 'its status is another'),
            Field('vif_type', 'is wired in another way'),
            Field('vnic_type', 'is of another type'),
            Field('network', 'is in another network'),
            Field('mac', 'has another MAC address'),
            Field('addresses', 'has other addresses'),
            Field('updated_at', 'was updated', TIME),
        ),
    )


def _allocation(names: Names) -> Sort:
    return Sort(
        'allocation',
        lambda a: (
            a.consumer,
            names.server(a.consumer),
            f'what {names.server(a.consumer)} holds of '
            f'{names.provider(a.provider)}',
        ),
        lambda a: text(a.resources),
        (Field('resources', 'is another amount'),),
    )


def _service(names: Names) -> Sort:
    return Sort(
        'service',
        lambda s: (s.id, s.host, f'{s.binary} on {s.host}'),
        lambda s: 'up' if s.up else 'down',
        (
            Field('up', 'is up or down otherwise'),
            Field('enabled', 'is enabled or disabled otherwise'),
            Field('forced_down', 'is forced down otherwise'),
            Field('disabled_reason', 'is disabled for another reason'),
            Field('zone', 'is in another zone'),
        ),
    )


_STORE = Sort(
    'storage-service',
    lambda s: ('', s.host, f'{s.binary} on {s.host}'),
    lambda s: 'up' if s.up else 'down',
    (
        Field('up', 'is up or down otherwise'),
        Field('cluster', 'is in another cluster'),
    ),
)


def _id(record: Any) -> Any:
    return record.id


def _binary(record: Any) -> Any:
    return record.host, record.binary


_PARTS: tuple[
    tuple[str, Callable[[Names], Sort], Callable[[Any], Any]], ...
] = (
    ('servers', _server, _id),
    ('ports', _port, _id),
    ('allocations', _allocation, lambda a: (a.consumer, a.provider)),
    ('services', _service, _binary),
)
