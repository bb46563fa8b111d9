# SPDX-License-Identifier: Apache-2.0
"""The verbs of moves by hand, one by one, where the power cuts do not go."""

import dataclasses
import itertools

import pytest

from osc_recover import errors, facts, markers, records
from osc_recover.effects import Control
from osc_recover.operations import allocation, attachment, lock, port, rows
from osc_recover.operations.start import Start, Unstarted
from osc_recover.plan import Step
from tests.power.moving_world import MovingWorld, Rows
from tests.unit import by_hand_facts as given

RUN = '4f2a9c01'
CONTROL = Control()
FAILED, THERE = given.FAILED, given.THERE


def world(*servers):
    chosen = servers or (given.of_volumes('s1', 'v1', ports=('p1',)),)
    return MovingWorld(given.cloud(*chosen))


def step(verb, server='s1', **args):
    plan = given.plan(given.cloud(given.of_volumes('s1', 'v1', ports=('p1',))))
    found = next(
        s for s in plan.steps() if (s.verb, s.target) == (verb, server)
    )
    return dataclasses.replace(found, args={**found.args, **args})


def changed(cloud, **values):
    cloud.rows['s1'] = dataclasses.replace(cloud.rows['s1'], **values)
    return cloud


# Locks


def test_a_lock_of_somebody_is_left_to_them():
    cloud = world()
    cloud.lock('s1', 'do not touch')
    with pytest.raises(errors.StepFailed, match='do not touch'):
        lock.Lock(cloud, RUN, 0).in_effect(step('server.lock'))


def test_a_lock_that_another_run_has_left_is_taken_over():
    cloud = world()
    cloud.lock('s1', markers.marker('0ther'))
    asked = lock.Lock(cloud, RUN, 0)
    assert not asked.in_effect(step('server.lock'))
    asked.apply(step('server.lock'))
    assert asked.in_effect(step('server.lock'))


@pytest.mark.parametrize(
    'reason, ours', [('do not touch', False), (markers.marker('0ther'), True)]
)
def test_a_server_that_is_locked_is_unlocked_only_by_a_run(reason, ours):
    one = given.of_image(locked=True, locked_reason=reason)
    verbs = {s.verb for s in given.plan(given.cloud(one)).steps()}
    assert ('server.lock' in verbs) is ours
    assert ('server.unlock' in verbs) is ours


def test_a_lock_of_this_run_is_in_effect():
    cloud = world()
    asked = lock.Lock(cloud, RUN, 0)
    assert not asked.in_effect(step('server.lock'))
    asked.apply(step('server.lock'))
    assert asked.in_effect(step('server.lock'))
    assert cloud.server('s1').locked_reason == markers.marker(RUN)


def test_only_a_run_s_own_lock_is_taken_away():
    cloud = world()
    cloud.lock('s1', 'do not touch')
    assert lock.Unlock(cloud, 0).in_effect(step('server.unlock'))
    cloud.lock('s1', markers.marker(RUN))
    assert not lock.Unlock(cloud, 0).in_effect(step('server.unlock'))


# placement


def test_what_is_held_must_be_what_was_planned():
    cloud = world()
    held = cloud.holdings['s1']
    more = {f'node-{FAILED}': {'VCPU': 9}}
    cloud.holdings['s1'] = dataclasses.replace(held, resources=more)
    with pytest.raises(errors.StepFailed, match='somebody changed'):
        allocation.Double(cloud, 0).apply(step('placement.double'))
    assert cloud.holdings['s1'].resources == more


def test_the_last_room_is_never_given_back():
    cloud = world()
    with pytest.raises(errors.StepFailed):
        allocation.Drop(cloud, 0).apply(step('placement.drop'))
    assert set(cloud.holdings['s1'].resources) == {f'node-{FAILED}'}


# Ports


