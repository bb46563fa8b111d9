# SPDX-License-Identifier: Apache-2.0
"""Twins that fared alike are equal, and nothing else is."""

import pytest

from tests.oracle import planting
from tests.oracle.comparing import ABSENT, WHOLE, compare
from tests.oracle.shares import Index
from tests.unit.oracle_worlds import NOW, Twin, world

LEFT, RIGHT = Twin(1), Twin(2)
WORLD = world(LEFT, RIGHT)


def wrong(table, **values):
    """The world, with other values in the first row of the second twin."""
    row = RIGHT.rows()[table][0]
    return WORLD.with_row(table, row, {**row, **values})


def differences(changed, left=LEFT, right=RIGHT):
    index = Index(changed)
    return compare(index.share(left.server), index.share(right.server))


def test_twins_are_equal():
    assert differences(WORLD) == []


PLANTED = list(planting.every(Index(WORLD).share(RIGHT.server)))


@pytest.mark.parametrize('planted', PLANTED, ids=str)
def test_a_wrong_value_is_seen_in_every_column(planted):
    assert differences(planted.world(WORLD))


def test_a_wrong_value_is_named_by_table_column_and_both_values():
    [found] = differences(wrong('nova.instances', power_state=4))
    assert str(found) == 'nova.instances.power_state: 1 | 4'


def test_inside_json_the_path_is_named():
    text = RIGHT.connection().replace(':cmp2', ':cmp1')
    [found] = differences(
        wrong('nova.block_device_mapping', connection_info=text)
    )
    assert found.column == 'connection_info.data.target_iqn'
    assert found.left == 'iqn.practice:<volume 0>:cmp2'
    assert found.right == 'iqn.practice:<volume 0>:cmp1'


def test_a_time_where_there_was_none_is_a_difference():
    [found] = differences(wrong('nova.instances', terminated_at=NOW))
    assert (found.left, found.right) == (None, '<time>')


@pytest.mark.parametrize('table', sorted(RIGHT.rows()))
def test_a_row_that_is_missing_is_seen(table):
    owned = RIGHT.rows()[table]
    kept = [row for row in WORLD[table].rows if row not in owned]
    assert differences(WORLD.with_rows(table, kept))


def test_a_second_row_is_seen():
    again = {**RIGHT.rows()['placement.allocations'][0], 'id': 99}
    again['resource_provider_id'] = 1
    rows = [*WORLD['placement.allocations'].rows, again]
    [found] = differences(WORLD.with_rows('placement.allocations', rows))
    assert (found.column, found.left) == (WHOLE, ABSENT)
    assert found.right['resource_provider_id'] == 1


def test_rows_are_paired_by_likeness_and_not_by_turn():
    one = RIGHT.rows()['cinder.volume_attachment']
    rows = [*LEFT.rows()['cinder.volume_attachment'], *reversed(one)]
    assert differences(WORLD.with_rows('cinder.volume_attachment', rows)) == []


def test_which_attachment_a_mapping_names_is_compared():
    old = RIGHT.attachment(0)
    [found] = differences(
        wrong('nova.block_device_mapping', attachment_id=old)
    )
    assert found.left == '<attachment 0 0>'
    assert found.right == '<old attachment 0 0>'


def test_a_mapping_that_names_the_others_volume_is_seen():
    assert differences(
        wrong('nova.block_device_mapping', volume_id=LEFT.volume)
    )


def test_one_more_attachment_is_a_row():
    more = Twin(2, attached=(0, 1, 2))
    found = differences(world(LEFT, more), right=more)
    assert [d.column for d in found if d.table.startswith('cinder')] == [WHOLE]


def test_rows_marked_as_deleted_are_alike():
    gone = [
        {**row, 'deleted': row['id']}
        for row in WORLD['nova.block_device_mapping'].rows
    ]
    assert not differences(WORLD.with_rows('nova.block_device_mapping', gone))
    assert differences(wrong('nova.block_device_mapping', deleted=42))


def test_sets_that_nova_wrote_in_another_order_are_equal():
    changed = WORLD
    for twin, order in ((LEFT, '["a", "b"]'), (RIGHT, '["b", "a"]')):
        row = twin.rows()['nova.instance_info_caches'][0]
        text = f'{{"nova_object.changes": {order}}}'
        changed = changed.with_row(
            'nova.instance_info_caches', row, {**row, 'network_info': text}
        )
    assert differences(changed) == []


def test_actions_of_another_name_are_never_the_same_row():
    action = RIGHT.rows()['nova.instance_actions'][0]
    locked = WORLD.with_row(
        'nova.instance_actions', action, {**action, 'action': 'lock'}
    )
    found = differences(locked)
    assert [d.column for d in found] == [WHOLE, WHOLE]
    assert found[0].left['action'] == 'evacuate'
    assert found[1].right['action'] == 'lock'


def test_a_request_is_labelled_by_its_action():
    more = {
        **RIGHT.rows()['nova.instance_actions'][0],
        'id': 1,
        'action': 'lock',
        'request_id': 'req-00000000-0000-4000-8000-00000000bbbb',
    }
    rows = [*WORLD['nova.instance_actions'].rows, more]
    [found] = differences(WORLD.with_rows('nova.instance_actions', rows))
    assert found.right['request_id'] == '<request lock 0>'
