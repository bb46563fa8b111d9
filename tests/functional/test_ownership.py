# SPDX-License-Identifier: Apache-2.0
"""Numbers of accounts and files changed on a real host, by the real command.

These tests take the bed of this machine: one that is up goes down.
"""

import contextlib
import os
import re

import pytest

from tests.functional.renumbered import (
    ONE,
    RUNNING,
    TWO,
    active,
    begin,
    build,
    fix,
    listing,
    numbers,
    root,
    run_of,
    state,
    uid,
)
from tests.hosts import bed
from tests.practice import reached, recover
from tests.unit import zoo
from tests.unit.zoo import Zoo

pytestmark = pytest.mark.functional


@pytest.fixture
def clouds(clean, renumbered, tmp_path):
    for host in renumbered:
        clean.heal(host)
    return reached(tmp_path, renumbered)


@pytest.fixture
def old(clouds):
    """Host two with the numbers that the tree has at first."""
    begin(clouds)
    return clouds


@pytest.fixture(scope='module')
def wanted(tmp_path_factory):
    """The listing of a tree that has the new numbers."""
    made = Zoo(tmp_path_factory.mktemp('right') / 'new', moved=True)
    return zoo.listing(made.root)


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


def test_a_user_without_sudo_is_refused(clean, renumbered, tmp_path):
    clouds = reached(tmp_path, renumbered, {'user': 'nosudo', 'sudo': True})
    row = refused(clouds, '--uid', 'nova=61400')
    assert row['Verdict'] == 'unknown'
    assert 'asks user nosudo for a password' in row['Reason']


def test_a_run_that_changed_no_numbers_cannot_be_undone(clouds):
    dry = recover(clouds, 'service', 'stop', TWO, '--dry-run')
    run = re.search(r'plan ([0-9a-f]{8})', dry.stderr).group(1)
    done = recover(clouds, 'ownership', 'undo', run, '--yes')
    assert (done.status, verdict(done)) == (3, 'other-procedure')
