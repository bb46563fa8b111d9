# SPDX-License-Identifier: Apache-2.0
"""The power goes again while a cloud is brought back, at every write.

Whatever the moment, a resume ends with every server that ran running, each of
them started or rebooted once, and the stopped one stopped.
"""

import pytest

from osc_recover.checks.request import CloudRecovery
from osc_recover.observe.disaster import seen
from osc_recover.procedures.disaster import recover_cloud
from tests.power.disaster_tool import start
from tests.power.powerless_cloud import (
    DB,
    DRAINED,
    STOPPED,
    WEB,
    Powerless,
)
from tests.power.world import Fuse, PowerLoss
from tests.unit import crooked_cloud

REQUEST = CloudRecovery('before', workers=2, wave=2, timeout=30)
ONCE = {WEB: ['reboot'], DB: ['start'], DRAINED: ['reboot'], STOPPED: []}


def lost(cloud, world):
    """What is seen after the power went, and the plan for it."""
    before = world.look(cloud)
    world.lose_power()
    return planned(cloud, world, before)


def planned(cloud, world, before, request=REQUEST):
    """A plan as the command makes it."""

    def plan(found):
        return recover_cloud(found, request)

    return plan(
        seen(
            cloud, lambda: world.look(cloud, each=False), before, 'then',
            workers=2, reads=plan,
        )
    )  # fmt: skip


def check(world, about=''):
    assert world.starts == ONCE, about
    assert {n for n, on in world.guests.items() if on} == {WEB, DB, DRAINED}


def test_all_that_ran_run_and_a_second_time_nothing_is_asked(folder, fuse):
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        told = {v.server: v.code for v in made.verdicts}
        assert told[WEB] == told[DRAINED] == 'reboot'
        assert (told[DB], told[STOPPED]) == ('start', 'ok')
        where = folder()
        assert start(cloud, world, where, made)
        check(world)
        assert start(cloud, world, where)
        assert start(cloud, world, folder(), made)
        check(world)


def test_a_tool_that_is_killed_finishes_wherever_that_was(folder, fuse):
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        whole = fuse(Fuse())
        assert start(cloud, world, folder(), made)
    assert whole.count > 40
    for cut in range(1, whole.count + 1):
        world, where = Powerless(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            world.lose_power()
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, world, where, made)
            fuse(Fuse())
            assert start(cloud, world, where, made), cut
            check(world, cut)


def test_a_guest_that_came_up_by_itself_is_not_rebooted(folder, fuse):
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        # resume_guests_state_on_host_boot, between plan and run
        world.guests[WEB] = True
        assert start(cloud, world, folder(), made)
        assert world.starts == {**ONCE, WEB: []}


def test_a_mapping_lost_between_plan_and_run_keeps_its_server_off(
    folder, fuse
):
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        [one, _] = [
            name
            for name, told in world.attachments.items()
            if told['instance'] == DB
        ]
        world.attachments[one]['status'] = 'error_attaching'
        where = folder()
        assert not start(cloud, world, where, made)
        assert world.starts == {**ONCE, DB: []}
        world.attachments[one]['status'] = 'attached'
        assert start(cloud, world, where)
        check(world)


def test_an_attachment_that_nova_has_another_id_of_keeps_its_server_off(
    folder, fuse
):
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        [one, _] = [
            told
            for told in world.attachments.values()
            if told['instance'] == DB
        ]
        world.ids[one['id']] = 'older'
        made = lost(cloud, world)
        [row] = [v for v in made.verdicts if v.server == DB]
        assert (row.code, row.act) == ('start', True)
        where = folder()
        assert not start(cloud, world, where, made)
        assert world.starts == {**ONCE, DB: []}
        world.ids.clear()
        assert start(cloud, world, where)
        check(world)


def test_what_somebody_else_has_started_is_not_started_again(folder, fuse):
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        for name in (DB, DRAINED):
            action = 'os-start' if name == DB else 'reboot'
            world._asked(name, action)
        assert start(cloud, world, folder(), made)
        check(world)
