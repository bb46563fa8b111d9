# SPDX-License-Identifier: Apache-2.0
"""Which volumes are repaired, and why others are left alone."""

import pytest

from osc_recover import facts, markers
from osc_recover.checks.finding import Finding, Remedy, Subject
from osc_recover.checks.request import VolumeRepair
from osc_recover.checks.volume_rows import Row
from osc_recover.facts.mending import Mending
from osc_recover.procedures.volumes import repair

HOST = 'cmp-1'


def server(**changes):
    values = {'vm_state': 'active', **changes}
    return facts.Server('s1', 'web', HOST, **values)


def row(volume='v1', number=1, **changes):
    values = {'attachment': f'a-{volume}', 'boot_index': 0, **changes}
    return facts.BlockDevice(number, 's1', volume, **values)


def finding(code='rootless', volumes=('v1',), about='s1', remedy=None):
    subject = Subject('server', about, 'web', (HOST,), '', volumes)
    return Finding(
        code, about, 'so it is', '', 'a way out', 'warn',
        subject=subject, remedy=remedy,
    )  # fmt: skip


def mending(servers=None, live=(), dropped=None, **more):
    """A server that has lost its root, on a host that tells how it is."""
    fields = {
        'cells': {'s1': 'cell'},
        'records': facts.Moved(
            servers=(server(),) if servers is None else servers,
            mappings=live,
            connectors=(facts.Connector(HOST, {'host': HOST}, 'the host'),),
        ),
        'dropped': (row(),) if dropped is None else dropped,
    }
    return Mending(**{**fields, **more})


def planned(seen, *findings, **asked):
    request = VolumeRepair(**(asked or {'servers': ('s1',)}))
    return repair(findings or (finding(),), seen, request)


@pytest.mark.parametrize(
    'seen, code',
    [
        (mending(why_none='it was not asked'), 'no-database'),
        (mending(servers=()), 'gone'),
        (mending(cells={}), 'records-unread'),
        (mending(servers=(server(task_state='rebooting'),)), 'under-way'),
        (mending(servers=(server(vm_state='error'),)), 'server-state'),
        (mending(servers=(server(vm_state='rescued'),)), 'server-state'),
        (mending(dropped=()), 'mapping-gone'),
        (mending(holders={'v1': ('s9',)}), 'volume-not-free'),
        (
            mending(records=facts.Moved(servers=(server(),))),
            'no-connector',
        ),
    ],
)
def test_what_cannot_be_repaired_is_a_verdict(seen, code):
    plan = planned(seen)
    [verdict] = plan.verdicts
    assert (verdict.code, verdict.act) == (code, False)
    assert verdict.reason
    assert verdict.way_out
    assert plan.phases == ()


def test_a_root_that_no_row_tells_is_not_guessed():
    [verdict] = planned(mending(), finding(volumes=())).verdicts
    assert verdict.code == 'root-unknown'


def test_its_own_attachment_is_no_hindrance():
    [verdict] = planned(mending(holders={'v1': ('s1',)})).verdicts
    assert (verdict.code, verdict.act) == ('rootless', True)
    assert verdict.loss == 'it is stopped meanwhile'


@pytest.mark.parametrize(
    'state, start, words',
    [
        ('active', True, {'stop', 'start'}),
        ('active', False, {'stop'}),
        ('stopped', True, set()),
    ],
)
def test_what_ran_is_started_again_unless_it_is_not_to_be(state, start, words):
    seen = mending(servers=(server(vm_state=state),))
    plan = planned(seen, servers=('s1',), start=start)
    done = {step.name.split(':')[0] for step in plan.steps()}
    assert done & {'stop', 'start'} == words


@pytest.mark.parametrize(
    'reason, locks', [('mine', False), (markers.marker('r0'), True)]
)
def test_the_lock_of_a_person_stays_and_keeps_users_out(reason, locks):
    locked = server(locked=True, locked_reason=reason)
    verbs = {step.verb for step in planned(mending((locked,))).steps()}
    wanted = {'server.lock', 'server.unlock'} if locks else set()
    assert {v for v in verbs if 'lock' in v} == wanted


def test_a_leftover_of_cinders_is_deleted_before_the_new_one_is_exported():
    left = facts.VolumeAttachment('left', 'v1', 's1', 'attached')
    seen = mending(
        dropped=(),
        records=facts.Moved(
            servers=(server(),),
            mappings=(row(),),
            attachments=(left,),
            connectors=(facts.Connector(HOST, {'host': HOST}, 'the host'),),
        ),
    )
    plan = planned(seen, finding('attachment-differs'))
    verbs = [s.verb for s in plan.steps() if s.verb[0] in 'am']
    assert verbs == [
        'attachment.create', 'mapping.point', 'attachment.delete',
        'attachment.update', 'mapping.connect', 'attachment.complete',
    ]  # fmt: skip
    [gone] = [s for s in plan.steps() if s.verb == 'attachment.delete']
    assert (gone.args['old'], gone.args['known']) == ('left', ['left'])


def test_records_are_mended_by_the_audits_own_step():
    args = {'volume': 'v1', 'server': 's1', 'status': 'reserved'}
    one = finding(
        'attachment-reserved', about='a9',
        remedy=Remedy('attachment.delete', args),
    )  # fmt: skip
    plan = planned(mending(), one, volumes=('v1',))
    [step] = plan.steps()
    assert (step.verb, step.target) == ('attachment.end', 'a9')
    assert [lane.mutexes for lane in plan.lanes()] == [('volume:v1',)]


def test_only_what_was_named_is_repaired_and_the_rest_is_left():
    others = finding('attachment-unknown', ('v2',), about='a2')
    plan = planned(mending(), finding(), others, volumes=('v2',))
    assert [(v.code, v.act) for v in plan.verdicts] == [
        ('attachment-unknown', False)
    ]
    assert plan.verdicts[0].way_out == 'a way out'
    assert planned(mending(), finding(), volumes=('v9',)).verdicts == ()


@pytest.mark.parametrize(
    'state, said', [('busy', 'it is extending'), ('unknown', 'nova is at it')]
)
def test_what_a_check_cannot_tell_is_no_repair_that_succeeded(state, said):
    rows = [
        Row('v1', 'data', 'in-use', 's1', state, '', said, 'check again'),
        Row('v2', 'more', 'in-use', 's1', 'intact'),
        Row('v3', 'lost', 'in-use', 's1', 'wedged', 'volume-wedged'),
    ]
    plan = repair([], mending(), VolumeRepair(servers=('s1',)), rows)
    [told] = plan.verdicts
    assert (told.server, told.code, told.act) == ('v1', state, False)
    assert (told.reason, told.way_out) == (said, 'check again')
    assert plan.phases == ()
