# SPDX-License-Identifier: Apache-2.0
"""What every service of a cloud says of everything, to be held side by side.

The records are those of lists, and have what the lists have.
"""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.cloud import (
    Agent,
    Allocation,
    Hypervisor,
    Migration,
    Server,
    Service,
)
from osc_recover.facts.domains import HostDomains, HostLook
from osc_recover.facts.instances import Placed


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider; ``root`` is itself where it is below none."""

    id: str
    name: str
    root: str


@dataclasses.dataclass(frozen=True, slots=True)
class ListedPort:
    """A port whose owner is a compute service."""

    id: str
    server: str
    host: str = ''
    vif_type: str = ''
    vnic_type: str = 'normal'
    owner: str = ''
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class ListedVolume:
    """A volume; ``host`` is host@backend#pool."""

    id: str
    name: str = ''
    status: str = 'in-use'
    host: str = ''
    multiattach: bool = False
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class ListedAttachment:
    """An attachment, whatever its status; ``server`` is '' for cinder's own.

    ``host`` is told only of those that are attached.
    """

    id: str
    volume: str
    server: str
    status: str = 'attached'
    host: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class StorageService:
    """A service of cinder; that of volumes is on a host@backend.

    In a ``cluster`` it serves the volumes of others as well.
    """

    host: str
    binary: str = 'cinder-volume'
    up: bool = True
    updated_at: str = ''
    cluster: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class DiskMapping:
    """A block device mapping that nova's database has: of a volume.

    ``dropped``: nova has forgotten it (the row is marked as deleted).
    """

    server: str
    volume: str
    attachment: str = ''
    root: bool = False
    dropped: bool = False
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """What could not be asked, why, and what to do about it."""

    what: str
    problem: str
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Everything:
    """All that the services and the hosts tell, each of its own records.

    ``migrations`` are those that have not ended.  ``gone`` are servers that
    others name and nova does not know, each asked for by itself; ``known``
    are servers that others name and nova's list lacks, but nova knows, such
    as soft-deleted ones; ``deleted`` are those of the gone that have an
    attachment and of which nova remembers actions.  ``now`` maps nova,
    neutron and cinder to the newest time that it told; ages are measured
    against it.  ``looks`` are of hosts that were asked for more than their
    domains; ``placed`` are rows of nova's databases, where only some hosts
    are looked at.  ``host`` is the only one whose servers were listed, ''
    for all.  ``unseen`` are the kinds of facts that could not be asked, so
    that nothing is concluded from their absence.
    """

    services: tuple[Service, ...] = ()
    hypervisors: tuple[Hypervisor, ...] = ()
    servers: tuple[Server, ...] = ()
    known: tuple[Server, ...] = ()
    gone: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    ports: tuple[ListedPort, ...] = ()
    agents: tuple[Agent, ...] = ()
    volumes: tuple[ListedVolume, ...] = ()
    attachments: tuple[ListedAttachment, ...] = ()
    storage: tuple[StorageService, ...] = ()
    domains: tuple[HostDomains, ...] = ()
    looks: tuple[HostLook, ...] = ()
    placed: tuple[Placed, ...] = ()
    mappings: tuple[DiskMapping, ...] = ()
    now: Mapping[str, str] = dataclasses.field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    unseen: tuple[str, ...] = ()
    host: str = ''
