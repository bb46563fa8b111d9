# SPDX-License-Identifier: Apache-2.0
"""What only nova's databases tell of the volumes of servers."""

import datetime
from typing import Any

from osc_recover.facts.audit import DiskMapping
from osc_recover.gateways.database.database import Database

# A volume that somebody detached looks like one that a reboot has dropped.  Of
# such rows roots are read, which nobody can detach, and those that ended in a
# reboot or a start with no detach before it (nova/db/main/models.py,
# SoftDeleteMixin: deleted is the row's own id; nova/compute/
# instance_actions.py names the actions).
_MAPPINGS = """
SELECT m.instance_uuid AS server, m.volume_id AS volume,
       m.attachment_id AS attachment, m.boot_index AS boot_index,
       m.deleted AS deleted, COALESCE(m.deleted_at, m.updated_at) AS changed
  FROM block_device_mapping m
  JOIN instances i ON i.uuid = m.instance_uuid AND i.deleted = 0
 WHERE m.volume_id IS NOT NULL AND m.destination_type = 'volume'
   AND (m.deleted = 0 OR (m.deleted = m.id AND m.boot_index = 0)
        OR (m.deleted = m.id
            AND EXISTS (
                SELECT 1 FROM instance_actions a
                 WHERE a.instance_uuid = m.instance_uuid
                   AND a.action IN ('reboot', 'start')
                   AND a.start_time BETWEEN m.deleted_at - INTERVAL 10 MINUTE
                                        AND m.deleted_at)
            AND NOT EXISTS (
                SELECT 1 FROM instance_actions a
                 WHERE a.instance_uuid = m.instance_uuid
                   AND a.action = 'detach_volume'
                   AND a.start_time BETWEEN m.deleted_at - INTERVAL 10 MINUTE
                                        AND m.deleted_at)))
 ORDER BY m.id
"""


def mappings(cell: Database) -> tuple[DiskMapping, ...]:
    """The volumes that a cell gives its servers, and what reboots dropped.

    :raises errors.DatabaseError: when the database does not answer
    """
    return tuple(mapping_from(row) for row in cell.read(_MAPPINGS))


def mapping_from(row: dict[str, Any]) -> DiskMapping:
    """Read one row."""
    changed = row['changed']
    return DiskMapping(
        server=str(row['server']),
        volume=str(row['volume']),
        attachment=str(row['attachment'] or ''),
        root=row['boot_index'] == 0,
        dropped=bool(row['deleted']),
        updated_at=changed.isoformat()
        if isinstance(changed, datetime.datetime)
        else '',
    )
