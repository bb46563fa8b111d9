# SPDX-License-Identifier: Apache-2.0
"""A change of numbers on a real host, cut off in the middle of the files."""

import re
import signal
import subprocess
import time

import pytest

from osc_recover.journal import Journal
from tests import practice as lib
from tests.functional.renumbered import (
    RUNNING,
    TWO,
    active,
    begin,
    build,
    listing,
    numbers,
    uid,
)
from tests.functional.terminal import INTERRUPT, Session
from tests.hosts import bed
from tests.practice import reached, recover
from tests.unit import zoo
from tests.unit.local_agent import wait_for
from tests.unit.zoo import Zoo

pytestmark = pytest.mark.functional

MANY = 40_000  # files; so many that a cut comes before the last
DEADLINE = 240
PROMPT = f'Type {TWO} to carry this out: '


@pytest.fixture
def old(clean, renumbered, tmp_path):
    """A clouds.yaml; host two has the numbers that the tree has at first."""
    for host in renumbered:
        clean.heal(host)
    clouds = reached(tmp_path, renumbered)
    begin(clouds)
    return clouds


@pytest.fixture(scope='module')
def wanted(tmp_path_factory):
    """The listing of a large tree that has the new numbers."""
    folder = tmp_path_factory.mktemp('right')
    return zoo.listing(Zoo(folder / 'new', moved=True, many=MANY).root)


class Fix:
    """A fix that runs, and what becomes of it."""

    def __init__(self, clouds, tree):
        self.clouds, self.tree = clouds, tree
        self.journal = clouds.parent / 'journal.sqlite'
        self.known = {run.id for run in self.runs()}
        words = ['ownership', 'fix', TWO, *numbers(moved=True), '--yes']
        self.process = subprocess.Popen(
            lib.command(*words),
            env=lib.environment(clouds),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs(self):
        if not self.journal.exists():
            return []
        journal = Journal(self.journal)
        try:
            return journal.runs()
        finally:
            journal.close()

    @property
    def run(self):
        return next(r.id for r in self.runs() if r.id not in self.known)

    def wait_for_files(self):
        """Until some of the files have changed."""
        end = time.monotonic() + DEADLINE
        while not any_moved(self.tree):
            assert time.monotonic() < end, 'no file changes'
            assert self.process.poll() is None, self.process.communicate()

    def resume(self):
        done = recover(self.clouds, 'run', 'resume', self.run)
        assert done.status == 0, done
        assert done.rows[0]['State'] == 'done'


def moved(path):
    return path.lstat().st_gid == zoo.GIDS[zoo.LIBVIRT_G]


def any_moved(tree):
    names = map(str, range(0, MANY, 997))
    return any(moved(tree.root / 'many' / name) for name in names)


def all_moved(tree):
    return all(moved(tree.root / 'many' / str(n)) for n in range(MANY))


@pytest.fixture
def cut(old):
    """A fix of a large tree that is in the middle of its files."""
    tree = build(MANY)
    going = Fix(old, tree)
    going.wait_for_files()
    yield going
    going.process.kill()
    going.process.wait()


def check_whole(wanted):
    """That every object is as if the change had been made at once."""
    assert zoo.differences(listing(), wanted) == {}
    assert (uid(), active()) == (zoo.UIDS[zoo.NOVA], RUNNING)


def test_a_tool_that_is_killed_goes_on_from_the_manifest(cut, wanted):
    cut.process.send_signal(signal.SIGKILL)
    cut.process.wait()
    assert not all_moved(cut.tree), 'it was not in the middle'
    assert active()[0] != 'active'
    cut.resume()
    check_whole(wanted)
    back = recover(cut.clouds, 'ownership', 'undo', cut.run, '--yes')
    assert back.status == 0, back
    assert uid() == zoo.NOVA


def test_a_host_that_reboots_in_the_middle_is_finished(cut, wanted):
    bed.power_off(TWO)
    assert not all_moved(cut.tree), 'it was not in the middle'
    _, told = cut.process.communicate(timeout=DEADLINE)
    assert cut.process.returncode == 1, told
    bed.power_on(TWO)
    cut.resume()
    check_whole(wanted)


def test_a_host_that_is_rebooted_in_order_is_finished(old, wanted):
    tree = build(MANY)
    going = Fix(old, tree)
    try:
        # It goes on for a while, so this begins before the files do.
        wait_for('nova-compute runs on', lambda: active()[0] != 'active')
        bed.reboot(TWO)
        _, told = going.process.communicate(timeout=DEADLINE)
    finally:
        going.process.kill()
        going.process.wait()
    assert going.process.returncode == 1, told
    assert not (all_moved(tree) and uid() == zoo.UIDS[zoo.NOVA])
    going.resume()
    check_whole(wanted)


def test_a_host_that_is_cut_off_in_the_middle_is_finished(cut, wanted):
    bed.cut(TWO)
    try:
        _, told = cut.process.communicate(timeout=DEADLINE)
    finally:
        bed.mend(TWO)
    assert cut.process.returncode == 1, told
    cut.resume()
    check_whole(wanted)


def test_one_that_is_interrupted_at_a_terminal_is_finished(old, wanted):
    tree = build(MANY)
    words = ['ownership', 'fix', TWO, *numbers(moved=True)]
    session = Session(old, *words)
    session.see(PROMPT)
    session.type('cmp1\n')
    assert session.end().status == 3
    session = Session(old, *words)
    session.see(PROMPT)
    session.type(f'{TWO}\n')
    session.see(f'{TWO}: files begun')
    wait_for('no file changes', lambda: any_moved(tree))
    session.type(INTERRUPT)
    done = session.end()
    assert done.status == 130, done.stderr
    assert done.rows[0]['State'] != 'done'
    [run] = set(re.findall(r'run resume ([0-9a-f]{8})', done.stderr))
    resumed = recover(old, 'run', 'resume', run)
    assert resumed.status == 0, resumed
    check_whole(wanted)
