# SPDX-License-Identifier: Apache-2.0
"""The power goes at every journal write and every effect of a move by hand.

Whatever the moment, a resume ends with every effect done once; an undo, with
everything as it was before.
"""

import dataclasses
import functools
import pathlib
import tempfile

import pytest

from osc_recover import facts, operations
from osc_recover.checks.request import MoveUndo, Request
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.operations.by_hand import Holders
from osc_recover.procedures import by_hand_undo
from osc_recover.procedures.host import recover_host
from tests.power.moving_world import PASSWORD, MovingWorld, Rows
from tests.power.test_cuts import mark
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import by_hand_facts as given

FAILED, THERE = given.FAILED, given.THERE


def situation():
    """A server that ran, with a root and a data volume and two ports; one
    that was stopped, of an image.
    """
    return given.cloud(
        given.of_volumes('s1', 'v1', 'v2', ports=('p1', 'p2')),
        given.of_image('s2', vm_state='stopped', power_state=4),
    )


def planned(found):
    request = Request(
        hosts=(FAILED,),
        fenced='seen in the BMC',
        method='database',
        shared_storage=True,
        agent=False,
    )
    return recover_host(found, request)


def start(folder, world, plan):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / f'{plan.procedure}.sqlite')
    runs = journal.runs()
    run = runs[0] if runs else journal.store(plan, 'key', 'practice')
    FusedJournal.fuse = staticmethod(world.fuse)
    control = Control()
    made = operations.of_run(
        operations.Services(
            world, world, world, Holders(world, world, world, Rows(world))
        ),
        run,
        control,
        power=world,
        grace=0.02,
        mark=lambda name: mark(journal, run.id, name),
        tick=0.001,
    )
    engine = Engine(
        journal, made.operations, made.guard, workers=1, control=control
    )
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def undo_plan(folder, world, plan):
    """What "recover run undo" would plan from the journal and the cloud."""
    with FusedJournal(folder / 'host.sqlite') as journal:
        (run,) = journal.runs()
        begun = {e.step: e.state for e in journal.events(run.id) if e.step}
    seen = facts.Moved(
        servers=tuple(world.server(key) for key in world.rows),
        mappings=tuple(world.mappings.values()),
        attachments=tuple(world.attached.values()),
        connectors=(facts.Connector(FAILED, {'host': FAILED}, 'cinder'),),
    )
    return by_hand_undo.undo(seen, plan, begun, MoveUndo('run'))


def cut(folder, point):
    """A world in which the power went at a point, and the plan."""
    found = situation()
    world, plan = MovingWorld(found), planned(found)
    world.fuse = Fuse(point)
    with pytest.raises(PowerLoss):
        start(folder, world, plan)
    world.fuse = Fuse()
    return world, plan


@functools.cache
def uncut():
    """The world after a whole run."""
    found = situation()
    world = MovingWorld(found)
    with tempfile.TemporaryDirectory() as folder:
        assert start(pathlib.Path(folder), world, planned(found))
    return world


CUTS = range(1, uncut().fuse.count + 1)


def state(world, *, exact=True):
    """All that is left in a world, by what must be the same.

    :param exact: the attachments' own ids, too
    """
    volumes = {}
    for mapping in world.mappings.values():
        one = world.attached[mapping.attachment]
        volumes[mapping.volume] = (
            mapping.attachment if exact else '',
            mapping.driver,
            one.status,
            world.hosts.get(one.id),
            len(world.of_volume(mapping.server, mapping.volume)),
        )
    return {
        'rows': dict(world.rows),
        'held': {k: dict(h.resources) for k, h in world.holdings.items()},
        'ports': {k: (p.host, p.owner) for k, p in world.bound.items()},
        'volumes': volumes,
        'locked': {k: world.server(k).locked for k in world.rows},
        'done': sorted(k for k, v in world.records.items() if v == 'done'),
    }


def test_the_effects_of_a_move_come_in_their_order(tmp_path):
    found = situation()
    plan = planned(found)
    lane = next(one for one in plan.lanes() if one.name == 's1')
    words = [step.name.split(':')[0] for step in lane.steps]
    volume = ['attach', 'map', 'detach', 'export', 'connect', 'complete']
    assert words == [
        *('lock', 'room', 'bind', 'bind', 'move'),
        *volume,
        *volume,
        *('give-back', 'start', 'prove', 'unlock'),
    ]


