# SPDX-License-Identifier: Apache-2.0
"""The plan of a recovery by evacuation."""

import dataclasses

import pytest

from osc_recover import errors, facts, records
from osc_recover.plan import Plan
from osc_recover.procedures.host import Request, recover_host
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    group,
    of_image,
    row,
    server,
    volume,
)


def planned(*servers, request=None, **changes):
    return recover_host(cloud(*servers, **changes), request or asked())


def verbs(plan, key='s1'):
    return [step.verb for step in plan.steps() if step.target == key]


def verdict(plan, key='s1'):
    return next(v for v in plan.verdicts if v.server == key)


def order(plan):
    return [lane.name for lane in plan.phases[-1].lanes]


def test_a_server_is_evacuated_and_proven():
    plan = planned()
    assert verbs(plan) == ['server.evacuate', 'server.prove']
    assert [phase.title for phase in plan.phases] == ['force down', 'recover']
    assert verdict(plan).code == 'evacuate'


def test_a_host_is_fenced_before_it_is_forced_down():
    plan = planned(request=asked(fence=True, fenced=''))
    titles = [(phase.title, phase.must) for phase in plan.phases]
    assert titles == [
        ('fence', True),
        ('force down', True),
        ('recover', False),
    ]
    assert plan.step('fence:cmp-1').verb == 'host.fence'


def test_the_state_of_the_service_is_kept():
    service = compute(
        HOST,
        up=False,
        forced_down=True,
        enabled=False,
        disabled_reason='bad fan',
    )
    plan = planned(services=computes(service))
    assert plan.step('force-down:cmp-1').args == {
        'service': 'id-cmp-1',
        'was_enabled': False,
        'was_forced_down': True,
        'reason': 'bad fan',
        'take_over': '',
    }


@pytest.mark.parametrize(
    'former, was_enabled', [('', True), (' | was: bad fan', False)]
)
def test_a_taken_over_host_goes_back_to_what_it_was(former, was_enabled):
    service = compute(
        HOST,
        up=False,
        forced_down=True,
        enabled=False,
        disabled_reason='osc-recover run 7f3a' + former,
    )
    plan = planned(services=computes(service), request=asked(take_over='7f3a'))
    args = plan.step('force-down:cmp-1').args
    assert args['take_over'] == '7f3a'
    assert args['was_enabled'] is was_enabled
    assert args['was_forced_down'] is False
    assert args['reason'] == ('bad fan' if former else '')


def test_steps_of_servers_need_the_host_dead_and_others_do_not():
    plan = planned(request=asked(fence=True))
    guarded = {step.name for step in plan.steps() if step.hosts == (HOST,)}
    assert guarded == {'evacuate:s1', 'prove:s1'}


def test_the_markers_of_before_are_in_the_evacuation():
    rows = (row(3, status='done', server='s9'), row(9, source='cmp-2'))
    plan = planned(server(evacuations=('req-1',)), migrations=rows[:1])
    args = plan.step('evacuate:s1').args
    assert (args['after'], args['actions']) == (3, ['req-1'])


def test_only_migrations_from_the_host_are_its_marker():
    other = row(9, source='cmp-2', server='s9')
    plan = planned(migrations=(other,))
    assert plan.step('evacuate:s1').args['after'] == 0


def test_a_stopped_server_stays_stopped():
    plan = planned(server(vm_state='stopped', power_state=4))
    assert verbs(plan)[1:] == ['server.stop', 'server.prove']
    assert plan.step('prove:s1').args['running'] is False


def test_an_error_server_that_was_off_is_stopped_again():
    plan = planned(server(vm_state='error', power_state=4))
    assert verdict(plan).code == 'error-state'
    assert 'server.stop' in verbs(plan)


def test_left_stopped_servers_are_asked_for_with_2_95():
    plan = planned(request=asked(leave_stopped=True))
    assert plan.step('evacuate:s1').args['microversion'] == '2.95'
    assert plan.step('prove:s1').args['running'] is False
    assert verdict(plan).ran


