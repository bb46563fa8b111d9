# SPDX-License-Identifier: Apache-2.0
"""Numbers of accounts and files changed on a real host, by the real command.

These tests take the bed of this machine: one that is up goes down.
"""

import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

from osc_recover.journal import Journal
from tests import practice as lib
from tests.cloud import paths as cloud_paths
from tests.hosts import bed, paths
from tests.practice import reached, recover
from tests.unit import zoo
from tests.unit.local_agent import wait_for
from tests.unit.zoo import Zoo

pytestmark = pytest.mark.functional

ONE, TWO = 'cmp1', 'cmp2'
UNIT = 'nova-compute.service'
USERS = {
    'nova': zoo.NOVA,
    'libvirt-qemu': zoo.QEMU,
    'left': zoo.LEFT,
    'right': zoo.RIGHT,
}
GROUPS = {
    'nova': zoo.NOVA_G,
    'libvirt': zoo.LIBVIRT_G,
    'left': zoo.LEFT_G,
    'right': zoo.RIGHT_G,
}
MANY = 40_000  # files; so many that a cut comes before the last
DEADLINE = 240


def numbers(moved=False):
    """The options that give the accounts their numbers of the tree."""
    uids, gids = (zoo.UIDS, zoo.GIDS) if moved else ({}, {})
    for name, number in USERS.items():
        yield from ('--uid', f'{name}={uids.get(number, number)}')
    for name, number in GROUPS.items():
        yield from ('--gid', f'{name}={gids.get(number, number)}')


@pytest.fixture(scope='module')
def given_back():
    """The computes' folders as they were, before and after the hosts."""
    give_back()
    yield
    give_back()


@pytest.fixture(scope='module')
def hosts(given_back, hosts):
    """The two hosts, in that order."""
    return hosts


def give_back():
    """What computes keep outlives their hosts: to root, as without one."""
    for folder in (cloud_paths.host(TWO), cloud_paths.state() / 'shared'):
        for path in folder.rglob('*'):
            os.lchown(path, 0, 0)


@pytest.fixture
def clouds(clean, hosts, tmp_path):
    for host in hosts:
        clean.heal(host)
    return reached(tmp_path, hosts)


@pytest.fixture
def old(clouds, hosts):
    """Host two with the numbers that the tree has at first."""
    for name in ('left', 'right'):
        bed.run(TWO, ['useradd', '-M', name], check=False)
    done = fix(clouds, *numbers())
    assert done.status == 0, done
    return clouds


def fix(clouds, *words, host=TWO):
    return recover(clouds, 'ownership', 'fix', host, *words, '--yes')


def root(host=TWO):
    """The root of a host's files, seen from this machine."""
    return paths.host(host) / 'root'


def build(many=40):
    folder = root() / 'srv/zoo'
    bed.run(TWO, ['rm', '-rf', '/srv/zoo'])
    folder.mkdir()
    return Zoo(folder, many=many)


def listing():
    return zoo.listing(root() / 'srv/zoo/tree')


@pytest.fixture(scope='module')
def wanted(tmp_path_factory):
    """The listing of a tree that has the new numbers."""
    made = Zoo(tmp_path_factory.mktemp('right') / 'new', moved=True)
    return zoo.listing(made.root)


def active(host=TWO):
    """Which of the services run."""
    units = [UNIT, 'libvirtd.socket', 'libvirtd-ro.socket']
    done = bed.run(host, ['systemctl', 'is-active', *units], check=False)
    return done.stdout.split()


RUNNING = ['active'] * 3


def state(host=TWO):
    """Accounts and the main process of a host: none of it may change."""
    files = bed.run(host, ['cat', '/etc/passwd', '/etc/group', '/etc/shadow'])
    pid = bed.run(host, ['systemctl', 'show', '-P', 'MainPID', UNIT])
    return files.stdout, pid.stdout


def uid(name='nova', host=TWO):
    return int(bed.run(host, ['id', '-u', name]).stdout)


