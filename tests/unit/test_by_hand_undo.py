# SPDX-License-Identifier: Apache-2.0
"""What is planned to take a move in the database back, and what is refused."""

import dataclasses

import pytest

from osc_recover import errors, facts
from osc_recover.checks.request import MoveUndo
from osc_recover.gateways.cloud import Cloud
from osc_recover.journal import Journal
from osc_recover.plan import Plan
from osc_recover.procedures import by_hand_undo
from osc_recover.recovery.by_hand import ByHand
from osc_recover.recovery.runs import RunsOfCloud
from osc_recover.settings import Settings
from tests.unit import by_hand_facts as given

FAILED, THERE = given.FAILED, given.THERE
ONE = given.of_volumes('s1', 'v1', 'v2', ports=('p1',))
PLAN = given.plan(given.cloud(ONE))
STEPS = [step.name for step in PLAN.steps() if step.target == 's1']


def begun(last):
    """Every step up to one, done."""
    number = next(n for n, s in enumerate(STEPS) if s.startswith(last))
    return dict.fromkeys(STEPS[: number + 1], 'done')


def moved(**changes):
    """As it is when all was done but the start."""
    server = dataclasses.replace(
        ONE.server, host=THERE, vm_state='stopped', power_state=4
    )
    attached = [
        facts.VolumeAttachment(f'new-{m.volume}', m.volume, 's1', 'attached')
        for m in ONE.mappings
    ]
    fields = {
        'servers': (server,),
        'mappings': tuple(
            dataclasses.replace(m, attachment=f'new-{m.volume}')
            for m in ONE.mappings
        ),
        'attachments': tuple(attached),
        'connectors': (given.connector(FAILED),),
    }
    return facts.Moved(**{**fields, **changes})


def undo(last='give-back', **changes):
    return by_hand_undo.undo(
        moved(**changes), PLAN, begun(last), MoveUndo('4f2a')
    )


def words(plan):
    return [step.name.split(':')[0] for step in plan.steps()]


RENEWED = ['attach', 'map', 'detach', 'export', 'connect', 'complete']


def test_what_was_done_last_is_taken_back_first():
    assert words(undo()) == [
        *('unstarted', 'room'),
        *RENEWED,
        *RENEWED,
        *('take-back', 'bind', 'give-back', 'unlock'),
    ]
    volumes = [
        step.args['volume']
        for step in undo().steps()
        if step.verb == 'attachment.create'
    ]
    assert volumes == ['v2', 'v1']


def test_what_was_not_begun_is_left_out():
    plan = undo('bind')
    assert words(plan) == [
        *('unstarted', 'room', 'bind', 'give-back', 'unlock')
    ]


def test_an_attachment_that_is_still_there_is_named_again():
    old = facts.VolumeAttachment('a-v1', 'v1', 's1', 'attached')
    plan = undo('map', attachments=(*moved().attachments[:1], old))
    assert words(plan) == [
        *('unstarted', 'room', 'remap', 'let-go'),
        *('take-back', 'bind', 'give-back', 'unlock'),
    ]


def test_a_port_gets_its_owner_back():
    (bind,) = (s for s in undo().steps() if s.verb == 'port.bind')
    assert bind.args['owner'] == 'compute:nova'
    assert (bind.args['source'], bind.args['host']) == (THERE, FAILED)
    assert not bind.args['wired']


def test_ports_that_neutron_cannot_wire_are_told_of():
    (verdict,) = undo().verdicts
    assert f'openstack port set --host {FAILED} p1' in verdict.reason
    (verdict,) = undo('room').verdicts
    assert not verdict.reason


def test_no_step_is_guarded_by_the_failed_host():
    # Which may be back: the database tells whether it was cleaned up.
    assert not any(step.hosts for step in undo().steps())


def with_server(**values):
    (server,) = moved().servers
    return {'servers': (dataclasses.replace(server, **values),)}


@pytest.mark.parametrize(
    'changes, code',
    [
        ({'servers': ()}, 'gone'),
        ({'unread': {'s1': 'the cell is down'}}, 'records-unread'),
        (with_server(host='cmp-9'), 'moved-on'),
        (with_server(vm_state='active'), 'already-started'),
        (with_server(task_state='powering-on'), 'already-started'),
        ({'mappings': ()}, 'mapping-gone'),
        (
            {'connectors': (facts.Connector(FAILED, problem='silent'),)},
            'no-connector',
        ),
    ],
)
def test_what_cannot_be_taken_back_says_why(changes, code):
    plan = undo(**changes)
    (verdict,) = plan.verdicts
    assert (verdict.code, verdict.act) == (code, False)
    assert verdict.reason
    assert verdict.way_out
    assert plan.phases == ()


def test_a_server_that_was_started_and_stopped_stays():
    (verdict,) = undo('start').verdicts
    assert verdict.code == 'already-started'
    assert f'leave it on {THERE}' in verdict.way_out


def test_a_server_that_the_run_left_alone_is_fine():
    plan = by_hand_undo.undo(moved(), PLAN, {}, MoveUndo('4f2a'))
    assert [verdict.code for verdict in plan.verdicts] == ['ok']


# Runs


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / 'journal.sqlite') as one:
        yield one


class Here(Cloud):
    """The cloud that the runs are of."""

    key = 'here'

    def __init__(self):
        pass


def by_hand(journal):
    here = Here()
    return ByHand(
        here,
        Settings(),
        lambda: pytest.fail('no database is to be asked'),
        RunsOfCloud(here, lambda: journal),
        lambda: journal,
    )


@pytest.mark.parametrize(
    'procedure, way_out',
    [
        ('ownership', 'openstack recover ownership undo'),
        ('host', 'openstack server migrate'),
        ('service', 'openstack recover run list'),
    ],
)
def test_other_runs_are_not_undone_here(journal, procedure, way_out):
    run = journal.store(Plan(procedure, (FAILED,), ()), 'here', '')
    one = by_hand(journal)
    with pytest.raises(errors.Refused) as refused:
        one.undo(run, one.request(run))
    assert refused.value.code == 'other-procedure'
    assert way_out in refused.value.way_out


def test_a_run_that_is_carried_out_is_not_undone(journal):
    run = journal.store(PLAN, 'here', '')
    journal.record(run.id, '', 'started')
    one = by_hand(journal)
    with (
        journal.held('here', FAILED, run.id),
        pytest.raises(errors.HostLocked),
    ):
        one.undo(run, one.request(run))


def test_a_run_that_was_taken_back_does_not_go_on(journal):
    run = journal.store(PLAN, 'here', '')
    back = dataclasses.replace(undo(), request={'run': run.id})
    other = journal.store(back, 'here', '')
    by_hand(journal).check_not_taken_back(run)
    journal.record(other.id, '', 'started')
    with pytest.raises(errors.Refused, match=f'taken back by run {other.id}'):
        by_hand(journal).check_not_taken_back(run)
