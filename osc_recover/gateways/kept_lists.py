# SPDX-License-Identifier: Apache-2.0
"""Whole lists of services for a snapshot, one call a page.

Those of attachments hold passwords of the storage: the answers are in no log,
and what is taken from them are names, portals and numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from osc_recover import errors
from osc_recover.facts.snapshot import (
    Copy,
    KeptAttachment,
    KeptPort,
    KeptVolume,
    Target,
)
from osc_recover.gateways import microversions
from osc_recover.gateways.api import Api
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.inventory import CINDER, OF_COMPUTES, PAGE

# From here on it tells the attachment and the mapping; nova 26 has it.
OF_SERVER = '2.89'
USABLE = 'available'
_PORT = (
    'id', 'device_id', 'device_owner', 'status', 'mac_address', 'fixed_ips',
    'network_id', 'updated_at', 'binding:host_id', 'binding:vif_type',
    'binding:vnic_type',
)  # fmt: skip


def of_server(api: Api, server: str) -> tuple[KeptAttachment, ...]:
    """The volumes that nova gives a server; none of one that is gone."""
    pages = api.pages(
        f'/servers/{server}/os-volume_attachments',
        'volumeAttachments',
        microversion=microversions.lower(OF_SERVER, api.newest),
    )
    try:
        return tuple(map(_of_nova, pages))
    except errors.Gone:
        return ()


def _of_nova(data: Any) -> KeptAttachment:
    record = Foreign.of('nova', 'a volume attachment', data)
    ends = 'delete_on_termination'
    return KeptAttachment(
        id=record.text('attachment_id', ''),
        volume=record.text('volumeId'),
        server=record.text('serverId'),
        sides=('nova',),
        device=record.text('device', ''),
        tag=record.text('tag', ''),
        delete_on_termination=record.flag(ends) if ends in data else None,
        mapping=record.text('bdm_uuid', ''),
    )


def ports(api: Api) -> tuple[KeptPort, ...]:
    """Every port of servers."""
    asked = {'fields': _PORT, 'limit': PAGE}
    found = (
        Foreign.of('neutron', 'a port', data)
        for data in api.pages('/ports', 'ports', params=asked)
    )
    return tuple(
        _port(record)
        for record in found
        if record.text('device_owner', '').startswith(OF_COMPUTES)
    )


def _port(record: Foreign) -> KeptPort:
    addresses = record.objects('fixed_ips', [])
    return KeptPort(
        id=record.text('id'),
        server=record.text('device_id', ''),
        host=record.text('binding:host_id', ''),
        status=record.text('status', ''),
        vif_type=record.text('binding:vif_type', ''),
        vnic_type=record.text('binding:vnic_type', 'normal'),
        network=record.text('network_id', ''),
        mac=record.text('mac_address', ''),
        addresses=tuple(
            sorted(one.text('ip_address', '') for one in addresses)
        ),
        updated_at=record.text('updated_at', ''),
    )


def volumes(api: Api) -> tuple[tuple[KeptVolume, ...], dict[str, str]]:
    """Every volume of all projects; attachment -> the host that has it."""
    found: list[KeptVolume] = []
    hosts: dict[str, str] = {}
    for data in _all(api, '/volumes/detail', 'volumes'):
        record = Foreign.of('cinder', 'a volume', data)
        found.append(_volume(record))
        for one in record.objects('attachments', []):
            hosts[one.text('attachment_id', '')] = one.text('host_name', '')
    return tuple(found), hosts


def _volume(record: Foreign) -> KeptVolume:
    return KeptVolume(
        id=record.text('id'),
        name=record.text('name', ''),
        status=record.text('status'),
        size_gb=record.number('size', 0),
        type=record.text('volume_type', ''),
        host=record.text('os-vol-host-attr:host', ''),
        project=record.text('os-vol-tenant-attr:tenant_id', ''),
        bootable=record.text('bootable', '').lower() == 'true',
        multiattach=record.flag('multiattach', False),
        encrypted=record.flag('encrypted', False),
        migration_status=record.text('migration_status', ''),
        updated_at=record.text('updated_at', ''),
    )


def attachments(api: Api) -> tuple[KeptAttachment, ...]:
    """Every attachment that cinder has, with where its host finds it.

    cinder links no pages here, and may have a smaller page than we ask for,
    so the end is where a page brings nothing new.
    """
    found: dict[str, KeptAttachment] = {}
    asked: dict[str, Any] = {'all_tenants': 1, 'limit': PAGE, 'sort': 'id'}
    path = '/attachments/detail'
    while True:
        page = api.get(path, microversion=CINDER, params=asked, private=True)
        records = Foreign.of('cinder', f'GET {path}', page)
        told = [*map(_of_cinder, records.objects('attachments'))]
        new = {one.id: one for one in told if one.id not in found}
        if not new:
            return tuple(found.values())
        found |= new
        asked = {**asked, 'marker': told[-1].id}


def _of_cinder(record: Foreign) -> KeptAttachment:
    return KeptAttachment(
        id=record.text('id'),
        volume=record.text('volume_id'),
        server=record.text('instance', ''),
        sides=('cinder',),
        status=record.text('status', ''),
        mode=record.text('attach_mode', ''),
        target=target_of(record.inner('connection_info', {})),
        attached_at=record.text('attached_at', ''),
    )


def target_of(connection: Foreign) -> Target:
    """Where a connection leads; nothing else of it is kept.

    The drivers of os-brick have names of their own for the same things.
    """
    data = connection.data
    return Target(
        connection.text('driver_volume_type', ''),
        _name(data),
        tuple(
            portal
            for portal in _several(data, 'target_portals', 'target_portal')
            if _is_text(portal)
        ),
        tuple(
            lun
            for lun in _several(data, 'target_luns', 'target_lun')
            if type(lun) is int
        ),
        tuple(filter(_is_text, _several(data, 'target_iqns', ''))),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _name(data: Mapping[str, Any]) -> str:
    if data.get('export'):
        return f'{data["export"]}/{data.get("name", "")}'
    names = ('target_iqn', 'target_nqn', 'nqn', 'name')
    found = [data[key] for key in names if isinstance(data.get(key), str)]
    many = _several(data, 'target_iqns', 'target_wwn')
    return next(iter([*found, *map(str, many)]), '')


def _several(data: Mapping[str, Any], many: str, one: str) -> list[Any]:
    """What is said of all paths, or else of the one."""
    found = data.get(many) or data.get(one)
    listed = found if isinstance(found, list) else [found]
    return [item for item in listed if item is not None]


def backups(api: Api) -> tuple[Copy, ...]:
    """The newest usable backup of each volume."""
    return _newest('backup', _all(api, '/backups/detail', 'backups'))


def snapshots(api: Api) -> tuple[Copy, ...]:
    """The newest usable snapshot of each volume."""
    return _newest('snapshot', _all(api, '/snapshots/detail', 'snapshots'))


def _newest(kind: str, listed: Iterable[Any]) -> tuple[Copy, ...]:
    found: dict[str, Copy] = {}
    for data in listed:
        record = Foreign.of('cinder', f'a {kind}', data)
        if record.text('status', '') != USABLE:
            continue
        copy = Copy(
            kind,
            record.text('id'),
            record.text('volume_id'),
            record.text('name', ''),
            record.text('created_at', ''),
        )
        old = found.get(copy.volume)
        if old is None or old.created_at < copy.created_at:
            found[copy.volume] = copy
    return tuple(found[volume] for volume in sorted(found))


def _all(api: Api, path: str, key: str) -> Iterator[Any]:
    asked = {'all_tenants': 1}
    return api.pages(path, key, microversion=CINDER, params=asked)