def run_of(done):
    return re.search(r'\brun ([0-9a-f]{8}) on', done.stderr).group(1)


def verdict(done):
    return done.rows[0]['Verdict']


# From end to end


def test_a_tree_with_every_trap_gets_its_numbers_and_them_back(old, wanted):
    build()
    before = listing()
    done = fix(old, *numbers(moved=True))
    assert done.status == 0, done
    assert done.rows[0]['State'] == 'done'
    assert zoo.differences(listing(), wanted) == {}
    assert (uid(), active()) == (zoo.UIDS[zoo.NOVA], RUNNING)

    after = state()
    again = fix(old, *numbers(moved=True))
    assert (again.status, verdict(again)) == (0, 'ok')
    assert zoo.differences(listing(), wanted) == {}
    assert state() == after

    back = recover(old, 'ownership', 'undo', run_of(done), '--yes')
    assert back.status == 0, back
    assert zoo.differences(listing(), before) == {}
    assert (uid(), active()) == (zoo.NOVA, RUNNING)
    twice = recover(old, 'ownership', 'undo', run_of(done), '--yes')
    assert (twice.status, verdict(twice)) == (0, 'ok')


def test_what_the_services_made_since_goes_along_with_an_undo(old):
    done = fix(old, '--uid', 'nova=61450', '--gid', 'nova=62450')
    assert done.status == 0, done
    bed.run(TWO, ['runuser', '-u', 'nova', 'touch', '/var/lib/nova/late'])
    late = root() / 'var/lib/nova/late'
    assert late.stat().st_uid == 61450
    back = recover(old, 'ownership', 'undo', run_of(done), '--yes')
    assert back.status == 0, back
    now = late.stat()
    assert (now.st_uid, now.st_gid) == (zoo.NOVA, zoo.NOVA_G)
    assert (uid(), active()) == (zoo.NOVA, RUNNING)


def test_a_host_gets_the_numbers_of_another_and_check_agrees(old):
    found = recover(old, 'ownership', 'check', ONE, TWO, '--reference', ONE)
    assert found.status == 1
    row = next(r for r in found.rows if r['State'] == 'differs')
    assert f'openstack recover ownership fix {TWO}' in row['Way out']
    done = fix(old, '--reference', ONE)
    assert done.status == 0, done
    found = recover(old, 'ownership', 'check', ONE, TWO, '--reference', ONE)
    assert found.status == 0, found
    assert uid() == uid(host=ONE)
    looked = recover(old, 'ownership', 'verify', TWO)
    assert not [r for r in looked.rows if r['State'] == 'left'], looked
    assert root().joinpath('var/lib/nova').stat().st_uid == uid()


def test_nothing_is_changed_without_approval_or_in_a_dry_run(old):
    before = state()
    refused = recover(old, 'ownership', 'fix', TWO, '--reference', ONE)
    assert refused.status == 3
    dry = recover(
        old, 'ownership', 'fix', TWO, '--reference', ONE, '--dry-run'
    )
    assert (dry.status, dry.rows[0]['State']) == (0, 'planned')
    assert 'uid nova' in dry.rows[0]['Kind']
    assert 'left out' in dry.stderr
    assert state() == before
    run = re.search(r'plan ([0-9a-f]{8})', dry.stderr).group(1)
    done = recover(old, 'run', 'start', run, '--yes')
    assert done.status == 0, done
    assert uid() == uid(host=ONE)
    shown = recover(old, 'run', 'show', run)
    assert {row['State'] for row in shown.rows} == {'done'}
    assert recover(old, 'run', 'report', run).status == 0


def test_files_of_nobody_are_told_by_check_and_verify(old):
    stray = root() / 'srv/stray'
    stray.write_text('')
    os.chown(stray, 61999, 0)
    try:
        found = recover(old, 'ownership', 'check', TWO, '--files')
        told = [r for r in found.rows if r['State'] == 'nobody']
        assert any(r['Number'] == 61999 for r in told), found
        looked = recover(old, 'ownership', 'verify', TWO)
    finally:
        stray.unlink()
    assert looked.status == 1
    row = next(r for r in looked.rows if r['Number'] == 'uid 61999')
    assert (row['Objects'], row['Example']) == (1, '/srv/stray')


