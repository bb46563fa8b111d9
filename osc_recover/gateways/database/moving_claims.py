# SPDX-License-Identifier: Apache-2.0
"""What in a server's records belongs to one host: read, not judged.

Only nova's own claims compute it anew (nova/compute/claims.py, MoveClaim).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from osc_recover.facts import Claim, EvacuationRow, moving
from osc_recover.gateways.database.moving_guards import STANDING, claimed

Row = Mapping[str, Any]

_CODES = {
    'numa_topology': moving.NUMA,
    'pci_requests': moving.PCI_REQUEST,
    'resources': moving.RESOURCES,
    'migration_context': moving.CONTEXT,
}
_PREFIX = 'image_'  # of an image's properties in system_metadata


def extra_claims(rows: Iterable[Row]) -> Iterator[Claim]:
    """Those of instance_extra: topology, devices, persistent memory."""
    for row in rows:
        for column in claimed(row):
            yield Claim(_CODES[column], f'instance_extra.{column}')


def system_claims(rows: Iterable[Row]) -> Iterator[Claim]:
    """Those of system_metadata; old servers have their devices there."""
    for row in rows:
        if row['key'] == 'pci_requests' and row['value'] not in ('[]', None):
            yield Claim(moving.PCI_REQUEST, 'system_metadata pci_requests')
        if row['key'] == 'vtpm_secret_uuid':
            yield Claim(moving.VTPM, f'secret {row["value"]}')


def device_claims(rows: Iterable[Row]) -> Iterator[Claim]:
    """PCI devices that are given to the server."""
    for row in rows:
        yield Claim(moving.PCI_DEVICE, row['address'])


def disk_claims(rows: Iterable[Row]) -> Iterator[Claim]:
    """Disks that nova encrypts itself."""
    for row in rows:
        if row['encrypted']:
            name = row['device_name'] or f'mapping {row["id"]}'
            yield Claim(moving.ENCRYPTED, name)


def share_claims(rows: Iterable[Row]) -> Iterator[Claim]:
    """Shares of manila."""
    for row in rows:
        yield Claim(moving.SHARE, row['share_id'])


def migration_claims(host: str | None, rows: Iterable[Row]) -> Iterator[Claim]:
    """Migrations under way; evacuations that stand off the host apart."""
    for row in rows:
        # Off another host, and done: that host's business when it returns.
        if not _stands(host, row) and row['status'] != 'done':
            what = f'{row["migration_type"]} {row["id"]} is {row["status"]}'
            yield Claim(
                moving.MIGRATION,
                f'{what}, {row["source_compute"]} -> {row["dest_compute"]}',
            )


def evacuations(
    host: str | None, rows: Iterable[Row]
) -> Iterator[EvacuationRow]:
    """Evacuations that a nova-compute that starts on the host acts upon."""
    for row in rows:
        if _stands(host, row):
            yield EvacuationRow(
                id=row['id'],
                uuid=row['uuid'],
                status=row['status'],
                source=row['source_compute'],
                destination=row['dest_compute'],
                updated_at=str(row['updated_at'] or row['created_at'] or ''),
            )


def extra_specs(rows: Iterable[Row]) -> Mapping[str, str]:
    """Those of the flavor that the server has, as it was when it got it."""
    for row in rows:
        flavor = _json(row['flavor'])
        data = _member(_member(flavor, 'cur'), 'nova_object.data')
        return {
            str(key): str(value)
            for key, value in _member(data, 'extra_specs').items()
        }
    return {}


def image_properties(rows: Iterable[Row]) -> Mapping[str, str]:
    """The image's properties that nova keeps with the server."""
    return {
        row['key'].removeprefix(_PREFIX): str(row['value'])
        for row in rows
        if row['key'].startswith(_PREFIX)
    }


def _stands(host: str | None, row: Row) -> bool:
    return (
        row['migration_type'] == 'evacuation'
        and row['source_compute'] == host
        and row['status'] in STANDING
    )


def _member(data: Any, name: str) -> Mapping[str, Any]:
    found = data.get(name) if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or 'null')
    except ValueError:
        return None
