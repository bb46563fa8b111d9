# SPDX-License-Identifier: Apache-2.0
"""The power goes while a host gets new numbers, at every request and write.

Whatever the moment, and whether the host was rebooted, a resume ends with the
right numbers everywhere and the services running.
"""

import dataclasses
import os
import pathlib
import shutil
import tempfile
import time

import pytest

from osc_recover import operations
from osc_recover.checks.request import Number, OwnershipFix, OwnershipUndo
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts import Ownership
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.host_services import Services
from osc_recover.gateways.ownership import Ground, Numbers
from osc_recover.gateways.trees import Trees
from osc_recover.operations.renumbering import Quiet
from osc_recover.procedures import ownership, ownership_undo
from tests.power.little_host import NEEDS, PYTHON, LittleHost
from tests.power.world import Fuse, FusedJournal, PowerLoss

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which('unshare')
    or not os.path.exists(PYTHON),
    reason=NEEDS,
)

USERS, GROUPS = {'nova': 112, 'libvirt-qemu': 119}, {'nova': 119}
GROUPS['libvirt'] = 125
UIDS, GIDS = {108: 112, 112: 119}, {120: 119, 119: 125}
REQUEST = OwnershipFix(
    ('a',),
    numbers=(
        *(Number('user', *pair) for pair in USERS.items()),
        *(Number('group', *pair) for pair in GROUPS.items()),
    ),
)


@pytest.fixture
def host(tmp_path):
    made = LittleHost(tmp_path)
    yield made
    made.cut()


def facts(host, manifests=()):
    return Ownership(
        Accounts(host).show(['a'], list(USERS), list(GROUPS)),
        Services(host).show(['a']),
        Ground(host).show({'a': Numbers(list(UIDS), list(GIDS))}),
        Trees(host).manifests(manifests),
    )


