# SPDX-License-Identifier: Apache-2.0
"""The engine asks before it acts, and stops when it must."""

import _thread
import threading

import pytest

from osc_recover import errors
from osc_recover.effects import Control, Result
from osc_recover.engine import Engine
from osc_recover.journal import Journal
from osc_recover.plan import Lane, Phase, Plan, Step
from osc_recover.runs import State


class Light:
    """A verb over a world of switches; ``script`` says how a switch acts."""

    writes, grace = True, 0.05

    def __init__(self):
        self.lit, self.asked, self.script = set(), [], {}
        self.running, self.most, self.lock = [], 0, threading.Lock()

    def in_effect(self, step, lost=False):
        if self.script.get(step.target) == 'unknown' and lost:
            return None
        return step.target in self.lit

    def apply(self, step):
        with self.lock:
            self.asked.append(step.target)
            how = self.script.get(step.target, '')
        if how == 'fails':
            raise errors.StepFailed('the bulb is gone')
        if how == 'rejected' and self.asked.count(step.target) == 1:
            raise errors.Unauthorized('light', 'POST', '401')
        if how != 'lost':
            self.lit.add(step.target)
        if how in ('cut', 'lost', 'unknown'):
            raise errors.Uncertain('light', 'POST', 'no answer')
        return Result('lit', f'req-{step.target}')

    def follow(self, step, control):
        with self.lock:
            self.running.append(step.target)
            self.most = max(self.most, len(self.running))
        control.wait(0.02)
        with self.lock:
            self.running.remove(step.target)
        return Result()


class Hasty(Control):
    def wait(self, seconds):
        super().wait(min(seconds, 0.01))


@pytest.fixture
def light():
    return Light()


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / 'journal.sqlite') as one:
        yield one


def lane(*targets, mutexes=(), hosts=('h',)):
    steps = tuple(Step(f'light:{t}', 'light', t, hosts=hosts) for t in targets)
    return Lane(targets[0], steps, mutexes)


def plan_of(*lanes, must=False):
    last = Phase('last', (lane('z'),))
    return Plan('test', ('h',), (Phase('first', lanes, must), last))


@pytest.fixture
def carry_out(journal, light):
    def go(plan, run=None, guard=lambda run, host: None, **options):
        run = run or journal.store(plan, 'key', 'name').id
        engine = Engine(journal, {'light': light}, guard, **options)
        return run, engine.carry_out(run, plan)

    return go


def states(journal, run):
    return {e.step: e.state for e in journal.events(run) if e.step}


def test_everything_is_done_once_and_said(carry_out, journal, light):
    run, done = carry_out(plan_of(lane('a', 'b'), lane('c')))
    assert done
    assert sorted(light.asked) == ['a', 'b', 'c', 'z']
    assert journal.last(run, 'light:a').request_id == 'req-a'
    carry_out(journal.run(run).plan, run)
    assert len(light.asked) == 4


def test_what_is_in_effect_is_not_asked_for(carry_out, journal, light):
    light.lit.add('a')
    run, done = carry_out(plan_of(lane('a')))
    assert done
    assert light.asked == ['z']
    assert journal.last(run, 'light:a').note == 'already in effect'


def test_a_failure_ends_its_lane_and_no_other(carry_out, journal, light):
    light.script['a'] = 'fails'
    run, done = carry_out(plan_of(lane('a', 'b'), lane('c')))
    assert not done
    assert sorted(light.asked) == ['a', 'c', 'z']
    assert journal.last(run, 'light:a').note == 'the bulb is gone'
    assert journal.last(run, 'light:b') is None


def test_a_failure_where_it_must_not_be_ends_the_run(carry_out, light):
    light.script['a'] = 'fails'
    _, done = carry_out(plan_of(lane('a'), lane('c'), must=True))
    assert not done
    assert 'z' not in light.asked


def test_a_lane_that_failed_does_not_go_on_in_a_later_phase(
    carry_out, light, journal
):
    light.script['a'] = 'fails'
    first = Phase('first', (lane('a'), lane('c')))
    further = Lane('a', (Step('light:b', 'light', 'b'),))
    last = Phase('last', (further, Lane('c', lane('d').steps)))
    run, done = carry_out(Plan('test', ('h',), (first, last)))
    assert not done
    assert sorted(light.asked) == ['a', 'c', 'd']
    light.script.clear()
    _, done = carry_out(journal.run(run).plan, run)
    assert done
    assert light.asked[3:] == ['a', 'b']


