# SPDX-License-Identifier: Apache-2.0
"""Which servers have their data volumes cleaned after a power loss, and how
that is planned.
"""

import dataclasses

import pytest

from osc_recover import errors
from osc_recover.checks.cleaning import drops_by_itself, way
from osc_recover.checks.request import CloudRecovery
from osc_recover.effects import Control
from osc_recover.facts.cleaning import Means
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.facts.snapshot import KeptVolume
from osc_recover.operations.cleaned import Dropped, Listed, Related
from osc_recover.procedures.cleaning import recover
from tests.power.cleaned_cloud import Cleaned
from tests.power.powerless_cloud import DB, VOLUMES, WEB
from tests.power.test_cleaning_cuts import lost
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import uuid
from tests.unit.snapshot_facts import ATTACHMENT, HOST, SERVER, snapshot

SERVER = dataclasses.replace(SERVER, image='i1')
ATTACHED = dataclasses.replace(ATTACHMENT, status='attached')
BEFORE = snapshot()
OFF = dataclasses.replace(
    HOST, domains=(dataclasses.replace(HOST.domains[0], state='shut off'),)
)
VOLUME = KeptVolume('v1', 'data')
NEW = Means(newest='2.96')
REQUEST = CloudRecovery('0a1b2c3d', mode='clean')


def planned(
    *attachments, volumes=(VOLUME,), means=NEW,
    mappings=(), **changed,
):  # fmt: skip
    """The plan for the one server."""
    now = snapshot(
        servers=(dataclasses.replace(SERVER, **changed),),
        hosts=(OFF,),
        attachments=attachments,
        volumes=volumes,
        mappings=mappings,
    )
    return recover(DisasterSeen(now, BEFORE, 'then', {}, means), REQUEST)


def verdict(plan):
    return next(v for v in plan.verdicts if v.server == 's1')


def verbs(plan):
    return [s.verb for lane in plan.lanes() if lane.name == 's1'
            for s in lane.steps]  # fmt: skip


def replaced(**changed):
    return dataclasses.replace(ATTACHED, **changed)


@pytest.mark.parametrize(
    ('newest', 'does'),
    [('', False), ('2.93', False), ('2.95', False), ('2.96', True),
     ('2.104', True)],
)  # fmt: skip
def test_a_reboot_drops_mappings_from_nova_28(newest, does):
    """The newest of both 27 and 28 is 2.95, and so 28 counts as older."""
    assert drops_by_itself(Means(newest=newest)) == does


@pytest.mark.parametrize(
    ('means', 'held', 'in_nova', 'wanted'),
    [
        (Means(token=True), 3, True, 'delete'),
        (Means(), 1, True, 'reset'),
        (Means(cinder=True), 1, True, 'reset'),
        (Means(cinder=True), 2, True, 'database'),
        (Means(), 2, True, ''),
        (Means(), 2, False, 'delete'),
    ],
)
def test_the_way_of_an_end_is_the_one_that_takes_nothing_else(
    means, held, in_nova, wanted
):
    assert way(means, [ATTACHED] * held, in_nova=in_nova) == wanted


def test_what_was_cleaned_by_hand_before_is_attached_again():
    """The guide's own UPDATEs, and no reboot since."""
    free = KeptVolume('v1', 'data', 'available')
    plan = planned(replaced(sides=('nova',), status=''), volumes=(free,))
    assert verdict(plan).code == 'clean'
    assert 'volume.clean' not in verbs(plan)
    assert 'volume.attach' in verbs(plan)


def test_a_status_that_nothing_holds_is_reset_before_it_is_attached():
    wedged = KeptVolume('v1', 'data', 'attaching')
    plan = planned(replaced(sides=('nova',), status=''), volumes=(wedged,))
    words = verbs(plan)
    assert words.index('volume.free') < words.index('disaster.listed')


def test_what_a_migration_has_left_is_ended_and_not_attached():
    left = replaced(id='a2', sides=('cinder',), order=2)
    plan = planned(ATTACHED, left)
    assert verdict(plan).code == 'no-way'
    plan = planned(ATTACHED, left, means=dataclasses.replace(NEW, token=True))
    ended = {s.args['attachment'] for s in plan.steps()
             if s.verb == 'volume.clean'}  # fmt: skip
    assert ended == {'a1', 'a2'}
    assert verbs(plan).count('volume.attach') == 1


