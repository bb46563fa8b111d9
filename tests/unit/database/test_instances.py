# SPDX-License-Identifier: Apache-2.0
"""Servers are found in all cells, and changed only as they were seen."""

import pytest

from osc_recover import errors
from osc_recover.checks.instances import ids
from osc_recover.effects import Control
from osc_recover.facts import MappedVolume
from osc_recover.gateways.database.instances import Instances, mapped_cell
from osc_recover.observe import instances as observe
from osc_recover.operations.instances import SetStates
from osc_recover.plan import Step
from tests import mariadb
from tests.unit.database import cells
from tests.unit.database.cells import UUID

OTHER = '00000000-0000-4000-8000-000000000002'


@pytest.fixture
def nova(one_server):
    """Two cells, and what our commands read of them."""
    account = cells.make(one_server)
    found = cells.databases(one_server, account)
    yield one_server, found
    found.close()


def found(databases, text):
    hits = observe.find(databases, ids.readings(text))
    return [(one.cell, one.uuid, one.readings) for one in hits.placed]


def instances(databases, number=0):
    cell = databases.cells()[number]
    return Instances(cell.name, cell.database)


@pytest.mark.parametrize(
    'text, readings',
    [
        (UUID, ('uuid',)),
        (UUID.upper(), ('uuid',)),
        ('web-1', ('name',)),
        ('i-000015b9', ('ec2',)),
        ('instance-000015b9', ('id',)),
        ('15b9', ('ec2', 'id')),
    ],
)
def test_a_server_is_found_by_whatever_it_is_called(nova, text, readings):
    server, databases = nova
    cells.put(server, 'cell2', id=5561, ec2=5561)
    assert found(databases, text) == [('cell2', UUID, readings)]


def test_numbers_are_of_two_sequences_and_begin_anew_in_every_cell(nova):
    server, databases = nova
    cells.put(server, 'cell1', id=7, ec2=8)
    cells.put(server, 'cell2', OTHER, id=8, ec2=9)
    assert found(databases, '8') == [
        ('cell1', UUID, ('ec2',)),
        ('cell2', OTHER, ('id',)),
    ]
    assert found(databases, 'instance-00000008') == [('cell2', OTHER, ('id',))]


@pytest.mark.parametrize(
    'name', ['WEB-1', 'web-1 ', 'web_1', 'web%', "web-1' OR '1'='1", '☃', '🐍']
)
def test_names_are_exact(nova, name):
    server, databases = nova
    cells.put(server, 'cell1')
    assert found(databases, name) == []


@pytest.mark.parametrize(
    'name', ["a'; DROP TABLE x; --", 'a%sb%%', 'ünï', '☃']
)
def test_a_name_may_have_anything_in_it(nova, name):
    server, databases = nova
    cells.put(server, 'cell1', display_name=name)
    assert found(databases, name) == [('cell1', UUID, ('name',))]


def test_deleted_servers_are_found_by_id_and_not_by_name(nova):
    server, databases = nova
    cells.put(server, 'cell1', deleted=3, id=3)
    [hit] = observe.find(databases, ids.readings(UUID)).placed
    assert hit.deleted
    assert found(databases, 'web-1') == []


def test_the_copy_of_a_resize_between_cells_is_hidden(nova):
    server, databases = nova
    cells.put(server, 'cell1', hidden=1)
    cells.put(server, 'cell2')
    assert found(databases, UUID) == [('cell2', UUID, ('uuid',))]


def test_the_row_is_whole_but_for_what_may_be_secret(nova):
    server, databases = nova
    cells.put(server, 'cell1', launched_on='cmp0', id=5)
    row = instances(databases).row(UUID)
    assert row.columns == {
        'created_at': '2012-06-19 00:48:11',
        'updated_at': '2012-07-03 00:35:11',
        'deleted_at': None, 'id': 5, 'display_name': 'web-1', 'host': 'cmp1',
        'node': 'cmp1.example.org', 'power_state': 1, 'vm_state': 'active',
        'task_state': None, 'launched_on': 'cmp0', 'uuid': UUID, 'deleted': 0,
        'hidden': 0,
    }  # fmt: skip
    assert instances(databases).row(OTHER) is None


