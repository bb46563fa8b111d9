# SPDX-License-Identifier: Apache-2.0
"""The verbs, one by one, against a small nova that does as it is told."""

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from osc_recover import errors, markers
from osc_recover.effects import Control
from osc_recover.facts import Attachment, Port, Situation
from osc_recover.gateways.api import Reply
from osc_recover.operations import evacuations, proof, server, service
from osc_recover.operations.watch import Shared, UnderWay
from osc_recover.plan import Step
from tests.power.world import World
from tests.unit.situations import HOST, compute, of_image, row, volume
from tests.unit.situations import server as a_server

RUN = '4f2a9c01'
CONTROL = Control()


def world(*servers, volumes=(), ports=()):
    """The failed host and one other, with servers on the failed one."""
    return World(
        Situation(
            (HOST,),
            services=(compute(HOST, up=False), compute('cmp-2')),
            servers=servers,
            volumes=volumes,
            ports=ports,
        )
    )


def changed(cloud, key='s1', **values):
    cloud._set(key, **values)
    return cloud


# The pace of readings


@pytest.mark.parametrize(
    'waiting, under_way, ticks',
    [(0, 0, 1), (0, 4, 1), (0, 8, 2), (0, 20, 5), (0, 900, 5), (1, 900, 1)],
)
def test_records_are_read_seldom_while_nobody_waits_for_an_end(
    waiting, under_way, ticks
):
    assert evacuations.ticks_between(waiting, under_way) == ticks


# Evacuate


STEP = Step(
    'evacuate:s1',
    'server.evacuate',
    's1',
    {
        'source': HOST,
        'target': '',
        'microversion': '2.94',
        'after': 7,
        'actions': ['req-0'],
    },
    (HOST,),
)


class Nova(World):
    """Whose migration records are told, one list a reading."""

    def __init__(self, readings, *servers, actions=('req-0',)):
        super().__init__(
            Situation((HOST,), services=(compute(HOST),), servers=servers)
        )
        self.readings, self.told = list(readings), list(actions)

    def migrations(self, **which):
        records = self.readings.pop(0)
        if isinstance(records, Exception):
            raise records
        return records

    def evacuate_actions(self, server):
        return tuple(self.told)


def evacuation(nova, timeout=60.0, clock=None):
    return server.Evacuate(
        nova,
        Shared(nova.migrations, 0),
        Shared(lambda: {s.id: s for s in nova.servers(HOST)}, 0),
        UnderWay(),
        grace=0,
        timeout=timeout,
        control=CONTROL,
        clock=clock or itertools.count().__next__,
    )


def record(number, status, **values):
    return row(number, status=status, destination='cmp-2', **values)


def test_no_evacuation_is_no_evacuation():
    assert evacuation(Nova([()], of_image())).in_effect(STEP) is False


@pytest.mark.parametrize(
    'status', ['accepted', 'pre-migrating', 'done', 'completed']
)
def test_an_evacuation_newer_than_the_plan_is_ours_to_follow(status):
    nova = Nova([(record(8, status),)], of_image())
    assert evacuation(nova).in_effect(STEP) is True


@pytest.mark.parametrize(
    'other',
    [
        record(7, 'accepted'),  # seen by the plan
        record(8, 'failed'),
        record(8, 'error'),
        record(8, 'accepted', server='s2'),
        record(8, 'accepted', type='live-migration'),
        record(8, 'accepted', source='cmp-9'),
    ],
)
def test_other_records_are_not_ours(other):
    nova = Nova([(other,)], of_image())
    assert evacuation(nova).in_effect(STEP) is False


@pytest.mark.parametrize(
    'values', [{'host': 'cmp-2'}, {'task_state': 'rebuilding'}]
)
def test_a_server_that_is_away_or_on_its_way_is_not_asked_for(values):
    nova = changed(Nova([()], of_image()), **values)
    assert evacuation(nova).in_effect(STEP) is True