def test_a_paused_server_is_reset_first():
    plan = planned(server(vm_state='paused'), request=asked(reset_state=True))
    assert verbs(plan)[0] == 'server.reset-state'
    assert plan.step('reset-state:s1').args == {'state': 'error'}
    assert plan.step('prove:s1').args['running'] is True
    assert verdict(plan).loss == 'its memory (it was paused)'


def test_what_must_be_proven_is_listed():
    ports = (facts.Port('p1', 's1'), facts.Port('p2', 's9'))
    plan = planned(ports=ports)
    args = plan.step('prove:s1').args
    assert (args['ports'], args['volumes']) == (['p1'], ['v-s1'])


def test_members_of_an_anti_affinity_group_share_a_mutex():
    plan = planned(server(), server('s2'), groups=(group('s1', 's2'),))
    assert [lane.mutexes for lane in plan.phases[-1].lanes] == [
        ('group:g1',),
        ('group:g1',),
    ]


def test_an_affinity_group_needs_no_mutex():
    hosts = {'s1': HOST, 's9': 'cmp-2'}
    with_ = group(*hosts, policy='affinity', member_hosts=hosts)
    plan = planned(groups=(with_,))
    assert plan.phases[-1].lanes[0].mutexes == ()


def test_larger_priority_first_then_what_ran_then_by_name():
    plan = planned(
        server('s1', name='d'),
        server('s2', name='c', vm_state='stopped'),
        server('s3', name='b', metadata={'rank': 'high'}),
        server('s4', name='a', metadata={'rank': '2'}),
        server('s5', name='e', metadata={'rank': '10'}),
        request=asked(priority_property='rank'),
    )
    assert order(plan) == ['s5', 's4', 's3', 's1', 's2']


def test_what_is_left_alone_comes_last_in_the_table():
    plan = planned(server('s1', vm_state='shelved'), server('s2'))
    assert [v.server for v in plan.verdicts] == ['s2', 's1']
    assert order(plan) == ['s2']


def test_a_server_with_several_flaws_names_them_all():
    plan = planned(of_image(vm_state='paused'), request=asked())
    assert verdict(plan).code == 'reset-state'
    assert '--reset-state' in verdict(plan).way_out
    assert '--accept-data-loss' in verdict(plan).way_out


def test_a_flag_is_not_offered_where_it_would_not_help():
    plan = planned(of_image(extra_specs={'hw:tpm_version': '2.0'}))
    assert verdict(plan).code == 'vtpm'
    assert '--accept' not in verdict(plan).way_out


def test_an_excluded_server_is_excluded_and_nothing_else():
    plan = planned(
        of_image(vm_state='shelved'), request=asked(exclude=('s1',))
    )
    assert verdict(plan).code == 'excluded'
    assert 'shelved' not in verdict(plan).reason


def test_a_server_without_room_takes_none():
    members = [server(f's{n}') for n in range(4)]
    plan = planned(*members, groups=(group(*(m.id for m in members)),))
    assert order(plan) == ['s0', 's1', 's2']
    assert verdict(plan, 's3').code == 'anti-affinity-full'


def test_named_servers_alone_are_judged():
    plan = planned(server(), server('s2'), request=asked(servers=('web-s2',)))
    assert [v.server for v in plan.verdicts] == ['s2']
    assert 'other servers there, not named: 1' in plan.notes


def test_gaps_and_warnings_of_the_host_are_notes():
    agent = facts.Agent('a', 'L3 agent', HOST, alive=False)
    plan = planned(agents=(agent,), gaps=('images: no answer',))
    assert any('L3 agent' in note for note in plan.notes)
    assert plan.notes[-1] == 'images: no answer'


def test_a_warning_does_not_stop_a_server():
    plan = planned(volumes=(volume(encrypted=True),))
    assert verdict(plan).act
    assert 'encrypted' in verdict(plan).reason
    assert 'Barbican' in verdict(plan).way_out


