# SPDX-License-Identifier: Apache-2.0
"""What a drill closes, and when it is refused; facts in, plan or not."""

import dataclasses

import pytest

from osc_recover import errors
from osc_recover.checks.request import PowerLoss
from osc_recover.facts import Service
from osc_recover.facts.audit import Gap
from osc_recover.facts.disaster import Mapped
from osc_recover.facts.drill import DrillSeen
from osc_recover.facts.snapshot import HostState, KeptMount, Target
from osc_recover.procedures.drill import power_loss
from tests.unit.session_facts import (
    DB,
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

MARKED = server(WEB, metadata={'recover_drill': 'allowed'})
OF_A = dataclasses.replace(attachment('vol-a', WEB, A), status='attached')


def facts(*attachments, sessions=None, **more):
    attachments = attachments or (OF_A,)
    told = {
        'server': MARKED,
        'mapped': Mapped(
            attachments, {one.volume: 'in-use' for one in attachments}
        ),
        'sessions': sessions
        or seen(session(3), session(4, A, P2), session(5, B)),
        'service': Service('1', 'cmp1'),
        'ports': ('port-1',),
        'after': 'req-7',
    }
    return DrillSeen(**{**told, **more})


def refused(seen, **options):
    with pytest.raises(errors.Refused) as no:
        power_loss(seen, PowerLoss(WEB, **options))
    assert no.value.way_out
    return no.value


def test_every_session_of_the_server_is_closed_and_no_other():
    plan = power_loss(facts(), PowerLoss(WEB))
    closed = [s for s in plan.steps() if s.verb == 'drill.close']
    assert [s.args['session'] for s in closed] == [3, 4]
    assert [v.code for v in plan.verdicts] == ['drill', 'close', 'close']
    [started] = [s for s in plan.steps() if s.verb == 'disaster.start']
    assert started.args['after'] == 'req-7'
    # A lane that fails in one phase does not go on in the next.
    assert {p.lanes[-1].name for p in plan.phases[1:]} == {WEB}


def test_without_the_mark_only_force_helps():
    plain = facts(server=server(WEB))
    assert refused(plain).code == 'not-marked'
    other = facts(server=server(WEB, metadata={'recover_drill': 'no'}))
    assert 'recover_drill=allowed' in refused(other).way_out
    plan = power_loss(plain, PowerLoss(WEB, force=True))
    assert '--force' in plan.notes[-1]


@pytest.mark.parametrize(
    'state',
    [
        {'vm_state': 'stopped', 'power_state': 4},
        {'power_state': 4},
        {'vm_state': 'rescued'},
        {'task_state': 'rebooting'},
    ],
)
def test_a_server_that_does_not_run_is_refused(state):
    told = refused(facts(server=dataclasses.replace(MARKED, **state)))
    assert told.code == 'not-running'


@pytest.mark.parametrize('service', [None, Service('1', 'cmp1', up=False)])
def test_without_a_compute_that_brings_it_back_it_is_refused(service):
    assert refused(facts(service=service)).code == 'compute-down'


def test_a_session_that_serves_another_server_is_refused_even_by_force():
    both = attachment('a', WEB, SAN), attachment('b', DB, SAN, lun=2)
    found = seen(
        session(3, SAN),
        attachments=both,
        servers=(MARKED, server(DB)),
    )
    mine = dataclasses.replace(both[0], status='attached')
    told = refused(facts(mine, sessions=found), force=True)
    assert (told.code, f'db ({DB})' in told.sentence) == ('shared', True)


@pytest.mark.parametrize('driver', ['rbd', 'nfs', ''])
def test_what_is_not_iscsi_is_refused(driver):
    other = dataclasses.replace(OF_A, volume='v2', target=Target(driver))
    told = refused(facts(OF_A, other))
    assert (told.code, 'v2' in told.sentence) == ('not-iscsi', True)
    none = facts(mapped=Mapped((), {}))
    assert refused(none).code == 'not-iscsi'


def test_a_host_that_does_not_tell_is_refused():
    mute = HostState('cmp1', problem='cmp1: no connection', way_out='mend')
    told = refused(facts(sessions=seen(hosts=(mute,))))
    assert (told.code, told.way_out) == ('unknown', 'mend')
    partly = with_state(seen(), problems={'sessions': 'no iscsiadm'})
    assert refused(facts(sessions=partly)).code == 'unknown'


def test_what_is_lost_already_is_refused():
    told = refused(facts(sessions=seen(session(5, B))))
    assert (told.code, 'session open' in told.way_out) == (
        'session-missing',
        True,
    )


def test_a_mapping_that_the_reboot_would_drop_is_refused():
    lost = dataclasses.replace(OF_A, sides=('nova',))
    assert refused(facts(lost)).code == 'volumes-wrong'
    gap = Gap('attachments', 'cinder is not there', 'start it')
    mute = dataclasses.replace(seen(session(3)), gaps=(gap,))
    assert refused(facts(sessions=mute)).code == 'unknown-use'


def test_what_the_host_itself_has_mounted_is_refused():
    mounted = KeptMount('/srv', 'ext4', '/dev/sdc')
    found = with_state(seen(session(3)), mounts=(mounted,))
    assert refused(facts(sessions=found)).code == 'in-use'