@pytest.mark.parametrize(
    'actions, records, believed',
    [
        (('req-0',), (), False),
        (('req-1', 'req-0'), (), None),  # begun, and no record yet
        (('req-1', 'req-0'), (record(8, 'error'),), False),
        (('req-2', 'req-1', 'req-0'), (record(8, 'error'),), None),
    ],
)
def test_a_lost_request_is_looked_for_in_the_actions(
    actions, records, believed
):
    nova = Nova([records], of_image(), actions=actions)
    assert evacuation(nova).in_effect(STEP, lost=True) is believed


def test_an_evacuation_is_followed_to_its_end():
    nova = Nova(
        [
            (record(8, 'accepted'),),
            errors.ApiUnreachable('nova', 'GET', 'away'),
            (record(8, 'pre-migrating'),),
            (record(8, 'done'),),
        ],
        of_image(),
    )
    result = evacuation(nova).follow(STEP, CONTROL)
    assert result.data == {'destination': 'cmp-2', 'migration': 8}
    assert nova.readings == []


@pytest.mark.parametrize('status', ['failed', 'error'])
def test_a_failed_evacuation_tells_novas_own_reason(status):
    nova = Nova([(record(8, status),)], of_image(fault='No valid host'))
    with pytest.raises(errors.StepFailed, match='No valid host') as caught:
        evacuation(nova).follow(STEP, CONTROL)
    assert status in caught.value.sentence
    assert 'migration 8' in caught.value.sentence


@pytest.mark.parametrize(
    'status, vm_state, named',
    [
        ('failed', 'error', True),
        ('failed', 'active', False),  # it did not fit there
        ('error', 'error', False),  # no host was found
    ],
)
def test_a_server_that_could_not_start_is_to_be_looked_at_on_hosts(
    status, vm_state, named
):
    nova = Nova([(record(8, status),)], of_image(vm_state=vm_state))
    with pytest.raises(errors.StepFailed) as caught:
        evacuation(nova).follow(STEP, CONTROL)
    way = caught.value.way_out
    assert way.startswith('openstack recover run resume tries it again')
    assert ('openstack recover domain check s1 ' in way) is named
    # No host was found, or was asked: that is nova's own decision.
    by_hand = 'openstack recover server s1 --method database' in way
    assert by_hand is (status == 'error')
    assert ('on cmp-2 and on other hosts' in way) is named


def test_only_the_newest_evacuation_counts():
    nova = Nova([(record(9, 'done'), record(8, 'error'))], of_image())
    assert evacuation(nova).follow(STEP, CONTROL).data['migration'] == 9


def test_an_evacuation_that_does_not_end_is_late_not_failed():
    unreachable = errors.ApiUnreachable('nova', 'GET', 'away')
    nova = Nova(
        [(record(8, 'accepted'),), unreachable, unreachable], of_image()
    )
    with pytest.raises(errors.StepFailed, match='not over') as caught:
        evacuation(nova, timeout=3).follow(STEP, CONTROL)
    assert 'last problem: nova: GET: away' in caught.value.sentence
    assert 'no second request' in caught.value.way_out


def test_a_server_moved_by_somebody_else_is_said_to_be():
    nova = changed(Nova([()], of_image()), host='cmp-3')
    result = evacuation(nova).follow(STEP, CONTROL)
    assert result.note == 'moved to cmp-3 by somebody else'
    assert result.data == {'destination': 'cmp-3'}


@pytest.mark.parametrize('question', ['in_effect', 'follow', 'apply'])
def test_a_server_that_was_deleted_has_nothing_left_to_do(question):
    nova = Nova([()])

    def gone(*args):
        raise errors.Gone('nova', 'POST', 'not found', 404)

    nova.evacuate = gone
    asked = {'follow': (STEP, CONTROL)}.get(question, (STEP,))
    with pytest.raises(errors.StepFailed, match='deleted meanwhile'):
        getattr(evacuation(nova), question)(*asked)


def test_one_request_has_target_and_microversion():
    nova = Nova([()], of_image())
    asked = []
    nova.evacuate = lambda *words: asked.append(words) or Reply({}, 'req-7')
    assert evacuation(nova).apply(STEP).request_id == 'req-7'
    assert asked == [('s1', '', '2.94')]


