# SPDX-License-Identifier: Apache-2.0
"""What an fstab should say, and how it is mended."""

import dataclasses

import pytest

from osc_recover.checks import mounts as checks
from osc_recover.checks.request import MountFix
from osc_recover.facts.mounts import Fstab, FstabEntry
from osc_recover.procedures.mounts import fix_mounts

SAN = 'iqn.2010-10.san:all'
ROOT = FstabEntry('UUID=1', '/', 'ext4', ('errors=remount-ro',), ('vda',))
DATA = FstabEntry('UUID=2', '/data', 'ext4', ('defaults',), ('vdb',))
SRV = FstabEntry('/dev/mapper/vg-srv', '/srv', 'xfs', (), ('sdb',), SAN)


def fstab(*entries, role='volume server', **more):
    return Fstab('san', role, entries=(ROOT, *entries), root=('vda',), **more)


def advised(entry, role, **more):
    one = fstab(entry, role=role, **more)
    return {a.code: a for a in checks.advice(one, entry) if not a.note}


@pytest.mark.parametrize('role', ['volume server', 'guest'])
def test_ext_goes_read_only_at_an_error(role):
    root = dataclasses.replace(ROOT, options=('defaults',))
    assert advised(root, role)['errors'].add == ('errors=remount-ro',)
    assert advised(ROOT, role) == {}
    assert advised(root, 'host') == {}
    panics = dataclasses.replace(ROOT, options=('errors=panic',))
    assert advised(panics, role) == {}


@pytest.mark.parametrize('kind', ['xfs', 'btrfs'])
def test_another_kind_is_only_told_about_it(kind):
    other = dataclasses.replace(ROOT, kind=kind, options=())
    [note] = checks.advice(fstab(), other)
    assert (note.note, note.mends) == (True, False)
    assert [r.state for r in checks.rows([Fstab('s', 'guest', entries=(
        other,))])] == ['note']  # fmt: skip


def test_a_disk_of_the_san_is_taken_out_on_a_volume_server():
    found = advised(SRV, 'volume server')
    assert found['san'].comment
    assert SAN in found['san'].text


@pytest.mark.parametrize('kind', ['ext4', 'xfs', 'auto'])
def test_a_disk_of_the_san_is_known_by_its_path(kind):
    path = f'/dev/disk/by-path/ip-10.77.0.11:3260-iscsi-{SAN}-lun-1'
    entry = FstabEntry(path, '/srv', kind, (), ('sdb',), SAN)
    assert advised(entry, 'volume server')['san'].comment


@pytest.mark.parametrize(
    'point, disk', [('/', 'sda'), ('/boot', 'sdb'), ('/tmp', 'sda')]
)
def test_a_volume_server_that_boots_from_the_san_keeps_its_system(point, disk):
    own = FstabEntry('UUID=1', point, 'ext4', ROOT.options, (disk,), SAN)
    one = Fstab('san', 'volume server', entries=(own,), root=('sda',))
    [note] = checks.advice(one, own)
    assert (note.note, note.mends) == (True, False)
    assert fix_mounts([one], MountFix(('san',))).phases == ()


def test_a_disk_of_iscsi_is_not_waited_for_on_another_host():
    assert advised(SRV, 'host')['nofail'].add == ('nofail', '_netdev')
    some = dataclasses.replace(SRV, options=('nofail',))
    assert advised(some, 'host')['nofail'].add == ('_netdev',)


def test_a_volume_of_a_guest_is_not_waited_for():
    assert advised(DATA, 'guest')['nofail'].add == ('nofail',)
    assert 'nofail' not in advised(DATA, 'volume server')
    inside = dataclasses.replace(DATA, disks=('vda',))
    assert 'nofail' not in advised(inside, 'guest')


@pytest.mark.parametrize('below, warned', [(False, True), (True, False)])
def test_a_home_on_a_volume_leaves_somebody_to_log_in(below, warned):
    home = FstabEntry('UUID=3', '/home', 'xfs', ('nofail',), ('vdb',))
    found = advised(home, 'guest', keys_below=below)
    assert ('home' in found) == warned
    own = dataclasses.replace(home, disks=('vda',))
    assert advised(own, 'guest', keys_below=False) == {}


def test_a_device_that_is_not_there_is_said_and_left():
    lost = FstabEntry('UUID=9', '/lost', 'xfs', ('defaults',))
    found = advised(lost, 'volume server')
    assert not found['absent'].mends
    for option in ('nofail', 'noauto', 'x-systemd.automount', 'bind'):
        calm = dataclasses.replace(lost, options=(option,))
        assert advised(calm, 'volume server') == {}


@pytest.mark.parametrize('option', ['noauto', 'x-systemd.automount'])
def test_what_no_boot_mounts_holds_up_none(option):
    options = ('errors=remount-ro', option)
    for role, entry in (('host', SRV), ('volume server', SRV),
                        ('guest', DATA)):  # fmt: skip
        later = dataclasses.replace(entry, options=options)
        assert advised(later, role) == {}


@pytest.mark.parametrize(
    'spec, kind',
    [
        ('tmpfs', 'tmpfs'), ('nas:/a', 'nfs'), ('/swap', 'swap'),
        ('hugetlbfs', 'hugetlbfs'), ('tank/data', 'zfs'), ('tag', 'virtiofs'),
        ('//nas/a', 'cifs'), ('/srv/image', 'auto'), ('UUID=9', 'swap'),
    ],
)  # fmt: skip
def test_what_has_no_disk_is_none_of_this(spec, kind):
    for role in ('volume server', 'host', 'guest'):
        assert advised(FstabEntry(spec, '/x', kind), role) == {}


def test_a_plan_has_all_edits_of_a_machine_in_one_step():
    plan = fix_mounts([fstab(DATA, SRV)], MountFix(('san',)))
    [step] = plan.steps()
    assert step.args['edits'] == [
        {
            'spec': 'UUID=2', 'point': '/data',
            'add': ['errors=remount-ro'], 'comment': False, 'target': '',
        },
        {
            'spec': SRV.spec, 'point': '/srv', 'add': [], 'comment': True,
            'target': SRV.target,
        },
    ]  # fmt: skip
    assert 'session open san' in plan.notes[0]


def test_only_the_points_that_were_named_are_mended():
    plan = fix_mounts([fstab(DATA, SRV)], MountFix(('san',), points=('/srv',)))
    [step] = plan.steps()
    assert [edit['point'] for edit in step.args['edits']] == ['/srv']


def test_a_machine_that_is_right_or_mute_is_left():
    mute = Fstab('other', problem='other: no connection', way_out='mend')
    plan = fix_mounts([fstab(), mute], MountFix(('san', 'other')))
    assert plan.phases == ()
    assert [v.code for v in plan.verdicts] == ['ok', 'unknown']
