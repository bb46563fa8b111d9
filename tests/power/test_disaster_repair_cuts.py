# SPDX-License-Identifier: Apache-2.0
"""The power goes again while volumes are mended and servers then started.

Whatever the moment, a resume ends with every server that ran running with its
volumes, each attached once, and each server started or rebooted once.
"""

import pytest

from osc_recover import operations
from osc_recover.checks import audit
from osc_recover.checks.disaster import Wrong
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.network import Network
from osc_recover.gateways.volume import Volumes
from osc_recover.journal import Journal
from osc_recover.observe.disaster import seen
from osc_recover.operations.by_hand import Holders
from osc_recover.procedures.cleaning import reads
from osc_recover.procedures.disaster import recover_cloud
from tests.power import disaster_tool
from tests.power.powerless_cloud import DB, DRAINED, STOPPED, WEB
from tests.power.test_disaster_cuts import REQUEST
from tests.power.unmapped_cloud import Rows, Unmapped
from tests.power.world import Fuse, PowerLoss
from tests.unit import crooked_cloud

ONCE = {WEB: ['start'], DB: ['start'], DRAINED: ['reboot'], STOPPED: []}


def lost(cloud, world):
    """What is seen after the power went, and the plan for it."""
    before = world.look(cloud)
    world.clean()
    world.lose_power()
    found = seen(
        cloud, lambda: world.look(cloud, each=False), before, 'then',
        workers=2, reads=lambda facts: reads(facts, REQUEST),
    )  # fmt: skip
    audited = world.audited(cloud)
    findings = tuple(audit.findings(audited, 0))
    wrong = Wrong(findings, world.mending(audited))
    return recover_cloud(found, REQUEST, wrong)


def start(cloud, world, folder, made=None, phases=None):
    """A process of the tool, for which the world has nova's rows."""
    holders = Holders(None, None, Attachments(cloud.volume), Rows(world))
    services = operations.Services(
        Compute(cloud.compute),
        Network(cloud.network),
        Volumes(cloud.volume),
        holders,
    )
    return disaster_tool.start(
        cloud, world, folder, made, phases=phases, services=services
    )


def check(world, about=''):
    assert world.starts == ONCE, about
    assert world.wasted == [], about
    assert not world.dropped, about
    assert {n for n, on in world.guests.items() if on} == {WEB, DB, DRAINED}
    held = {one['id']: one for one in world.attachments.values()}
    for mapping in world.mappings.values():
        assert held.pop(mapping.attachment)['status'] == 'attached', about
        assert world.volumes[mapping.volume]['status'] == 'in-use', about
    assert not held, about
    assert not any(one.get('locked') for one in world.servers.values()), about
    asked = {key: n for key, n in world.asked_of.items() if n > 1}
    assert not asked, about


def test_volumes_are_mended_and_servers_started_once(folder, fuse):
    world = Unmapped()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        told = {v.server: v for v in made.verdicts}
        assert {told[s].code for s in (WEB, DB)} == {'start'}
        assert 'no volume of it any more' in told[WEB].reason
        titles = [phase.title for phase in made.phases]
        assert titles[:3] == ['services', 'repair', 'attachments']
        where = folder()
        assert start(cloud, world, where, made)
        check(world)
        # nova has stopped db by itself; web ran, as far as nova knew.
        assert world.asked_of[WEB, 'os-stop'] == 1
        assert world.asked_of[DB, 'os-stop'] == 0
        assert start(cloud, world, where)
        check(world)


def test_a_tool_that_is_killed_finishes_wherever_that_was(folder, fuse):
    world = Unmapped()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        whole = fuse(Fuse())
        # The starts that come after these have a test of their own.
        assert start(cloud, world, folder(), made, phases=3)
    assert whole.count > 70
    for cut in range(1, whole.count + 1):
        world, where = Unmapped(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            world.clean()
            world.lose_power()
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, world, where, made)
            fuse(Fuse())
            assert start(cloud, world, where, made), cut
            check(world, cut)


def test_a_guest_that_came_up_by_itself_is_not_stopped(folder, fuse):
    world = Unmapped()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        world.guests[WEB] = True
        assert not start(cloud, world, folder(), made)
        assert world.starts == {**ONCE, WEB: []}
        assert not [key for key in world.asked_of if key[0] == WEB]
        assert world.dropped


def test_one_that_was_started_before_a_resume_is_not_stopped(folder, fuse):
    """That it is off was seen in the process before."""
    world = Unmapped()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
    seen_off = 0
    for cut in range(1, 100):
        world, where = Unmapped(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            world.clean()
            world.lose_power()
            fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, world, where, made)
            fuse(Fuse())
            if world.asked_of[WEB, 'os-stop']:
                break
            seen_off += state_of(where, f'off:{WEB}') == 'done'
            world.guests[WEB] = True
            assert not start(cloud, world, where, made), cut
        assert not world.asked_of[WEB, 'os-stop'], cut
    assert seen_off


def state_of(folder, step):
    """What the journal has of a step of its one run."""
    journal = Journal(folder / 'journal.sqlite')
    try:
        events = [journal.last(run.id, step) for run in journal.runs()]
        return next((str(last.state) for last in events if last), '')
    finally:
        journal.close()


def test_one_that_could_not_be_mended_is_not_started(folder, fuse):
    world = Unmapped()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = lost(cloud, world)
        world.volumes[crooked_cloud.uuid(303)]['status'] = 'error'
        where = folder()
        assert not start(cloud, world, where, made)
        assert world.starts == {**ONCE, WEB: []}
        world.volumes[crooked_cloud.uuid(303)]['status'] = 'available'
        assert start(cloud, world, where)
        check(world)