# Reset and stop


RESET = Step('reset-state:s1', 'server.reset-state', 's1', {'state': 'error'})


def test_a_state_is_reset_once():
    nova = world(of_image(vm_state='paused'))
    reset = server.ResetState(nova, 0)
    assert not reset.in_effect(RESET)
    assert 'error' in reset.apply(RESET).note
    assert reset.in_effect(RESET)
    reset.follow(RESET, CONTROL)


def test_a_state_of_a_deleted_server_cannot_be_reset():
    with pytest.raises(errors.StepFailed, match='deleted'):
        server.ResetState(world(), 0).in_effect(RESET)


STOP = Step('stop:s1', 'server.stop', 's1')


def stop(nova, timeout=60):
    ticks = itertools.count().__next__
    return server.Stop(nova, tick=0, grace=0, timeout=timeout, clock=ticks)


def test_a_server_is_stopped_once():
    nova = world(of_image())
    assert not stop(nova).in_effect(STOP)
    stop(nova).apply(STOP)
    assert stop(nova).in_effect(STOP)
    stop(nova).follow(STOP, CONTROL)
    assert nova.asked['stop:s1'] == 1


def test_a_server_that_is_being_stopped_is_not_asked_again():
    nova = world(of_image(task_state='powering-off'))
    assert stop(nova).in_effect(STOP)


def test_a_server_that_does_not_stop_is_told():
    with pytest.raises(errors.StepFailed, match='still active'):
        stop(world(of_image()), timeout=2).follow(STOP, CONTROL)


# Prove


PROVE = Step(
    'prove:s1',
    'server.prove',
    's1',
    {'source': HOST, 'running': True, 'ports': ['p1'], 'volumes': ['v1']},
)
ARRIVED = {'host': 'cmp-2', 'vm_state': 'active', 'power_state': 1}
THERE = Attachment('a1', 'v1', 's1', 'cmp-2')
BOUND = Port('p1', 's1', 'cmp-2', 'ovs')


def prove(cloud, step=40, hurried=True, tick=0):
    return proof.Prove(
        cloud,
        cloud,
        cloud,
        tick=tick,
        hurried=lambda: hurried,
        clock=itertools.count(step=step).__next__,
    )


def arrived(attachments=(THERE,), ports=(BOUND,), **values):
    return world(
        a_server(volumes=('v1',), **{**ARRIVED, **values}),
        volumes=(volume('v1', attachments=attachments),),
        ports=ports,
    )


def test_a_server_that_is_as_planned_is_proven():
    result = prove(arrived()).follow(PROVE, CONTROL)
    assert result.data == {'destination': 'cmp-2'}


def test_a_volume_may_be_attached_to_others_as_well():
    others = Attachment('a2', 'v1', 's2', 'cmp-3')
    prove(arrived((others, THERE))).follow(PROVE, CONTROL)


@pytest.mark.parametrize(
    'cloud, wrong',
    [
        (arrived(host=HOST), f'nova still has it on {HOST}'),
        (arrived(task_state='spawning'), 'its task state is spawning'),
        (arrived(vm_state='error'), 'it is error with power state 1'),
        (arrived(vm_state='stopped', power_state=4), 'not active with 1'),
        (arrived(power_state=4), 'it is active with power state 4'),
        (arrived(ports=()), 'port p1 is gone'),
        (
            arrived(ports=(dataclasses.replace(BOUND, host=HOST),)),
            f'port p1 is bound to {HOST}',
        ),
        (
            arrived(
                ports=(dataclasses.replace(BOUND, vif_type='binding_failed'),)
            ),
            'binding_failed',
        ),
        (arrived(()), 'volume v1 is attached on none'),
        (
            arrived((Attachment('a0', 'v1', 's1', HOST), THERE)),
            f'volume v1 is attached on {HOST}, cmp-2',
        ),
    ],
)
def test_what_is_not_as_planned_is_named(cloud, wrong):
    with pytest.raises(errors.StepFailed) as caught:
        prove(cloud).follow(PROVE, CONTROL)
    assert wrong in caught.value.sentence
    assert 'openstack server show s1' in caught.value.way_out
    assert 'recover domain check s1' in caught.value.way_out


