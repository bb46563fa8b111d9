# SPDX-License-Identifier: Apache-2.0
"""What the network needs that a server or the cloud had on the host."""

from osc_recover.checks.finding import Finding, refuse, warn
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Server

# Agents that serve only the guests of their own host.
OWN_HOST = {
    'Open vSwitch agent',
    'Linux bridge agent',
    'Macvtap agent',
    'NIC Switch agent',
    'Metadata agent',
    'OVN Controller agent',
    'OVN Metadata agent',
    'OVN Neutron agent',
}


@check('dead-agents', 'host')
def dead_agents(view: View, host: str) -> Finding | None:
    """Routers and networks of others that this host served."""
    dead = sorted(
        agent.type
        for agent in view.situation.agents
        if agent.host == host and not agent.alive
    )
    dead = [kind for kind in dead if kind not in OWN_HOST]
    if not dead:
        return None
    return warn(
        f'neutron agents on {host} are dead, and what they served with them',
        'move what is not HA: openstack network agent list --host '
        f'{host}; openstack network agent remove|add router --l3, '
        'openstack network agent remove|add network --dhcp',
        ', '.join(dead),
    )


@check('accelerator-port')
def accelerator_port(view: View, server: Server) -> Finding | None:
    """nova evacuates no server with an accelerator-direct port."""
    ports = [
        port.id
        for port in view.ports(server)
        if port.vnic_type.startswith('accelerator-direct')
    ]
    if not ports:
        return None
    return refuse(
        'it has a port with an accelerator; nova does not evacuate such a '
        'server',
        'repair the host; nova detaches the port only there',
        f'port {", ".join(ports)}',
    )
