# SPDX-License-Identifier: Apache-2.0
"""A reading is shared, and no older than what was asked for."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from osc_recover import errors
from osc_recover.effects import Control, Cut
from osc_recover.operations.watch import Shared, Together, UnderWay


class Source:
    def __init__(self, slow=0.0):
        self.count, self.slow, self.gate = 0, slow, threading.Event()
        self.gate.set()

    def __call__(self):
        self.gate.wait(5)
        time.sleep(self.slow)
        self.count += 1
        return self.count


def test_many_waiters_cost_one_reading():
    source = Source(slow=0.1)
    shared = Shared(source, tick=0.05)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: shared.after(0, Control()), range(8)))
    assert got == [(1, 1)] * 8


def test_now_is_never_a_reading_begun_before_the_question():
    source = Source()
    source.gate.clear()
    shared = Shared(source, tick=0.01)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.after, 0, Control())
        while not shared._reading:
            time.sleep(0.001)
        second = pool.submit(shared.now, Control())
        time.sleep(0.02)
        source.gate.set()
        assert first.result(5) == (1, 1)
        assert second.result(5) == (2, 2)


def test_now_does_not_wait_for_the_tick():
    source = Source()
    shared = Shared(source, tick=3600)
    assert shared.now(Control()) == (1, 1)
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(shared.after, 1, Control())
        assert shared.now(Control())[1] == 2
        assert patient.result(5) == (2, 2)


def test_a_failed_reading_is_told_to_all_and_then_forgotten():
    answers = [errors.ApiUnreachable('nova', 'GET', 'no answer'), 'fine']

    def read():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared = Shared(read, tick=0)
    with pytest.raises(errors.ApiUnreachable):
        shared.now(Control())
    assert shared.now(Control())[1] == 'fine'


def test_a_cut_run_waits_for_nothing():
    shared = Shared(lambda: 1, tick=3600)
    control = Control()
    shared.now(control)
    control.cut()
    with pytest.raises(Cut):
        shared.after(1, control)


def test_a_recent_reading_is_not_made_again():
    now = [0.0]
    source = Source()
    shared = Shared(source, tick=0, clock=lambda: now[0])
    assert shared.recent(2, Control()) == (1, 1)
    now[0] = 2.0
    assert shared.recent(2, Control()) == (1, 1)
    now[0] = 2.1
    assert shared.recent(2, Control()) == (2, 2)


def test_a_reading_made_before_is_taken_while_it_is_recent():
    now = [5.0]
    source = Source()
    shared = Shared(source, tick=0, first=(4.0, 'old'), clock=lambda: now[0])
    assert shared.recent(2, Control()) == (0, 'old')
    now[0] = 6.5
    assert shared.recent(2, Control()) == (1, 1)


def test_more_ticks_are_waited_for_while_there_is_less_hurry():
    ticks = [3600.0]
    shared = Shared(Source(), tick=1, ticks=lambda: ticks[0])
    shared.now(Control())
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(shared.after, shared.begun(), Control())
        time.sleep(0.05)
        assert not patient.done()
        ticks[0] = 0.0
        assert patient.result(5) == (2, 2)


def test_a_reading_under_way_that_is_young_enough_is_waited_for():
    source = Source()
    source.gate.clear()
    shared = Shared(source, tick=3600)
    with ThreadPoolExecutor(9) as pool:
        got = [pool.submit(shared.recent, 60, Control()) for _ in range(9)]
        while not shared._reading:
            time.sleep(0.001)
        source.gate.set()
        assert [one.result(5) for one in got] == [(1, 1)] * 9


def test_a_reading_waits_for_its_tick_and_a_hurried_one_does_not():
    shared = Shared(Source(), tick=3600)
    shared.now(Control())
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(shared.after, shared.begun(), Control())
        time.sleep(0.05)
        assert not patient.done()
        shared.now(Control())
        assert patient.result(5)[0] == 2


def test_a_hurry_during_a_reading_is_for_the_one_after_it():
    source = Source()
    source.gate.clear()
    shared = Shared(source, tick=3600)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.now, Control())
        while not shared._reading:
            time.sleep(0.001)
        second = pool.submit(shared.now, Control())
        time.sleep(0.02)
        source.gate.set()
        assert (first.result(5)[0], second.result(5)[0]) == (1, 2)


def test_questions_of_many_are_answered_by_one_reading():
    readings = []

    def read(asked):
        readings.append(sorted(asked))
        return {key: question * 2 for key, question in asked.items()}

    together = Together(read, tick=0.2)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda n: together.ask(str(n), n, Control(), hurry=True), range(8)
        )
        assert list(answers) == [2 * n for n in range(8)]
    assert len(readings) <= 2


def test_the_first_questions_gather_for_a_tick_as_well():
    readings = []

    def read(asked):
        readings.append(sorted(asked))
        return dict(asked)

    together = Together(read, tick=3600)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(together.ask, 'a', 1, Control())
        while not together._asked:
            time.sleep(0.001)
        assert together.ask('b', 2, Control(), hurry=True) == 2
        assert first.result(5) == 1
    assert readings == [['a', 'b']]


def test_a_question_is_forgotten_when_its_reading_failed():
    answers = [errors.ApiUnreachable('nova', 'GET', 'no answer')]

    def read(asked):
        for problem in answers:
            raise problem
        return dict.fromkeys(asked, len(asked))

    together = Together(read, tick=0)
    with pytest.raises(errors.ApiUnreachable):
        together.ask('a', None, Control())
    answers.clear()
    assert together.ask('b', None, Control()) == 1


def test_what_is_under_way_is_counted():
    under_way = UnderWay()
    assert not under_way
    with under_way, under_way:
        assert under_way
    with contextlib.suppress(KeyError), under_way:
        raise KeyError
    assert not under_way