def test_a_volume_that_is_gone_is_named():
    cloud = arrived()
    cloud.volumes = lambda names: ()
    with pytest.raises(errors.StepFailed, match='volume v1 is gone'):
        prove(cloud).follow(PROVE, CONTROL)


def test_all_that_is_wrong_is_named_at_once():
    cloud = arrived((), (), task_state='spawning')
    with pytest.raises(errors.StepFailed) as caught:
        prove(cloud).follow(PROVE, CONTROL)
    for text in ('spawning', 'port p1', 'volume v1'):
        assert text in caught.value.sentence


def test_a_stopped_server_must_be_stopped():
    step = dataclasses.replace(PROVE, args={**PROVE.args, 'running': False})
    prove(arrived(vm_state='stopped', power_state=4)).follow(step, CONTROL)
    with pytest.raises(errors.StepFailed, match='not stopped with 4'):
        prove(arrived()).follow(step, CONTROL)


def test_a_proof_waits_for_what_comes_late():
    cloud = arrived(ports=())
    looks = iter([(), (BOUND,)])
    cloud.ports = lambda servers: next(looks)
    assert prove(cloud, step=1).follow(PROVE, CONTROL).note == 'on cmp-2'


def test_proofs_gather_for_one_look_at_each_service():
    names = [f's{n}' for n in range(8)]
    args = {'source': HOST, 'running': True, 'volumes': []}
    steps = [Step(n, 'server.prove', n, {**args, 'ports': [n]}) for n in names]
    cloud = world(
        *(a_server(name, **ARRIVED) for name in names),
        ports=[Port(name, name, 'cmp-2', 'ovs') for name in names],
    )
    asked, look = [], cloud.ports
    cloud.ports = lambda servers: asked.append(servers) or look(servers)
    prover = prove(cloud, tick=0.5)
    with ThreadPoolExecutor(8) as pool:
        notes = pool.map(lambda s: prover.follow(s, CONTROL).note, steps)
        assert set(notes) == {'on cmp-2'}
    assert {name for servers in asked for name in servers} == set(names)
    assert len(asked) <= 2


def test_a_service_that_is_away_holds_up_only_those_that_need_it():
    bare = Step(
        'prove:s2',
        'server.prove',
        's2',
        {'source': HOST, 'running': True, 'ports': [], 'volumes': []},
    )
    cloud = world(
        *(a_server(name, **ARRIVED) for name in ('s1', 's2')),
        ports=[BOUND],
    )

    def away(names):
        raise errors.ApiUnreachable('cinder', 'GET /volumes', 'away')

    cloud.volumes = away
    prover = prove(cloud, tick=0.5)
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(prover.follow, PROVE, CONTROL)
        assert pool.submit(prover.follow, bare, CONTROL).result().note
        with pytest.raises(errors.StepFailed, match='cinder') as caught:
            held.result()
    assert 'v1 is gone' not in caught.value.sentence


def test_a_server_deleted_before_its_proof_is_told():
    with pytest.raises(errors.StepFailed, match='deleted meanwhile'):
        prove(world(volumes=(volume('v1'),))).follow(PROVE, CONTROL)


@pytest.mark.parametrize('hurried', [True, False])
def test_a_look_that_fails_is_repeated(hurried):
    cloud = arrived()
    answers = iter([errors.ApiUnreachable('nova', 'GET', 'away')])

    def away(name):
        for problem in answers:
            raise problem
        return World.server(cloud, name)

    cloud.server = away
    done = prove(cloud, step=1, hurried=hurried).follow(PROVE, CONTROL)
    assert done.note == 'on cmp-2'


# The service of the host