def test_what_cinder_alone_has_there_is_told_and_not_attached():
    plan = planned(replaced(sides=('cinder',)))
    assert 'volume.attach' not in verbs(plan)
    assert 'volume v1 is on it for cinder alone' in verdict(plan).reason


def test_a_volume_that_another_server_has_keeps_its_server():
    other = replaced(id='a2', server='s9', sides=('cinder',))
    told = verdict(planned(ATTACHED, other))
    assert (told.act, told.code) == (False, 'not-cleanable')
    assert 'attached to s9, too' in told.reason


def test_a_root_that_is_not_known_keeps_its_server():
    told = verdict(planned(ATTACHED, image=None))
    assert (told.act, told.code) == (False, 'root-missing')


def test_a_volume_that_is_gone_keeps_its_server():
    told = verdict(planned(ATTACHED, volumes=()))
    assert (told.act, told.code) == (False, 'volumes-wrong')


def test_tags_and_what_ends_with_the_server_are_in_the_plan():
    plan = planned(ATTACHED)
    [step] = [s for s in plan.steps() if s.verb == 'volume.attach']
    assert step.args == {
        'volume': 'v1', 'host': 'cmp1', 'was': 'a1', 'device': '/dev/vdb',
        'tag': 'data', 'delete_on_termination': False,
    }  # fmt: skip


def test_an_older_nova_needs_its_database():
    old = Means(newest='2.95', nova=True)
    told = verdict(planned(ATTACHED, means=old))
    assert (told.act, told.code) == (False, 'no-database')
    [row] = BEFORE.mappings
    rows = (dataclasses.replace(row, bus='scsi', type='disk'),)
    plan = planned(ATTACHED, means=old, mappings=rows)
    assert 'mapping.drop' in verbs(plan)
    assert verdict(plan).loss == 'bus and type of volume v1: scsi, disk'


# What is seen right before


class Down(Cleaned):
    """A cloud in which a service is down after all."""

    which = ''

    def answer(self, request):
        told = super().answer(request)
        if request.path == self.which:
            for one in told.body['services']:
                one['state'] = 'down'
        return told


@pytest.mark.parametrize(
    ('path', 'said'),
    [
        ('/compute/v2.1/os-services', 'nova-compute on cmp1 is down'),
        ('/volume/v3/os-services', 'cinder-volume on ctl@lab is down'),
    ],
)
def test_nothing_is_cleaned_of_what_could_not_be_given_back(path, said):
    world = Down()
    with crooked_cloud.cloud(world) as (_, cloud):
        step = lost(cloud, world).step(f'relations:{DB}')
        look = Related(cloud)
        assert look.follow(step, Control()).note
        world.which = path
        with pytest.raises(errors.StepFailed, match=said):
            look.follow(step, Control())


def test_relations_that_have_changed_are_named():
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        look = Related(cloud)
        step = made.step(f'relations:{DB}')
        first = VOLUMES[DB][0]
        world.mappings[DB].pop(first)
        world._tell(DB)
        with pytest.raises(errors.StepFailed, match='nova has attachment'):
            look.follow(step, Control())
        # The root of another one.
        world.attachments[uuid(500)]['status'] = 'attaching'
        with pytest.raises(errors.StepFailed, match='its root'):
            look.follow(made.step(f'relations:{WEB}'), Control())


def test_a_mapping_that_nova_keeps_is_told_before_volumes_are_attached():
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        step = lost(cloud, world).step(f'dropped:{DB}')
        look = Dropped(cloud)
        assert look.follow(step, Control()).note
        world._ended(uuid(400))
        with pytest.raises(errors.StepFailed, match='cannot be attached'):
            look.follow(step, Control())


def test_what_is_not_available_in_time_is_told():
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        step = lost(cloud, world).step(f'list:{DB}')
        look = Listed(cloud, timeout=0)
        first = VOLUMES[DB][0]
        for name in (uuid(400), uuid(401), uuid(510)):
            world._ended(name)
        assert look.follow(step, Control()).note == '3 volumes are available'
        world.volumes[first]['status'] = 'detaching'
        with pytest.raises(errors.StepFailed, match=f'{first} is detaching'):
            look.follow(step, Control())
        world._ended(uuid(511))
        with pytest.raises(errors.StepFailed, match='has lost attachment'):
            look.follow(step, Control())
