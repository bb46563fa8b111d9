# SPDX-License-Identifier: Apache-2.0
"""Checks about what others have begun, in detail."""

import pytest

from tests.unit.situations import cloud, of_first, row, server


def codes(*rows, **changes):
    situation = cloud(server(**changes), migrations=rows)
    return [finding.code for finding in of_first(situation)]


@pytest.mark.parametrize(
    'status, task, expected',
    [
        ('accepted', 'rebuilding', ['under-way']),
        ('accepted', None, ['stale-accepted']),
        ('pre-migrating', 'rebuild_spawning', ['under-way']),
        ('pre-migrating', None, ['under-way']),
        ('done', None, []),
        ('failed', None, []),
        ('error', None, []),
        ('completed', None, []),
    ],
)
def test_an_evacuation_from_this_host(status, task, expected):
    assert codes(row(status=status), task_state=task) == expected


def test_an_accepted_evacuation_from_elsewhere_is_stale():
    assert codes(row(source='cmp-2'), task_state='rebuilding') == [
        'stale-accepted'
    ]


@pytest.mark.parametrize(
    'status', ['queued', 'preparing', 'running', 'post-migrating']
)
def test_a_live_migration_may_have_left_the_guest_running(status):
    kind = {'type': 'live-migration', 'destination': 'cmp-3'}
    assert codes(row(status=status, **kind)) == ['live-migrating']


def test_where_to_look_is_said():
    live = row(type='live-migration', status='running', destination='cmp-3')
    (found,) = of_first(cloud(migrations=(live,)))
    assert 'virsh list --all on cmp-3' in found.way_out
    assert "status='running'" in found.way_out


@pytest.mark.parametrize('kind', ['resize', 'migration'])
def test_a_resize_that_was_cut_off_is_left_alone(kind):
    assert codes(row(type=kind, status='migrating')) == ['cold-migrating']


def test_the_sql_that_is_advised_guards_the_old_status():
    (found,) = of_first(cloud(migrations=(row(),)))
    assert "WHERE id=7 AND status='accepted'" in found.way_out


def test_rows_of_other_servers_do_not_matter():
    assert codes(row(server='s9')) == []
