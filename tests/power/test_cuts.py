# SPDX-License-Identifier: Apache-2.0
"""The power goes at every journal write and every effect of the demo's plan.

Whatever the moment, a resume ends with every effect done exactly once.
"""

import itertools
import pathlib
import tempfile

import pytest

from osc_recover import facts, operations, records
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.procedures import host, returning
from tests.power.world import Fuse, FusedJournal, PowerLoss, World

FACTS = pathlib.Path(__file__).with_name('demo.json')
SITUATION = records.load(facts.Situation, FACTS.read_text())
HOST = SITUATION.hosts[0]
REQUEST = host.Request(
    hosts=SITUATION.hosts,
    fence=True,
    shared_storage=True,
    reset_state=True,
)
PLAN = host.recover_host(SITUATION, REQUEST)


def start(folder, world, plan=PLAN):
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


def points():
    """How many points a whole run passes."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(SITUATION)
        assert start(pathlib.Path(folder), world)
        return world.fuse.count


POINTS = points()


def wanted():
    """Every effect of the plan, once: what the world counts."""
    names = {
        'host.fence': 'off',
        'service.force-down': 'update',
        'server.evacuate': 'evacuate',
        'server.reset-state': 'reset',
    }
    return {
        f'{names[step.verb]}:{step.target}': 1
        for step in PLAN.steps()
        if step.verb in names
    }


def check(world):
    stops = {k: n for k, n in world.asked.items() if k.startswith('stop')}
    assert set(stops.values()) <= {1}
    assert dict(world.asked - type(world.asked)(stops)) == wanted()
    assert not world.servers(HOST)
    for server in SITUATION.servers:
        now = world.server(server.id)
        ran = server.vm_state != 'stopped' and server.power_state != 4
        assert now.vm_state == ('active' if ran else 'stopped')


def test_the_plan_has_all_that_the_demo_has():
    verbs = {step.verb for step in PLAN.steps()}
    assert verbs >= {'host.fence', 'service.force-down', 'server.evacuate'}
    assert {'server.stop', 'server.prove'} <= verbs
    assert any(lane.mutexes for lane in PLAN.lanes())
    assert len(SITUATION.servers) == sum(v.act for v in PLAN.verdicts) >= 5


@pytest.mark.parametrize('cut', range(1, POINTS + 1))
def test_every_effect_happens_once_wherever_the_power_goes(tmp_path, cut):
    world = World(SITUATION)
    world.fuse = Fuse(cut)
    with pytest.raises(PowerLoss):
        start(tmp_path, world)
    world.fuse = Fuse()
    assert start(tmp_path, world)
    check(world)


@pytest.mark.parametrize('seed', range(40))
def test_every_effect_happens_once_after_three_cuts(tmp_path, seed):
    world = World(SITUATION)
    gaps = (seed * 7 % POINTS + 1, seed * 13 % 29 + 1, seed * 5 % 17 + 1)
    for cut in gaps:
        world.fuse = Fuse(cut)
        try:
            start(tmp_path, world)
        except PowerLoss:
            continue
    world.fuse = Fuse()
    assert start(tmp_path, world)
    check(world)


def test_servers_of_one_anti_affinity_group_never_move_together(tmp_path):
    world = World(SITUATION)
    assert start(tmp_path, world)
    groups = [
        {lane.name for lane in PLAN.lanes() if mutex in lane.mutexes}
        for mutex in {m for lane in PLAN.lanes() for m in lane.mutexes}
    ]
    assert groups
    for together, group in itertools.product(world.together, groups):
        assert len(together & group) <= 1


def test_an_effect_whose_journal_is_lost_is_found_in_the_cloud(tmp_path):
    world = World(SITUATION)
    assert start(tmp_path, world)
    before = dict(world.asked)
    for file in tmp_path.glob('journal.sqlite*'):
        if file.is_file():
            file.unlink()
    # A new journal gives the run a new id, so only the marker is written anew.
    start(tmp_path, world)
    assert {k for k in world.asked if world.asked[k] != before[k]} <= {
        f'update:{HOST}'
    }


def after_the_return(world):
    return facts.Situation(
        hosts=SITUATION.hosts, services=world.services(), servers=()
    )


@pytest.mark.parametrize('cut', range(1, 8))
def test_the_return_is_done_once_wherever_the_power_goes(tmp_path, cut):
    world = World(SITUATION)
    assert start(tmp_path / 'out', world)
    request = returning.Return(host=HOST, alive=True)
    plan = returning.return_host(after_the_return(world), request)
    world.fuse = Fuse(cut)
    if cut < 7:
        with pytest.raises(PowerLoss):
            start(tmp_path / 'back', world, plan)
        world.fuse = Fuse()
    assert start(tmp_path / 'back', world, plan)
    service = next(s for s in world.services() if s.host == HOST)
    assert service.enabled
    assert not service.forced_down
    assert world.asked[f'update:{HOST}'] == 2
