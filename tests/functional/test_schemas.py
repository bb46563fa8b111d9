# SPDX-License-Identifier: Apache-2.0
"""The SQL of a move, on the schemas that nova's releases made."""

import json

import pytest

from osc_recover import errors
from osc_recover.facts import moving as kinds
from osc_recover.gateways.database import mappings, movables, moving
from tests import mariadb, schemas
from tests.schemas.cell import (
    ALIVE,
    DEAD,
    PROJECT,
    USER,
    WHEN,
    Cell,
    apart,
    planned,
    tables,
)

NEWER = ('28', '30', '34')
ANSWER = {
    'id': 'new', 'status': 'attaching', 'instance': 's', 'volume_id': 'v',
    'attached_at': 't', 'detached_at': '', 'attach_mode': 'rw',
    'connection_info': {
        'driver_volume_type': 'iscsi', 'attachment_id': 'new',
        'target_lun': 1, 'auth_password': 'secret',
    },
}  # fmt: skip


@pytest.fixture(scope='module')
def mysql(tmp_path_factory):
    with mariadb.running(tmp_path_factory.mktemp('db')) as server:
        yield server


@pytest.fixture(scope='module', params=schemas.RELEASES)
def cell(request, mysql):
    """The cell of one release; each test boots servers of its own."""
    return Cell.made(mysql, request.param)


@pytest.fixture(scope='module')
def database(cell):
    found = cell.open()
    yield found
    found.close()


def server_row(cell, server):
    (row,) = cell.rows('instances', f"uuid = '{server}'")
    return row


def of_server(cell, table, server):
    return cell.rows(table, f"instance_uuid = '{server}'")


def test_the_schema_is_that_of_its_release(cell):
    newer = cell.release in NEWER
    assert cell.has('instances', 'compute_id') == newer
    assert cell.has('migrations', 'dest_compute_id') == newer


def test_a_server_is_given_to_its_destination_and_stopped(cell, database):
    server = cell.boot()
    before = server_row(cell, server)
    moving.move(database, planned(database, server))
    after = server_row(cell, server)
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
    assert server_row(cell, server)['launched_at'] is None
    moving.take_back(database, what)
    assert server_row(cell, server)['launched_at'] is None