def test_volumes_are_those_that_are_used_now(nova):
    server, databases = nova
    rows = [('v1', 'a1', 0, 0, 'volume'), ('v2', 'a2', None, 9, 'volume'),
            (None, None, -1, 0, 'local')]  # fmt: skip
    with server.open() as cursor:
        cursor.executemany(
            'INSERT INTO cell1.block_device_mapping (instance_uuid, '
            'volume_id, attachment_id, boot_index, deleted, destination_type) '
            f"VALUES ('{UUID}', %s, %s, %s, %s, %s)",
            rows,
        )
    assert instances(databases).volumes(UUID) == (
        MappedVolume('v1', 'a1', '', 0),
    )


def test_where_a_server_is_mapped(nova):
    server, databases = nova
    cells.put(server, 'cell1', mapped='cell2')
    assert mapped_cell(databases.nova_api, UUID) == 'cell2'
    assert mapped_cell(databases.nova_api, OTHER) == ''


def test_where_a_server_that_is_not_found_is_mapped(nova):
    server, databases = nova
    cells.put(server, 'cell1')
    server.admin('DELETE FROM cell1.instances')
    known = observe.find(databases, ids.readings(UUID))
    assert (known.placed, known.mapped) == ((), 'cell1')
    assert observe.find(databases, ids.readings('7')).mapped == ''


def test_a_host_has_its_servers_and_others_are_found_where_they_are(nova):
    server, databases = nova
    cells.put(server, 'cell1')
    cells.put(server, 'cell2', OTHER, host='cmp2')
    assert [one.uuid for one in instances(databases).on_host('cmp1')] == [UUID]
    [other] = instances(databases, 1).where([UUID, OTHER])
    assert (other.uuid, other.host, other.cell) == (OTHER, 'cmp2', 'cell2')
    assert instances(databases).where([]) == ()


def test_a_cell_is_asked_three_times_at_the_most(nova):
    server, databases = nova
    cells.put(server, 'cell1', id=5561, ec2=5561)
    databases.cells()
    server.admin(
        "SET GLOBAL log_output = 'TABLE'", 'SET GLOBAL general_log = 1'
    )
    try:
        [hit] = observe.find(databases, ids.readings('15b9')).placed
        cell, _ = observe.row(databases, hit)
        Instances(cell.name, cell.database).volumes(UUID)
    finally:
        server.admin('SET GLOBAL general_log = 0')
    told = server.admin(
        'SELECT thread_id, COUNT(*) FROM mysql.general_log WHERE argument '
        "LIKE 'SELECT%' AND user_host LIKE 'nova%' GROUP BY thread_id"
    )
    assert sorted(count for _, count in told) == [1, 3]


# What may be wrong with databases


def test_a_read_only_account_is_enough_to_look(nova):
    server, _ = nova
    cells.put(server, 'cell1', id=5561, ec2=5561)
    account = cells.make(server, account='reader', grant='SELECT')
    cells.put(server, 'cell1', id=5561, ec2=5561)
    databases = cells.databases(server, account)
    assert found(databases, '15b9') == [('cell1', UUID, ('ec2', 'id'))]
    assert instances(databases).row(UUID).host == 'cmp1'
    step = a_step({'vm_state': 'stopped'})
    with pytest.raises(errors.StepFailed, match='denied'):
        SetStates(databases, 0).apply(step)
    assert instances(databases).row(UUID).vm_state == 'active'


@pytest.mark.parametrize(
    'change, told',
    [
        ({'port': 1}, '127.0.0.1:1'),
        ({'account': 'nova:wrong%20secret'}, 'Access denied'),
        ({'database': 'nova_api'}, "doesn't exist"),
    ],
)
def test_a_cell_that_does_not_answer_is_named_and_others_are_asked(
    nova, change, told
):
    server, databases = nova
    cells.put(server, 'cell1')
    account = f'nova:{mariadb.PASSWORD.replace(" ", "%20")}'
    where = {'account': account, 'database': 'cell2', **change}
    cells.map_cell(server, 'cell2', server.url(**where))
    known = observe.find(databases, ids.readings('web-1'))
    assert [one.uuid for one in known.placed] == [UUID]
    [gap] = known.gaps
    assert gap.cell == 'cell2'
    assert told in gap.problem
    assert gap.way_out
    assert 'secret' not in f'{gap}'


def test_when_no_cell_answers_that_is_the_error(nova):
    server, databases = nova
    for cell in cells.CELLS:
        cells.map_cell(server, cell, server.url('nova:x', cell, port=1))
    with pytest.raises(
        errors.DatabaseUnreachable, match="database cell 'cell"
    ):
        observe.find(databases, ids.readings(UUID))


