# SPDX-License-Identifier: Apache-2.0
"""A move and what it leaves, on the schemas that nova's releases made."""

import pytest

from osc_recover import errors
from osc_recover.gateways.database import moving
from tests.schemas.cell import (
    ALIVE,
    DEAD,
    NEWER,
    PROJECT,
    USER,
    WHEN,
    apart,
    planned,
    tables,
)


def test_the_schema_is_that_of_its_release(cell):
    newer = cell.release in NEWER
    assert cell.has('instances', 'compute_id') == newer
    assert cell.has('migrations', 'dest_compute_id') == newer


def test_a_server_is_given_to_its_destination_and_stopped(cell, database):
    server = cell.boot()
    before = cell.server_row(server)
    moving.move(database, planned(database, server))
    after = cell.server_row(server)
    changes = {
        'launched_at': (WHEN, after['updated_at']),
        'host': (DEAD, ALIVE),
        'node': (f'{DEAD}.node', f'{ALIVE}.node'),
        'availability_zone': ('az1', 'az2'),
        'vm_state': ('active', 'stopped'),
        'power_state': (1, 4),
    }
    if cell.release in NEWER:
        changes['compute_id'] = (1, 2)
    assert apart(before, after) == changes
    assert after['updated_at'] > WHEN


def test_a_server_that_never_ran_stays_so(cell, database):
    server = cell.boot(launched_at=None, vm_state='error')
    what = planned(database, server)
    moving.move(database, what)
    assert cell.server_row(server)['launched_at'] is None
    moving.take_back(database, what)
    assert cell.server_row(server)['launched_at'] is None


def test_the_returning_host_finds_a_record_it_acts_upon(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    (record,) = cell.of('migrations', server)
    assert record['uuid'] == what.migration
    # MySQL would have NULL for the last two, which nova does not see.
    wanted = {
        'status': 'done', 'migration_type': 'evacuation',
        'source_compute': DEAD, 'source_node': f'{DEAD}.node',
        'dest_compute': ALIVE, 'dest_node': f'{ALIVE}.node',
        'dest_host': '10.0.0.1', 'user_id': USER, 'project_id': PROJECT,
        'cross_cell_move': 0, 'hidden': 0, 'deleted': 0,
    }  # fmt: skip
    if cell.release in NEWER:
        wanted['dest_compute_id'] = 2
    assert {key: record[key] for key in wanted} == wanted


def test_consoles_end_and_the_servers_history_tells_of_it(cell, database):
    server, other = cell.boot(), cell.boot()
    cell.token(server)
    cell.token(other)
    what = planned(database, server)
    moving.move(database, what)
    assert cell.of('console_auth_tokens', server) == []
    assert len(cell.of('console_auth_tokens', other)) == 1
    action = cell.of('instance_actions', server)[-1]
    assert (action['action'], action['request_id']) == (
        'evacuate',
        what.request,
    )
    assert (action['user_id'], action['deleted']) == (USER, 0)
    assert f'{DEAD} -> {ALIVE}' in action['message']
    (event,) = cell.rows(
        'instance_actions_events', f'action_id = {action["id"]}'
    )
    assert (event['result'], event['host']) == ('Success', ALIVE)


def test_whether_it_happened_can_be_told(cell, database):
    server = cell.boot()
    what = planned(database, server)
    assert moving.moved(database, what) is False
    moving.move(database, what)
    assert moving.moved(database, what) is True
    # The failed host came back, and the server was started.
    cell.run('UPDATE migrations SET status = "completed" WHERE uuid = %s',
             what.migration)  # fmt: skip
    cell.run('UPDATE instances SET vm_state = "active" WHERE uuid = %s',
             server)  # fmt: skip
    assert moving.moved(database, what) is True
    cell.run('UPDATE instances SET host = "cmp9" WHERE uuid = %s', server)
    assert moving.moved(database, what) is None


def test_a_move_by_somebody_else_is_not_taken_for_ours(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, planned(database, server))
    assert moving.moved(database, what) is False


@pytest.mark.parametrize('status', ['accepted', 'done'])
def test_a_standing_evacuation_alone_is_no_move(cell, database, status):
    server = cell.boot()
    cell.evacuation(server, status=status, dest_compute=ALIVE)
    what = planned(database, server)
    assert moving.moved(database, what) is False
    # nova's own evacuation is through after all.
    cell.run('UPDATE instances SET host = %s WHERE uuid = %s', ALIVE, server)
    assert moving.moved(database, what) is False
    with pytest.raises(errors.RowsDiffer):
        moving.move(database, what)


def test_a_move_does_not_happen_twice(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert (caught.value.column, caught.value.found) == ('host', ALIVE)
    assert tables(cell) == left


@pytest.mark.parametrize('status', ['accepted', 'pre-migrating'])
def test_an_evacuation_that_failed_becomes_the_record(cell, database, status):
    server = cell.boot()
    older = cell.evacuation(server, status='accepted')
    newer = cell.evacuation(server, status=status, dest_compute='cmp3')
    what = planned(database, server)
    assert what.adopted.uuid == newer
    moving.move(database, what)
    first, second = cell.of('migrations', server)
    assert (first['uuid'], first['status']) == (older, 'failed')
    assert (second['uuid'], second['status']) == (newer, 'done')
    assert (second['dest_compute'], second['dest_node']) == (
        ALIVE,
        f'{ALIVE}.node',
    )
    assert moving.moved(database, what) is True


def test_an_account_that_may_only_read_changes_nothing(cell):
    server = cell.boot()
    reader = cell.open(grants='SELECT')
    what = planned(reader, server)
    left = tables(cell)
    with pytest.raises(errors.DatabaseDenied):
        moving.move(reader, what)
    assert tables(cell) == left
    assert moving.moved(reader, what) is False
    reader.close()


def test_a_move_is_at_most_twelve_statements(cell, database):
    server = cell.boot()
    what = planned(database, server)
    # What is asked once, whatever the number of servers.
    for table in ('instances', 'migrations', 'share_mapping'):
        database.columns(table)
    said = statements(cell, lambda: moving.move(database, what))
    assert len(said) <= 12
    assert said[-1] == 'COMMIT'


def statements(cell, do):
    """What the tool says to the server while it does something."""
    admin = cell.server.admin
    admin(
        "SET GLOBAL log_output = 'TABLE'",
        'TRUNCATE mysql.general_log',
        'SET GLOBAL general_log = ON',
    )
    try:
        do()
    finally:
        admin('SET GLOBAL general_log = OFF')
    found = admin(
        'SELECT argument FROM mysql.general_log WHERE command_type = "Query" '
        'AND user_host LIKE "tool%" ORDER BY event_time'
    )
    return [str(row[0]).strip() for row in found]
