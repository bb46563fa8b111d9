# SPDX-License-Identifier: Apache-2.0
"""What hosts are in the middle of, as facts."""

from collections.abc import Sequence
from typing import Any

from osc_recover.facts.snapshot import (
    Firewall,
    HostState,
    KeptMount,
    KeptSession,
    Layer,
    NodeRecord,
    SessionDevice,
)
from osc_recover.gateways.domains import domains_from
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

TIMEOUT = 120.0  # seconds; four tools list their rules, and virsh its domains


def states(
    hosts: Hosts, names: Sequence[str], timeout: float = TIMEOUT
) -> tuple[HostState, ...]:
    """The states of hosts, in the order of their names.

    A host that cannot be asked is one with a problem.
    """
    return _asked(hosts, names, 'state.show', timeout)


def links(
    hosts: Hosts, names: Sequence[str], timeout: float = TIMEOUT
) -> tuple[HostState, ...]:
    """The same, of sessions, records and mounts alone; sooner."""
    return _asked(hosts, names, 'state.links', timeout)


def _asked(
    hosts: Hosts, names: Sequence[str], operation: str, timeout: float
) -> tuple[HostState, ...]:
    asked = hosts.each(names, operation, {}, timeout=timeout)
    found = {
        host: fact_of(host, outcome, state_from, HostState)
        for host, outcome in asked
    }
    return tuple(found[name] for name in names)


def state_from(host: str, data: Any) -> HostState:
    """Read what state.show tells of a host.

    :raises errors.ApiError: for what it cannot be
    """
    record = Foreign.of(host, 'its state', data)
    return HostState(
        host,
        record.text('boot_id'),
        tuple(map(_session, record.objects('sessions'))),
        tuple(map(_node, record.objects('nodes'))),
        tuple(map(_mount, record.objects('mounts'))),
        domains_from(host, data).domains,
        tuple(
            Firewall(one.text('tool'), one.texts('rules'))
            for one in record.objects('firewalls')
        ),
        record.texts('absent'),
        record.words('problems'),
        booted_at=record.text('booted_at', ''),
        recorded=tuple(map(_mount, record.objects('recorded', []))),
    )


def _session(told: Foreign) -> KeptSession:
    return KeptSession(
        told.number('number'),
        told.text('target'),
        told.text('portal'),
        told.text('iface'),
        told.text('state'),
        tuple(
            SessionDevice(
                one.number('lun'),
                one.text('name'),
                one.text('wwid'),
                one.texts('holders'),
                one.text('state', ''),
                tuple(map(_layer, one.objects('over', []))),
            )
            for one in told.objects('devices')
        ),
    )


def _layer(told: Foreign) -> Layer:
    return Layer(told.text('name'), told.text('kernel'), told.text('kind'))


def _node(told: Foreign) -> NodeRecord:
    return NodeRecord(
        told.text('target'),
        told.text('portal'),
        told.text('iface'),
        told.words('settings'),
    )


def _mount(told: Foreign) -> KeptMount:
    return KeptMount(
        told.text('point'),
        told.text('type'),
        told.text('source'),
        told.texts('options'),
        told.text('target', ''),
    )
