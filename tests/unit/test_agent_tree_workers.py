# SPDX-License-Identifier: Apache-2.0
import os
import signal

import pytest

from osc_recover.agent.tree import operations as tree
from osc_recover.agent.tree import workers as tree_workers
from tests.unit import zoo
from tests.unit.test_agent_tree import arguments, quiet
from tests.unit.zoo import Zoo


def spread(tasks, work, workers=3, tell=quiet):
    """What each worker got to do."""
    got = []

    def noted(task):
        got.append(task)
        return work(task)

    found = tree_workers.spread(
        tasks, workers, noted, lambda: {'got': got}, tell
    )
    return [one['got'] for one in found]


@pytest.mark.parametrize('tasks', [0, 1, 7, 500, 8192, 8193, 30_000])
def test_every_task_is_done_once(tasks):
    got = spread(tasks, lambda task: 1)
    assert len(got) == 3
    assert sorted(task for one in got for task in one) == list(range(tasks))


def test_a_worker_that_raises_sends_its_traceback():
    with pytest.raises(RuntimeError, match='ZeroDivisionError'):
        spread(5, lambda task: 1 // abs(task - 2))


def test_a_worker_that_is_killed_is_missed():
    def work(task):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match='killed'):
        spread(5, work)


def test_no_worker_and_no_descriptor_is_left(monkeypatch):
    before = os.listdir('/proc/self/fd')
    workers, fork = [], os.fork

    def noted():
        workers.append(fork())
        return workers[-1]

    monkeypatch.setattr('os.fork', noted)
    spread(5, lambda task: 1)
    with pytest.raises(RuntimeError):
        spread(5, lambda task: 1 // 0)
    assert os.listdir('/proc/self/fd') == before
    assert len(workers) == 6
    for worker in workers:
        with pytest.raises(ChildProcessError):
            os.waitpid(worker, os.WNOHANG)


def test_what_all_have_seen_is_told():
    told = []
    spread(6, lambda task: 100, tell=told.append)
    assert told[-1] in (100, 200, 300)


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
@pytest.mark.parametrize('operation', [tree.scan, tree.verify])
def test_several_workers_find_what_one_finds(tmp_path, monkeypatch, operation):
    old = Zoo(tmp_path / 'old')
    args = arguments(old, manifest=None, attributes='every')
    alone = operation(args, quiet)
    monkeypatch.setattr('osc_recover.agent.tree.sweep._SMALL', 30)
    monkeypatch.setattr('osc_recover.agent.tree.workers.number', lambda: 3)
    forked = []
    real = tree_workers.spread
    monkeypatch.setattr(
        'osc_recover.agent.tree.workers.spread',
        lambda *words: forked.append(words[0]) or real(*words),
    )
    together = operation(args, quiet)
    assert forked
    assert forked[0] > 12
    assert counts(together) == counts(alone)
    assert together['entries'] == alone['entries']


def counts(found):
    return {
        (section, kind): row['count']
        for section in ('found', 'left', 'taken', 'nobody')
        for kind, row in found.get(section, {}).items()
    }
