# SPDX-License-Identifier: Apache-2.0
"""A small cloud in which cmp-1 has died, with all that moves by hand need."""

import dataclasses
from typing import Any

from osc_recover import facts
from osc_recover.checks.request import Request
from osc_recover.plan import Plan
from osc_recover.procedures.host import recover_host
from tests.unit import situations

FAILED, THERE, OTHER = situations.HOST, 'cmp-2', 'cmp-3'
CELL = 'cell-1'
HELD = {'VCPU': 2}


@dataclasses.dataclass(frozen=True)
class Given:
    """A server, and what is known of it."""

    server: facts.Server
    ports: tuple[facts.BoundPort, ...] = ()
    mappings: tuple[facts.BlockDevice, ...] = ()
    movable: dict[str, Any] = dataclasses.field(default_factory=dict)


def of_image(key: str = 's1', ports: Any = (), **changes: Any) -> Given:
    return Given(situations.of_image(key, **changes), _ports(key, ports))


def of_volumes(
    key: str, *volumes: str, ports: Any = (), **changes: Any
) -> Given:
    """One that boots from the first of its volumes."""
    server = situations.server(key, volumes=volumes, **changes)
    return Given(
        server,
        _ports(key, ports),
        tuple(
            facts.BlockDevice(
                number,
                key,
                volume,
                f'a-{volume}',
                f'/dev/vd{"abcdefg"[number - 1]}',
                0 if number == 1 else None,
                'iscsi',
            )
            for number, volume in enumerate(volumes, 1)
        ),
    )


def _ports(key: str, names: Any) -> tuple[facts.BoundPort, ...]:
    return tuple(
        facts.BoundPort(name, key, FAILED, 'ovs', 'normal', 'compute:nova', 1)
        for name in names
    )


def row(one: Given) -> facts.ServerRow:
    server = one.server
    return facts.ServerRow(
        server.id,
        server.host,
        server.host,
        1,
        server.vm_state,
        server.task_state,
        server.power_state,
        'nova',
    )


def node(host: str, **changes: Any) -> facts.ComputeRow:
    fields = {'uuid': f'node-{host}', 'ip': '192.0.2.1'}
    number = int(host.rpartition('-')[2])
    kind = {'hypervisor_type': 'QEMU'}
    return facts.ComputeRow(
        number, host, host, **{**fields, **kind, **changes}
    )


def connector(host: str) -> facts.Connector:
    return facts.Connector(host, {'host': host}, 'the host')


def agent(host: str, **changes: Any) -> facts.Agent:
    return facts.Agent(f'agent-{host}', 'Open vSwitch agent', host, **changes)


def by_hand(*given: Given, **changes: Any) -> facts.ByHand:
    hosts = [service.host for service in situations.computes()]
    fields: dict[str, Any] = {
        'cells': dict.fromkeys(hosts, CELL),
        'computes': tuple(node(host) for host in hosts),
        'movables': tuple(
            facts.Movable(
                row(one),
                'user',
                'project',
                mappings=one.mappings,
                **one.movable,
            )
            for one in given
        ),
        'holdings': tuple(
            facts.Holdings(
                one.server.id, {f'node-{FAILED}': HELD}, 'project', 'user', 1
            )
            for one in given
        ),
        'ports': tuple(port for one in given for port in one.ports),
        'attachments': tuple(
            facts.VolumeAttachment(
                mapping.attachment or '',
                mapping.volume,
                mapping.server,
                'attached',
            )
            for one in given
            for mapping in one.mappings
        ),
        'domains': tuple(facts.HostDomains(host) for host in hosts[1:]),
        'connectors': tuple(connector(host) for host in hosts[1:]),
    }
    return facts.ByHand(**{**fields, **changes})


def cloud(*given: Given, hand: Any = None, **changes: Any) -> facts.Situation:
    """cmp-2 has the most room, so it is taken."""
    servers = given or (of_image(),)
    names = [service.host for service in situations.computes()]
    fields: dict[str, Any] = {
        'volumes': tuple(
            situations.volume(m.volume) for g in servers for m in g.mappings
        ),
        'ports': tuple(
            facts.Port(port.id, port.server, port.host, port.vif_type)
            for one in servers
            for port in one.ports
        ),
        'allocations': tuple(
            situations.held(one.server.id) for one in servers
        ),
        'candidates': {
            facts.request_key(HELD): (
                situations.offer(THERE, 64),
                situations.offer(OTHER, 8),
            )
        },
        'agents': tuple(agent(host) for host in names[1:]),
        'by_hand': hand or by_hand(*servers),
    }
    return situations.cloud(
        *(one.server for one in servers), **{**fields, **changes}
    )


def asked(**changes: Any) -> Request:
    """A request that looks at no host, as storage is said to be shared."""
    fields = {'method': 'database', 'shared_storage': True, 'agent': False}
    return situations.asked(**{**fields, **changes})


def plan(situation: facts.Situation, **changes: Any) -> Plan:
    return recover_host(situation, asked(**changes))