def test_a_resume_tries_what_failed_again(carry_out, light, journal):
    light.script['a'] = 'fails'
    run, _ = carry_out(plan_of(lane('a', 'b')))
    light.script.clear()
    _, done = carry_out(journal.run(run).plan, run)
    assert done
    assert light.asked == ['a', 'z', 'a', 'b']


def test_a_lost_answer_is_looked_for_and_found(carry_out, journal, light):
    light.script['a'] = 'cut'
    run, done = carry_out(plan_of(lane('a')))
    assert done
    assert light.asked == ['a', 'z']
    assert 'but it happened' in journal.last(run, 'light:a').note


def test_a_lost_request_is_never_sent_twice_by_itself(
    carry_out, journal, light
):
    light.script['a'] = 'lost'
    run, done = carry_out(plan_of(lane('a')))
    assert not done
    assert light.asked.count('a') == 1
    assert 'it did not happen' in journal.last(run, 'light:a').note


def test_a_look_that_fails_ends_no_search_for_a_lost_request(
    carry_out, journal, light
):
    """A resume right after it would send a request that is queued again."""
    looks = []

    def in_effect(step, lost=False):
        if lost:
            looks.append(step.target)
            if len(looks) == 1:
                raise errors.StepFailed('its host is silent')
            light.lit.add(step.target)
        return step.target in light.lit

    light.in_effect, light.grace = in_effect, 30.0
    light.script['a'] = 'lost'
    run, done = carry_out(plan_of(lane('a')), control=Hasty())
    assert done
    assert light.asked == ['a', 'z']
    assert 'but it happened' in journal.last(run, 'light:a').note


def test_a_look_that_fails_to_the_end_is_what_the_step_fails_with(
    carry_out, journal, light
):
    def in_effect(step, lost=False):
        if lost:
            raise errors.StepFailed('its host is silent')
        return False

    light.in_effect, light.script['a'] = in_effect, 'lost'
    run, done = carry_out(plan_of(lane('a')))
    assert not done
    told = journal.last(run, 'light:a')
    assert (told.state, told.note) == (State.FAILED, 'its host is silent')


def test_nobody_can_tell_is_in_doubt_until_settled(carry_out, journal, light):
    light.script['a'] = 'unknown'
    run, done = carry_out(plan_of(lane('a')))
    assert not done
    assert states(journal, run)['light:a'] == 'in-doubt'
    carry_out(journal.run(run).plan, run)
    assert light.asked.count('a') == 1
    journal.record(run, 'light:a', State.NOT_DONE)
    light.script.clear()
    light.lit.clear()
    _, done = carry_out(journal.run(run).plan, run)
    assert done
    assert light.asked.count('a') == 2


@pytest.mark.parametrize(
    'problem',
    [
        errors.ApiUnreachable('light', 'GET', 'out of reach'),
        errors.Unauthorized('light', 'GET', '401'),
        errors.ApiRefused('light', 'GET', '400'),
        errors.AuthFailed('keystone is gone'),
    ],
    ids=lambda problem: problem.code,
)
def test_what_cannot_be_looked_for_is_in_doubt(
    carry_out, journal, light, problem
):
    def in_effect(step, lost=False):
        if lost:
            raise problem
        return False

    light.script['a'] = 'lost'
    known, light.in_effect = light.in_effect, in_effect
    run, done = carry_out(plan_of(lane('a')))
    assert not done
    assert states(journal, run)['light:a'] == 'in-doubt'
    light.in_effect = known
    light.lit.add('a')
    _, done = carry_out(journal.run(run).plan, run)
    assert done
    assert light.asked.count('a') == 1


def test_a_token_that_cannot_be_had_fails_a_lane_and_no_other(
    carry_out, journal, light
):
    def in_effect(step, lost=False):
        if step.target == 'a':
            raise errors.AuthFailed('keystone is gone')
        return False

    light.in_effect = in_effect
    run, done = carry_out(plan_of(lane('a'), lane('c')))
    assert not done
    assert light.asked == ['c', 'z']
    assert 'no token' in journal.last(run, 'light:a').note


def test_a_rejected_token_is_renewed_once(carry_out, light):
    light.script['a'] = 'rejected'
    _, done = carry_out(plan_of(lane('a')))
    assert done
    assert light.asked == ['a', 'a', 'z']


def test_the_brake_stops_further_effects(carry_out, light):
    for name in 'abcdef':
        light.script[name] = 'fails'
    _, done = carry_out(
        plan_of(*(lane(n) for n in 'abcdef')), workers=1, max_failures=2
    )
    assert not done
    assert light.asked == ['a', 'b']


