# SPDX-License-Identifier: Apache-2.0
"""States are changed as asked for, or it is said why not."""

import contextlib
import dataclasses

import pytest

from osc_recover import errors
from osc_recover.checks.request import InstanceChange
from osc_recover.effects import Control
from osc_recover.facts import (
    Domain,
    HostDomains,
    InstanceRow,
    InstanceStanding,
    Migration,
    Service,
)
from osc_recover.gateways.compute import Compute
from osc_recover.operations.instances import Reset
from osc_recover.plan import Step
from osc_recover.procedures.instances import change_instance
from tests.unit import cloud_double, keystone_double
from tests.unit.service_double import Answer

ROW = {
    'uuid': 'a', 'display_name': 'web-1', 'host': 'cmp1', 'deleted': 0,
    'updated_at': '2026-11-27 20:00:00',
    'vm_state': 'active', 'power_state': 1, 'task_state': None,
}  # fmt: skip
WAS = {key: ROW[key] for key in ('host', 'vm_state', 'power_state',
                                 'task_state')}  # fmt: skip
UP, DOWN = Service('7', 'cmp1'), Service('7', 'cmp1', up=False)


def domains(*states, problem=''):
    found = tuple(Domain('cmp1', 'a', 'i', state, True) for state in states)
    return HostDomains('cmp1', found, problem)


def plan(row=None, service=DOWN, told=None, moves=(), **asked):
    seen = InstanceStanding(
        'cell-uuid', InstanceRow('cell1', {**ROW, **(row or {})}),
        service, told, moves,
    )  # fmt: skip
    return change_instance(seen, InstanceChange('a', **asked))


def steps(made):
    return [(step.verb, step.args) for step in made.steps()]


RESET = ('instance.reset', {'state': 'active'})


def by_sql(to, **was):
    args = {'cell': 'cell-uuid', 'to': to, 'was': {**WAS, **was}}
    return ('instance.set', args)


@pytest.mark.parametrize(
    'row, asked, expected',
    [
        ({'vm_state': 'error'}, {'vm_state': 'active'}, [RESET]),
        ({'task_state': 'rebooting'}, {'task_state': 'none'}, [RESET]),
        ({'power_state': 4}, {'vm_state': 'stopped'},
         [by_sql({'vm_state': 'stopped'}, power_state=4)]),
        ({}, {'power_state': 4}, [by_sql({'power_state': 4})]),
        ({'vm_state': 'error'}, {'vm_state': 'active', 'power_state': 4},
         [by_sql({'power_state': 4}, vm_state='error'), RESET]),
        ({'vm_state': 'stopped', 'power_state': 4, 'task_state': 'deleting'},
         {'task_state': 'none'},
         [by_sql({'task_state': None}, vm_state='stopped', power_state=4,
                 task_state='deleting')]),
        ({'vm_state': None, 'power_state': None}, {'power_state': 0},
         [by_sql({'power_state': 0}, vm_state=None, power_state=None)]),
    ],
)  # fmt: skip
def test_the_api_does_what_it_can_and_the_row_is_changed_first(
    row, asked, expected
):
    assert steps(plan(row, **asked)) == expected


def test_the_verdict_says_what_becomes_what():
    [verdict] = plan(
        {'vm_state': 'error', 'task_state': 'spawning'},
        vm_state='stopped', power_state=4, task_state='none',
    ).verdicts  # fmt: skip
    assert verdict.act
    assert verdict.kind == (
        'vm_state error -> stopped, power_state 1 (RUNNING) -> 4 (SHUTDOWN), '
        'task_state spawning -> none'
    )


def test_what_is_so_already_is_nothing_to_do():
    made = plan(vm_state='active', power_state=1, task_state='none')
    assert made.verdicts[0].code == 'nothing'
    assert not made.phases
    stuck = plan({'task_state': 'rebooting'}, vm_state='active')
    assert '--task-state none' in stuck.verdicts[0].way_out


def migration(status, kind='live-migration'):
    return Migration(9, 'm', 'a', kind, status, 'cmp1')


@pytest.mark.parametrize(
    'given, code, told',
    [
        ({'row': {'deleted': 1}, 'vm_state': 'active'}, 'deleted', 'deleted'),
        ({'row': {'vm_state': 'resized'}, 'vm_state': 'active'},
         'keeps-state', 'two copies'),
        ({'row': {'vm_state': 'shelved'}, 'vm_state': 'stopped'},
         'keeps-state', 'image'),
        ({'row': {'vm_state': 'soft-delete'}, 'vm_state': 'active'},
         'keeps-state', 'restored'),
        ({'row': {'vm_state': 'error', 'host': None}, 'service': None,
          'vm_state': 'active'}, 'no-host', 'no host'),
        ({'service': UP, 'moves': (migration('running'),),
          'task_state': 'none', 'row': {'task_state': 'migrating'}},
         'under-way', 'migration 9'),
        ({'service': UP, 'vm_state': 'stopped'}, 'guest-runs', 'RUNNING'),
        ({'told': domains('running'), 'vm_state': 'stopped'},
         'guest-runs', 'libvirt says so'),
        ({'service': UP, 'row': {'power_state': 4},
          'told': domains('running'), 'vm_state': 'stopped'},
         'guest-runs', 'cut its power'),
    ],
)  # fmt: skip
def test_what_would_lose_something_is_refused(given, code, told):
    made = plan(**given)
    [verdict] = made.verdicts
    assert (verdict.act, verdict.code) == (False, code)
    assert told in verdict.reason
    assert verdict.way_out
    assert not made.phases


