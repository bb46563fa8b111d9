# SPDX-License-Identifier: Apache-2.0
"""The power goes while volumes are reset, at every write of any kind.

Whatever the moment, a resume ends with each attachment that was meant ended
once, and all others where they were.
"""

import dataclasses

import pytest

from osc_recover import operations
from osc_recover.checks.request import VolumeReset
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts.cleaning import Means
from osc_recover.observe.resetting import seen
from osc_recover.observe.snapshot import NO_AGENT
from osc_recover.procedures.resetting import reset
from tests.power import powerless_cloud
from tests.power.cleaned_cloud import SHARED, Cleaned
from tests.power.disaster_tool import none
from tests.power.powerless_cloud import DB, STOPPED
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import uuid, volume

LOOSE, ORPHANED, GONE = uuid(330), uuid(331), uuid(9)
REQUEST = VolumeReset((SHARED, LOOSE, ORPHANED), (STOPPED, GONE), workers=2)
ENDED = {uuid(511), uuid(530)}


class Stalled(Cleaned):
    """A volume that nothing holds, and one of a server that was deleted."""

    def __init__(self):
        super().__init__()
        self.volumes[LOOSE] = volume(LOOSE, 'loose', 'attaching')
        self.volumes[ORPHANED] = volume(ORPHANED, 'orphaned', 'in-use')
        self.attachments[uuid(530)] = crooked_cloud.attachment(
            uuid(530), ORPHANED, GONE
        )
        self.volumes[ORPHANED]['attachments'] = [
            {
                'id': ORPHANED,
                'attachment_id': uuid(530),
                'server_id': GONE,
                'host_name': 'cmp1',
            }
        ]
        self.actions[GONE] = self.actions[STOPPED]
        self.left = {}

    def _domains(self, host):
        return super()._domains(host) | self.left

    def _settle(self, of):
        if of == ORPHANED:
            self.volumes[of] |= {'status': 'available', 'attachments': []}
        else:
            super()._settle(of)


def planned(world, cloud, request=REQUEST, **changed):
    now = dataclasses.replace(world.look(cloud), **changed)
    facts = seen(cloud, now, None, '', request.volumes, workers=2)
    means = Means(token=True, newest='2.96')
    found = dataclasses.replace(facts.seen, means=means)
    return reset(dataclasses.replace(facts, seen=found), request)


def start(cloud, world, folder, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        runs = journal.runs()
        run = runs[0] if runs else journal.store(made, 'key', 'practice')
        control = Control()
        made = operations.of_reset(
            cloud, world, control, none, grace=0, tick=0.01
        )
        engine = Engine(
            journal, made.operations, made.guard, workers=2, control=control
        )
        return engine.carry_out(run.id, run.plan)
    finally:
        journal.close()


def check(world, about=''):
    assert world.ended == dict.fromkeys(ENDED, 1), about
    shared = [
        one['instance']
        for one in world.attachments.values()
        if one['volume_id'] == SHARED
    ]
    assert shared == [DB], about
    status = {name: one['status'] for name, one in world.volumes.items()}
    assert status[LOOSE] == status[ORPHANED] == 'available', about
    assert status[SHARED] == 'in-use', about
    assert not any(world.starts.values()), about


def test_what_is_meant_is_ended_wherever_the_power_goes(folder, fuse):
    world = Stalled()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = planned(world, cloud)
        assert {v.code for v in made.verdicts} == {'reset'}
        whole = fuse(Fuse())
        assert start(cloud, world, folder(), made)
        check(world)
    for cut in range(1, whole.count + 1):
        world, where = Stalled(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, world, where, made)
            fuse(Fuse())
            assert start(cloud, world, where, made), cut
            check(world, cut)


@pytest.mark.parametrize(('agent', 'ended'), [(True, 0), (False, 1)])
def test_who_said_that_a_guest_is_off_may_be_wrong(agent, ended, folder, fuse):
    """Its host tells by now, if hosts are asked at all."""
    world = Stalled()
    world.libvirt = ()
    asked = dataclasses.replace(REQUEST, off='it is burnt', agent=agent)
    left_out = {} if agent else {'hosts': NO_AGENT}
    with crooked_cloud.cloud(world) as (_, cloud):
        made = planned(world, cloud, asked, left_out=left_out)
        world.libvirt, world.guests[STOPPED] = ('cmp1',), True
        assert start(cloud, world, folder(), made) == bool(ended)
    assert world.ended[uuid(511)] == ended


def test_a_guest_of_a_deleted_server_keeps_its_volume(folder, fuse):
    """Its host has come back since, with the guest on it."""
    world = Stalled()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = planned(world, cloud)
        guest = {'name': 'i', 'state': 'running', 'persistent': True}
        world.left = {GONE: guest}
        assert not start(cloud, world, folder(), made)
    assert world.ended == {uuid(511): 1}


def test_what_starts_a_guest_voids_what_was_said(folder, fuse):
    world = Stalled()
    world.libvirt = ()
    asked = dataclasses.replace(REQUEST, off='it is burnt')
    with crooked_cloud.cloud(world) as (_, cloud):
        made = planned(world, cloud, asked)
        more = powerless_cloud._action('unrescue', 'req-u')
        world.actions[STOPPED] = [more, *world.actions[STOPPED]]
        assert not start(cloud, world, folder(), made)
    assert world.ended[uuid(511)] == 0


def test_a_guest_that_came_up_meanwhile_keeps_its_volume(folder, fuse):
    world = Stalled()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = planned(world, cloud)
        world.guests[STOPPED] = True
        assert not start(cloud, world, folder(), made)
    assert world.ended == {uuid(530): 1}
    assert world.mappings[STOPPED][SHARED]['attachment_id'] == uuid(511)
