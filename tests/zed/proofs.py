# SPDX-License-Identifier: Apache-2.0
"""What must be so once a host's servers have been recovered.

Asked of nova, neutron, cinder, placement, the hypervisors and the storage,
not of the command that recovered them.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.cloud import lab
from tests.practice import Practice
from tests.zed import where


def recovered(cloud: Practice, failed: str, states: Mapping[str, str]) -> None:
    """Each server is elsewhere, as it was, once, with all that it had.

    :param states: server -> its status before the host failed
    """
    places = {server: _place(cloud, server) for server in states}
    for server, status in states.items():
        assert places[server] != failed
        assert cloud.server(server)['status'] == status
        _ports(cloud, server, places[server])
        _volumes(cloud, server, places[server])
    assert not lab.twice()
    records = [
        record
        for record in cloud.evacuations(failed)
        if record['instance_uuid'] in states
    ]
    assert {r['instance_uuid']: r['dest_compute'] for r in records} == places
    assert len(records) == len(states)
    assert {record['status'] for record in records} == {'done'}


def returned(cloud: Practice, failed: str, servers: Mapping[str, str]) -> None:
    """The host is in service, holds nothing, and no room is held twice."""
    service = cloud.service(failed)
    assert (service['state'], service['status']) == ('up', 'enabled')
    assert not lab.guests()[failed]
    assert not lab.twice()
    providers = {
        p.name: p.id for p in cloud.sdk.placement.resource_providers()
    }
    for server in servers:
        held = cloud.sdk.placement.get(f'/allocations/{server}').json()
        place = providers[_place(cloud, server)]
        assert list(held['allocations']) == [place]


def deleted(volumes: set[str]) -> None:
    """No hypervisor holds a guest any more, and no volume is connected."""
    left = {host: guests for host, guests in lab.guests().items() if guests}
    assert not left
    assert not volumes & set(lab.volume_access())


def disks() -> dict[str, str]:
    """Every disk by its server; an id that a rebuilt disk has not."""
    found: dict[str, str] = {}
    for host in where.HOSTS:
        found |= lab.disks(host)
    return found


def volumes(cloud: Practice, server: str) -> set[str]:
    """The volumes that nova has attached to a server."""
    attached = cloud.server(server)['os-extended-volumes:volumes_attached']
    return {volume['id'] for volume in attached}


def _place(cloud: Practice, server: str) -> str:
    return str(cloud.server(server)['OS-EXT-SRV-ATTR:host'])


def _ports(cloud: Practice, server: str, place: str) -> None:
    ports = list(cloud.sdk.network.ports(device_id=server))
    assert ports
    for port in ports:
        assert port.binding_host_id == place
        assert port.binding_vif_type == 'ovs'


def _volumes(cloud: Practice, server: str, place: str) -> None:
    for name in volumes(cloud, server):
        assert lab.volume_access()[name] == [place]
        [held] = cloud.sdk.block_storage.get_volume(name).attachments
        assert (held['server_id'], held['host_name']) == (server, place)