class Neutron:
    """A port whose PUT goes as told."""

    def __init__(self, fails=None, bindings=(), **changes):
        self._port = dataclasses.replace(
            facts.BoundPort(
                'p1', 's1', FAILED, 'ovs', 'normal', 'compute:nova', 1
            ),
            **changes,
        )
        self._fails = fails
        self._bindings = bindings

    def port(self, key):
        if self._port.host == 'deleted':
            raise errors.Gone('neutron', 'GET', '404')
        return self._port

    def bindings(self, key):
        return self._bindings

    def bind(self, port, host, owner):
        raise self._fails


def bound(neutron):
    """Whose time is up after one look."""
    return port.Bind(neutron, 0, itertools.count(step=100).__next__)


def test_a_port_on_a_third_host_is_somebody_else_s():
    with pytest.raises(errors.StepFailed, match='bound to cmp-9'):
        bound(Neutron(host='cmp-9')).in_effect(step('port.bind'))


def test_a_port_that_is_deleted_ends_the_lane():
    with pytest.raises(errors.StepFailed, match='deleted'):
        bound(Neutron(host='deleted')).in_effect(step('port.bind'))


def test_a_port_that_cannot_be_wired_is_told():
    neutron = Neutron(host=THERE, vif_type='binding_failed')
    asked = bound(neutron)
    assert not asked.in_effect(step('port.bind'))
    with pytest.raises(errors.StepFailed, match='binding_failed'):
        asked.follow(step('port.bind'), CONTROL)


def test_on_a_dead_host_a_port_need_not_be_wired():
    neutron = Neutron(host=THERE, vif_type='binding_failed')
    assert bound(neutron).in_effect(step('port.bind', wired=False))


def test_a_second_binding_in_the_way_is_named():
    lost = errors.Uncertain('neutron', 'PUT', '500')
    left = facts.Binding(THERE, active=False)
    neutron = Neutron(lost, (left,))
    with pytest.raises(errors.StepFailed, match='second binding'):
        bound(neutron).apply(step('port.bind'))


def test_a_port_that_was_changed_meanwhile_says_so():
    neutron = Neutron(errors.ChangedMeanwhile('neutron', 'PUT', '412'))
    with pytest.raises(errors.ChangedMeanwhile):
        bound(neutron).apply(step('port.bind'))


# Rows


class Broken(Rows):
    """A database that says the same to everything."""

    def __init__(self, error):
        self._error = error

    def move(self, cell, what):
        raise self._error

    def moved(self, cell, what):
        raise self._error


DOWN = errors.DatabaseUnreachable("cell 'one'", 'no route')


@pytest.mark.parametrize(
    'error, seen',
    [
        (errors.CommitUnknown("cell 'one'", 'lost'), errors.Uncertain),
        (DOWN, errors.StepFailed),
        (
            errors.RowsDiffer('s1', 'instances', 'host', 'a', 'b'),
            errors.StepFailed,
        ),
        (errors.RowGone('s1', 'instances'), errors.StepFailed),
    ],
)
def test_what_a_database_says_to_a_move_becomes_the_step_s(error, seen):
    with pytest.raises(seen):
        rows.MoveRow(Broken(error), 0).apply(step('server.move'))


def test_a_database_that_cannot_be_asked_is_no_answer():
    with pytest.raises(errors.ApiUnreachable, match='no route'):
        rows.MoveRow(Broken(DOWN), 0).in_effect(step('server.move'))


def test_a_move_is_stored_whole_in_its_step():
    told = step('server.move').args['move']
    what = records.from_data(facts.Move, told)
    assert (what.before.host, what.to.host) == (FAILED, THERE)
    assert what.request.startswith('req-')


# Attachments


def test_a_second_new_attachment_is_not_guessed_at():
    cloud = world()
    for _ in range(2):
        cloud.create('v1', 's1')
    with pytest.raises(errors.StepFailed, match='2 new attachments'):
        attachment.Update(cloud, 0).in_effect(step('attachment.update'))


def test_an_attachment_that_is_gone_is_deleted():
    class Gone(MovingWorld):
        def delete(self, key):
            raise errors.Gone('cinder', 'DELETE', '404')

    cloud = Gone(given.cloud(given.of_volumes('s1', 'v1')))
    told = attachment.Delete(cloud, 0).apply(step('attachment.delete'))
    assert told.note == 'already gone'