def start(host, plan=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(host.root.parent / 'journal.sqlite')
    run = journal.store(plan, 'key', 'practice') if plan else newest(journal)
    FusedJournal.fuse = staticmethod(host.fuse)
    made = operations.of_hosts(
        host, host, run=run.id, watch=lambda *words: None,
        trap=lambda name: None, grace=0, timeout=60,
    )  # fmt: skip
    control = Quick()
    hurried = {'processes.none': Quiet(Ground(host), timeout=0.2)}
    verbs = {**made.operations, **hurried}
    engine = Engine(journal, verbs, made.guard, control=control)
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def newest(journal):
    return journal.runs()[0]


class Quick(Control):
    def wait(self, seconds):
        time.sleep(0.01)


def moved(owners):
    return [(UIDS.get(u, u), GIDS.get(g, g), mode) for u, g, mode in owners]


def plan(host):
    return ownership.fix(facts(host), {}, REQUEST)


def points(folder):
    """The plan, and how many points a whole run of it passes."""
    host = LittleHost(pathlib.Path(folder))
    made = plan(host)
    host.fuse = Fuse()
    try:
        assert start(host, made)
        return made, host.fuse.count
    finally:
        host.cut()


def test_everything_has_its_number_and_undo_gives_it_back(host):
    before, names = host.owners(), host.accounts()
    assert start(host, plan(host))
    assert host.owners() == moved(before)
    assert host.accounts() != names
    assert host.running
    assert plan(host).verdicts[0].code == 'ok'

    late = host.root / 'var/late'
    late.write_text('')
    os.chown(late, 119, 125)  # as libvirt-qemu would
    assert start(host, undo_of_newest(host))
    assert (host.owners(), host.accounts()) == (before, names)
    assert (late.stat().st_uid, late.stat().st_gid) == (112, 119)
    assert host.running


def undo_of_newest(host):
    journal = FusedJournal(host.root.parent / 'journal.sqlite')
    run = newest(journal)
    assert journal.last(run.id, 'list:a').data['taken'] == 0
    journal.close()
    found = facts(host, ownership_undo.manifests(run.id, run.plan))
    found = dataclasses.replace(found, untaken=('a',))
    return ownership_undo.undo(found, {}, run.plan, OwnershipUndo(run.id))


@pytest.mark.parametrize('reboot', [False, True], ids=['killed', 'rebooted'])
def test_a_resume_finishes_wherever_the_power_goes(reboot):
    with tempfile.TemporaryDirectory() as folder:
        made, most = points(folder)
    assert most > 40
    for cut in range(1, most + 1):
        with tempfile.TemporaryDirectory() as folder:
            finished(pathlib.Path(folder), made, cut, reboot)


def finished(folder, made, cut, reboot):
    host = LittleHost(folder)
    try:
        before = host.owners()
        host.fuse = Fuse(cut)
        with pytest.raises(PowerLoss):
            start(host, made)
        host.cut()
        host.running = host.running or reboot
        host.fuse = lambda: None
        journal = FusedJournal(folder / 'journal.sqlite')
        kept = journal.runs()
        journal.close()
        assert start(host, None if kept else made), cut
        assert host.owners() == moved(before), cut
        assert host.running, cut
    finally:
        host.cut()


class Two:
    """Two hosts that number nova otherwise, and share a folder."""

    def __init__(self, folder):
        shared = folder / 'nas'
        shared.mkdir()
        for name, number in (('of-a', 108), ('of-b', 208), ('of-root', 0)):
            (shared / name).write_text('')
            os.chown(shared / name, number, number)
        self.shared, self.root = shared, folder / 'root'
        self.hosts = {
            name: LittleHost(folder / name, numbers, shared)
            for name, numbers in (
                ('a', (108, 112, 108, 119)),
                ('b', (208, 112, 208, 119)),
            )
        }
        for name in self.hosts:
            (folder / name).mkdir(exist_ok=True)
        self.fuse = lambda: None

    def ask(self, host, op, args, *, timeout, tell=None):
        return self.hosts[host].ask(host, op, args, timeout=timeout, tell=tell)

    def each(self, names, op, args, *, timeout, tell=None):
        for name in names:
            yield name, self.ask(name, op, args, timeout=timeout)

    def compute_service(self, host):
        return self.hosts[host].compute_service(host)

    def owners(self):
        files = sorted(self.shared.iterdir())
        return [(s.st_uid, s.st_gid) for s in map(os.stat, files)]


@pytest.fixture
def two(tmp_path):
    made = Two(tmp_path)
    yield made
    for host in made.hosts.values():
        host.cut()


def plan_of_two(two, names='ab'):
    numbers = (Number('user', 'nova', 500), Number('group', 'nova', 500))
    hosts = list('ab')
    found = Ownership(
        Accounts(two).show(hosts, list(USERS), list(GROUPS)),
        Services(two).show(hosts),
        Ground(two).show({name: Numbers() for name in hosts}),
    )
    request = OwnershipFix(tuple(names), numbers=numbers, shared=True)
    return ownership.fix(found, {}, request)


def test_files_that_two_hosts_share_are_changed_once_for_both(two):
    made = plan_of_two(two)
    assert [phase.title for phase in made.phases][1] == 'shared files'
    assert start(two, made)
    assert two.owners() == [(500, 500), (500, 500), (0, 0)]
    assert all(host.running for host in two.hosts.values())
    journal = FusedJournal(two.root.parent / 'journal.sqlite')
    run = newest(journal)
    journal.close()
    manifests = ownership_undo.manifests(run.id, run.plan)
    assert len(manifests) == 3
    found = Ownership(
        Accounts(two).show(['a', 'b'], list(USERS), list(GROUPS)),
        Services(two).show(['a', 'b']),
        Ground(two).show({name: Numbers() for name in 'ab'}),
        Trees(two).manifests(manifests),
    )
    back = ownership_undo.undo(found, {}, run.plan, OwnershipUndo(run.id))
    assert start(two, back)
    assert two.owners() == [(108, 108), (208, 208), (0, 0)]
    assert all(host.running for host in two.hosts.values())


def test_shared_files_wait_for_a_host_that_is_not_ready(two):
    made = plan_of_two(two)
    two.hosts['b'].stuck = True
    assert not start(two, made)
    assert two.owners() == [(108, 108), (208, 208), (0, 0)]
    assert not any(host.running for host in two.hosts.values())
    two.hosts['b'].stuck = False
    assert start(two, None)
    assert two.owners() == [(500, 500), (500, 500), (0, 0)]
    assert all(host.running for host in two.hosts.values())