def test_a_move_ends_on_the_destination(tmp_path):
    found = situation()
    world = MovingWorld(found)
    assert start(tmp_path, world, planned(found))
    left = state(world)
    assert {row.host for row in left['rows'].values()} == {THERE}
    assert left['rows']['s1'].vm_state == 'active'
    assert left['rows']['s2'].vm_state == 'stopped'
    assert all(set(h) == {f'node-{THERE}'} for h in left['held'].values())
    assert {host for host, _ in left['ports'].values()} == {THERE}
    assert all(
        told[1:] == ('iscsi', 'attached', THERE, 1)
        for told in left['volumes'].values()
    )
    assert not any(left['locked'].values())
    assert len(left['done']) == 2


@pytest.mark.parametrize('point', CUTS)
def test_every_effect_happens_once_wherever_the_power_goes(tmp_path, point):
    world, plan = cut(tmp_path, point)
    assert start(tmp_path, world, plan)
    assert world.asked == uncut().asked
    assert state(world, exact=False) == state(uncut(), exact=False)


@pytest.mark.parametrize('point', CUTS)
def test_an_undo_leaves_what_was_before_wherever_the_power_went(
    tmp_path, point
):
    before = state(MovingWorld(situation()), exact=False)
    world, plan = cut(tmp_path, point)
    started = world.asked['start:s1']
    back = undo_plan(tmp_path, world, plan)
    if started:
        (refused,) = (v for v in back.verdicts if v.server == 's1')
        assert (refused.code, refused.act) == ('already-started', False)
    if back.phases:
        assert start(tmp_path, world, back)
    left = state(world, exact=False)
    if started:
        for part in ('rows', 'ports', 'held', 'volumes', 'done', 'locked'):
            for theirs in (before[part], left[part]):
                if isinstance(theirs, dict):
                    for key in ('s1', 'p1', 'p2', 'v1', 'v2'):
                        theirs.pop(key, None)
        left['done'] = before['done']
        assert world.rows['s1'].host == THERE
    assert left == before


# Those at which something is to be taken back.
LATE = CUTS[20:115:9]


@pytest.mark.parametrize('point', LATE)
@pytest.mark.parametrize('again', [4, 13, 30])
def test_an_undo_that_is_cut_off_is_resumed(tmp_path, point, again):
    world, plan = cut(tmp_path, point)
    back = undo_plan(tmp_path, world, plan)
    whole, other = cut(tmp_path / 'whole', point)
    theirs = undo_plan(tmp_path / 'whole', whole, other)
    assert start(tmp_path / 'whole', whole, theirs)
    world.fuse = Fuse(again)
    try:
        start(tmp_path, world, back)
    except PowerLoss:
        world.fuse = Fuse()
        assert start(tmp_path, world, back)
    assert state(world, exact=False) == state(whole, exact=False)


def test_no_password_of_a_storage_is_in_the_journal(tmp_path):
    found = situation()
    world = MovingWorld(found)
    assert start(tmp_path, world, planned(found))
    assert any(
        one.connection['auth_password'] == PASSWORD
        for one in world.attached.values()
    )
    for file in tmp_path.rglob('*.sqlite*'):
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes()


def test_a_server_that_somebody_touched_is_not_started(tmp_path):
    found = situation()
    world, plan = MovingWorld(found), planned(found)
    renew = Rows.fill

    class Meddled(Rows):
        def fill(self, cell, planned, host, attachment):
            renew(self, cell, planned, host, attachment)
            row = world.rows['s1']
            world.rows['s1'] = dataclasses.replace(
                row, task_state='powering-off'
            )

    journal = FusedJournal(tmp_path / 'host.sqlite')
    run = journal.store(plan, 'key', 'practice')
    control = Control()
    made = operations.of_run(
        operations.Services(
            world, world, world, Holders(world, world, world, Meddled(world))
        ),
        run,
        control,
        power=world,
        grace=0.02,
        mark=lambda name: mark(journal, run.id, name),
        tick=0.001,
    )
    engine = Engine(journal, made.operations, made.guard, control=control)
    assert not engine.carry_out(run.id, plan)
    assert 'powering-off' in journal.last(run.id, 'start:s1').note
    assert not world.asked['start:s1']
    journal.close()
