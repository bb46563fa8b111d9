# SPDX-License-Identifier: Apache-2.0
"""A server's row beside what others say of it: facts in, rows out."""

import dataclasses

import pytest

from osc_recover.checks import registry
from osc_recover.checks.instances import rows as instance_rows
from osc_recover.checks.instances.disagreements import OTHERS, of_instance
from osc_recover.commands.instance import Value
from osc_recover.facts import (
    Allocation,
    Attachment,
    CellGap,
    InstanceRow,
    InstanceSeen,
    MappedVolume,
    Migration,
    Placed,
    Port,
    Server,
    Volume,
)

UUID = '3f57699a-e773-4650-a443-b4b37eed5a06'
COLUMNS = {
    'created_at': '2012-06-19 00:48:11',
    'updated_at': '2012-07-03 00:35:11',
    'deleted_at': None,
    'id': 5561,
    'uuid': UUID,
    'display_name': 'at3-ui02',
    'host': 'cmp1',
    'node': 'cmp1.example.org',
    'power_state': 1,
    'vm_state': 'active',
    'task_state': None,
    'launched_on': 'cmp1',
    'deleted': 0,
}
SERVER = Server(UUID, 'at3-ui02', 'cmp1')
HERE = Allocation(UUID, 'p1', {'VCPU': 1})
THERE = Allocation(UUID, 'p2', {'VCPU': 1})
PORT = Port('port-1', UUID, 'cmp1', 'ovs')
DISK = MappedVolume('v1', 'a1', '/dev/vda', 0)
VOLUME = Volume('v1', attachments=(Attachment('a1', 'v1', UUID, 'cmp1'),))
SEEN = InstanceSeen(
    InstanceRow('cell1', COLUMNS), (DISK,), 'cell1', SERVER, (), (HERE,),
    {'p1': 'cmp1.example.org', 'p2': 'cmp2.example.org'}, (PORT,), (VOLUME,),
)  # fmt: skip


def seen(row=None, **values):
    columns = {**COLUMNS, **(row or {})}
    return dataclasses.replace(
        SEEN, row=InstanceRow('cell1', columns), **values
    )


def codes(found):
    return [(finding.about, finding.code) for finding in of_instance(found)]


def test_where_all_agree_each_is_ok():
    rows = list(instance_rows.of_others(SEEN))
    assert [row.field for row in rows] == list(OTHERS)
    assert {row.state for row in rows} == {'ok'}


def migration(**values):
    known = {'type': 'evacuation', 'status': 'done', 'source': 'cmp0'}
    return Migration(id=7, uuid='m', server=UUID, **{**known, **values})


@pytest.mark.parametrize(
    'found, about, code, told',
    [
        (seen({'vm_state': 'shutoff'}, server=None, unasked={'api': ('', '')}),
         'row', 'old-value', "'shutoff'"),
        (seen({'power_state': 5}, unasked={'api': ('', '')}),
         'row', 'old-value', 'power_state 5'),
        (seen({'power_state': 4}, unasked={'api': ('', '')}),
         'row', 'states-disagree', 'has it off'),
        (seen({'vm_state': 'stopped'}, unasked={'api': ('', '')}),
         'row', 'states-disagree', 'ends the guest'),
        (seen({'task_state': 'rebuilding'}, unasked={'api': ('', '')}),
         'row', 'under-way', 'cut off'),
        (seen(mapped='cell2'), 'nova_api', 'mapped-elsewhere', 'in cell2'),
        (seen(mapped=''), 'nova_api', 'mapped-elsewhere', 'in no cell'),
        (seen(server=None), 'api', 'api-unknown', 'no such server'),
        (seen(server=dataclasses.replace(SERVER, host='cmp2')),
         'api', 'api-differs', 'something else'),
        (seen(server=dataclasses.replace(SERVER, status='UNKNOWN')),
         'api', 'api-differs', 'another database'),
        (seen({'host': None}, server=None, unasked={'api': ('', '')},
              allocations=()),
         'row', 'no-host', 'on no host'),
        (seen(allocations=()),
         'placement', 'missing-allocation', 'no room on cmp1'),
        (seen(allocations=(HERE, THERE)),
         'placement', 'double-allocation', 'on cmp2.example.org'),
        (seen({'host': None, 'vm_state': 'shelved_offloaded'}, server=None,
              unasked={'api': ('', '')}),
         'placement', 'allocation-left', 'on no host'),
        (seen(ports=(dataclasses.replace(PORT, host='cmp2'),)),
         'neutron', 'port-elsewhere', 'bound to cmp2'),
        (seen(ports=(dataclasses.replace(PORT, vif_type='binding_failed'),)),
         'neutron', 'port-unbound', 'binding_failed'),
        (seen(volumes=()), 'cinder', 'volume-gone', 'volume v1'),
        (seen(volumes=(Volume('v1', status='available'),)),
         'cinder', 'attachment-missing', 'volume v1'),
        (seen(devices=(dataclasses.replace(DISK, attachment='a9'),)),
         'cinder', 'attachment-differs', 'attachment a9'),
        (seen(volumes=(dataclasses.replace(VOLUME, status='error'),)),
         'cinder', 'volume-error', 'error'),
        (seen(volumes=(dataclasses.replace(VOLUME, status='detaching'),)),
         'cinder', 'volume-wedged', 'detaching'),
        (seen(volumes=(dataclasses.replace(VOLUME, status='available'),)),
         'cinder', 'volume-status', 'available'),
        (seen(volumes=(Volume('v1', attachments=(
            Attachment('a1', 'v1', UUID, 'cmp2'),)),)),
         'cinder', 'attachment-elsewhere', 'on cmp2, not on cmp1'),
    ],
)  # fmt: skip
def test_what_disagrees_is_found_once_with_a_way_out(found, about, code, told):
    [finding] = of_instance(found)
    assert (finding.about, finding.code) == (about, code)
    assert told in finding.what
    assert finding.way_out


