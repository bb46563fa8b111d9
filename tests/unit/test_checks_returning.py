# SPDX-License-Identifier: Apache-2.0
"""Checks about a host that returns, in detail."""

from tests.unit.situations import (
    cloud,
    compute,
    computes,
    findings,
    held,
    returned,
    row,
    server,
)


def open_rows(status, **request):
    situation = cloud(server('s2'), migrations=(row(status=status),))
    return findings(
        'return', 'open-evacuations', situation, returned(**request)
    )


def test_each_open_evacuation_is_named():
    for status in ('accepted', 'pre-migrating', 'done'):
        (found,) = open_rows(status, alive=False)
        assert 'evacuation 7 of server s1' in found.what
        assert found.way_out.startswith('start nova-compute on cmp-1')
    assert open_rows('failed') == []


def test_a_running_nova_compute_must_be_restarted():
    (found,) = open_rows('done', alive=True)
    assert found.way_out.startswith('restart nova-compute')


def test_nova_compute_must_not_start_where_it_would_destroy_a_guest():
    situation = cloud(migrations=(row(status='done'),))
    (found,) = findings('return', 'evacuated-back', situation, returned())
    assert found.way_out.startswith('do not start or restart nova-compute')
    assert not findings('return', 'open-evacuations', situation, returned())


def test_no_row_advises_a_start_that_would_destroy_a_guest():
    situation = cloud(migrations=(row(status='done'),))
    alone = returned(alive=False)
    (found,) = findings('return', 'no-heartbeat', situation, alone)
    assert found.way_out.startswith('settle the evacuations')


def test_an_evacuation_under_way_is_waited_for():
    situation = cloud(migrations=(row(status='pre-migrating'),))
    (found,) = findings('return', 'evacuated-back', situation, returned())
    assert 'wait until the evacuation has ended' in found.way_out


def test_a_resize_that_waits_holds_its_room_rightly():
    resize = row(type='resize', status='finished')
    situation = cloud(migrations=(resize,), allocations=(held('m-7'),))
    assert not findings('return', 'double-allocation', situation, returned())


def test_the_room_of_a_migration_that_ended_is_left_over():
    live = row(type='live-migration', status='error')
    situation = cloud(migrations=(live,), allocations=(held('m-7'),))
    (found,) = findings('return', 'double-allocation', situation, returned())
    assert 'migration 7 (live-migration error) of server s1' in found.what


def test_a_reason_of_before_the_recovery_is_said():
    reason = 'osc-recover run 7f3a | was: bad fan'
    service = compute('cmp-1', enabled=False, disabled_reason=reason)
    situation = cloud(services=computes(service))
    (found,) = findings('return', 'foreign-reason', situation, returned())
    assert (found.weight, found.evidence) == ('warn', 'bad fan')
    stay = returned(was_enabled=False)
    assert not findings('return', 'foreign-reason', situation, stay)
