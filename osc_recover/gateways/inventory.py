# SPDX-License-Identifier: Apache-2.0
"""Whole lists of what services hold, one call a page, as facts.

What is read of each record is little, and no list here has a password: those
of attachments with their connections are left alone.
"""

from typing import Any

from osc_recover import facts
from osc_recover.facts import audit
from osc_recover.gateways import compute, microversions
from osc_recover.gateways.api import Api
from osc_recover.gateways.foreign import Foreign

PAGE = 1000  # nova's and cinder's own limit (api.max_limit, osapi_max_limit)
CINDER = '3.44'
# 1.14 and newer name the root of a provider's tree.
PLACEMENT = '1.28'
# What nova's migrations can be while they go on, by type and release
# (nova/db/main/api.py, migration_get_in_progress_by_host_and_node), and
# "done", which ends an evacuation only when its source has returned.
UNENDED = (
    'accepted', 'queued', 'preparing', 'pre-migrating', 'running',
    'migrating', 'post-migrating', 'finished', 'confirming', 'reverting',
    'done',
)  # fmt: skip
OF_COMPUTES = 'compute:'
_PORT = (
    'id', 'device_id', 'device_owner', 'updated_at', 'binding:host_id',
    'binding:vif_type', 'binding:vnic_type',
)  # fmt: skip
_AGENT = (
    'id', 'agent_type', 'host', 'alive', 'admin_state_up',
    'heartbeat_timestamp',
)  # fmt: skip


def servers(api: Api) -> tuple[facts.Server, ...]:
    """Every server of all projects, without deleted and soft-deleted ones."""
    pages = api.pages(
        '/servers/detail',
        'servers',
        microversion=microversions.lower(compute.READS, api.newest),
        params={'all_tenants': 1},
    )
    return tuple(map(compute.server_from, pages))


def migrations(nova: compute.Compute) -> tuple[facts.Migration, ...]:
    """Every migration that has not ended, of all hosts, by ID.

    Asked for by status: an old cloud has very many that have.
    """
    found = {
        (record.uuid, record.id): record
        for status in UNENDED
        for record in nova.migrations(status=status)
    }
    return tuple(sorted(found.values(), key=lambda m: (m.id, m.uuid)))


def providers(api: Api) -> tuple[audit.Provider, ...]:
    """Every resource provider."""
    path = '/resource_providers'
    page = api.get(path, microversion=PLACEMENT)
    records = Foreign.of('placement', f'GET {path}', page)
    return tuple(
        audit.Provider(
            p.text('uuid'),
            p.text('name', ''),
            p.text('root_provider_uuid', p.text('uuid')),
        )
        for p in records.objects('resource_providers')
    )


def ports(api: Api) -> tuple[audit.ListedPort, ...]:
    """Every port of servers."""
    asked = {'fields': _PORT, 'limit': PAGE}
    found = map(port_from, api.pages('/ports', 'ports', params=asked))
    return tuple(p for p in found if p.owner.startswith(OF_COMPUTES))


def port_from(data: Any) -> audit.ListedPort:
    """Read one port."""
    record = Foreign.of('neutron', 'a port', data)
    return audit.ListedPort(
        id=record.text('id'),
        server=record.text('device_id', ''),
        host=record.text('binding:host_id', ''),
        vif_type=record.text('binding:vif_type', ''),
        vnic_type=record.text('binding:vnic_type', 'normal'),
        owner=record.text('device_owner', ''),
        updated_at=record.text('updated_at', ''),
    )


def agents(api: Api) -> tuple[tuple[facts.Agent, ...], str]:
    """Every agent of neutron, and the newest time that one reported."""
    asked = {'fields': _AGENT}
    found = [
        Foreign.of('neutron', 'an agent', data)
        for data in api.pages('/agents', 'agents', params=asked)
    ]
    told = [record.text('heartbeat_timestamp', '') for record in found]
    return (
        tuple(
            facts.Agent(
                id=record.text('id'),
                type=record.text('agent_type', ''),
                host=record.text('host', ''),
                alive=record.flag('alive', False),
                enabled=record.flag('admin_state_up', True),
            )
            for record in found
        ),
        max(told, default=''),
    )


def volumes(
    api: Api,
) -> tuple[tuple[audit.ListedVolume, ...], dict[str, str]]:
    """Every volume of all projects, and the host of each attached one's
    attachments, which the list of those does not tell.
    """
    found: list[audit.ListedVolume] = []
    hosts: dict[str, str] = {}
    asked = {'all_tenants': 1}
    for data in api.pages(
        '/volumes/detail', 'volumes', microversion=CINDER, params=asked
    ):
        record = Foreign.of('cinder', 'a volume', data)
        found.append(volume_from(record))
        for attachment in record.objects('attachments', []):
            name = attachment.text('attachment_id', '')
            hosts[name] = attachment.text('host_name', '')
    return tuple(found), hosts


def volume_from(record: Foreign) -> audit.ListedVolume:
    """Read one volume."""
    return audit.ListedVolume(
        id=record.text('id'),
        name=record.text('name', ''),
        status=record.text('status'),
        host=record.text('os-vol-host-attr:host', ''),
        multiattach=record.flag('multiattach', False),
        updated_at=record.text('updated_at', ''),
    )


def attachments(api: Api) -> tuple[audit.ListedAttachment, ...]:
    """Every attachment, those that are only reserved included.

    cinder links no pages here (cinder/api/v3/views/attachments.py), and may
    have a smaller page than we ask for (osapi_max_limit), so the end is where
    a page brings nothing new.
    """
    found: dict[str, audit.ListedAttachment] = {}
    page = _attachments(api, '')
    while new := {one.id: one for one in page if one.id not in found}:
        found |= new
        page = _attachments(api, page[-1].id)
    return tuple(found.values())


def _attachments(api: Api, marker: str) -> list[audit.ListedAttachment]:
    path = '/attachments'
    asked = {'all_tenants': 1, 'limit': PAGE, 'sort': 'id'}
    page = api.get(
        path,
        microversion=CINDER,
        params={**asked, **({'marker': marker} if marker else {})},
    )
    records = Foreign.of('cinder', f'GET {path}', page)
    return [attachment_from(r) for r in records.objects('attachments')]


def attachment_from(record: Foreign) -> audit.ListedAttachment:
    """Read one attachment."""
    return audit.ListedAttachment(
        id=record.text('id'),
        volume=record.text('volume_id'),
        server=record.text('instance', ''),
        status=record.text('status', ''),
    )


def storage(api: Api) -> tuple[audit.StorageService, ...]:
    """Every service of cinder."""
    path = '/os-services'
    page = api.get(path, microversion=CINDER)
    records = Foreign.of('cinder', f'GET {path}', page)
    return tuple(
        audit.StorageService(
            host=record.text('host'),
            binary=record.text('binary', ''),
            up=record.text('state', '') == 'up',
            updated_at=record.text('updated_at', ''),
            cluster=record.text('cluster', ''),
        )
        for record in records.objects('services')
    )