def test_the_returning_host_finds_a_record_it_acts_upon(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    (record,) = of_server(cell, 'migrations', server)
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
    assert of_server(cell, 'console_auth_tokens', server) == []
    assert len(of_server(cell, 'console_auth_tokens', other)) == 1
    action = of_server(cell, 'instance_actions', server)[-1]
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


@pytest.mark.parametrize(
    'change, column',
    [
        ('instances SET host = "cmp3" WHERE uuid', 'host'),
        ('instances SET node = "other" WHERE uuid', 'node'),
        ('instances SET vm_state = "error" WHERE uuid', 'vm_state'),
        ('instances SET task_state = "rebuilding" WHERE uuid', 'task_state'),
        ('instances SET power_state = 4 WHERE uuid', 'power_state'),
        ('instances SET availability_zone = NULL WHERE uuid',
         'availability_zone'),
        ('instance_extra SET numa_topology = "{\\"cells\\": []}" '
         'WHERE instance_uuid', 'claims'),
        ('instance_extra SET pci_requests = "[{}]" WHERE instance_uuid',
         'claims'),
        ('instance_extra SET migration_context = "{\\"a\\": 1}" '
         'WHERE instance_uuid', 'claims'),
        ('instance_extra SET resources = "{\\"a\\": 1}" '
         'WHERE instance_uuid', 'claims'),
    ],
)  # fmt: skip
def test_a_change_after_the_plan_is_noticed(cell, database, change, column):
    server = cell.boot()
    what = planned(database, server)
    assert cell.run(f'UPDATE {change} = %s', server) == 1
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.column == column
    assert tables(cell) == left


def given_a_device(cell, server):
    cell.insert(
        'pci_devices', instance_uuid=server, address=server[:12], deleted=0,
        compute_node_id=1, vendor_id='8086', product_id='1', label='l',
        dev_type='type-VF', status='allocated',
    )  # fmt: skip


def given_a_share(cell, server):
    cell.insert(
        'share_mapping', instance_uuid=server, share_id='s', status='a',
        tag='t',
    )  # fmt: skip


@pytest.mark.parametrize('given', [given_a_device, given_a_share])
def test_what_a_server_is_given_after_the_plan_is_noticed(
    cell, database, given
):
    if given is given_a_share and cell.release in ('26', '28'):
        assert not database.columns('share_mapping')
        return
    server = cell.boot()
    what = planned(database, server)
    given(cell, server)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.column == 'claims'
    assert tables(cell) == left


def test_another_compute_id_is_noticed(cell, database):
    if cell.release not in NEWER:
        assert 'compute_id' not in database.columns('instances')
        return
    server = cell.boot()
    what = planned(database, server)
    cell.run('UPDATE instances SET compute_id = 9 WHERE uuid = %s', server)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert (caught.value.column, caught.value.found) == ('compute_id', 9)


def test_a_deleted_server_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    cell.run('UPDATE instances SET deleted = id WHERE uuid = %s', server)
    with pytest.raises(errors.RowGone):
        moving.move(database, what)
    assert moving.moved(database, what) is False


@pytest.mark.parametrize('status', ['accepted', 'pre-migrating', 'done'])
def test_an_evacuation_after_the_plan_is_noticed(cell, database, status):
    server = cell.boot()
    what = planned(database, server)
    cell.evacuation(server, status=status)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.column == 'evacuations'
    assert tables(cell) == left


def test_a_migration_after_the_plan_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    cell.evacuation(
        server, migration_type='live-migration', status='preparing'
    )
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert 'live-migration' in str(caught.value)


def test_ended_migrations_do_not_matter(cell, database):
    server = cell.boot()
    what = planned(database, server)
    for status in ('error', 'failed', 'completed', 'cancelled'):
        cell.evacuation(server, status=status)
    cell.evacuation(server, migration_type='migration', status='confirmed')
    moving.move(database, what)
    assert moving.moved(database, what) is True


def test_a_failed_host_that_is_let_back_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    let = 'UPDATE services SET forced_down = %s WHERE host = %s'
    cell.run(let, 0, DEAD)
    try:
        with pytest.raises(errors.RowsDiffer) as caught:
            moving.move(database, what)
    finally:
        cell.run(let, 1, DEAD)
    assert caught.value.column == 'forced_down'
    assert server_row(cell, server)['host'] == DEAD


def test_another_node_of_the_destination_is_noticed(cell, database):
    server = cell.boot()
    what = planned(database, server)
    cell.run('UPDATE compute_nodes SET deleted = id WHERE host = %s', ALIVE)
    try:
        with pytest.raises(errors.RowsDiffer) as caught:
            moving.move(database, what)
    finally:
        cell.run('UPDATE compute_nodes SET deleted = 0 WHERE host = %s', ALIVE)
    assert caught.value.column == 'destination'


@pytest.mark.parametrize('status', ['accepted', 'pre-migrating'])
def test_an_evacuation_that_failed_becomes_the_record(cell, database, status):
    server = cell.boot()
    older = cell.evacuation(server, status='accepted')
    newer = cell.evacuation(server, status=status, dest_compute='cmp3')
    what = planned(database, server)
    assert what.adopted.uuid == newer
    moving.move(database, what)
    first, second = of_server(cell, 'migrations', server)
    assert (first['uuid'], first['status']) == (older, 'failed')
    assert (second['uuid'], second['status']) == (newer, 'done')
    assert (second['dest_compute'], second['dest_node']) == (
        ALIVE,
        f'{ALIVE}.node',
    )
    assert moving.moved(database, what) is True


def test_an_evacuation_that_went_on_after_the_plan_is_noticed(cell, database):
    server = cell.boot()
    cell.evacuation(server)
    what = planned(database, server)
    cell.run(
        'UPDATE migrations SET status = "pre-migrating", '
        'dest_compute = "cmp3" WHERE instance_uuid = %s', server,
    )  # fmt: skip
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, what)
    assert caught.value.found == ('pre-migrating', 'cmp3')
    assert tables(cell) == left


