# SPDX-License-Identifier: Apache-2.0
"""The power goes at every journal write and every effect of the demo's plan.

Whatever the moment, a resume ends with every effect done exactly once.
"""

import contextlib
import itertools
import pathlib
import tempfile
from collections import Counter

import pytest

from osc_recover import facts, operations, records
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.procedures import host, returning
from tests.power.world import Fuse, FusedJournal, PowerLoss, World

FOLDER = pathlib.Path(__file__).parent


class Case:
    """A situation, and the plan that is cut."""

    def __init__(self, name):
        text = (FOLDER / f'{name}.json').read_text()
        self.situation = records.load(facts.Situation, text)
        self.host = self.situation.hosts[0]
        request = host.Request(
            hosts=self.situation.hosts,
            fence=True,
            shared_storage=True,
            reset_state=True,
        )
        self.plan = host.recover_host(self.situation, request)
        self.points = self.count()

    def count(self):
        """How many points a whole run passes."""
        with tempfile.TemporaryDirectory() as folder:
            world = World(self.situation)
            assert start(pathlib.Path(folder), world, self.plan)
            return world.fuse.count

    def wanted(self):
        """Every effect of the plan, once: what the world counts."""
        names = {
            'host.fence': 'off',
            'service.force-down': 'update',
            'server.evacuate': 'evacuate',
            'server.reset-state': 'reset',
        }
        return {
            f'{names[step.verb]}:{step.target}': 1
            for step in self.plan.steps()
            if step.verb in names
        }

    def check(self, world):
        """Every effect once, and every server as it was."""
        stops = {k: n for k, n in world.asked.items() if k.startswith('stop')}
        assert set(stops.values()) <= {1}
        assert world.asked - Counter(stops) == self.wanted()
        assert not world.servers(self.host)
        for server in self.situation.servers:
            now = world.server(server.id)
            ran = server.vm_state != 'stopped' and server.power_state != 4
            assert now.vm_state == ('active' if ran else 'stopped')


def start(folder, world, plan):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    runs = journal.runs()
    run = runs[0] if runs else journal.store(plan, 'key', 'practice')
    FusedJournal.fuse = staticmethod(world.fuse)
    control = Control()
    made = operations.of_run(
        operations.Services(world, world, world),
        run,
        control,
        power=world,
        grace=0.02,
        mark=lambda name: mark(journal, run.id, name),
        tick=0.001,
    )
    engine = Engine(
        journal, made.operations, made.guard, workers=4, control=control
    )
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def mark(journal, run, name):
    done = journal.last(run, f'force-down:{name}')
    return done.data['updated_at'] if done else ''


# The demo's own facts, as its --record keeps them; and those of kinds of
# servers that it has not: in error, paused, with two data volumes.
CASES = {name: Case(name) for name in ('demo', 'more')}
CUTS = [
    (name, cut)
    for name, case in CASES.items()
    for cut in range(1, case.points + 1)
]
each_case = pytest.mark.parametrize('case', CASES.values(), ids=CASES)


@each_case
def test_the_plan_has_all_that_the_demo_has(case):
    verbs = {step.verb for step in case.plan.steps()}
    assert verbs >= {'host.fence', 'service.force-down', 'server.evacuate'}
    assert {'server.stop', 'server.prove'} <= verbs
    assert any(lane.mutexes for lane in case.plan.lanes())
    acting = [verdict for verdict in case.plan.verdicts if verdict.act]
    assert len(case.situation.servers) == len(acting) >= 7


@pytest.mark.parametrize(('name', 'cut'), CUTS)
def test_every_effect_happens_once_wherever_the_power_goes(
    tmp_path, name, cut
):
    case = CASES[name]
    world = World(case.situation)
    world.fuse = Fuse(cut)
    with pytest.raises(PowerLoss):
        start(tmp_path, world, case.plan)
    world.fuse = Fuse()
    assert start(tmp_path, world, case.plan)
    case.check(world)


@each_case
@pytest.mark.parametrize('seed', range(20))
def test_every_effect_happens_once_after_three_cuts(tmp_path, case, seed):
    world = World(case.situation)
    gaps = (seed * 7 % case.points + 1, seed * 13 % 29 + 1, seed * 5 % 17 + 1)
    for cut in gaps:
        world.fuse = Fuse(cut)
        with contextlib.suppress(PowerLoss):
            start(tmp_path, world, case.plan)
    world.fuse = Fuse()
    assert start(tmp_path, world, case.plan)
    case.check(world)


@each_case
def test_servers_of_one_group_never_move_together(tmp_path, case):
    world = World(case.situation)
    assert start(tmp_path, world, case.plan)
    lanes = list(case.plan.lanes())
    groups = [
        {lane.name for lane in lanes if mutex in lane.mutexes}
        for mutex in {m for lane in lanes for m in lane.mutexes}
    ]
    assert groups
    for together, group in itertools.product(world.together, groups):
        assert len(together & group) <= 1


@each_case
def test_an_effect_whose_journal_is_lost_is_found_in_the_cloud(tmp_path, case):
    world = World(case.situation)
    assert start(tmp_path, world, case.plan)
    before = dict(world.asked)
    for file in tmp_path.glob('journal.sqlite*'):
        if file.is_file():
            file.unlink()
    # A new journal gives the run a new id, so only the marker is written anew.
    start(tmp_path, world, case.plan)
    changed = {k for k in world.asked if world.asked[k] != before[k]}
    assert changed <= {f'update:{case.host}'}


@each_case
@pytest.mark.parametrize('cut', range(1, 8))
def test_the_return_is_done_once_wherever_the_power_goes(tmp_path, case, cut):
    world = World(case.situation)
    assert start(tmp_path / 'out', world, case.plan)
    after = facts.Situation(case.situation.hosts, services=world.services())
    request = returning.Return(host=case.host, alive=True)
    plan = returning.return_host(after, request)
    world.fuse = Fuse(cut)
    if cut < 7:
        with pytest.raises(PowerLoss):
            start(tmp_path / 'back', world, plan)
        world.fuse = Fuse()
    assert start(tmp_path / 'back', world, plan)
    service = world.compute_service(case.host)
    assert service.enabled
    assert not service.forced_down
    assert world.asked[f'update:{case.host}'] == 2