def test_the_device_goes_with_the_connector():
    given_to = []

    class Cinder(MovingWorld):
        def update(self, key, connector):
            given_to.append(connector)
            self.hosts.clear()
            return super().update(key, connector)

    cloud = Cinder(given.cloud(given.of_volumes('s1', 'v1')))
    cloud.create('v1', 's1')
    attachment.Update(cloud, 0).apply(step('attachment.update'))
    assert given_to == [{'host': THERE, 'mountpoint': '/dev/vda'}]


# Starts


def start(cloud, clock=None):
    ticks = clock or (lambda: 0.0)
    return Start(cloud, tick=0, grace=0, timeout=10, clock=ticks)


@pytest.mark.parametrize(
    'values, said',
    [
        ({'host': 'cmp-9'}, 'nova has it on cmp-9 now'),
        ({'task_state': 'deleting'}, 'its task state is deleting'),
        ({'vm_state': 'error'}, 'it is error, not stopped'),
    ],
)
def test_a_server_that_is_not_as_it_was_left_is_not_started(values, said):
    left = {'host': THERE, 'vm_state': 'stopped', 'task_state': None}
    cloud = changed(world(), **{**left, **values})
    with pytest.raises(errors.StepFailed, match=said):
        start(cloud).apply(step('server.start'))


def test_a_server_that_nova_migrates_is_not_started():
    class Migrating(MovingWorld):
        def migrations(self, **which):
            assert which == {'server': 's1'}
            return (given.situations.row(9, status='pre-migrating'),)

    cloud = Migrating(given.cloud(given.of_volumes('s1', 'v1')))
    changed(cloud, host=THERE, vm_state='stopped')
    with pytest.raises(errors.StepFailed, match='migration 9'):
        start(cloud).apply(step('server.start'))


def test_a_start_that_ended_badly_is_told():
    cloud = changed(world(), host=THERE, vm_state='error')
    with pytest.raises(errors.StepFailed, match='did not start on cmp-2'):
        start(cloud).follow(step('server.start'), CONTROL)


def test_a_start_that_does_not_end_is_told():
    on = {'vm_state': 'stopped', 'task_state': 'powering-on'}
    cloud = changed(world(), host=THERE, **on)
    clock = iter([0, 5, 11]).__next__
    with pytest.raises(errors.StepFailed, match='after 10 s'):
        start(cloud, clock).follow(step('server.start'), CONTROL)


def unstarted(cloud):
    move = step('server.move').args['move']
    asked = Step(
        'unstarted:s1',
        'server.unstarted',
        's1',
        {'source': FAILED, 'request': move['request']},
    )
    cloud.did['s1'] = [('create', 'req-0'), ('evacuate', move['request'])]
    return Unstarted(cloud).follow(asked, CONTROL)


def moved(**values):
    there = {'host': THERE, 'vm_state': 'stopped', 'power_state': 4}
    return changed(world(), **{**there, **values})


def test_a_server_that_was_left_alone_may_go_back():
    assert 'not started' in unstarted(moved()).note
    assert 'not moved' in unstarted(world()).note


@pytest.mark.parametrize(
    'values', [{'vm_state': 'active'}, {'task_state': 'powering-on'}]
)
def test_a_server_that_runs_does_not_go_back(values):
    with pytest.raises(errors.StepFailed, match='has been started'):
        unstarted(moved(**values))


class Acted(MovingWorld):
    """In which somebody did something after the move."""

    def actions(self, server):
        return (('lock', 'req-9'), ('reboot', 'req-8'), *super().actions(''))


def test_a_server_that_was_rebooted_since_does_not_go_back():
    cloud = Acted(given.cloud(given.of_volumes('s1', 'v1', ports=('p1',))))
    changed(cloud, host=THERE, vm_state='stopped')
    with pytest.raises(errors.StepFailed, match='told to reboot'):
        unstarted(cloud)