def test_a_cell_without_our_tables_is_another_version(nova):
    server, databases = nova
    server.admin('DROP TABLE cell1.instances', 'DROP TABLE cell2.instances')
    with pytest.raises(errors.DatabaseVersion):
        observe.find(databases, ids.readings(UUID))


# States


WAS = {'host': 'cmp1', 'vm_state': 'active', 'power_state': 1,
       'task_state': None}  # fmt: skip


def a_step(to, cell='uuid-of-cell1', **was):
    args = {'cell': cell, 'to': to, 'was': {**WAS, **was}}
    return Step(f'set:{UUID}', 'instance.set', UUID, args)


def test_states_are_set_once_and_seen(nova):
    server, databases = nova
    cells.put(server, 'cell1')
    set_ = SetStates(databases, 0)
    step = a_step({'vm_state': 'stopped', 'power_state': 4})
    assert not set_.in_effect(step)
    told = set_.apply(step)
    assert (
        told.note == 'in the database: power_state is 4, vm_state is stopped'
    )
    assert set_.in_effect(step)
    set_.follow(step, Control())
    row = instances(databases).row(UUID)
    assert (row.vm_state, row.power_state, row.task_state) == (
        'stopped', 4, None
    )  # fmt: skip
    assert row.columns['updated_at'] > '2026'


def test_no_other_server_is_touched(nova):
    server, databases = nova
    cells.put(server, 'cell1')
    cells.put(server, 'cell1', OTHER)
    before = instances(databases).row(OTHER)
    SetStates(databases, 0).apply(a_step({'power_state': 0}))
    assert instances(databases).row(OTHER) == before


@pytest.mark.parametrize(
    'now, told',
    [
        ({'vm_state': 'error'}, 'vm_state is error, was active'),
        ({'task_state': 'rebooting'}, 'task_state is rebooting, was NULL'),
        ({'host': 'cmp2'}, 'host is cmp2, was cmp1'),
        ({'power_state': None}, 'power_state is NULL, was 1'),
    ],
)
def test_a_row_that_has_changed_since_is_left(nova, now, told):
    server, databases = nova
    cells.put(server, 'cell1', **now)
    with pytest.raises(errors.StepFailed, match=told):
        SetStates(databases, 0).apply(a_step({'vm_state': 'stopped'}))
    row = instances(databases).row(UUID)
    assert row.columns['updated_at'] == '2012-07-03 00:35:11'


def test_a_server_that_is_gone_is_said(nova):
    server, databases = nova
    cells.put(server, 'cell1', deleted=1)
    for ask in (SetStates(databases, 0).in_effect,
                SetStates(databases, 0).apply):  # fmt: skip
        with pytest.raises(errors.StepFailed, match='deleted'):
            ask(a_step({'vm_state': 'stopped'}))


def test_a_cell_that_is_gone_is_said(nova):
    _, databases = nova
    with pytest.raises(errors.StepFailed, match='no enabled cell'):
        SetStates(databases, 0).apply(a_step({}, cell='uuid-of-cell9'))


@pytest.mark.parametrize('late', [False, True])
def test_a_connection_lost_at_commit_is_uncertain_and_then_looked_at(
    nova, late
):
    server, databases = nova
    cells.put(server, 'cell1')
    cutter = mariadb.Cutter(server.port, b'\x03COMMIT', late)
    account = f'nova:{mariadb.PASSWORD.replace(" ", "%20")}'
    cells.map_cell(
        server,
        'cell1',
        server.url(account, 'cell1', port=cutter.port, ssl_disabled=1),
    )
    step = a_step({'power_state': 4})
    with pytest.raises(errors.Uncertain):
        SetStates(databases, 0).apply(step)
    cutter.close()
    cells.map_cell(server, 'cell1', server.url(account, 'cell1'))
    fresh = cells.databases(server, account)
    assert SetStates(fresh, 0).in_effect(step, lost=True) is late


def test_while_nobody_answers_nobody_can_tell(nova):
    server, databases = nova
    cells.map_cell(server, 'cell1', server.url('nova:x', 'cell1', port=1))
    step = a_step({'power_state': 4})
    assert SetStates(databases, 0).in_effect(step, lost=True) is None
    with pytest.raises(errors.StepFailed, match=r'127\.0\.0\.1:1'):
        SetStates(databases, 0).in_effect(step)