DOWN = Step(
    f'force-down:{HOST}',
    'service.force-down',
    HOST,
    {'reason': 'rack 4', 'take_over': ''},
)


def marked(reason, **values):
    """A cloud in which the failed host's service has a reason."""
    cloud = world()
    cloud._services[HOST] = dataclasses.replace(
        cloud._services[HOST], disabled_reason=reason, **values
    )
    return cloud


def force_down(cloud):
    return service.ForceDown(cloud, RUN, 0)


def test_a_service_is_forced_down_disabled_and_marked():
    cloud = marked('rack 4')
    assert not force_down(cloud).in_effect(DOWN)
    force_down(cloud).apply(DOWN)
    assert force_down(cloud).in_effect(DOWN)
    kept = force_down(cloud).follow(DOWN, CONTROL).data
    now = cloud._services[HOST]
    assert (now.forced_down, now.enabled) == (True, False)
    assert markers.run_in(now.disabled_reason) == RUN
    assert markers.former_in(now.disabled_reason) == 'rack 4'
    assert kept == {'updated_at': now.updated_at}


@pytest.mark.parametrize(
    'values',
    [
        {'forced_down': False, 'enabled': False},
        {'forced_down': True, 'enabled': True},
    ],
)
def test_half_of_it_is_not_in_effect(values):
    cloud = marked(markers.marker(RUN, ''), **values)
    assert not force_down(cloud).in_effect(DOWN)


def test_the_marker_of_another_run_is_respected():
    cloud = marked(markers.marker('0000beef', ''))
    with pytest.raises(errors.StepFailed, match='run 0000beef') as caught:
        force_down(cloud).apply(DOWN)
    assert '--take-over 0000beef' in caught.value.way_out
    assert not cloud.asked


def test_the_marker_of_a_run_that_is_taken_over_is_replaced():
    cloud = marked(markers.marker('0000beef', 'rack 4'))
    args = {**DOWN.args, 'take_over': '0000beef'}
    force_down(cloud).apply(dataclasses.replace(DOWN, args=args))
    assert force_down(cloud).in_effect(DOWN)


@pytest.mark.parametrize(
    'reason, told',
    [
        (markers.marker('0000beef', ''), 'run 0000beef'),
        ('', 'took the marker'),
    ],
)
def test_of_two_that_write_the_last_one_wins(reason, told):
    cloud = marked(reason, forced_down=True, enabled=False)
    with pytest.raises(errors.StepFailed, match=told) as caught:
        force_down(cloud).follow(DOWN, CONTROL)
    assert not caught.value.way_out.endswith('--take-over ')


def test_a_service_that_is_gone_is_told():
    cloud = world()
    cloud._services.pop(HOST)
    with pytest.raises(errors.StepFailed, match='gone from nova'):
        force_down(cloud).in_effect(DOWN)


UP = Step(f'up:{HOST}', 'service.up', HOST, {'enable': True, 'reason': ''})


def test_a_service_is_brought_up_and_enabled():
    cloud = marked(
        markers.marker(RUN, ''), forced_down=True, enabled=False, up=False
    )
    up = service.Up(cloud, 0)
    assert not up.in_effect(UP)
    up.apply(UP)
    assert up.in_effect(UP)
    assert up.follow(UP, CONTROL).note == 'up and enabled'


def test_a_service_that_was_disabled_before_stays_so_with_its_reason():
    cloud = marked(
        markers.marker(RUN, 'rack 4'), forced_down=True, enabled=False
    )
    step = dataclasses.replace(UP, args={'enable': False, 'reason': 'rack 4'})
    up = service.Up(cloud, 0)
    up.apply(step)
    assert up.in_effect(step)
    assert up.follow(step, CONTROL).note == 'up and disabled, as before'
    assert cloud._services[HOST].disabled_reason == 'rack 4'


def test_a_service_that_nova_still_sees_down_is_told():
    with pytest.raises(errors.StepFailed, match='still sees') as caught:
        service.Up(world(), 0).follow(UP, CONTROL)
    assert 'nova-compute runs' in caught.value.way_out