# What is in the way: a row, a reason, a way out, and nothing is changed


def refused(clouds, *words, host=TWO):
    before = state(host)
    done = fix(clouds, *words, host=host)
    assert done.status == 3, done
    row = done.rows[0]
    assert row['Reason']
    assert row['Way out']
    assert state(host) == before
    return row


@pytest.mark.parametrize(
    'number', ['0', '65534', '4294967295', '99999999999', '-1', 'x', '1 2']
)
def test_a_number_that_no_account_may_have_is_refused(clouds, number):
    row = refused(clouds, '--uid', f'nova={number}')
    assert row['Verdict'] == 'bad-number'


@pytest.mark.parametrize(
    'name', ['cpm2', '; reboot', 'a\nb', '$(id)', "cmp2'"]
)
def test_a_host_that_is_not_novas_is_refused(clouds, name):
    before = state()
    done = recover(clouds, 'ownership', 'fix', name, '--yes')
    assert done.status == 3, done
    assert verdict(done) == 'unknown-host'
    assert state() == before


def test_a_number_in_use_on_one_host_only_is_refused_there(clouds):
    bed.run(TWO, ['useradd', '-M', '-u', '4321', 'somebody'])
    try:
        row = refused(clouds, '--uid', 'nova=4321')
        both = recover(
            clouds, 'ownership', 'fix', ONE, TWO, '--uid', 'nova=4321',
            '--dry-run',
        )  # fmt: skip
    finally:
        bed.run(TWO, ['userdel', 'somebody'])
    assert row['Verdict'] == 'collision'
    assert 'another account' in row['Reason']
    assert [r['State'] for r in both.rows] == ['planned', 'left']


def test_a_process_of_another_unit_is_refused_and_named(clouds):
    bed.run(TWO, ['systemd-run', '--uid=nova', '--unit=other', 'sleep', '600'])
    try:
        row = refused(clouds, '--uid', 'nova=61400')
    finally:
        bed.run(TWO, ['systemctl', 'stop', 'other.service'])
    assert row['Verdict'] == 'processes'
    assert 'sleep of other.service' in row['Reason']


@contextlib.contextmanager
def mounted(where, *options):
    bed.run(TWO, ['mkdir', '-p', where])
    bed.run(TWO, ['mount', '-t', 'tmpfs', *options, 'tmpfs', where])
    try:
        yield
    finally:
        bed.run(TWO, ['umount', where])


def test_a_file_system_that_became_read_only_is_refused(clouds):
    with mounted('/srv/disk'):
        bed.run(TWO, ['mount', '-o', 'remount,ro', '/srv/disk'])
        row = refused(clouds, '--uid', 'nova=61400')
    assert row['Verdict'] == 'read-only'
    assert '/srv/disk' in row['Reason']


def test_no_room_for_the_manifest_is_refused(clouds):
    with mounted('/var/lib/osc-recover', '-o', 'size=64k,mode=700'):
        row = refused(clouds, '--uid', 'nova=61400')
    assert row['Verdict'] == 'no-room'


def test_a_user_without_sudo_is_refused(clean, hosts, tmp_path):
    clouds = reached(tmp_path, hosts, {'user': 'nosudo', 'sudo': True})
    row = refused(clouds, '--uid', 'nova=61400')
    assert row['Verdict'] == 'unknown'
    assert 'asks user nosudo for a password' in row['Reason']


def test_a_run_that_changed_no_numbers_cannot_be_undone(clouds):
    dry = recover(clouds, 'service', 'stop', TWO, '--dry-run')
    run = re.search(r'plan ([0-9a-f]{8})', dry.stderr).group(1)
    done = recover(clouds, 'ownership', 'undo', run, '--yes')
    assert (done.status, verdict(done)) == (3, 'other-procedure')


