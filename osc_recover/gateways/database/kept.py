# SPDX-License-Identifier: Apache-2.0
"""The block device mappings of a cell, for a snapshot.

connection_info, which may have passwords of the storage, is not read.
"""

from typing import Any

from osc_recover.facts.snapshot import KeptMapping
from osc_recover.gateways.database.database import Database

# nova/db/main/models.py, BlockDeviceMapping.
_MAPPINGS = """
SELECT m.uuid, m.instance_uuid, m.volume_id, m.attachment_id, m.device_name,
       m.boot_index, m.source_type, m.destination_type, m.disk_bus,
       m.device_type, m.tag, m.image_id, m.guest_format, m.volume_size,
       m.delete_on_termination
  FROM block_device_mapping m
  JOIN instances i ON i.uuid = m.instance_uuid AND i.deleted = 0
 WHERE m.deleted = 0
 ORDER BY m.instance_uuid, m.id
"""


def mappings(cell: str, database: Database) -> tuple[KeptMapping, ...]:
    """Every mapping that a cell gives its servers.

    :param cell: its name
    :raises errors.DatabaseError: when the database does not answer
    """
    return tuple(mapping_from(cell, row) for row in database.read(_MAPPINGS))


def mapping_from(cell: str, row: dict[str, Any]) -> KeptMapping:
    """Read one row."""

    def text(key: str) -> str:
        return str(row[key] or '')

    return KeptMapping(
        id=text('uuid'),
        server=text('instance_uuid'),
        cell=cell,
        volume=text('volume_id'),
        attachment=text('attachment_id'),
        device=text('device_name'),
        boot_index=row['boot_index'],
        source=text('source_type'),
        destination=text('destination_type'),
        bus=text('disk_bus'),
        type=text('device_type'),
        tag=text('tag'),
        image=text('image_id'),
        guest_format=text('guest_format'),
        size_gb=int(row['volume_size'] or 0),
        delete_on_termination=bool(row['delete_on_termination']),
    )