@pytest.mark.parametrize(
    'given',
    [
        {'service': UP, 'told': domains('shut off'), 'vm_state': 'stopped'},
        {'service': UP, 'told': domains(), 'vm_state': 'stopped'},
        {'service': UP, 'row': {'power_state': 4}, 'vm_state': 'stopped'},
        {'row': {'vm_state': 'resized', 'task_state': 'resize_confirming'},
         'task_state': 'none'},
        {'row': {'vm_state': 'building', 'host': None}, 'service': None,
         'vm_state': 'error'},
        {'service': UP, 'moves': (migration('done', 'evacuation'),),
         'vm_state': 'error'},
    ],
)  # fmt: skip
def test_what_loses_nothing_is_planned(given):
    assert plan(**given).phases


@pytest.mark.parametrize(
    'given, told',
    [
        ({'vm_state': 'stopped'}, 'ends it when it is back'),
        ({'moves': (migration('running'),), 'vm_state': 'error'},
         'when its host failed'),
        ({'row': {'vm_state': 'error', 'power_state': 4},
          'vm_state': 'active'}, 'server reboot --hard a'),
        ({'row': {'power_state': 4}, 'power_state': 1},
         'resume_guests_state_on_host_boot'),
        ({'power_state': 4}, 'writes it anew'),
        ({'service': UP, 'row': {'task_state': 'rebooting'},
          'task_state': 'none'}, 'may be at rebooting'),
        ({'row': {'vm_state': 'error', 'task_state': 'spawning'},
          'vm_state': 'active'}, 'task_state spawning to none'),
    ],
)  # fmt: skip
def test_what_comes_of_it_is_said(given, told):
    [note] = [note for note in plan(**given).notes if told in note]
    assert note.startswith('web-1: ')


def test_a_plan_is_for_the_host_so_that_no_recovery_runs_beside_it():
    assert plan(power_state=4).hosts == ('cmp1',)
    nowhere = plan({'host': None}, service=None, vm_state='error')
    assert nowhere.hosts == ('a',)


def test_a_host_that_is_silent_has_told_nothing():
    silent = dataclasses.replace(domains(), problem='no route')
    made = plan(told=silent, vm_state='stopped')
    assert any('not known' in note for note in made.notes)


# Through the API


STEP = Step('reset:a', 'instance.reset', 'a', {'state': 'active'})
ROOT = '/compute/v2.1/servers/a'


@contextlib.contextmanager
def resetting(vm_state='error', task_state=None, **more):
    """The operation, and the service that it asks."""
    server = {
        'id': 'a', 'name': 'web-1', 'status': 'ERROR',
        'OS-EXT-STS:vm_state': vm_state, 'OS-EXT-STS:task_state': task_state,
    }  # fmt: skip
    answers = cloud_double.recorded()
    answers[ROOT] = {'server': server}
    answers |= {f'{ROOT}{path}': answer for path, answer in more.items()}
    with cloud_double.cloud(answers) as service:
        nova = Compute(keystone_double.cloud(service.url).compute)
        yield Reset(nova, 5), service


@pytest.mark.parametrize(
    'states, there',
    [
        (('error', None), False),
        (('active', 'rebooting'), False),
        (('active', None), True),
    ],
)
def test_a_reset_is_in_effect_when_no_task_is_left(states, there):
    with resetting(*states) as (reset, _):
        assert reset.in_effect(STEP) is there


def test_a_reset_is_one_request():
    done = Answer(202, headers={'x-openstack-request-id': 'r'})
    with resetting(**{'/action': done}) as (reset, service):
        told = reset.apply(STEP)
        reset.follow(STEP, Control())
    [asked] = [r for r in service.requests if r.path == f'{ROOT}/action']
    assert asked.body == {'os-resetState': {'state': 'active'}}
    assert told.request_id == 'r'
    assert 'vm_state is active, task_state is none' in told.note


def test_a_server_that_was_deleted_meanwhile_is_said():
    gone = Answer(404, {'itemNotFound': {'message': 'gone'}})
    with resetting(**{'': gone}) as (reset, _):
        with pytest.raises(errors.StepFailed, match='deleted meanwhile'):
            reset.in_effect(STEP)
