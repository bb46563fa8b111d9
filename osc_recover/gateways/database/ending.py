# SPDX-License-Identifier: Apache-2.0
"""One attachment ended in cinder's own database.

What cinder does itself (cinder/db/api.py, volume_detached and
_get_statuses_from_attachments), where its API would take other attachments
away as well: one transaction, whose every row is counted.
"""

import dataclasses

from osc_recover import errors
from osc_recover.gateways.database.database import Database, Transaction

_VOLUME = """
SELECT status, attach_status FROM volumes
 WHERE id = %(volume)s AND deleted = 0 FOR UPDATE
"""
_END = """
UPDATE volume_attachment SET deleted = 1, deleted_at = UTC_TIMESTAMP(),
       attach_status = 'detached', detach_time = UTC_TIMESTAMP()
 WHERE id = %(attachment)s AND volume_id = %(volume)s
   AND instance_uuid = %(server)s AND deleted = 0
"""
# Of releases that kept connectors there.
_SPECS = """
UPDATE attachment_specs SET deleted = 1, deleted_at = UTC_TIMESTAMP()
 WHERE attachment_id = %(attachment)s AND deleted = 0
"""
_MODE = """
UPDATE volume_admin_metadata SET deleted = 1, deleted_at = UTC_TIMESTAMP()
 WHERE volume_id = %(volume)s AND `key` = 'attached_mode' AND deleted = 0
"""
# In this order cinder takes the first: attached, attaching, detaching,
# reserved.  Those in error do not count.
_LEFT = """
SELECT attach_status FROM volume_attachment
 WHERE volume_id = %(volume)s AND deleted = 0
   AND attach_status NOT LIKE 'error\\_%%'
 ORDER BY attach_status LIMIT 1 FOR UPDATE
"""
_SETTLE = """
UPDATE volumes SET status = %(status)s, attach_status = %(attach)s,
       updated_at = UTC_TIMESTAMP()
 WHERE id = %(volume)s AND deleted = 0 AND status = %(was)s
   AND attach_status <=> %(attach_was)s
"""
_STATUS = {'attached': 'in-use', 'detached': 'available'}


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """An attachment that is to end; ``was`` is its volume's status."""

    attachment: str
    volume: str
    server: str
    was: str


def end(cinder: Database, what: Ending) -> None:
    """End it, and have its volume be what the others make of it.

    :raises errors.RowGone: when it, or its volume, is not there
    :raises errors.RowsDiffer: when the volume is not as it was
    :raises errors.DatabaseError: as the database says
    """
    args = dataclasses.asdict(what)

    def body(tx: Transaction) -> None:
        found = tx.rows(_VOLUME, args)
        if not found:
            raise errors.RowGone(what.server, 'volumes')
        if found[0]['status'] != what.was:
            raise _differs(what, found[0]['status'])
        if tx.change(_END, args) != 1:
            raise errors.RowGone(what.server, 'volume_attachment')
        tx.change(_SPECS, args)
        tx.change(_MODE, args)
        left = [row['attach_status'] for row in tx.rows(_LEFT, args)]
        attach = left[0] if left else 'detached'
        settled = {
            **args,
            'attach': attach,
            'status': _STATUS.get(attach, attach),
            'attach_was': found[0]['attach_status'],
        }
        if tx.change(_SETTLE, settled) != 1:
            raise _differs(what, found[0]['status'])

    cinder.transact(body)


def _differs(what: Ending, status: object) -> errors.RowsDiffer:
    return errors.RowsDiffer(
        what.server, 'volumes', 'status', what.was, status
    )