@pytest.mark.parametrize(
    'one, request_, kind',
    [
        (server(), {}, 'volume'),
        (server(volumes=('a', 'b', 'c')), {}, 'volume + 2 data'),
        (server(ephemeral_gb=1), {}, 'volume, local disk'),
        (of_image(), {}, 'image, local disk'),
        (
            of_image(volumes=('a',)),
            {'shared_storage': True},
            'image, shared disk + 1 data',
        ),
        (server(vm_state='stopped'), {}, 'volume, stopped'),
    ],
)
def test_the_kind_of_a_server(one, request_, kind):
    assert verdict(planned(one, request=asked(**request_))).kind == kind


def test_the_kind_names_the_group():
    plan = planned(groups=(group('s1'),))
    assert verdict(plan).kind == 'volume, anti-affinity web'


def test_an_empty_host_needs_no_evidence():
    situation = dataclasses.replace(cloud(), servers=())
    plan = recover_host(situation, asked(fenced=''))
    assert (plan.phases, plan.verdicts) == ((), ())


def test_a_host_in_a_cell_out_of_reach_is_not_empty():
    lost = (facts.Service('', HOST, up=False), compute('cmp-2'))
    situation = dataclasses.replace(cloud(services=lost), servers=())
    with pytest.raises(errors.Refused) as caught:
        recover_host(situation, asked())
    assert caught.value.code == 'cell-down'


def test_all_refused_is_a_plan_without_phases():
    plan = planned(server(vm_state='shelved'))
    assert plan.phases == ()
    assert not verdict(plan).act


def test_every_refusal_of_the_host_is_told_at_once():
    with pytest.raises(errors.Refused) as caught:
        planned(services=computes(), request=asked(fenced='', target=HOST))
    assert caught.value.code == 'host-up'
    assert caught.value.exit_status == 3
    for word in ('is up', 'is off', '--target'):
        assert word in caught.value.sentence


@pytest.mark.parametrize('where', ['servers', 'exclude', 'accept_data_loss'])
def test_a_name_that_is_not_here_is_refused(where):
    with pytest.raises(errors.Refused) as caught:
        planned(request=asked(**{where: ('web-s9',)}))
    assert caught.value.code == 'not-on-host'


def test_a_name_of_several_servers_is_refused():
    twins = (server('s1', name='web'), server('s2', name='web'))
    with pytest.raises(errors.UnknownServer) as caught:
        planned(*twins, request=asked(exclude=('web',)))
    assert caught.value.found == ('s1', 's2')


def test_the_id_of_one_of_two_namesakes_is_clear():
    twins = (server('s1', name='web'), server('s2', name='web'))
    plan = planned(*twins, request=asked(exclude=('s2',)))
    assert order(plan) == ['s1']


def test_a_server_called_like_the_id_of_another_is_not_meant():
    plan = planned(
        server('s1'), server('s2', name='s1'), request=asked(exclude=('s1',))
    )
    assert order(plan) == ['s2']


def test_all_is_no_server_to_exclude():
    with pytest.raises(errors.Refused):
        planned(request=asked(exclude=('all',)))


def test_an_unknown_host_is_refused_with_its_like():
    with pytest.raises(errors.UnknownHost) as caught:
        planned(request=Request(('cmp-1.example.org',), fenced='seen'))
    assert caught.value.near == ('cmp-1',)


def test_two_hosts_have_their_lanes_side_by_side():
    both = ('cmp-1', 'cmp-2')
    down = computes(*(compute(name, up=False) for name in both))
    plan = planned(
        server(),
        server('s2', host='cmp-2'),
        services=(*down, compute('cmp-5'), compute('cmp-6')),
        request=Request(both, fenced='rack 4 has no power'),
    )
    lanes = [lane.name for lane in plan.phases[0].lanes]
    assert lanes == ['cmp-1', 'cmp-2']
    assert plan.step('evacuate:s2').args['source'] == 'cmp-2'
    assert plan.step('evacuate:s2').hosts == ('cmp-2',)


def test_a_request_can_be_read_back_from_its_plan():
    request = asked(shared_hosts=('a', 'b'), shared_storage=False)
    plan = planned(request=request)
    assert records.from_data(Request, dict(plan.request)) == request
    assert records.load(Plan, records.dump(plan)) == plan