def test_differences_to_the_api_name_both_sides():
    other = dataclasses.replace(SERVER, host='cmp2', vm_state='stopped')
    [finding] = of_instance(seen(server=other))
    assert finding.evidence == (
        'host cmp2, not cmp1; vm_state stopped, not active'
    )


def test_room_on_the_source_of_an_evacuation_is_noted_and_meant():
    moved = seen(
        allocations=(HERE, THERE),
        migrations=(migration(source='cmp2.example.org'),),
    )
    [finding] = of_instance(moved)
    assert (finding.code, finding.weight) == ('held-until-return', 'note')
    told = [r for r in instance_rows.of_others(moved) if r.value]
    [row] = told
    assert (row.field, row.state) == ('placement', 'ok')
    assert 'recover return cmp2.example.org' in row.way_out


def test_of_a_server_that_nova_is_at_others_are_not_judged():
    busy = seen({'task_state': 'rebuilding'}, allocations=(), volumes=(),
                unasked={'api': ('', '')})  # fmt: skip
    assert codes(busy) == [('row', 'under-way')]


def test_a_provider_that_is_gone_holds_nothing():
    lost = seen(providers={'p2': 'cmp2.example.org'}, allocations=())
    assert codes(lost) == [('placement', 'missing-allocation')]


def test_every_check_of_one_server_has_its_case():
    [cases] = [
        mark.args[1]
        for mark in test_what_disagrees_is_found_once_with_a_way_out.pytestmark
    ]
    known = {code for _, _, code, _ in cases}
    known |= {'held-until-return', 'orphan-allocation'}
    assert known == {c.code for c in registry.of('row', 'instance')}


def test_a_shared_disk_is_no_second_host():
    shared = Allocation(UUID, 'nfs', {'DISK_GB': 1})
    assert codes(seen(allocations=(HERE, shared))) == []


def test_a_deleted_server_must_hold_nothing():
    gone = seen({'deleted': 5561}, server=None, ports=(), devices=())
    assert codes(gone) == [('placement', 'orphan-allocation')]
    assert codes(dataclasses.replace(gone, allocations=())) == []


def test_a_shelved_server_on_no_host_is_well():
    row = {'vm_state': 'shelved_offloaded', 'host': None, 'power_state': 4}
    server = Server(UUID, 'x', '', vm_state='shelved_offloaded', power_state=4)
    unbound = dataclasses.replace(PORT, host='')
    shelved = seen(row, server=server, allocations=(), ports=(unbound,))
    assert codes(shelved) == []


def test_whoever_did_not_answer_is_said_and_not_judged():
    lost = seen(
        ports=(), volumes=(),
        unasked={'cinder': ('cinder: GET: away', 'see that it is up')},
    )  # fmt: skip
    [row] = [r for r in instance_rows.of_others(lost) if r.state != 'ok']
    assert (row.field, row.state, row.value) == ('cinder', 'unknown', '')
    assert (row.reason, row.way_out) == (
        'cinder: GET: away',
        'see that it is up',
    )


def test_the_row_is_shown_as_the_guide_shows_it():
    rows = list(instance_rows.of_row(SEEN.row))
    assert (rows[0].field, rows[0].value) == ('cell', 'cell1')
    assert {row.field: row.value for row in rows[1:]} == COLUMNS
    assert [row.field for row in rows[1:]] == list(COLUMNS)
    assert next(r.reason for r in rows if r.field == 'power_state') == (
        'RUNNING'
    )


def test_several_are_listed_with_how_to_choose():
    one = Placed('cell1', 'a', 1, 'web', 'cmp1', vm_state='active',
                 readings=('ec2', 'name'))  # fmt: skip
    two = Placed('cell2', 'b', 1, readings=('id',), deleted=True)
    first, second = instance_rows.of_several([one, two])
    assert (first.value, first.state) == ('a', 'several')
    assert first.reason == (
        'EC2 id and name: web, active on cmp1, in cell cell1'
    )
    assert first.way_out == 'openstack recover instance show a'
    assert 'instances.id: no name, deleted on no host' in second.reason


def test_a_silent_cell_is_a_row():
    [row] = instance_rows.of_gaps([CellGap('cell2', 'no route', 'wait')])
    assert dataclasses.astuple(row) == (
        'cell', 'cell2', 'unknown', 'no route', 'wait'
    )  # fmt: skip


@pytest.mark.parametrize('value, text', [(None, 'NULL'), (0, '0'), ('', '')])
def test_what_is_null_is_told_from_what_is_empty(value, text):
    shown = Value(value)
    assert (shown.human_readable(), shown.machine_readable()) == (text, value)