def test_a_move_is_taken_back_whole(cell, database):
    server = cell.boot(task_state='powering-off', vm_state='paused')
    what = planned(database, server)
    before = server_row(cell, server)
    moving.move(database, what)
    assert moving.taken_back(database, what) is False
    moving.take_back(database, what)
    assert apart(before, server_row(cell, server)) == {}
    (record,) = of_server(cell, 'migrations', server)
    assert record['status'] == 'failed'
    assert moving.taken_back(database, what) is True
    assert moving.moved(database, what) is False
    action = of_server(cell, 'instance_actions', server)[-1]
    assert 'taken back' in action['message']


def test_an_adopted_record_is_no_more_acted_upon_once_taken_back(
    cell, database
):
    server = cell.boot()
    cell.evacuation(server)
    what = planned(database, server)
    moving.move(database, what)
    moving.take_back(database, what)
    (record,) = of_server(cell, 'migrations', server)
    assert record['status'] == 'failed'
    assert server_row(cell, server)['host'] == DEAD


def test_locking_a_server_is_no_use_of_it(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    done(cell, server, 'lock')
    moving.take_back(database, what)
    assert moving.taken_back(database, what) is True


def done(cell, server, action):
    cell.insert(
        'instance_actions', instance_uuid=server, action=action, deleted=0,
        request_id='req-x',
    )  # fmt: skip


def started(cell, server):
    cell.run(
        'UPDATE instances SET vm_state = "active", power_state = 1 '
        'WHERE uuid = %s', server,
    )  # fmt: skip


def starting(cell, server):
    cell.run(
        'UPDATE instances SET task_state = "powering-on" WHERE uuid = %s',
        server,
    )


def started_and_stopped(cell, server):
    done(cell, server, 'start')
    done(cell, server, 'stop')


@pytest.mark.parametrize('use', [started, starting, started_and_stopped])
def test_a_server_that_was_started_is_not_taken_back(cell, database, use):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    use(cell, server)
    left = tables(cell)
    with pytest.raises(errors.AlreadyStarted):
        moving.take_back(database, what)
    assert tables(cell) == left


def test_nothing_is_taken_back_once_the_failed_host_came_back(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    cell.run('UPDATE migrations SET status = "completed" WHERE uuid = %s',
             what.migration)  # fmt: skip
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.take_back(database, what)
    assert caught.value.found == 'completed'
    assert tables(cell) == left


def test_a_server_that_went_on_is_not_taken_back(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    cell.run('UPDATE instances SET host = "cmp3" WHERE uuid = %s', server)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.take_back(database, what)
    assert caught.value.column == 'host'


def test_no_server_is_left_to_a_host_that_would_destroy_it(cell, database):
    server = cell.boot()
    what = planned(database, server)
    moving.move(database, what)
    cell.evacuation(server)
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.take_back(database, what)
    assert caught.value.column == 'evacuations'
    assert tables(cell) == left


@pytest.mark.parametrize('stands', [False, True])
def test_a_move_that_never_happened_is_not_taken_back(cell, database, stands):
    server = cell.boot()
    if stands:
        cell.evacuation(server, status='done', dest_compute='cmp3')
    what = planned(database, server)
    with pytest.raises(errors.RowsDiffer):
        moving.take_back(database, what)
    assert moving.taken_back(database, what) is True


def test_a_server_with_nothing_of_its_host_has_no_claims(cell, database):
    server = cell.boot()
    found = movables.movables(database, [server, 'nobody'])
    assert list(found) == [server]
    assert found[server].claims == ()
    assert found[server].extra_specs == {'hw:a': 'b'}
    assert (found[server].user, found[server].project) == (USER, PROJECT)


def test_every_claim_is_read(cell, database):
    server, free = cell.boot(), cell.boot()
    cell.run(
        'UPDATE instance_extra SET numa_topology = "{\\"cells\\": []}", '
        'pci_requests = "[{}]", migration_context = "{\\"a\\": 1}", '
        'resources = "{\\"a\\": 1}" WHERE instance_uuid = %s', server,
    )  # fmt: skip
    cell.insert(
        'pci_devices', instance_uuid=server, address='0000:09:01.1',
        compute_node_id=1, vendor_id='8086', product_id='1', label='l',
        dev_type='type-VF', status='allocated', deleted=0,
    )  # fmt: skip
    cell.evacuation(server, migration_type='resize', status='migrating')
    for key, value in (
        ('image_hw_tpm_version', '2.0'),
        ('vtpm_secret_uuid', 'x'),
    ):
        cell.insert(
            'instance_system_metadata', instance_uuid=server, key=key,
            value=value, deleted=0,
        )  # fmt: skip
    cell.volume(server, encrypted=1)
    wanted = {
        kinds.NUMA, kinds.PCI_REQUEST, kinds.CONTEXT, kinds.RESOURCES,
        kinds.PCI_DEVICE, kinds.MIGRATION, kinds.VTPM, kinds.ENCRYPTED,
    }  # fmt: skip
    if (
        cell.has('share_mapping', 'share_id')
        if cell.release == '34'
        else False
    ):
        cell.insert(
            'share_mapping', instance_uuid=server, share_id='s', status='a',
            tag='t',
        )  # fmt: skip
        wanted.add(kinds.SHARE)
    found = movables.movables(database, [server, free])
    assert {claim.code for claim in found[server].claims} == wanted
    assert found[server].image_properties == {'hw_tpm_version': '2.0'}
    assert found[free].claims == ()


def test_standing_evacuations_are_told_oldest_first(cell, database):
    server = cell.boot()
    first = cell.evacuation(server, status='done')
    second = cell.evacuation(server, dest_compute='cmp3')
    cell.evacuation(server, status='error')
    cell.evacuation(server, status='done', source_compute='cmp7')
    found = movables.movables(database, [server])[server]
    assert [row.uuid for row in found.evacuations] == [first, second]
    assert found.evacuations[1].destination == 'cmp3'
    assert found.claims == ()


def test_an_evacuation_off_another_host_is_under_way(cell, database):
    server = cell.boot()
    cell.evacuation(server, source_compute='cmp7')
    found = movables.movables(database, [server])[server]
    assert [claim.code for claim in found.claims] == [kinds.MIGRATION]
    assert found.evacuations == ()


def test_hosts_and_servers_are_found_in_their_cells(cell):
    api = cell.open('nova_api')
    server = cell.boot()
    with cell.server.open() as cursor:
        cursor.execute(f'USE {cell.api_name}')
        cursor.execute(
            'INSERT INTO cell_mappings (uuid, name, transport_url, '
            "database_connection, disabled) VALUES ('c-1', 'one', '', '', 0)"
        )
        number = cursor.lastrowid
        cursor.execute(
            'INSERT INTO host_mappings (cell_id, host) VALUES (%s, %s)',
            (number, DEAD),
        )
        cursor.execute(
            'INSERT INTO instance_mappings (instance_uuid, cell_id, '
            'project_id) VALUES (%s, %s, %s)', (server, number, PROJECT),
        )  # fmt: skip
    assert movables.cells_of_hosts(api, [DEAD, 'cmp9']) == {DEAD: 'c-1'}
    assert movables.cells_of_servers(api, [server]) == {server: 'c-1'}
    api.close()


def moved_with_volume(cell, database, **values):
    server = cell.boot()
    cell.volume(server, **values)
    what = planned(database, server)
    moving.move(database, what)
    (mapping,) = mappings.devices(database, server)
    return server, mapping


def mapped(cell, server):
    (row,) = of_server(cell, 'block_device_mapping', server)
    return row


def test_a_mapping_gets_a_new_attachment_and_then_its_connection(
    cell, database
):
    server, mapping = moved_with_volume(cell, database)
    assert (mapping.attachment, mapping.driver) == ('old', 'iscsi')
    mappings.renew(database, mapping, 'new', ALIVE)
    row = mapped(cell, server)
    assert (row['attachment_id'], row['connection_info']) == ('new', None)
    mappings.fill(database, mapping, ALIVE, ANSWER)
    row = mapped(cell, server)
    assert row['attachment_id'] == 'new'
    assert json.loads(row['connection_info']) == {
        'driver_volume_type': 'iscsi',
        'data': {
            'target_lun': 1, 'auth_password': 'secret', 'multipath_id': '36a',
        },
        'status': 'reserved', 'instance': server, 'attached_at': '',
        'detached_at': '', 'volume_id': 'v', 'serial': 'v',
    }  # fmt: skip
    assert row['updated_at'] is not None


def test_no_secret_of_a_connection_is_a_fact(cell, database):
    _, mapping = moved_with_volume(cell, database)
    assert 'secret' not in repr(mapping)


def test_a_mapping_is_given_its_old_attachment_again(cell, database):
    server, mapping = moved_with_volume(cell, database)
    mappings.renew(database, mapping, 'new', ALIVE)
    mappings.restore(database, mapping, 'new', ALIVE, {**ANSWER, 'id': 'old'})
    row = mapped(cell, server)
    assert row['attachment_id'] == 'old'
    assert json.loads(row['connection_info'])['data']['target_lun'] == 1


def test_a_volume_without_an_attachment_of_its_own_is_renewed(cell, database):
    # Attached before nova had attachments (Queens), and never since.
    server, mapping = moved_with_volume(cell, database, attachment_id=None)
    mappings.renew(database, mapping, 'new', ALIVE)
    assert mapped(cell, server)['attachment_id'] == 'new'


@pytest.mark.parametrize(
    'change, column',
    [
        ('instances SET task_state = "powering-on" WHERE uuid', 'task_state'),
        ('instances SET vm_state = "active" WHERE uuid', 'vm_state'),
        ('instances SET host = "cmp3" WHERE uuid', 'host'),
        ('block_device_mapping SET attachment_id = "x" WHERE instance_uuid',
         'attachment_id'),
    ],
)  # fmt: skip
def test_a_mapping_is_left_alone_when_something_changed(
    cell, database, change, column
):
    server, mapping = moved_with_volume(cell, database)
    assert cell.run(f'UPDATE {change} = %s', server) == 1
    left = tables(cell)
    with pytest.raises(errors.RowsDiffer) as caught:
        mappings.renew(database, mapping, 'new', ALIVE)
    assert caught.value.column == column
    assert tables(cell) == left


@pytest.mark.parametrize('table', ['instances', 'block_device_mapping'])
def test_a_mapping_that_is_gone_is_noticed(cell, database, table):
    server, mapping = moved_with_volume(cell, database)
    key = 'uuid' if table == 'instances' else 'instance_uuid'
    cell.run(f'UPDATE {table} SET deleted = id WHERE {key} = %s', server)
    with pytest.raises(errors.RowGone) as caught:
        mappings.fill(database, mapping, ALIVE, ANSWER)
    assert caught.value.table == table


def test_a_half_done_renewal_shows(cell, database):
    server, mapping = moved_with_volume(cell, database, boot_index=0)
    mappings.renew(database, mapping, 'new', ALIVE)
    (now,) = mappings.devices(database, server)
    assert (now.attachment, now.driver, now.is_root) == ('new', '', True)


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
