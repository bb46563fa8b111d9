# SPDX-License-Identifier: Apache-2.0
"""The power goes while volumes are attached, at every write of any kind.

Whatever the moment, a resume ends with all of them attached, each asked for
once, and in the order of their devices.
"""

import json

import pytest

from osc_recover import operations
from osc_recover.checks.request import VolumeAttach
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts.attaching import Wanted
from osc_recover.observe.attaching import seen
from osc_recover.procedures.attaching import attach
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import DOUBLE, WEB, Crooked, attachment, uuid
from tests.unit.service_double import Answer

VOLUMES = [uuid(300 + n) for n in range(4)]
WANTED = (
    Wanted(VOLUMES[1], WEB, '/dev/vdc'),
    Wanted(VOLUMES[0], WEB, '/dev/vdb'),
    Wanted(VOLUMES[2], DOUBLE, '/dev/vdb'),
    Wanted(VOLUMES[3], WEB, '/dev/vdd'),
)


class World(Crooked):
    """The cloud, which attaches what it is asked to.

    :ivar order: server -> its volumes, as they came
    """

    def __init__(self):
        super().__init__()
        self.servers[WEB]['OS-EXT-STS:task_state'] = None
        self.attachments = {}
        self.volumes = {
            name: crooked_cloud.volume(name, f'v{n}', 'available')
            for n, name in enumerate(VOLUMES)
        }
        self.order = {}

    def answer(self, request):
        if request.path.endswith('/attachments/detail'):
            return Answer(body=self._attachments(request))
        if not request.path.endswith('/os-volume_attachments'):
            return super().answer(request)
        server = request.path.split('/')[-2]
        mine = self.order.setdefault(server, [])
        if request.method == 'GET':
            return Answer(
                body={'volumeAttachments': [{'volumeId': v} for v in mine]}
            )
        asked = request.body['volumeAttachment']
        name = asked['volumeId']
        self.asked[name] += 1
        if name in mine:
            return Answer(400, {'badRequest': {'message': 'attached'}})
        mine.append(name)
        made = uuid(400 + len(self.attachments))
        self.attachments[made] = attachment(made, name, server)
        self.volumes[name]['status'] = 'in-use'
        return Answer(body={'volumeAttachment': {**asked, 'id': name}})


def plan(cloud):
    request = VolumeAttach(WANTED, workers=2)
    return attach(seen(cloud, request.wanted, 2), request)


def start(cloud, folder, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        runs = journal.runs()
        run = runs[0] if runs else journal.store(made, 'key', 'practice')
        made = operations.of_attaching(cloud, grace=0)
        engine = Engine(
            journal, made.operations, made.guard, workers=2, control=Control()
        )
        return engine.carry_out(run.id, run.plan)
    finally:
        journal.close()


def check(world, about=''):
    assert world.order == {
        WEB: [*VOLUMES[:2], VOLUMES[3]],
        DOUBLE: [VOLUMES[2]],
    }, about
    assert set(world.asked.values()) == {1}, (about, json.dumps(world.asked))


def test_all_are_attached_and_a_second_time_nothing_is(folder, fuse):
    world = World()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = plan(cloud)
        assert [v.code for v in made.verdicts] == ['attach', 'attach']
        where = folder()
        assert start(cloud, where, made)
        check(world)
        assert start(cloud, where)
        assert start(cloud, folder(), made)
        check(world)
        assert {v.code for v in plan(cloud).verdicts} == {'ok'}


def test_a_tool_that_is_killed_finishes_wherever_that_was(folder, fuse):
    with crooked_cloud.cloud(World()) as (_, cloud):
        made = plan(cloud)
        whole = fuse(Fuse())
        assert start(cloud, folder(), made)
    assert whole.count > 12
    for cut in range(1, whole.count + 1):
        world, where = World(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, where, made)
            fuse(Fuse())
            assert start(cloud, where, made), cut
            check(world, cut)
