# SPDX-License-Identifier: Apache-2.0
"""Which servers have their data volumes cleaned after a power loss, and how
that is planned.
"""

import dataclasses

import pytest

from osc_recover.checks.cleaning import drops_by_itself, way
from osc_recover.checks.request import CloudRecovery
from osc_recover.facts.cleaning import Means
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.facts.snapshot import KeptVolume
from osc_recover.procedures.cleaning import recover
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
