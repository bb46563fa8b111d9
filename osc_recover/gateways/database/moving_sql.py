# SPDX-License-Identifier: Apache-2.0
"""The statements of a move, and of taking it back.

Values are arguments; what is in braces is one of NEWER, or says which row of
migrations is the move's.
"""

# An evacuation launches a server anew (nova/compute/manager.py
# _update_instance_after_spawn); one that never ran stays so.
TO = """
UPDATE instances SET host = %(to)s, node = %(to_node)s, {compute_to}
       availability_zone = %(to_zone)s, vm_state = 'stopped', power_state = 4,
       task_state = NULL, updated_at = UTC_TIMESTAMP(),
       launched_at = IF(launched_at IS NULL, NULL, UTC_TIMESTAMP())
 WHERE uuid = %(server)s AND deleted = 0 AND host = %(host)s
   AND node <=> %(node)s AND vm_state <=> %(vm_state)s
   AND task_state <=> %(task_state)s
"""
BACK = """
UPDATE instances SET host = %(host)s, node = %(node)s, {compute_back}
       availability_zone = %(zone)s, vm_state = %(vm_state)s,
       power_state = %(power_state)s, task_state = %(task_state)s,
       launched_at = COALESCE(%(launched_at)s, launched_at),
       updated_at = UTC_TIMESTAMP()
 WHERE uuid = %(server)s AND deleted = 0 AND host = %(to)s
   AND node <=> %(to_node)s AND vm_state = 'stopped' AND task_state IS NULL
"""
# MySQL has NULL for what is not given of deleted and hidden, and nova does
# not see such a row.
RECORD = """
INSERT INTO migrations
       (created_at, updated_at, deleted, uuid, source_compute, source_node,
        dest_compute, dest_node, {dest_column} dest_host, instance_uuid,
        status, migration_type, hidden, cross_cell_move, user_id, project_id)
VALUES (UTC_TIMESTAMP(), UTC_TIMESTAMP(), 0, %(migration)s, %(host)s,
        %(node)s, %(to)s, %(to_node)s, {dest_value} %(to_ip)s, %(server)s,
        'done', 'evacuation', 0, 0, %(user)s, %(project)s)
"""
ADOPT = """
UPDATE migrations SET status = 'done', dest_compute = %(to)s,
       dest_node = %(to_node)s, {dest_set} dest_host = %(to_ip)s,
       updated_at = UTC_TIMESTAMP()
 WHERE id = %(record)s AND deleted = 0 AND instance_uuid = %(server)s
   AND source_compute = %(host)s AND migration_type = 'evacuation'
   AND status = %(status)s AND dest_compute <=> %(destination)s
"""
END = """
UPDATE migrations SET status = 'failed', updated_at = UTC_TIMESTAMP()
 WHERE id = %(record)s AND deleted = 0 AND instance_uuid = %(server)s
   AND source_compute = %(host)s AND migration_type = 'evacuation'
   AND status = %(status)s AND dest_compute <=> %(destination)s
"""
TOKENS = 'DELETE FROM console_auth_tokens WHERE instance_uuid = %(server)s'
ACTION = """
INSERT INTO instance_actions
       (created_at, updated_at, deleted, action, instance_uuid, request_id,
        user_id, project_id, start_time, finish_time, message)
VALUES (UTC_TIMESTAMP(), UTC_TIMESTAMP(), 0, 'evacuate', %(server)s,
        %(request)s, %(user)s, %(project)s, UTC_TIMESTAMP(), UTC_TIMESTAMP(),
        %(message)s)
"""
EVENT = """
INSERT INTO instance_actions_events
       (created_at, updated_at, deleted, event, action_id, start_time,
        finish_time, result, host)
VALUES (UTC_TIMESTAMP(), UTC_TIMESTAMP(), 0, %(event)s, LAST_INSERT_ID(),
        UTC_TIMESTAMP(), UTC_TIMESTAMP(), 'Success', %(to)s)
"""
SEEN = """
SELECT i.host, m.status, m.dest_compute,
       EXISTS (SELECT 1 FROM instance_actions a
                WHERE a.instance_uuid = i.uuid
                  AND a.request_id = %(request)s) AS happened
  FROM instances i
  LEFT JOIN migrations m ON m.instance_uuid = i.uuid AND m.deleted = 0
       AND {record}
 WHERE i.uuid = %(server)s AND i.deleted = 0
"""
UNRECORD = """
UPDATE migrations m SET m.status = 'failed', m.updated_at = UTC_TIMESTAMP()
 WHERE {record} AND m.deleted = 0 AND m.instance_uuid = %(server)s
   AND m.status = 'done'
"""
RECORD_STATUS = """
SELECT m.status FROM migrations m
 WHERE {record} AND m.deleted = 0 AND m.instance_uuid = %(server)s
   FOR UPDATE
"""
STANDING = """
SELECT status, dest_compute FROM migrations
 WHERE id = %(record)s AND deleted = 0 FOR UPDATE
"""
NOTE = """
UPDATE instance_actions SET message = %(message)s,
       updated_at = UTC_TIMESTAMP()
 WHERE instance_uuid = %(server)s AND request_id = %(request)s
"""
NEWER = {
    ('instances', 'compute_id'): {
        'compute_to': 'compute_id = %(to_id)s,',
        'compute_back': 'compute_id = %(compute_id)s,',
    },
    ('migrations', 'dest_compute_id'): {
        'dest_column': 'dest_compute_id,',
        'dest_value': '%(to_id)s,',
        'dest_set': 'dest_compute_id = %(to_id)s,',
    },
}