@pytest.mark.parametrize('writes', [True, False])
def test_lanes_that_begin_together_are_staggered(
    carry_out, light, monkeypatch, writes
):
    light.writes = writes
    now = [100.0]
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds + 1

    monkeypatch.setattr('osc_recover.engine.time.sleep', sleep)
    monkeypatch.setattr('osc_recover.engine.time.monotonic', lambda: now[0])
    stagger = 7 if writes else 70
    lanes = (lane('a'), lane('b'), lane('c'))
    _, done = carry_out(plan_of(*lanes), stagger=stagger)
    assert done
    # The second that each pause takes longer counts for the next; those that
    # only look follow each other sooner.
    assert pauses[:3] == [0, 6, 6]


def test_the_lanes_that_find_no_slot_are_counted(carry_out, light):
    control = Control()
    seen = []
    carry_out(
        plan_of(*(lane(n) for n in 'abcde')),
        workers=2,
        control=control,
        guard=lambda run, host: seen.append(control.waiting),
    )
    assert set(seen) >= {0, 3}
    assert control.waiting == 0


def test_the_guard_is_asked_before_each_effect(carry_out, journal, light):
    def guard(run, host):
        if 'b' in light.lit:
            raise errors.RunStopped('h is alive', 'look')

    run, done = carry_out(
        plan_of(lane('a', 'b', 'c', 'd'), lane('e')), guard=guard, workers=1
    )
    assert not done
    assert light.asked == ['a', 'b']
    assert journal.last(run, '').note == 'h is alive; look'


def test_lanes_run_side_by_side_up_to_the_workers(carry_out, light):
    carry_out(plan_of(*(lane(n) for n in 'abcdefgh')), workers=3)
    assert light.most == 3


def test_lanes_of_one_mutex_run_one_after_another(carry_out, light):
    lanes = [lane(n, mutexes=('group:1',)) for n in 'abcd']
    carry_out(plan_of(*lanes), workers=4)
    assert light.most == 1
    assert sorted(light.asked) == ['a', 'b', 'c', 'd', 'z']


def test_an_interrupted_run_says_how_to_go_on(journal, light):
    plan = plan_of(*(lane(n) for n in 'abcdef'))
    run = journal.store(plan, 'key', 'name').id
    engine = Engine(
        journal, {'light': light}, lambda run, host: None, workers=2
    )
    engine._watch = lambda step, state, note: engine.control.cut()
    with pytest.raises(errors.Interrupted, match=f'run resume {run}'):
        engine.carry_out(run, plan)
    assert len(light.asked) <= 2
    assert set(states(journal, run).values()) == {'begun'}


def test_an_interrupt_that_wakes_nobody_is_seen_all_the_same(journal, light):
    plan = plan_of(lane('a'))
    run = journal.store(plan, 'key', 'name').id
    engine = Engine(journal, {'light': light}, lambda run, host: None)

    def follow(step, control):
        # As a ^C just before a wait: it does not end the wait.
        _thread.interrupt_main()
        control.wait(60)

    light.follow = follow
    with pytest.raises(errors.Interrupted):
        engine.carry_out(run, plan)


def test_an_unknown_error_is_not_swallowed(carry_out, light):
    light.follow = lambda step, control: 1 / 0
    with pytest.raises(ZeroDivisionError):
        carry_out(plan_of(lane('a')))


class Look:
    """A verb that only looks, and waits for a gate to open."""

    writes, grace = False, 0.0

    def __init__(self):
        self.gate = threading.Event()

    def in_effect(self, step, lost=False):
        return False

    def apply(self, step):
        return Result()

    def follow(self, step, control):
        assert self.gate.wait(10)
        return Result()


def test_a_lane_that_only_looks_any_more_holds_no_slot(journal, light):
    look = Look()
    first = Lane('a', (*lane('a').steps, Step('look:a', 'look', 'a')))
    plan = Plan('test', ('h',), (Phase('one', (first, lane('b'))),))
    run = journal.store(plan, 'key', 'name').id
    verbs = {'light': light, 'look': look}
    engine = Engine(journal, verbs, lambda run, host: None, workers=1)
    engine._watch = lambda step, state, note: (
        look.gate.set() if (step.target, state) == ('b', 'done') else None
    )
    assert engine.carry_out(run, plan)
    assert light.asked == ['a', 'b']
