# SPDX-License-Identifier: Apache-2.0
"""The state of a cloud and its hosts, kept for the day after a disaster.

No record here has a password: what may hold one is left out, or masked where
it was read.
"""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.audit import Gap, Provider, StorageService
from osc_recover.facts.cloud import Allocation, Server, Service
from osc_recover.facts.domains import Domain


@dataclasses.dataclass(frozen=True, slots=True)
class KeptPort:
    """A port of a server."""

    id: str
    server: str
    host: str = ''
    status: str = ''
    vif_type: str = ''
    vnic_type: str = 'normal'
    network: str = ''
    mac: str = ''
    addresses: tuple[str, ...] = ()
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class KeptVolume:
    """A volume; ``host`` is host@backend#pool."""

    id: str
    name: str = ''
    status: str = 'in-use'
    size_gb: int = 0
    type: str = ''
    host: str = ''
    project: str = ''
    bootable: bool = False
    multiattach: bool = False
    encrypted: bool = False
    migration_status: str = ''
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where a host finds a volume; with several paths, several portals.

    ``driver`` is cinder's driver_volume_type, such as iscsi or rbd; ``name``
    an IQN, an NQN, pool/image, or an export.  ``names`` has an IQN for each of
    the portals, where they are not all the same.
    """

    driver: str = ''
    name: str = ''
    portals: tuple[str, ...] = ()
    luns: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class KeptAttachment:
    """A volume of a server, as nova and cinder have it.

    ``sides`` are those of the two that know it; ``mapping`` is the uuid of
    nova's block device mapping.  ``order`` counts from 0 within a server, its
    root first and then by device.  ``boot_index`` is None for a volume that
    is no root, and where only nova's database could tell.
    """

    id: str
    volume: str
    server: str
    sides: tuple[str, ...] = ('nova', 'cinder')
    status: str = ''
    host: str = ''
    mode: str = ''
    device: str = ''
    order: int = 0
    boot_index: int | None = None
    tag: str = ''
    delete_on_termination: bool | None = None
    mapping: str = ''
    target: Target = dataclasses.field(default_factory=Target)
    attached_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """The newest backup, or the newest snapshot, of a volume."""

    kind: str  # backup or snapshot
    id: str
    volume: str
    name: str = ''
    created_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class KeptMapping:
    """A row of nova's ``block_device_mapping``, of a volume or a local disk.

    ``id`` is its uuid; ``bus`` and ``type`` are what a volume that is
    attached anew would lose.
    """

    id: str
    server: str
    cell: str = ''
    volume: str = ''
    attachment: str = ''
    device: str = ''
    boot_index: int | None = None
    source: str = ''
    destination: str = ''
    bus: str = ''
    type: str = ''
    tag: str = ''
    image: str = ''
    guest_format: str = ''
    size_gb: int = 0
    delete_on_termination: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """Something over a disk: what /dev/mapper and the kernel call it.

    ``kind`` is part, mpath, lvm, crypt, md or dm.
    """

    name: str
    kernel: str
    kind: str


@dataclasses.dataclass(frozen=True, slots=True)
class SessionDevice:
    """A disk that a session brought; ``holders`` are dm devices over it.

    ``state`` is the kernel's word for it, such as running or offline;
    ``over`` are all layers over it, the lower ones first.
    """

    lun: int
    name: str
    wwid: str = ''
    holders: tuple[str, ...] = ()
    state: str = ''
    over: tuple[Layer, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class KeptSession:
    """An iSCSI session of a host's kernel, which reuses the numbers."""

    number: int
    target: str
    portal: str = ''
    iface: str = ''
    state: str = ''
    devices: tuple[SessionDevice, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class NodeRecord:
    """What open-iscsi remembers of a target; passwords are masked."""

    target: str
    portal: str
    iface: str = ''
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class KeptMount:
    """A file system that is mounted, those of the kernel left out.

    ``target`` is that of the session which brings the disk of one that fstab
    keeps for later, '' where nobody knows.
    """

    point: str
    kind: str
    source: str
    options: tuple[str, ...] = ()
    target: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Firewall:
    """The rules that one tool lists, each with its table, in their order."""

    tool: str
    rules: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HostState:
    """What a host told of itself, or why it did not.

    ``absent`` are the tools and services that are not there, which is no
    error; ``booted_at`` is in the host's own time; ``recorded`` are mounts
    that fstab keeps for when their sessions are open; ``problems`` maps a part
    that could not be told to the reason.
    """

    host: str
    boot_id: str = ''
    sessions: tuple[KeptSession, ...] = ()
    nodes: tuple[NodeRecord, ...] = ()
    mounts: tuple[KeptMount, ...] = ()
    domains: tuple[Domain, ...] = ()
    firewalls: tuple[Firewall, ...] = ()
    absent: tuple[str, ...] = ()
    problems: Mapping[str, str] = dataclasses.field(default_factory=dict)
    problem: str = ''
    way_out: str = ''
    booted_at: str = ''
    recorded: tuple[KeptMount, ...] = ()

    def knows(self, part: str) -> bool:
        """Whether a part of it (sessions, mounts, …) was told."""
        return not self.problem and part not in self.problems


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is kept; each field that is a tuple is one file.

    ``gaps`` say what could not be asked, and ``unseen`` names those parts, so
    that nothing is concluded from what they lack; ``left_out`` maps a part
    that nobody was asked for to the reason; ``unasked`` are servers of which
    nova did not tell the volumes.
    """

    servers: tuple[Server, ...] = ()
    services: tuple[Service, ...] = ()
    ports: tuple[KeptPort, ...] = ()
    volumes: tuple[KeptVolume, ...] = ()
    attachments: tuple[KeptAttachment, ...] = ()
    copies: tuple[Copy, ...] = ()
    mappings: tuple[KeptMapping, ...] = ()
    providers: tuple[Provider, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    storage: tuple[StorageService, ...] = ()
    hosts: tuple[HostState, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unseen: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def knows(self, part: str) -> bool:
        """Whether a part was asked for, and told."""
        return part not in self.unseen and part not in self.left_out


@dataclasses.dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a snapshot, and how many records are in it."""

    name: str
    sha256: str
    size: int
    count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot consists of, and whose it is.

    ``digest`` is the SHA-256 of this record without it; ``cloud`` is the same
    whenever the same cloud is talked to.
    """

    id: str
    made: float
    cloud: str
    cloud_name: str
    name: str = ''
    files: tuple[KeptFile, ...] = ()
    version: int = 1
    digest: str = ''

    def count(self, part: str) -> int:
        """How many records of a part there are."""
        found = (f.count for f in self.files if f.name == f'{part}.json')
        return next(found, 0)
