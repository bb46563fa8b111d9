# SPDX-License-Identifier: Apache-2.0
import _thread
import threading

import pytest

from osc_recover.gateways import side_by_side


def test_they_come_as_they_end():
    first = threading.Event()

    def work(number):
        if number == 1:
            assert first.wait(30)
        return -number

    found = side_by_side.as_they_end(work, [1, 2], 2)
    assert next(found) == (2, -2)
    first.set()
    assert list(found) == [(1, -1)]


def test_answers_come_in_the_order_of_what_was_asked():
    last = threading.Event()

    def work(item):
        if item == 'b':
            last.set()
        assert last.wait(30)
        return item.upper()

    assert side_by_side.in_order(work, 'aab', 3) == ('A', 'A', 'B')


def test_nothing_is_the_answer_to_nothing():
    assert side_by_side.in_order(str, [], 3) == ()


def test_what_the_work_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        side_by_side.in_order(lambda number: 1 // number, [1, 0], 2)


def test_an_interrupt_that_wakes_nobody_is_seen_all_the_same():
    go_on, begun = threading.Event(), threading.Event()

    def work(item):
        begun.set()
        go_on.wait(60)

    def interrupt():
        begun.wait(60)
        # As a ^C just before a wait: it does not end the wait.
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            side_by_side.in_order(work, [1], 1)
        assert not go_on.is_set()
    finally:
        go_on.set()
