# SPDX-License-Identifier: Apache-2.0
"""The power goes while a power loss is reproduced, at every write.

Whatever the moment, a resume ends with the server running, its sessions open,
and one reboot; its neighbour keeps its session.
"""

import functools

import pytest

from osc_recover import operations, outcome
from osc_recover.checks.request import PowerLoss as Drill
from osc_recover.engine import Engine
from osc_recover.gateways import host_states
from osc_recover.observe import drill
from osc_recover.observe.sessions import serving
from osc_recover.procedures.drill import power_loss
from tests.power.disaster_tool import Quick, none
from tests.power.iscsi_hosts import IscsiHosts
from tests.power.powerless_cloud import DB, VOLUMES, WEB, Powerless
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import uuid
from tests.unit.iscsi_double import OTHER, PORTAL, A, B

OF_WEB = 'iqn.2010-10.org.openstack:volume-web'
PATHS = ((A, PORTAL), (A, OTHER), (B, PORTAL))  # of db
CLOSED = [f'iscsiadm -m session -r {number} -u' for number in (2, 3, 4)]


class Hosts(IscsiHosts):
    """They tell of their guests, too."""

    def __init__(self, folder, world):
        super().__init__(folder)
        self._world = world

    def each(self, names, op, args, **how):
        told = self._world if op == 'domains.list' else super()
        yield from told.each(names, op, args, **how)


class World(Powerless):
    """A cloud whose cmp1 has sessions; a reboot has nova log in again.

    :ivar logs_in: whether it does
    """

    def __init__(self, folder):
        super().__init__()
        self.logs_in = True
        self.guests[DB] = True
        self.hosts = Hosts(folder, self)
        self.iscsi = self.hosts.cmp1.iscsi
        self._attach(uuid(430), uuid(310), WEB)
        self.servers[WEB]['os-extended-volumes:volumes_attached'] = [
            {'id': uuid(310)}
        ]
        self.servers[DB]['metadata'] = {'recover_drill': 'allowed'}
        led = dict(zip(VOLUMES[DB], (A, B), strict=True))
        led[uuid(310)] = OF_WEB
        for one in self.attachments.values():
            target = led.get(one['volume_id'], 'iqn.2010-10.x:far')
            one['connection_info'] = _info(target)
        for target, portals in (
            (OF_WEB, [PORTAL]), (A, [PORTAL, OTHER]), (B, [PORTAL]),
        ):  # fmt: skip
            self.iscsi.offer(target, *portals)
            for portal in portals:
                self.iscsi.open(target, portal)

    def _go_on(self, name):
        ended = self.servers.get(name, {}).get('OS-EXT-STS:task_state')
        if ended and self.logs_in:
            for target, portal in PATHS:
                if not self.iscsi.has(target, portal):
                    self.iscsi.open(target, portal)
        super()._go_on(name)

    def plan(self, cloud, **options):
        links = functools.partial(host_states.links, self.hosts)
        return power_loss(drill.seen(cloud, links, DB), Drill(DB, **options))

    def check(self, about=''):
        """All is as before, by one reboot and closing what was meant."""
        assert self.starts[DB] == ['reboot'], about
        assert not any(self.starts[n] for n in self.starts if n != DB), about
        assert all(self.iscsi.has(*path) for path in PATHS), about
        assert self.iscsi.calls('-u') == CLOSED, about
        assert 1 in self.iscsi.sessions(), about


def _info(target):
    portals = [PORTAL, OTHER] if target == A else [PORTAL]
    return {
        'driver_volume_type': 'iscsi',
        'target_iqns': [target] * len(portals),
        'target_portals': portals,
        'target_luns': [1] * len(portals),
    }


