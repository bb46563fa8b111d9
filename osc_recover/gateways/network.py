# SPDX-License-Identifier: Apache-2.0
"""neutron, as facts."""

from collections.abc import Iterable
from typing import Any

from osc_recover import facts
from osc_recover.gateways.api import Api
from osc_recover.gateways.chunks import chunks
from osc_recover.gateways.foreign import Foreign

# Only what is read: a whole port is several kilobytes.
PORT_FIELDS = (
    'id',
    'device_id',
    'status',
    'binding:host_id',
    'binding:vif_type',
    'binding:vnic_type',
    'resource_request',
    'device_profile',
)
AGENT_FIELDS = ('id', 'agent_type', 'host', 'alive', 'admin_state_up')


class Network:
    """neutron's API over one Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def ports(self, servers: Iterable[str]) -> tuple[facts.Port, ...]:
        """The ports of servers; one list call for a hundred servers."""
        found: list[facts.Port] = []
        for piece in chunks(servers):
            asked = {'device_id': piece, 'fields': PORT_FIELDS}
            pages = self.api.pages('/ports', 'ports', params=asked)
            found += map(port_from, pages)
        return tuple(found)

    def agents(self) -> tuple[facts.Agent, ...]:
        """Every agent."""
        asked = {'fields': AGENT_FIELDS}
        pages = self.api.pages('/agents', 'agents', params=asked)
        return tuple(map(agent_from, pages))


def port_from(data: Any) -> facts.Port:
    """Read one port."""
    record = Foreign.of('neutron', 'a port', data)
    return facts.Port(
        id=record.text('id'),
        server=record.text('device_id', ''),
        host=record.text('binding:host_id', ''),
        vif_type=record.text('binding:vif_type', ''),
        vnic_type=record.text('binding:vnic_type', 'normal'),
        status=record.text('status', ''),
        resource_request=bool(record.inner('resource_request', {}).data),
        device_profile=record.text('device_profile', ''),
    )


def agent_from(data: Any) -> facts.Agent:
    """Read one agent."""
    record = Foreign.of('neutron', 'an agent', data)
    return facts.Agent(
        id=record.text('id'),
        type=record.text('agent_type', ''),
        host=record.text('host'),
        alive=record.flag('alive', False),
        enabled=record.flag('admin_state_up', True),
    )