# Cut off in the middle of the files


class Fix:
    """A fix that runs, and what becomes of it."""

    def __init__(self, clouds, tree):
        self.clouds, self.tree = clouds, tree
        self.journal = clouds.parent / 'journal.sqlite'
        self.known = {run.id for run in self.runs()}
        words = ['ownership', 'fix', TWO, *numbers(moved=True), '--yes']
        self.process = subprocess.Popen(
            lib.command(*words),
            env=lib.environment(clouds),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs(self):
        if not self.journal.exists():
            return []
        journal = Journal(self.journal)
        try:
            return journal.runs()
        finally:
            journal.close()

    @property
    def run(self):
        return next(r.id for r in self.runs() if r.id not in self.known)

    def wait_for_files(self):
        """Until some of the files have changed."""
        folder = self.tree.root / 'many'
        end = time.monotonic() + DEADLINE
        while not any(moved(folder / str(n)) for n in range(0, MANY, 997)):
            assert time.monotonic() < end, 'no file changes'
            assert self.process.poll() is None, self.process.communicate()

    def resume(self):
        done = recover(self.clouds, 'run', 'resume', self.run)
        assert done.status == 0, done
        assert done.rows[0]['State'] == 'done'


def moved(path):
    return path.lstat().st_gid == zoo.GIDS[zoo.LIBVIRT_G]


def all_moved(tree):
    return all(moved(tree.root / 'many' / str(n)) for n in range(MANY))


@pytest.fixture
def cut(old):
    """A fix of a large tree that is in the middle of its files."""
    tree = build(MANY)
    going = Fix(old, tree)
    going.wait_for_files()
    yield going
    going.process.kill()
    going.process.wait()


def whole(cut, tmp_path):
    """That every object is as if the change had been made at once."""
    made = Zoo(tmp_path / 'whole', moved=True, many=MANY)
    assert zoo.differences(listing(), zoo.listing(made.root)) == {}
    assert (uid(), active()) == (zoo.UIDS[zoo.NOVA], RUNNING)


def test_a_tool_that_is_killed_goes_on_from_the_manifest(cut, tmp_path):
    cut.process.send_signal(signal.SIGKILL)
    cut.process.wait()
    assert not all_moved(cut.tree), 'it was not in the middle'
    assert active()[0] != 'active'
    cut.resume()
    whole(cut, tmp_path)
    back = recover(cut.clouds, 'ownership', 'undo', cut.run, '--yes')
    assert back.status == 0, back
    assert uid() == zoo.NOVA


def test_a_host_that_reboots_in_the_middle_is_finished(cut, tmp_path):
    bed.power_off(TWO)
    assert not all_moved(cut.tree), 'it was not in the middle'
    _, told = cut.process.communicate(timeout=DEADLINE)
    assert cut.process.returncode == 1, told
    bed.power_on(TWO)
    cut.resume()
    whole(cut, tmp_path)


def test_a_host_that_is_rebooted_in_order_is_finished(old, tmp_path):
    tree = build(MANY)
    going = Fix(old, tree)
    try:
        # It goes on for a while, so this begins before the files do.
        wait_for('nova-compute runs on', lambda: active()[0] != 'active')
        bed.reboot(TWO)
        _, told = going.process.communicate(timeout=DEADLINE)
    finally:
        going.process.kill()
        going.process.wait()
    assert going.process.returncode == 1, told
    assert not (all_moved(tree) and uid() == zoo.UIDS[zoo.NOVA])
    going.resume()
    whole(going, tmp_path)


def test_a_host_that_is_cut_off_in_the_middle_is_finished(cut, tmp_path):
    bed.cut(TWO)
    try:
        _, told = cut.process.communicate(timeout=DEADLINE)
    finally:
        bed.mend(TWO)
    assert cut.process.returncode == 1, told
    cut.resume()
    whole(cut, tmp_path)
