# SPDX-License-Identifier: Apache-2.0
"""The power goes while mappings are brought back, at every write and effect.

Whatever the moment, a resume ends with each volume attached once, and the
server, which was stopped once, started once.
"""

import dataclasses
import functools
import pathlib
import tempfile
import types

import pytest

from osc_recover import errors, facts, operations
from osc_recover.checks.finding import Finding, Subject
from osc_recover.checks.request import VolumeRepair
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts.mending import Mending
from osc_recover.operations.by_hand import Holders
from osc_recover.procedures.volumes import repair
from tests.power.moving_world import MovingWorld, Rows
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import by_hand_facts as given

HOST = given.FAILED
VOLUMES = ('v1', 'v2', 'v3')
NO_CLOUD = types.SimpleNamespace(
    compute=None, placement=None, network=None, volume=None
)


class Broken(MovingWorld):
    """A server on a host that is up, whose volumes somebody has cleaned.

    A reboot has dropped its root and its first data volume; nova names an
    attachment of the second that cinder has not.
    """

    def __init__(self):
        server = given.of_volumes('s1', *VOLUMES)
        super().__init__(given.cloud(server))
        self.attached.clear()
        self.hosts.clear()
        self.dropped = {
            key: self.mappings.pop(key)
            for key, mapping in list(self.mappings.items())
            if mapping.volume != 'v3'
        }

    def stop(self, server):
        def change():
            self.did.setdefault(server, []).append(('stop', 'req-stop'))
            self.rows[server] = dataclasses.replace(
                self.rows[server], vm_state='stopped', power_state=4
            )

        return self._effect('stop', server, change)


class BrokenRows(Rows):
    """nova's database, which can bring back what it has dropped."""

    def mapping(self, cell, planned):
        if planned.id not in self._world.mappings:
            raise errors.RowGone(planned.server, 'block_device_mapping')
        return super().mapping(cell, planned)

    def revive(self, cell, planned, attachment, host):
        world = self._world
        row = world.rows[planned.server]
        assert (row.host, row.vm_state) == (host, 'stopped')
        assert planned.volume not in {
            m.volume for m in world.mappings.values()
        }

        def change():
            world.mappings[planned.id] = dataclasses.replace(
                world.dropped.pop(planned.id), attachment=attachment, driver=''
            )

        self._effect('revive', planned.volume, change)


def found(code, *volumes):
    subject = Subject('server', 's1', 'web', (HOST,), '', volumes)
    return Finding(code, 's1', 'so it is', '', '', 'warn', subject=subject)


def planned(world):
    seen = facts.Moved(
        servers=(world.server('s1'),),
        mappings=tuple(world.mappings.values()),
        attachments=tuple(world.attached.values()),
        connectors=(given.connector(HOST),),
    )
    return repair(
        [
            found('rootless', 'v1'),
            found('mapping-dropped', 'v2'),
            found('attachment-missing', 'v3'),
        ],
        Mending({'s1': given.CELL}, seen, tuple(world.dropped.values())),
        VolumeRepair(servers=('s1',)),
    )


def start(folder, world, plan):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    runs = journal.runs()
    run = runs[0] if runs else journal.store(plan, 'key', 'practice')
    FusedJournal.fuse = staticmethod(world.fuse)
    holders = Holders(world, world, world, BrokenRows(world))
    made = operations.of_volumes(
        NO_CLOUD,
        operations.Services(world, world, world, holders),
        run.id,
        grace=0.02,
        timeout=5,
    )
    engine = Engine(
        journal, made.operations, made.guard, workers=1, control=Control()
    )
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


@functools.cache
def uncut():
    """The world after a whole run."""
    world = Broken()
    with tempfile.TemporaryDirectory() as folder:
        assert start(pathlib.Path(folder), world, planned(world))
    return world


def check(world):
    """That it runs with each of its volumes attached once, and is unlocked."""
    assert not world.dropped
    row = world.rows['s1']
    assert (row.vm_state, row.host) == ('active', HOST)
    assert not world.server('s1').locked
    assert {m.volume for m in world.mappings.values()} == set(VOLUMES)
    for mapping in world.mappings.values():
        [one] = world.of_volume('s1', mapping.volume)
        assert (one.id, one.status) == (mapping.attachment, 'attached')
        assert world.hosts[one.id] == HOST
        assert mapping.driver == 'iscsi'


def test_the_root_comes_first_and_all_of_it_while_the_server_is_stopped():
    plan = planned(Broken())
    [lane] = plan.lanes()
    words = [step.name.split(':')[0] for step in lane.steps]
    back = ['attach', 'revive', 'export', 'connect', 'complete']
    anew = ['attach', 'map', 'export', 'connect', 'complete']
    wanted = ['lock', 'stop', *back, *back, *anew, 'start', 'unlock']
    assert words == wanted
    volumes = [s.args['volume'] for s in lane.steps if 'volume' in s.args]
    assert list(dict.fromkeys(volumes)) == list(VOLUMES)


def test_all_of_it_comes_back():
    world = uncut()
    check(world)
    actions = [action for action, _ in reversed(world.actions('s1'))]
    assert actions == ['lock', 'stop', 'start', 'unlock']


@pytest.mark.parametrize('point', range(1, uncut().fuse.count + 1))
def test_every_effect_happens_once_wherever_the_power_goes(tmp_path, point):
    world = Broken()
    plan = planned(world)
    world.fuse = Fuse(point)
    with pytest.raises(PowerLoss):
        start(tmp_path, world, plan)
    world.fuse = Fuse()
    assert start(tmp_path, world, plan)
    assert world.asked == uncut().asked
    check(world)
