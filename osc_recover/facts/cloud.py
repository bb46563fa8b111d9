# SPDX-License-Identifier: Apache-2.0
"""What was observed of a cloud.

Names are those of the services' own APIs, shortened.  Times are the services'
own texts (ISO 8601); they are compared with each other, never with our clock.
"""

import dataclasses
from collections.abc import Mapping

Resources = Mapping[str, int]  # resource class -> amount, as in placement


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """One nova service (GET /os-services).

    ``updated_at`` moves with every heartbeat and with every change of the
    record, forced down or not (nova/servicegroup/drivers/db.py).
    """

    id: str
    host: str
    binary: str = 'nova-compute'
    zone: str = ''
    enabled: bool = True
    up: bool = True
    forced_down: bool = False
    disabled_reason: str = ''
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Hypervisor:
    """One compute node (GET /os-hypervisors/detail); ironic has many."""

    id: str
    host: str
    node: str
    type: str = 'QEMU'


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """One server, as GET /servers/detail shows it to an admin."""

    id: str
    name: str
    host: str
    node: str = ''
    project: str = ''
    user: str = ''
    status: str = 'ACTIVE'
    vm_state: str = 'active'
    task_state: str | None = None
    power_state: int = 1  # nova/compute/power_state.py: 1 running, 4 shutdown
    launched: bool = True
    updated: str = ''
    image: str | None = None  # None: it boots from a volume
    flavor: str = ''
    root_gb: int = 0
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    zone: str = ''
    pinned_zone: str | None = None  # from 2.96; None: not pinned or not told
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    shares: int = 0
    evacuations: tuple[str, ...] = ()  # request ids of evacuate actions seen
    fault: str = ''
    instance_name: str = ''  # what its domain is called
    root_device: str = ''
    locked: bool = False
    locked_reason: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """The properties of an image that decide about a recovery."""

    id: str
    name: str = ''
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """One migration record (GET /os-migrations); ids grow within a cell."""

    id: int
    uuid: str
    server: str
    type: str
    status: str
    source: str
    destination: str | None = None
    created_at: str = ''
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """A server group (GET /os-server-groups?all_projects)."""

    id: str
    name: str
    policy: str
    members: tuple[str, ...] = ()
    member_hosts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    max_per_host: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A neutron port that belongs to a server."""

    id: str
    server: str
    host: str = ''
    vif_type: str = ''
    vnic_type: str = 'normal'
    status: str = ''
    resource_request: bool = False
    device_profile: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """A volume's attachment, as cinder's volume list shows it."""

    id: str
    volume: str
    server: str
    host: str = ''  # the nova host of the connector
    device: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """A cinder volume; ``host`` is host@backend#pool."""

    id: str
    name: str = ''
    status: str = 'in-use'
    type: str = ''
    host: str = ''
    encrypted: bool = False
    bootable: bool = False
    image_properties: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )
    attachments: tuple[Attachment, ...] = ()
    multiattach: bool = False
    migration: str = ''  # cinder's migration_status


@dataclasses.dataclass(frozen=True, slots=True)
class Allocation:
    """What a consumer (a server or a migration) holds of one provider."""

    consumer: str
    provider: str
    resources: Resources = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that placement offers; free is capacity less used."""

    provider: str
    host: str
    free: Resources = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """A neutron agent."""

    id: str
    type: str
    host: str
    alive: bool = True
    enabled: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class MasakariHost:
    """A host in a masakari segment."""

    host: str
    segment: str
    on_maintenance: bool = False
    recovery_method: str = 'auto'


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """One thing that a recovery needs, tried before the bad night.

    ``state`` is ok, broken, unknown (nobody has said) or unused.
    """

    check: str
    state: str
    detail: str = ''
    fix: str = ''


def request_key(resources: Resources) -> str:
    """Write an amount of resources as placement's ``resources=`` reads it.

    >>> request_key({'VCPU': 1, 'MEMORY_MB': 64})
    'MEMORY_MB:64,VCPU:1'
    """
    return ','.join(f'{name}:{resources[name]}' for name in sorted(resources))
