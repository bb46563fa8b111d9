# SPDX-License-Identifier: Apache-2.0
"""A server's move in nova's own database: one transaction, and back again.

What nova's evacuation writes, written by hand (nova/compute/
resource_tracker.py ``finish_evacuation``, nova/compute/api.py ``evacuate``).
"""

from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.facts import EvacuationRow, Move
from osc_recover.gateways.database import Database, Transaction
from osc_recover.gateways.database import moving_sql as sql
from osc_recover.gateways.database.moving_guards import Guards

Args = dict[str, Any]

# Statuses of an evacuation that was carried out: the second is given by the
# failed host, when it has come back.
_CARRIED_OUT = ('done', 'completed')
EVENT = 'osc_recover_move'


def move(cell: Database, what: Move) -> None:
    """Give a server to its destination, stopped: all of it, or nothing.

    Each guard is read again inside, under a lock, and compared with the plan.

    :param cell: the database of the cell that both hosts are in
    :raises errors.RowsDiffer: when a row is not what the plan has
    :raises errors.RowGone: when the server or its destination is gone
    :raises errors.DatabaseError: as the database says; CommitUnknown when
        nobody knows whether it happened, which ``moved`` then tells
    """
    newer = _newer(cell)
    columns = cell.columns('instances')
    shares = bool(cell.columns('share_mapping'))
    args = _args(what, f'{what.before.host} -> {what.to.host}')

    def body(tx: Transaction) -> None:
        guards = Guards(tx, what, columns, shares)
        guards.server()
        guards.claims()
        guards.source()
        guards.destination()
        _expect_one(tx.change(sql.TO.format(**newer), args), what)
        _record(tx, what, newer, args)
        # After the record: a range that is locked before it is written to
        # has two moves side by side wait for each other.
        guards.evacuations()
        tx.change(sql.TOKENS, args)
        tx.change(sql.ACTION, args)
        tx.change(sql.EVENT, args)

    cell.transact(body)


def moved(cell: Database, what: Move) -> bool | None:
    """Whether the move has happened; None when nobody can tell.

    It stays True when the server was started there, and when the failed host
    has come back and ended the record.  None is for one that went on to a
    third host.

    :raises errors.DatabaseError: when the database does not answer
    """
    seen = cell.read(sql.SEEN.format(record=_which(what)), _args(what))
    # Its history gets a line in the same transaction.
    if not seen or not seen[0]['happened']:
        return False
    row = seen[0]
    if row['host'] == what.before.host:
        return False
    ours = row['status'] in _CARRIED_OUT and row['dest_compute'] == row['host']
    return True if ours and row['host'] == what.to.host else None


def take_back(cell: Database, what: Move) -> None:
    """Give a moved server back to the failed host, as it was there.

    The record ends first, for a host that starts with one destroys the guest
    (nova/compute/manager.py ``_destroy_evacuated_instances``).

    :raises errors.AlreadyStarted: when it may have run where it was moved to
    :raises errors.RowsDiffer: when a row is not what the move left
    :raises errors.RowGone: when the server is gone
    :raises errors.DatabaseError: as the database says
    """
    newer = _newer(cell)
    columns = cell.columns('instances')
    args = _args(what, f'{what.before.host} -> {what.to.host}, taken back')

    def body(tx: Transaction) -> None:
        guards = Guards(tx, what, columns)
        guards.unused()
        _end_record(tx, what, args)
        _expect_one(tx.change(sql.BACK.format(**newer), args), what)
        guards.no_evacuations()
        tx.change(sql.NOTE, args)

    cell.transact(body)


def taken_back(cell: Database, what: Move) -> bool:
    """Whether a moved server is on the failed host (again), its record ended.

    :raises errors.DatabaseError: when the database does not answer
    """
    seen = cell.read(sql.SEEN.format(record=_which(what)), _args(what))
    return any(
        row['host'] == what.before.host
        and not (row['happened'] and row['status'] in _CARRIED_OUT)
        for row in seen
    )


def _newer(cell: Database) -> Mapping[str, str]:
    """What statements say of columns that came with nova 28, if it has them.

    Releases are not asked for: columns come before the services are restarted.
    """
    return {
        name: text if column in cell.columns(table) else ''
        for (table, column), texts in sql.NEWER.items()
        for name, text in texts.items()
    }


def _record(
    tx: Transaction, what: Move, newer: Mapping[str, str], args: Args
) -> None:
    """Leave one record of an evacuation that was carried out, ours."""
    adopted = what.adopted
    if adopted is None:
        tx.change(sql.RECORD.format(**newer), args)
        return
    for row in what.standing:
        text = sql.ADOPT if row is adopted else sql.END
        change = text.format(**newer)
        if tx.change(change, {**args, **_guard(row)}) != 1:
            raise _changed(tx, what, row)


def _changed(
    tx: Transaction, what: Move, row: EvacuationRow
) -> errors.RecoverError:
    """Say what a standing evacuation is now, if not what the plan has."""
    found = tx.rows(sql.STANDING, {'record': row.id})
    if not found:
        return errors.RowGone(what.server, 'migrations')
    now = (found[0]['status'], found[0]['dest_compute'])
    planned = (row.status, row.destination)
    return _differs(what, 'migrations', 'evacuations', planned, now)


def _end_record(tx: Transaction, what: Move, args: Args) -> None:
    which = _which(what)
    if tx.change(sql.UNRECORD.format(record=which), args) == 1:
        return
    found = tx.rows(sql.RECORD_STATUS.format(record=which), args)
    if not found:
        raise errors.RowGone(what.server, 'migrations')
    raise _differs(what, 'migrations', 'status', 'done', found[0]['status'])


def _guard(row: EvacuationRow) -> Args:
    return {
        'record': row.id,
        'status': row.status,
        'destination': row.destination,
    }


def _which(what: Move) -> str:
    """Which row of migrations is the move's; the rest of it is in _args."""
    if what.adopted is None:
        return 'm.uuid = %(migration)s'
    return 'm.id = %(record)s'


def _expect_one(matched: int, what: Move) -> None:
    # The row is locked and was compared: only a bug of ours comes here.
    if matched != 1:
        raise _differs(what, 'instances', 'rows', 1, matched)


def _differs(
    what: Move,
    table: str,
    column: str,
    expected: object,
    found: object,
) -> errors.RowsDiffer:
    return errors.RowsDiffer(what.server, table, column, expected, found)


def _args(what: Move, route: str = '') -> Args:
    before, to, adopted = what.before, what.to, what.adopted
    return {
        'server': what.server,
        'host': before.host,
        'node': before.node,
        'compute_id': before.compute_id,
        'zone': before.zone,
        'vm_state': before.vm_state,
        'task_state': before.task_state,
        'power_state': before.power_state,
        'launched_at': before.launched_at,
        'to': to.host,
        'to_node': to.node,
        'to_id': to.compute_id,
        'to_ip': to.ip,
        'to_zone': to.zone,
        'migration': what.migration,
        'record': adopted.id if adopted else None,
        'request': what.request,
        'user': what.user,
        'project': what.project,
        'event': EVENT,
        'message': f'osc-recover: moved in the database, {route}'[:255],
    }
