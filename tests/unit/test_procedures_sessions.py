# SPDX-License-Identifier: Apache-2.0
"""What is closed, and what is refused; facts in, plan or refusal out."""

import dataclasses

import pytest

from osc_recover import errors
from osc_recover.checks.request import SessionClose
from osc_recover.facts.audit import Gap
from osc_recover.facts.snapshot import HostState, KeptMount
from osc_recover.procedures.sessions import close_session
from tests.unit.session_facts import (
    DB,
    LVM,
    MPATH,
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

CLOSE = SessionClose('cmp1', 3, A)


def refused(facts, request=CLOSE):
    with pytest.raises(errors.Refused) as no:
        close_session(facts, request)
    assert no.value.way_out
    return no.value


def test_one_session_is_closed_by_its_number_and_target_and_boot():
    plan = close_session(seen(session(3), session(4, A, P2)), CLOSE)
    [step] = plan.steps()
    assert (step.verb, step.target) == ('session.close', 'cmp1')
    assert step.args['session'] == 3
    assert (step.args['target'], step.args['boot_id']) == (A, 'boot-1')
    assert step.args['servers'] == [WEB]
    assert plan.notes
    assert f'web ({WEB})' in plan.verdicts[0].kind


def test_a_session_to_another_target_is_refused():
    told = refused(seen(session(3, B), session(4, A)))
    assert (told.code, B in told.sentence) == ('other-target', True)


def test_a_number_that_there_is_not_is_refused_and_the_right_one_named():
    told = refused(seen(session(4), session(5, B)))
    assert (told.code, 'target are 4' in told.way_out) == ('no-session', True)


@pytest.mark.parametrize('named', ['', WEB])
def test_a_session_of_two_servers_is_refused(named):
    given = attachment('a', WEB, SAN, lun=1), attachment('b', DB, SAN, lun=2)
    facts = seen(
        session(3, SAN), attachments=given, servers=(server(WEB), server(DB))
    )
    told = refused(facts, SessionClose('cmp1', 3, SAN, named))
    assert (told.code, f'db ({DB})' in told.sentence) == ('shared', True)


def test_a_session_of_another_server_than_the_named_is_refused():
    told = refused(seen(session(3)), dataclasses.replace(CLOSE, server=DB))
    assert (told.code, f'web ({WEB})' in told.sentence) == ('shared', True)
    alone = seen(session(3), attachments=())
    told = refused(alone, dataclasses.replace(CLOSE, server=DB))
    assert told.code == 'other-server'


def test_the_server_that_was_named_alone_is_no_refusal():
    plan = close_session(
        seen(session(3)), dataclasses.replace(CLOSE, server=WEB)
    )
    assert len([*plan.steps()]) == 1


def test_a_volume_that_another_host_has_too_is_not_shared_here():
    given = attachment('a', WEB, A), attachment('a', DB, A)
    assert close_session(seen(session(3), attachments=given), CLOSE).phases


def test_what_the_host_uses_itself_is_refused():
    told = refused(seen(session(3, over=(LVM,))))
    assert (told.code, LVM.name in told.sentence) == ('in-use', True)
    mounted = KeptMount('/srv', 'ext4', '/dev/sdc')
    told = refused(with_state(seen(session(3)), mounts=(mounted,)))
    assert (told.code, '/srv' in told.sentence) == ('in-use', True)
    assert close_session(seen(session(3, over=(MPATH,))), CLOSE).phases


def test_where_cinder_does_not_tell_nothing_is_closed():
    gap = Gap('attachments', 'cinder is not there', 'start it')
    facts = seen(
        session(3), attachments=(), unseen=('attachments',), gaps=(gap,)
    )
    assert refused(facts).code == 'unknown-use'


def test_a_host_that_does_not_tell_is_refused():
    mute = HostState('cmp1', problem='cmp1: no connection', way_out='mend')
    assert refused(seen(hosts=(mute,))).code == 'unknown'
