# SPDX-License-Identifier: Apache-2.0
"""The power goes again while data volumes are cleaned, at every write.

Whatever the moment, a resume ends with every server that ran rebooted once,
with all of its volumes attached once and in their order, each attachment of
before ended once; no root is touched, and nothing of the stopped one.
"""

import dataclasses

import pytest

from osc_recover.checks.request import CloudRecovery
from osc_recover.facts.cleaning import Means
from osc_recover.observe.disaster import seen
from osc_recover.procedures.cleaning import recover
from tests.power.cleaned_cloud import ROOT, SHARED, Cleaned, Databases
from tests.power.disaster_tool import start as started
from tests.power.powerless_cloud import DB, DRAINED, STOPPED, VOLUMES, WEB
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import uuid

REQUEST = CloudRecovery('before', workers=2, timeout=30, mode='clean')
ONCE = {WEB: ['reboot'], DB: ['reboot'], DRAINED: ['reboot'], STOPPED: []}
TOKEN = Means(token=True, newest='2.96')
BY_HAND = Means(cinder=True, nova=True, newest='2.95')


class Older(Cleaned):
    """nova 27, whose reboots keep mappings; and no service token."""

    sharers = (DRAINED, STOPPED)
    drops = False


def lost(cloud, world, means=TOKEN, servers=()):
    """What is seen after the power went, and the plan for it.

    :param servers: these alone
    """
    before = world.look(cloud)
    world.lose_power()
    rows = Databases(world, None).kept() if means.nova else ()

    def look():
        now = world.look(cloud)
        return dataclasses.replace(now, mappings=rows or now.mappings)

    def plan(found):
        asked = dataclasses.replace(REQUEST, servers=servers)
        return recover(dataclasses.replace(found, means=means), asked)

    return plan(seen(cloud, look, before, 'then', workers=2, reads=plan))


def start(cloud, world, folder, made=None, **how):
    """A process of the tool, which may ask the databases."""
    databases = Databases(world, lambda: FusedJournal.fuse())
    return started(
        cloud, world, folder, made, databases=lambda: databases, **how
    )


def check(world, about='', only=(WEB, DB, DRAINED)):
    """
    :param only: the servers that are to have been brought up
    """
    before = type(world)()
    cleaned = {
        (name, one) for name in only for one in before.mappings[name]
    } - {(WEB, ROOT)}
    assert {n: how for n, how in world.starts.items() if how} == {
        name: ONCE[name] for name in only
    }, about
    assert {n for n, on in world.guests.items() if on} == {*only}, about
    assert world.whole() == before.whole(), about
    assert world.given == dict.fromkeys(cleaned, 1), about
    assert set(world.ended.values()) == {1}, about
    assert len(world.ended) == len(cleaned), about
    assert world.mappings[WEB][ROOT]['attachment_id'] == uuid(500), about
    assert world.mappings[STOPPED][SHARED]['attachment_id'] == uuid(511)


def test_the_guides_steps_and_a_second_time_nothing_is_asked(folder, fuse):
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        told = {v.server: v.code for v in made.verdicts}
        assert told[DB] == told[DRAINED] == 'clean'
        assert (told[WEB], told[STOPPED]) == ('reboot', 'ok')
        where = folder()
        assert start(cloud, world, where, made)
        check(world)
        assert start(cloud, world, where)
        check(world)


@pytest.mark.parametrize(
    ('kind', 'means'),
    [(Cleaned, TOKEN), (Older, BY_HAND)],
)
def test_a_tool_that_is_killed_finishes_wherever_that_was(
    folder, fuse, kind, means
):
    world = kind()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world, means, (DRAINED,))
        whole = fuse(Fuse())
        assert start(cloud, world, folder(), made)
        check(world, only=(DRAINED,))
    for cut in range(1, whole.count + 1):
        world, where = kind(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            world.lose_power()
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, world, where, made)
            fuse(Fuse())
            assert start(cloud, world, where, made), cut
            check(world, cut, only=(DRAINED,))


def test_without_a_token_a_reset_or_the_database_and_older_mappings_too():
    world = Older()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world, BY_HAND, (DRAINED,))
    words = [
        (step.verb, step.args.get('way', ''))
        for step in made.steps()
        if step.verb in ('volume.clean', 'mapping.drop')
    ]
    assert words == [
        ('volume.clean', 'reset'), ('mapping.drop', ''),
        ('volume.clean', 'database'), ('mapping.drop', ''),
    ]  # fmt: skip


def test_by_a_reset_it_takes_no_attachment_of_another_server(folder, fuse):
    """That one needs a token or the database, and so DB is left alone."""
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world, Means(newest='2.96'))
        assert {v.server: v.code for v in made.verdicts}[DB] == 'no-way'
        assert start(cloud, world, folder(), made)
    assert world.starts == {**ONCE, DB: []}
    assert world.given == {(DRAINED, VOLUMES[DRAINED][0]): 1}
    assert world.mappings[DB][SHARED]['attachment_id'] == uuid(510)


@pytest.mark.parametrize('what', ['status', 'guest', 'attachment', 'task'])
def test_what_is_not_as_planned_keeps_a_server_off(folder, fuse, what):
    """Its clean fails, so it is not rebooted, nor anything attached."""
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        first = VOLUMES[DB][0]
        if what == 'status':
            world.volumes[first]['status'] = 'backing-up'
        elif what == 'guest':
            world.guests[DB] = True
        elif what == 'attachment':
            world._add(DB, uuid(320), uuid(520))
        else:
            world.servers[DB]['OS-EXT-STS:task_state'] = 'rebuilding'
        assert not start(cloud, world, folder(), made)
    assert world.starts == {**ONCE, DB: []}
    assert not {pair for pair in world.given if pair[0] == DB}
    assert world.attachments[uuid(400)]['instance'] == DB


def test_a_guest_that_came_up_after_its_clean_is_not_rebooted(folder, fuse):
    """Somebody works in it: its volumes wait for a reboot of theirs."""
    world = Cleaned()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        where = folder()
        assert start(cloud, world, where, made, phases=4)
        assert made.phases[3].title == 'list'
        world._asked(DB, 'os-start')
        world._go_on(DB)
        assert not start(cloud, world, where)
        assert world.starts[DB] == ['start']
        world._asked(DB, 'reboot')
        assert start(cloud, world, where)
    assert world.whole()[DB] == Cleaned().whole()[DB]
    assert world.starts[DB] == ['start', 'reboot']