def start(cloud, world, folder, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        runs = journal.runs()
        run = runs[0] if runs else journal.store(made, 'key', 'practice')
        control = Quick()
        of_drill = operations.of_drill(
            cloud, functools.partial(serving, cloud), world.hosts, run,
            control, none, grace=0, tick=0.01,
        )  # fmt: skip
        engine = Engine(
            journal, of_drill.operations, of_drill.guard, control=control
        )
        return engine.carry_out(run.id, run.plan)
    finally:
        journal.close()


def told(folder):
    """The row of the server, and its times."""
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        [run] = journal.runs()
        events = journal.events(run.id)
        row, *_ = outcome.outcomes(run.id, run.plan, events)
        times, *_ = outcome.times(run.plan, events)
        return row, times
    finally:
        journal.close()


@pytest.fixture
def drilled(folder):
    """New worlds, each with its cloud; what runs there ends."""
    worlds = []

    def made():
        worlds.append(World(folder()))
        return worlds[-1]

    yield made
    for world in worlds:
        world.hosts.end()


def test_its_sessions_are_lost_and_back_after_one_reboot(
    drilled, folder, fuse
):
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        assert start(cloud, world, where, world.plan(cloud))
        world.check()
        assert start(cloud, world, where)
        world.check()
    row, times = told(where)
    assert row.state == outcome.RECOVERED
    assert list(times.phases) == ['close', 'detect', 'recover', 'verify']
    assert 0 <= times.detected <= times.restored


def test_a_tool_that_is_killed_finishes_wherever_that_was(
    drilled, folder, fuse
):
    world = drilled()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = world.plan(cloud)
        whole = world.hosts.fuse = fuse(Fuse())
        assert start(cloud, world, folder(), made)
    assert whole.count > 40
    for cut in range(1, whole.count + 1):
        world, where = drilled(), folder()
        with crooked_cloud.cloud(world) as (_, cloud):
            world.hosts.fuse = fuse(Fuse(cut))
            with pytest.raises(PowerLoss):
                start(cloud, world, where, made)
            world.hosts.end()
            world.hosts.fuse = fuse(Fuse())
            assert start(cloud, world, where, made), cut
            world.check(cut)
            world.hosts.end()


def test_a_session_that_was_closed_as_its_host_failed_is_lost(
    drilled, folder, fuse
):
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        world.hosts.cmp1.cut_at(2, 'after')
        assert start(cloud, world, where, world.plan(cloud))
        assert world.hosts.cmp1.was_cut()
        world.check()


def test_a_session_that_was_not_closed_stays_once_the_rest_is_back(
    drilled, folder, fuse
):
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        world.hosts.cmp1.cut_at(2, 'before')
        assert not start(cloud, world, where, world.plan(cloud))
        assert world.hosts.cmp1.was_cut()
        asked = world.iscsi.calls('-u')
        for _ in range(2):
            assert world.starts[DB] == ['reboot']
            assert all(world.iscsi.has(*path) for path in PATHS)
            assert world.iscsi.calls('-u') == asked
            assert not start(cloud, world, where)


def test_what_was_rebooted_since_the_plan_loses_nothing(drilled, folder, fuse):
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = world.plan(cloud)
        world._asked(DB, 'reboot')
        world._go_on(DB)
        assert not start(cloud, world, where, made)
    assert world.iscsi.calls('-u') == []
    assert world.starts[DB] == ['reboot']
    row, _ = told(where)
    assert (row.state, 'none is lost' in row.reason) == ('failed', True)


def test_a_server_that_has_lost_a_part_only_is_recovered_too(
    drilled, folder, fuse
):
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = world.plan(cloud)
        world.attachments[uuid(430)]['connection_info'] = _info(B)
        assert not start(cloud, world, where, made)
        assert world.iscsi.calls('-u') == CLOSED[:2]
        assert world.starts[DB] == ['reboot']
        assert all(world.iscsi.has(*path) for path in PATHS)
    row, times = told(where)
    assert row.state == outcome.RECOVERED
    assert list(times.phases) == ['detect', 'recover', 'verify']


def test_a_target_that_serves_another_by_now_is_not_closed(
    drilled, folder, fuse
):
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        made = world.plan(cloud)
        led = world.attachments[uuid(430)]
        # As on an array, where all is at one target.
        both = {'target_iqns': [A, B], 'target_portals': [PORTAL] * 2}
        led['connection_info'] = {**_info(A), **both}
        assert not start(cloud, world, where, made)
        assert world.iscsi.calls('-u') == []
        # Nothing was lost, so nothing is rebooted.
        assert world.starts[DB] == []
        led['connection_info'] = _info(OF_WEB)
        assert start(cloud, world, where)
        world.check()


def test_sessions_that_do_not_come_back_are_named(
    drilled, folder, fuse, monkeypatch
):
    monkeypatch.setattr('osc_recover.operations.drill._DEADLINE', 0.1)
    world, where = drilled(), folder()
    with crooked_cloud.cloud(world) as (_, cloud):
        world.logs_in = False
        assert not start(cloud, world, where, world.plan(cloud))
        row, times = told(where)
        assert (row.state, B in row.reason) == ('failed', True)
        assert 'session open cmp1' in row.way_out
        assert times.restored is None
        for path in PATHS:
            world.iscsi.open(*path)
        assert start(cloud, world, where)
        world.check()
