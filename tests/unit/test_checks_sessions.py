# SPDX-License-Identifier: Apache-2.0
"""What sessions are for, and which are missing."""

import pytest

from osc_recover.checks import sessions as checks
from osc_recover.facts.snapshot import HostState
from tests.unit.session_facts import (
    DB,
    MPATH,
    P1,
    P2,
    SAN,
    WEB,
    A,
    B,
    attachment,
    seen,
    server,
    session,
    with_state,
)


def rows(facts):
    return list(checks.rows(facts))


def test_a_session_names_its_disk_its_volume_and_its_server():
    [row] = rows(seen(session(3)))
    assert checks.is_in_order(row)
    assert (row.session, row.target, row.portal) == (3, A, P1)
    assert (row.lun, row.device, row.map) == (1, 'sdc', '')
    assert (row.volume, row.server) == ('root (vol-a)', f'web ({WEB})')


def test_every_path_of_a_map_is_a_row():
    paths = session(1, over=(MPATH,)), session(2, A, P2, over=(MPATH,))
    found = rows(seen(*paths))
    assert [(r.portal, r.device, r.map) for r in found] == [
        (P1, 'sda', 'mpatha'),
        (P2, 'sdb', 'mpatha'),
    ]


def test_of_a_target_with_many_disks_each_has_its_own_volume():
    one, two = session(1, SAN, lun=1), session(2, SAN, P2, lun=2)
    given = attachment('a', WEB, SAN, lun=1), attachment('b', DB, SAN, lun=2)
    facts = seen(
        one, two, attachments=given, servers=(server(WEB), server(DB))
    )
    assert [(r.volume, r.server) for r in rows(facts)] == [
        ('a', f'web ({WEB})'),
        ('b', f'db ({DB})'),
    ]


def test_what_a_server_of_another_host_has_is_not_this_session_s():
    facts = seen(session(1, B), attachments=(attachment('b', DB, B),))
    assert [row.server for row in rows(facts)] == ['']


def test_what_nova_alone_has_is_known_by_the_name_of_its_target():
    web = server(WEB, volumes=('vol-b',))
    facts = seen(session(1, B), servers=(web,), attachments=())
    assert [row.server for row in rows(facts)] == [f'web ({WEB})']
    away = seen(session(1, B), servers=(server(WEB, 'cmp2', volumes=('vol-b',
                ),),), attachments=())  # fmt: skip
    assert [row.server for row in rows(away)] == ['']


def test_a_server_that_migrates_uses_the_session_of_its_destination():
    moving = server(DB, 'cmp2', task_state='migrating')
    facts = seen(
        session(1, B),
        servers=(moving,),
        attachments=(attachment('b', DB, B),),
    )
    assert [row.server for row in rows(facts)] == [f'db ({DB})']


def test_a_server_that_nova_has_no_more_counts_as_served():
    facts = seen(session(1, B), attachments=(attachment('b', 'gone', B),))
    assert [row.server for row in rows(facts)] == ['gone']


def test_a_running_server_without_a_session_misses_it():
    [row] = rows(seen())
    assert (row.state, row.target, row.portal) == ('missing', A, P1)
    assert (row.session, row.server) == (None, f'web ({WEB})')
    assert row.way_out == 'openstack recover session open cmp1'


@pytest.mark.parametrize('vm_state', ['stopped', 'shelved'])
def test_a_server_at_rest_misses_nothing(vm_state):
    assert rows(seen(servers=(server(WEB, vm_state=vm_state),))) == []


def test_with_one_path_nothing_is_missing():
    facts = seen(
        session(1, A, P2),
        attachments=(attachment('vol-a', WEB, A, portals=(P1, P2)),),
    )
    assert all(map(checks.is_in_order, rows(facts)))


@pytest.mark.parametrize('maps, portals', [((), [P1]), ((MPATH,), [P1, P2])])
def test_all_paths_are_missing_where_the_host_has_multipath(maps, portals):
    given = (
        attachment('vol-a', WEB, A, portals=(P1, P2), names=(A, A)),
        attachment('b', WEB, B),
    )
    facts = seen(session(1, B, over=maps), attachments=given)
    found = [row for row in rows(facts) if row.state == 'missing']
    assert [row.portal for row in found] == portals


def test_a_backend_that_is_no_iscsi_misses_no_session():
    given = attachment('vol-a', WEB, 'rbd/x')
    assert checks.ways_to(given)
    rbd = type(given.target)('rbd', 'pool/x')
    facts = seen(attachments=(type(given)('a', 'v', WEB, target=rbd),))
    assert rows(facts) == []


def test_a_session_that_does_not_answer_is_wrong():
    [state] = seen(session(1)).hosts
    lost = type(state.sessions[0])(1, A, P1, 'default', 'FAILED')
    [row] = rows(seen(lost))
    assert not checks.is_in_order(row)
    assert 'FAILED' in row.reason


def test_a_host_that_does_not_tell_has_a_row_and_misses_nothing():
    mute = HostState('cmp1', problem='cmp1: no connection', way_out='mend')
    [row] = rows(seen(hosts=(mute,)))
    assert (row.state, row.reason, row.way_out) == (
        'unknown', 'cmp1: no connection', 'mend',
    )  # fmt: skip
    facts = with_state(seen(), problems={'sessions': 'an odd session'})
    assert [row.state for row in rows(facts)] == ['unknown']
