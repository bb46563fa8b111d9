# SPDX-License-Identifier: Apache-2.0
"""What a plan and a journal tell about each server."""

import dataclasses

import pytest

from osc_recover import outcome
from osc_recover.plan import Lane, Phase, Plan, Step, Verdict
from osc_recover.runs import Event

RUN = '4f2a9c01'


def lane(key):
    return Lane(
        key,
        tuple(
            Step(f'{verb}:{key}', f'server.{verb}', key, {}, ('cmp1',))
            for verb in ('evacuate', 'prove')
        ),
    )


def verdict(key, **values):
    fields = {'kind': 'image', 'code': 'evacuate', 'act': True, **values}
    return Verdict(key, f'web-{key}', **fields)


PLAN = Plan(
    'host',
    ('cmp1',),
    (
        Phase(
            'isolate',
            (
                Lane(
                    'cmp1',
                    (
                        Step('fence:cmp1', 'host.fence', 'cmp1'),
                        Step('force-down:cmp1', 'service.force-down', 'cmp1'),
                    ),
                ),
            ),
            must=True,
        ),
        Phase('move', (lane('a'), lane('b'))),
    ),
    (
        verdict('a'),
        verdict('b', destination='cmp2'),
        verdict('c', act=False, code='vtpm', reason='a vTPM', way_out='none'),
    ),
)
ISOLATED = [
    Event('', 'started', 0.0),
    Event('fence:cmp1', 'done', 1.0),
    Event('force-down:cmp1', 'done', 2.0),
]
MOVED = [
    Event('evacuate:a', 'begun', 3.0),
    Event('evacuate:a', 'done', 5.0, '', 'req-1', {'destination': 'cmp3'}),
    Event('prove:a', 'done', 6.0, 'on cmp3', '', {'destination': 'cmp3'}),
]


def row(events, name='web-a', plan=PLAN):
    rows = outcome.outcomes(RUN, plan, events)
    return next(row for row in rows if row.name == name)


def test_a_plan_that_was_not_begun_is_planned():
    states = [one.state for one in outcome.planned(PLAN)]
    assert states == ['planned', 'planned', 'left']


def test_a_server_whose_steps_are_all_done_is_recovered():
    found = row(ISOLATED + MOVED)
    assert (found.state, found.destination) == ('recovered', 'cmp3')
    assert found.way_out == ''


def test_a_server_that_arrived_but_is_not_proven_is_not_recovered():
    found = row(ISOLATED + MOVED[:2])
    assert (found.state, found.destination) == ('under way', 'cmp3')
    assert 'evacuate:a is done' in found.reason
    assert f'run resume {RUN}' in found.way_out


def test_a_server_that_is_left_alone_keeps_its_reason():
    found = row(ISOLATED + MOVED, 'web-c')
    assert (found.state, found.reason, found.way_out) == (
        'left',
        'a vTPM',
        'none',
    )


def test_nothing_is_known_to_have_begun_without_an_event():
    found = row([], 'web-b')
    assert (found.state, found.destination) == ('not begun', 'cmp2')
    assert 'cut off before its turn' in found.reason


@pytest.mark.parametrize(
    'event, state, way_out',
    [
        (Event('evacuate:a', 'begun', 3.0), 'under way', 'run resume'),
        (
            Event('evacuate:a', 'in-doubt', 3.0, 'who knows'),
            'in-doubt',
            f'step settle {RUN} evacuate:a --done',
        ),
        (
            Event(
                'evacuate:a', 'failed', 3.0, 'no room', data={'way_out': 'x'}
            ),
            'failed',
            'x',
        ),
        (Event('evacuate:a', 'failed', 3.0, 'no room'), 'failed', 'resume'),
        (
            Event('evacuate:a', 'not-done', 3.0, 'settled by the operator'),
            'not begun',
            'run resume',
        ),
    ],
)
def test_an_unfinished_server_has_a_reason_and_a_way_out(
    event, state, way_out
):
    found = row([*ISOLATED, event])
    assert found.state == state
    assert way_out in found.way_out
    assert found.reason


@pytest.mark.parametrize('state', ['failed', 'in-doubt'])
@pytest.mark.parametrize('step', ['fence:cmp1', 'force-down:cmp1'])
def test_servers_of_a_host_that_was_not_isolated_say_why(step, state):
    events = [
        Event('', 'started', 0.0),
        Event(step, state, 1.0, 'the BMC is dead', data={'way_out': 'mend'}),
        Event('', 'ended', 2.0),
    ]
    found = row(events)
    assert (found.state, found.reason) == ('not begun', 'the BMC is dead')
    assert found.way_out.startswith(
        {'failed': 'mend', 'in-doubt': 'look'}[state]
    )


def test_servers_left_by_the_brake_say_why():
    failed = Event('evacuate:a', 'failed', 3.0, 'no room')
    ended = Event('', 'ended', 4.0, '1 failed, as many as allowed')
    found = row([*ISOLATED, failed, ended], 'web-b')
    assert found.reason == '1 failed, as many as allowed'


def test_only_the_newest_event_of_a_step_counts():
    failed = Event('evacuate:a', 'failed', 2.5, 'no room')
    assert row([*ISOLATED, failed, *MOVED]).state == 'recovered'


