# SPDX-License-Identifier: Apache-2.0
"""What was seen of one server, as the facts of an audit.  Pure."""

from collections.abc import Iterator

from osc_recover.facts import (
    Allocation,
    Hypervisor,
    InstanceSeen,
    Server,
    Volume,
)
from osc_recover.facts.audit import (
    DiskMapping,
    Everything,
    ListedAttachment,
    ListedPort,
    ListedVolume,
)

# What a host itself gives; other providers share disks or are parts of it.
_OF_HOSTS = ('VCPU', 'PCPU', 'MEMORY_MB')
# A record in one of these is not at its end (nova/db/main/api.py).
_ENDED = (
    'completed', 'confirmed', 'reverted', 'error', 'failed', 'cancelled',
)  # fmt: skip
# Who did not answer, and the lists that an audit would lack.
_LISTS = {
    'placement': ('allocations',),
    'neutron': ('ports',),
    'cinder': ('volumes', 'attachments'),
    'api': ('migrations',),
}


def everything(seen: InstanceSeen) -> Everything:
    """The same facts; the server is as the row has it."""
    row = seen.row
    return Everything(
        servers=() if row.deleted else (_server(seen),),
        gone=(row.uuid,) if row.deleted else (),
        hypervisors=tuple(_nodes(seen)),
        migrations=tuple(m for m in seen.migrations if m.status not in _ENDED),
        allocations=tuple(a for a in seen.allocations if _is_host(a)),
        ports=tuple(
            ListedPort(p.id, p.server, p.host, p.vif_type, p.vnic_type)
            for p in seen.ports
        ),
        volumes=tuple(map(_volume, seen.volumes)),
        attachments=tuple(
            ListedAttachment(a.id, volume.id, a.server, host=a.host)
            for volume in seen.volumes
            for a in volume.attachments
        ),
        mappings=tuple(
            DiskMapping(row.uuid, d.volume, d.attachment, d.boot_index == 0)
            for d in seen.devices
        ),
        unseen=(
            'network agents',
            *(what for who in seen.unasked for what in _LISTS.get(who, ())),
        ),
    )


def _server(seen: InstanceSeen) -> Server:
    row = seen.row
    return Server(
        row.uuid,
        row.name,
        row.host,
        node=row.text('node'),
        vm_state=row.vm_state,
        task_state=row.task_state,
        power_state=row.power_state or 0,
        volumes=tuple(device.volume for device in seen.devices),
    )


def _nodes(seen: InstanceSeen) -> Iterator[Hypervisor]:
    """Every provider that may be a host, the server's own in any case."""
    host, node = seen.row.host, seen.row.text('node')
    for provider, name in seen.providers.items():
        mine = host and name == node
        yield Hypervisor(provider, host if mine else name, name)
    if host and node not in seen.providers.values():
        yield Hypervisor('', host, node)


def _is_host(allocation: Allocation) -> bool:
    return any(name in allocation.resources for name in _OF_HOSTS)


def _volume(volume: Volume) -> ListedVolume:
    return ListedVolume(
        volume.id, volume.name, volume.status, volume.host, volume.multiattach
    )
