# SPDX-License-Identifier: Apache-2.0
"""The plan of a host's return."""

import dataclasses

import pytest

from osc_recover import errors, records
from osc_recover.plan import Plan
from osc_recover.procedures.returning import (
    Return,
    refusal,
    return_host,
)
from tests.unit.situations import (
    HOST,
    cloud,
    compute,
    computes,
    held,
    returned,
    row,
    server,
)

DOWN = {
    'up': False,
    'forced_down': True,
    'enabled': False,
    'disabled_reason': 'osc-recover run 7f3a',
}


def planned(*servers, request=None, **changes):
    services = computes(compute(HOST, **{**DOWN, **changes.pop('was', {})}))
    situation = cloud(*servers, services=services, **changes)
    return return_host(situation, request or returned())


def codes(plan):
    return {verdict.name: verdict.code for verdict in plan.verdicts}


def test_a_host_with_nothing_open_comes_up():
    plan = planned()
    (step,) = plan.steps()
    assert (step.name, step.verb) == ('up:cmp-1', 'service.up')
    assert step.args == {'service': 'id-cmp-1', 'enable': True, 'reason': ''}
    assert refusal(plan) is None


def test_what_the_host_alone_knows_is_unknown():
    plan = planned(allocations=(held('s1'),))
    assert codes(plan) == {
        'evacuation records': 'ok',
        'allocations': 'ok',
        'heartbeat': 'ok',
        'duplicate guests': 'unknown',
        'leftovers': 'unknown',
        'ids': 'unknown',
        'iSCSI sessions': 'unknown',
        'service': 'ok',
    }


def test_every_row_that_is_not_ok_says_what_to_do():
    plan = planned(gaps=('allocations: no answer',))
    for verdict in plan.verdicts:
        assert verdict.server == HOST
        if verdict.code != 'ok':
            assert verdict.reason
            assert verdict.way_out


@pytest.mark.parametrize(
    'changes, name',
    [
        (
            {'migrations': (row(status='done', server='s9'),)},
            'evacuation records',
        ),
        ({'migrations': (row(status='done'),)}, 'evacuation records'),
        ({'allocations': (held('s9'),)}, 'allocations'),
        ({'request': returned(alive=False)}, 'heartbeat'),
        ({'request': returned(open_runs=('7f3a',))}, 'service'),
    ],
)
def test_what_is_open_keeps_the_host_out(changes, name):
    plan = planned(**changes)
    assert codes(plan)[name] == 'open'
    assert plan.phases == ()
    caught = refusal(plan)
    assert (caught.code, caught.exit_status) == ('not-ready', 3)


def test_one_way_out_for_many_rows_is_said_once():
    rows = tuple(row(n, status='done', server=f's9{n}') for n in range(5))
    caught = refusal(planned(migrations=rows))
    assert (
        caught.way_out.count('restart nova-compute on cmp-1: it removes') == 1
    )
    assert caught.sentence.count('not completed') == 5


def test_allocations_that_could_not_be_seen_are_unknown():
    plan = planned(gaps=('allocations: no answer',))
    assert codes(plan)['allocations'] == 'unknown'
    assert codes(planned(hypervisors=()))['allocations'] == 'unknown'


def test_a_host_that_was_disabled_before_stays_so():
    was = {'disabled_reason': 'osc-recover run 7f3a | was: bad fan'}
    plan = planned(was=was, request=returned(was_enabled=False))
    (step,) = plan.steps()
    assert (step.args['enable'], step.args['reason']) == (False, 'bad fan')


def test_somebody_s_own_reason_is_said():
    plan = planned(was={'disabled_reason': 'bad fan'})
    (row_,) = [v for v in plan.verdicts if v.name == 'service']
    assert (row_.code, row_.act) == ('ok', True)
    assert 'bad fan' in row_.reason


def test_a_host_in_service_needs_no_step():
    was = {'up': True, 'forced_down': False, 'enabled': True}
    plan = planned(was={**was, 'disabled_reason': ''})
    assert plan.phases == ()
    assert refusal(plan) is None


def test_an_empty_host_may_return():
    situation = dataclasses.replace(cloud(), servers=())
    assert return_host(situation, returned()).phases


def test_an_unknown_host_is_refused():
    with pytest.raises(errors.UnknownHost):
        return_host(cloud(server()), Return('cmp-9', alive=True))


def test_a_return_can_be_read_back_from_its_plan():
    plan = planned()
    assert records.from_data(Return, dict(plan.request)) == returned()
    assert records.load(Plan, records.dump(plan)) == plan
