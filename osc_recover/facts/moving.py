# SPDX-License-Identifier: Apache-2.0
"""What nova's own database says of a server that is moved by hand.

None of it is a secret: whether a mapping has a connection is told, and of
what kind, but never the connection itself, which may hold a CHAP password.
"""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class ServerRow:
    """A server's row of ``instances``, as it must still be when it is moved.

    ``compute_id`` is None below nova 28 too, which has no such column.
    ``launched_at`` is not compared: it is what taking a move back restores.
    """

    server: str
    host: str
    node: str | None = None
    compute_id: int | None = None
    vm_state: str | None = None
    task_state: str | None = None
    power_state: int | None = None
    zone: str | None = None
    launched_at: str | None = None  # None: it never ran


@dataclasses.dataclass(frozen=True, slots=True)
class EvacuationRow:
    """An evacuation off a host that the host would still act upon.

    Its status is accepted, pre-migrating or done: a nova-compute that starts
    on the host destroys the guest (nova/compute/manager.py
    ``_destroy_evacuated_instances``).
    """

    id: int
    uuid: str | None
    status: str
    source: str
    destination: str | None = None
    updated_at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """Something in a server's records that belongs to one host.

    ``code`` is what kind it is (the constants below), ``detail`` which one.
    Only nova's own claims can compute it anew (nova/compute/claims.py).
    """

    code: str
    detail: str


NUMA = 'numa'  # instance_extra.numa_topology: cells and pinned processors
PCI_REQUEST = 'pci-request'  # instance_extra.pci_requests is not empty
PCI_DEVICE = 'pci-device'  # pci_devices of a host belong to the server
RESOURCES = 'resources'  # instance_extra.resources: vPMEM and the like
CONTEXT = 'migration-context'  # instance_extra.migration_context
MIGRATION = 'migration'  # migrations that are under way, evacuations apart
ENCRYPTED = 'encrypted'  # a mapping of a disk that nova encrypts itself
SHARE = 'share'  # share_mapping: a share of manila
VTPM = 'vtpm'  # system_metadata names a secret of a TPM


@dataclasses.dataclass(frozen=True, slots=True)
class BlockDevice:
    """A volume's row of ``block_device_mapping``.

    ``driver`` is the stored connection's driver_volume_type, '' when there is
    no connection: a start would then leave the volume out (nova/compute/
    manager.py ``_get_instance_block_device_info``).
    """

    id: int
    server: str
    volume: str
    attachment: str | None = None
    device: str | None = None
    boot_index: int | None = None
    driver: str = ''
    multiattach: bool = False
    multipath: str | None = None  # what nova keeps of a multipath device

    @property
    def is_root(self) -> bool:
        """Whether the server boots from it."""
        return self.boot_index == 0


@dataclasses.dataclass(frozen=True, slots=True)
class Movable:
    """All that a cell's database says about moving one server."""

    row: ServerRow
    user: str | None = None
    project: str | None = None
    extra_specs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    image_properties: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )
    claims: tuple[Claim, ...] = ()
    evacuations: tuple[EvacuationRow, ...] = ()  # off row.host, oldest first
    mappings: tuple[BlockDevice, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ComputeRow:
    """A row of ``compute_nodes``; more than one of a host is ironic."""

    id: int
    host: str
    node: str
    uuid: str = ''
    ip: str | None = None
    hypervisor_type: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Destination:
    """Where a server is moved to.

    :ivar compute_id: compute_nodes.id of its one node
    :ivar zone: the availability zone of its nova-compute, as the API says
    """

    host: str
    node: str
    compute_id: int
    ip: str | None = None
    zone: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """One server's move in the database, whole: the plan's own words.

    ``standing`` are the evacuations that the plan saw.  The newest becomes
    the record of this move and the others end; with none, a record with the
    uuid ``migration`` is made.

    :ivar migration: a new uuid
    :ivar request: a new request id, req-<uuid>
    :ivar user: whose the server is, as nova's own records say
    """

    before: ServerRow
    to: Destination
    migration: str
    request: str
    user: str | None = None
    project: str | None = None
    standing: tuple[EvacuationRow, ...] = ()

    @property
    def server(self) -> str:
        """The server's ID."""
        return self.before.server

    @property
    def adopted(self) -> EvacuationRow | None:
        """The standing evacuation that becomes the record of this move."""
        return self.standing[-1] if self.standing else None
