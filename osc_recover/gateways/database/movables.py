# SPDX-License-Identifier: Apache-2.0
"""What the databases say about moving servers, and where to.

Lists are asked for, not servers: those of a whole host are seven statements.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osc_recover.facts import ComputeRow, Movable, ServerRow
from osc_recover.gateways.chunks import chunks
from osc_recover.gateways.database import Database
from osc_recover.gateways.database import moving_claims as claims
from osc_recover.gateways.database.mappings import device
from osc_recover.gateways.database.moving_guards import FINAL

Row = Mapping[str, Any]

_SERVERS = """
SELECT uuid AS server, host, node, vm_state, task_state, power_state,
       availability_zone, launched_at, user_id, project_id {compute_id}
  FROM instances WHERE deleted = 0 AND uuid IN %(servers)s
"""
_EXTRA = """
SELECT instance_uuid AS server, numa_topology, pci_requests, resources,
       migration_context, flavor
  FROM instance_extra WHERE deleted = 0 AND instance_uuid IN %(servers)s
"""
_SYSTEM = """
SELECT instance_uuid AS server, `key`, value FROM instance_system_metadata
 WHERE deleted = 0 AND instance_uuid IN %(servers)s
   AND (`key` LIKE 'image%%'
        OR `key` IN ('pci_requests', 'vtpm_secret_uuid'))
"""
_DEVICES = """
SELECT instance_uuid AS server, address FROM pci_devices
 WHERE deleted = 0 AND instance_uuid IN %(servers)s
"""
_MIGRATIONS = """
SELECT instance_uuid AS server, id, uuid, status, migration_type,
       source_compute, dest_compute, created_at, updated_at
  FROM migrations WHERE deleted = 0 AND instance_uuid IN %(servers)s
   AND (status NOT IN %(final)s
        OR (status = 'done' AND migration_type = 'evacuation'))
 ORDER BY id
"""
_MAPPINGS = """
SELECT instance_uuid AS server, id, volume_id, attachment_id, device_name,
       boot_index, connection_info, {encrypted} AS encrypted
  FROM block_device_mapping
 WHERE deleted = 0 AND instance_uuid IN %(servers)s ORDER BY id
"""
_SHARES = """
SELECT instance_uuid AS server, share_id FROM share_mapping
 WHERE instance_uuid IN %(servers)s
"""
_COMPUTES = """
SELECT id, host, hypervisor_hostname, uuid, host_ip, hypervisor_type
  FROM compute_nodes WHERE deleted = 0 AND host IN %(hosts)s ORDER BY id
"""
_SERVER_CELLS = """
SELECT m.instance_uuid AS name, c.uuid FROM instance_mappings m
  JOIN cell_mappings c ON c.id = m.cell_id WHERE m.instance_uuid IN %(names)s
"""
_HOST_CELLS = """
SELECT m.host AS name, c.uuid FROM host_mappings m
  JOIN cell_mappings c ON c.id = m.cell_id WHERE m.host IN %(names)s
"""


def movables(cell: Database, servers: Sequence[str]) -> dict[str, Movable]:
    """What a cell says of servers, by their IDs, and with no locks.

    One that is not in this cell, or is deleted, is left out.

    :raises errors.DatabaseError: when the database does not answer
    """
    return {
        server: movable
        for some in chunks(servers)
        for server, movable in _some(_Asking(cell, some))
    }


def computes(cell: Database, hosts: Sequence[str]) -> tuple[ComputeRow, ...]:
    """The compute nodes of hosts; bare metal has more than one of a host.

    :raises errors.DatabaseError: when the database does not answer
    """
    return tuple(
        ComputeRow(
            id=row['id'],
            host=row['host'],
            node=row['hypervisor_hostname'] or '',
            uuid=row['uuid'] or '',
            ip=row['host_ip'],
            hypervisor_type=row['hypervisor_type'],
        )
        for some in chunks(hosts)
        for row in cell.read(_COMPUTES, {'hosts': tuple(some)})
    )


def cells_of_servers(
    nova_api: Database, servers: Sequence[str]
) -> dict[str, str]:
    """In which cell servers are: their IDs to cells' uuids.

    One that nova does not know, or that is being scheduled, is left out.

    :raises errors.DatabaseError: when the database does not answer
    """
    return _cells(nova_api, _SERVER_CELLS, servers)


def cells_of_hosts(nova_api: Database, hosts: Sequence[str]) -> dict[str, str]:
    """In which cell hosts are: their names to cells' uuids.

    :raises errors.DatabaseError: when the database does not answer
    """
    return _cells(nova_api, _HOST_CELLS, hosts)


def _cells(
    nova_api: Database, sql: str, names: Sequence[str]
) -> dict[str, str]:
    return {
        row['name']: row['uuid']
        for some in chunks(names)
        for row in nova_api.read(sql, {'names': tuple(some)})
    }


class _Asking:
    """Questions about the same servers; answers are rows by server."""

    def __init__(self, cell: Database, servers: Sequence[str]) -> None:
        self._cell = cell
        self.servers = tuple(servers)

    def rows(self, sql: str, **args: Any) -> dict[str, list[Row]]:
        """The rows of each server, none included."""
        found: dict[str, list[Row]] = {name: [] for name in self.servers}
        for row in self._cell.read(sql, {'servers': self.servers, **args}):
            found[row['server']].append(row)
        return found

    def has(self, table: str, column: str) -> bool:
        return column in self._cell.columns(table)


def _some(ask: _Asking) -> Iterator[tuple[str, Movable]]:
    newer = ', compute_id' if ask.has('instances', 'compute_id') else ''
    rows = ask.rows(_SERVERS.format(compute_id=newer))
    extra, system = ask.rows(_EXTRA), ask.rows(_SYSTEM)
    devices = ask.rows(_DEVICES)
    migrations = ask.rows(_MIGRATIONS, final=FINAL)
    mappings, shares = _mappings(ask), _shares(ask)
    for server in ask.servers:
        for row in rows[server]:
            host, moves = row['host'], migrations[server]
            yield (
                server,
                Movable(
                    row=_row(row),
                    user=row['user_id'],
                    project=row['project_id'],
                    extra_specs=claims.extra_specs(extra[server]),
                    image_properties=claims.image_properties(system[server]),
                    claims=(
                        *claims.extra_claims(extra[server]),
                        *claims.system_claims(system[server]),
                        *claims.device_claims(devices[server]),
                        *claims.migration_claims(host, moves),
                        *claims.disk_claims(mappings[server]),
                        *claims.share_claims(shares[server]),
                    ),
                    evacuations=tuple(claims.evacuations(host, moves)),
                    mappings=tuple(
                        device(m) for m in mappings[server] if m['volume_id']
                    ),
                ),
            )


def _mappings(ask: _Asking) -> dict[str, list[Row]]:
    has = ask.has('block_device_mapping', 'encrypted')
    return ask.rows(_MAPPINGS.format(encrypted='encrypted' if has else '0'))


def _shares(ask: _Asking) -> dict[str, list[Row]]:
    # Since nova 29 (2024.1).
    if ask.has('share_mapping', 'share_id'):
        return ask.rows(_SHARES)
    return {server: [] for server in ask.servers}


def _row(row: Row) -> ServerRow:
    return ServerRow(
        server=row['server'],
        host=row['host'] or '',
        node=row['node'],
        compute_id=row.get('compute_id'),
        vm_state=row['vm_state'],
        task_state=row['task_state'],
        power_state=row['power_state'],
        zone=row['availability_zone'],
        launched_at=None
        if row['launched_at'] is None
        else str(row['launched_at']),
    )