def test_times_are_told_from_the_start_of_the_run():
    first, second = outcome.times(PLAN, ISOLATED + MOVED)
    assert (first.waited, first.evacuated, first.proven, first.total) == (
        3.0,
        2.0,
        1.0,
        6.0,
    )
    assert first.request_id == 'req-1'
    assert (second.waited, second.total, second.request_id) == (None, None, '')


def test_servers_that_were_left_have_no_times():
    assert [one.server for one in outcome.times(PLAN, [])] == ['a', 'b']


@pytest.mark.parametrize(
    'share, value', [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.9, 4.0), (1, 4.0)]
)
def test_a_percentile_is_one_of_the_values(share, value):
    assert outcome.percentile([4.0, 1.0, 3.0, 2.0], share) == value


def phased(*states):
    """The row of host a, which goes on in a second phase."""
    first = Lane('a', (Step('stop:a', 'services.stop', 'a'),))
    second = Lane('a', (Step('start:a', 'services.start', 'a'),))
    phases = (Phase('one', (first,), must=True), Phase('two', (second,)))
    one = Verdict('a', 'a', '', 'renumber', True)
    plan = Plan('ownership', ('a',), phases, (one,))
    names = ('stop:a', 'start:a')
    events = [
        Event(name, state, 1.0, f'{name} {state}')
        for name, state in zip(names, states, strict=False)
    ]
    [row] = outcome.outcomes(RUN, plan, events)
    return row.state, row.reason


def test_a_lane_that_goes_on_in_a_later_phase_is_told_as_one():
    assert phased('done', 'done') == ('done', 'start:a done')
    assert phased('failed') == ('failed', 'stop:a failed')
    assert phased('done')[0] == 'under way'
    assert phased('done', 'failed') == ('failed', 'start:a failed')


def test_a_host_that_is_as_it_was_asked_for_is_good_without_an_act():
    plan = Plan('ownership', ('a',), (), (Verdict('a', 'a', '', 'ok', False),))
    assert all(map(outcome.is_good, outcome.planned(plan)))


def test_what_a_host_lacks_is_no_reason_for_servers_of_others():
    """Only a phase that must succeed keeps others from being begun."""
    up = Phase(
        'services', (Lane('cmp1', (Step('up:cmp1', 'compute-up', 'cmp1'),)),)
    )
    tolerant = dataclasses.replace(
        PLAN, phases=(up, *(p for p in PLAN.phases if not p.must))
    )
    events = [
        Event('', 'started', 0.0),
        Event('up:cmp1', 'failed', 1.0, 'nova-compute is down'),
        Event('', 'stopped', 2.0, 'interrupted'),
    ]
    assert row(events, 'web-b', tolerant).reason == 'interrupted'


def test_what_is_done_may_have_something_to_tell():
    warned = {'warning': 'it is silent', 'way_out': 'look at its console'}
    last = Event('prove:a', 'done', 6.0, 'it is silent', '', warned)
    events = [*ISOLATED, *MOVED[:-1], last]
    found = row(events)
    assert (found.state, found.reason) == ('recovered', 'it is silent')
    assert found.way_out == 'look at its console'
    plan = dataclasses.replace(PLAN, verdicts=(verdict('a', reason='why'),))
    assert row(events, plan=plan).reason == 'why; it is silent'


def drilled(**at):
    """A drill of server a, with the ends of its steps."""
    names = {
        'close': 'close:cmp1:3', 'detect': 'detect:a', 'recover': 'start:a',
        'verify': 'prove:a',
    }  # fmt: skip
    phases = tuple(
        Phase(title, (Lane('a', (Step(name, title, 'a'),)),))
        for title, name in names.items()
    )
    plan = Plan('drill', ('cmp1',), phases, (verdict('a', code='drill'),))
    events = [Event('', 'started', 1.0)]
    for title, (began, ended, state) in at.items():
        events += [
            Event(names[title], 'begun', began),
            Event(names[title], state, ended, f'{title} {state}'),
        ]
    return plan, events


def test_the_times_of_a_drill_are_told_from_the_loss():
    [told] = outcome.times(
        *drilled(
            close=(2.0, 3.0, 'done'), detect=(3.0, 3.5, 'done'),
            recover=(4.0, 9.0, 'done'), verify=(9.0, 10.0, 'done'),
        )
    )  # fmt: skip
    assert (told.detected, told.restored, told.total) == (0.5, 7.0, 9.0)
    assert told.phases == {
        'close': 1.0, 'detect': 0.5, 'recover': 5.0, 'verify': 1.0,
    }  # fmt: skip


def test_what_was_not_lost_or_is_not_back_has_no_time():
    [told] = outcome.times(*drilled(close=(2.0, 3.0, 'failed')))
    assert (told.detected, told.restored, told.phases) == (None, None, {})
    [told] = outcome.times(
        *drilled(
            close=(2.0, 3.0, 'done'),
            detect=(3.0, 3.5, 'done'),
            recover=(4.0, 9.0, 'failed'),
        )
    )
    assert (told.detected, told.restored) == (0.5, None)
    assert [*told.phases] == ['close', 'detect']


def test_a_failed_step_counts_also_where_a_later_phase_went_on():
    plan, events = drilled(
        close=(2.0, 3.0, 'failed'), detect=(3.0, 3.5, 'done')
    )
    [row] = outcome.outcomes(RUN, plan, events)
    assert (row.state, row.reason) == ('failed', 'close failed')
