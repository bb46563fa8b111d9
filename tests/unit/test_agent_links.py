# SPDX-License-Identifier: Apache-2.0
"""iscsiadm's words, and one session closed; open-iscsi is a folder.

What is marked as recorded was said by open-iscsi 2.1.8 and tgt 1.0.85.
"""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors, hello, mounts, run
from osc_recover.agent.links import close, groups, iscsiadm, login, mount
from osc_recover.agent.state import layers, links, nodes, sessions
from osc_recover.gateways import links as gateway
from tests.unit.iscsi_double import OTHER, PORTAL, A, B, Iscsi

# Recorded.
DISCOVERED = """127.0.0.1:3260,1 iqn.2010-10.org.practice:a
[fec0::5054:ff:fe12:3456]:3260,1 iqn.2010-10.org.practice:a
"""


@pytest.fixture
def iscsi(tmp_path, monkeypatch):
    made = Iscsi(tmp_path / 'iscsi')
    monkeypatch.setattr(run, 'PATH', f'{made.folder}/bin:{run.PATH}')
    monkeypatch.setattr(sessions, 'SYS', str(made.folder / 'sys'))
    monkeypatch.setattr(nodes, 'FOLDERS', (str(made.folder / 'nodes'),))
    monkeypatch.setattr(hello, '_BOOT_ID', str(made.folder / 'boot_id'))
    made.offer(A, PORTAL, OTHER)
    made.offer(B, PORTAL)
    return made


def refused(call, *args):
    with pytest.raises(errors.Refused) as no:
        call(*args, lambda event: None)
    return no.value


def asked(number, target, boot='boot-1'):
    return {
        'number': number, 'target': target, 'boot_id': boot, 'servers': [],
    }  # fmt: skip


# Closing


def test_one_session_is_closed_and_the_others_stay(iscsi):
    first, second = iscsi.open(A), iscsi.open(A, OTHER)
    third = iscsi.open(B)
    assert close.close(asked(second, A), lambda event: None) == {}
    assert iscsi.sessions() == [first, third]
    assert iscsi.calls('iscsiadm') == [f'iscsiadm -m session -r {second} -u']


@pytest.mark.parametrize(
    'number, target, boot, code',
    [
        (1, B, 'boot-1', 'other-target'),
        (7, A, 'boot-1', 'no-session'),
        (1, A, 'boot-0', 'rebooted'),
    ],
)
def test_what_was_not_meant_is_not_closed(iscsi, number, target, boot, code):
    assert iscsi.open(A) == 1
    assert refused(close.close, asked(number, target, boot)).code == code
    assert (iscsi.sessions(), iscsi.calls('iscsiadm')) == ([1], [])


@pytest.mark.parametrize(
    'uuid, name, closed',
    [('mpath-36001', 'mpatha', True), ('LVM-x', 'vg-data', False)],
)
def test_a_disk_that_the_host_uses_itself_is_not_taken(
    iscsi, uuid, name, closed
):
    number = iscsi.open(A)
    sysfs = iscsi.folder / 'sys/class'
    [disk] = sysfs.glob('iscsi_session/*/device/*/*/block/*')
    (disk / 'holders/dm-0').mkdir()
    mapped = sysfs / 'block/dm-0/dm'
    mapped.mkdir(parents=True)
    (mapped / 'uuid').write_text(uuid + '\n')
    (mapped / 'name').write_text(name + '\n')
    if closed:
        close.close(asked(number, A), lambda event: None)
    else:
        told = refused(close.close, asked(number, A))
        assert (told.code, name in told.text) == ('in-use', True)
    assert iscsi.sessions() == ([] if closed else [number])


def test_without_iscsiadm_and_a_container_of_it_nothing_is_closed(
    iscsi, monkeypatch
):
    number = iscsi.open(A)
    monkeypatch.setattr(run, 'PATH', '/nowhere')
    told = refused(close.close, asked(number, A))
    assert (told.code, bool(told.fields['advice'])) == ('no-iscsiadm', True)


def test_in_a_container_of_kolla_it_is_asked_there(iscsi, monkeypatch):
    number = iscsi.open(A)
    engine = iscsi.folder / 'kolla/podman'
    engine.parent.mkdir()
    script = f'shift; echo "$@" >> {iscsi.folder}/podman; shift\n'
    engine.write_text(
        f'#!/bin/sh\n{script}PATH={iscsi.folder}/bin:$PATH\nexec "$@"\n'
    )
    engine.chmod(0o755)
    monkeypatch.setattr(run, 'PATH', f'{engine.parent}:/nowhere')
    close.close(asked(number, A), lambda event: None)
    told = (iscsi.folder / 'podman').read_text()
    assert told == f'iscsid iscsiadm -m session -r {number} -u\n'
    assert iscsi.sessions() == []


# Opening


def way(target, portal=PORTAL, iface=''):
    return {'target': target, 'portal': portal, 'iface': iface}


def opened(*words):
    return login.login(way(*words), lambda event: None)


def test_a_session_is_discovered_recorded_and_opened(iscsi):
    told = opened(A)
    assert (iscsi.sessions(), told['number']) == ([1], 1)
    assert told['devices'] == ['sdza']
    asked = [line for line in iscsi.calls() if 'iscsiadm' in line]
    assert asked == [
        f'iscsiadm -m discovery -t st -p {PORTAL} -o nonpersistent',
        f'iscsiadm -m node -T {A} -p {PORTAL}',
        f'iscsiadm -m node -T {A} -p {PORTAL} -o new',
        f'iscsiadm -m node -T {A} -p {PORTAL} --login',
    ]


def test_what_is_open_is_not_opened_again(iscsi):
    number = iscsi.open(A)
    assert opened(A)['number'] == number
    assert iscsi.calls('iscsiadm') == []
    assert opened(A, OTHER)['number'] == number + 1


def test_a_record_that_is_there_keeps_its_password(iscsi):
    iscsi.offer(A, PORTAL, password='chap-secret')
    kept = 'node.session.auth.password = chap-secret\n'
    path = iscsi.record(A, PORTAL, kept)
    opened(A)
    assert (iscsi.has(A), path.read_text()) == (True, kept)
    assert iscsi.calls('new') == []
    assert 'chap' not in ''.join(iscsi.calls())


def test_a_password_that_nobody_has_is_said_and_not_guessed(iscsi):
    iscsi.offer(A, PORTAL, password='chap-secret')
    told = refused(login.login, way(A))
    assert (told.code, iscsi.sessions()) == ('login-refused', [])
    assert 'hard reboot' in told.fields['advice']


def test_what_a_portal_does_not_offer_is_not_recorded(iscsi):
    told = refused(login.login, way(B, OTHER))
    assert (told.code, B in told.text) == ('not-offered', True)
    assert not list((iscsi.folder / 'nodes').iterdir())


def test_a_portal_that_is_not_there_is_said(iscsi):
    told = refused(login.login, way(A, '10.77.0.99:3260'))
    assert (told.code, 'took too long' in told.text) == ('not-offered', True)
    iscsi.record(A, '10.77.0.99:3260', 'node.startup = manual\n')
    told = refused(login.login, way(A, '10.77.0.99:3260'))
    assert told.code == 'iscsiadm-failed'
    assert 'does not tell its targets' in told.text


def test_no_silence_is_longer_than_it_is_waited_for(iscsi):
    told = []
    login.login(way(A), told.append)
    assert told == [{'asked': PORTAL}]
    # Each of the two may take as long as iscsiadm has.
    longest = iscsiadm._SECONDS + login._SETTLE + 5
    assert longest < gateway.CHANGE_TIMEOUT


def test_a_session_is_open_however_slow_udev_is(iscsi, monkeypatch):
    (iscsi.folder / 'bin/udevadm').write_text('#!/bin/sh\nsleep 600\n')
    monkeypatch.setattr(login, '_SETTLE', -4.5)  # half a second
    assert opened(A)['number'] == 1


# Volume groups


def test_a_volume_group_on_a_target_is_activated_and_no_other(iscsi):
    iscsi.group('ours', A)
    iscsi.group('guests', B)
    iscsi.open(A)
    iscsi.open(B)
    told = groups.show({'targets': [A]}, lambda event: None)
    assert told == {
        'groups': {'ours': {'missing': 0, 'inactive': ['data']}},
        'absent': [],
        'unlisted': [],
    }
    groups.activate({'targets': [A]}, lambda event: None)
    assert iscsi.is_active('ours')
    assert not iscsi.is_active('guests')


def test_a_volume_group_inside_a_volume_of_a_guest_is_not_ours(
    iscsi, monkeypatch
):
    iscsi.open(A)
    sysfs = iscsi.folder / 'sys/class'
    [disk] = sysfs.glob('iscsi_session/*/device/*/*/block/*')
    (disk / 'holders/dm-7').mkdir()
    mapped = sysfs / 'block/dm-7/dm'
    mapped.mkdir(parents=True)
    (mapped / 'uuid').write_text('LVM-x\n')
    (mapped / 'name').write_text('ours-volume--1\n')
    rows = [
        {'pv_name': f'/dev/{name}', 'vg_name': group,
         'vg_missing_pv_count': '0'}
        for name, group in ((disk.name, 'ours'), ('dm-7', 'guest'))
    ]  # fmt: skip
    told = {'pvs': rows, 'lvs': []}
    monkeypatch.setattr(groups, '_asked', lambda program, *_: told[program])
    found = groups.show({'targets': [A]}, lambda event: None)
    assert list(found['groups']) == ['ours']


def test_while_a_volume_group_is_activated_the_host_is_not_silent(
    iscsi, monkeypatch
):
    monkeypatch.setattr(groups, '_BEAT', 0.001)
    iscsi.group('ours', A)
    iscsi.open(A)
    told = []
    groups.activate({'targets': [A]}, told.append)
    assert told
    assert {*map(str, told)} == {"{'activating': 'ours'}"}


def test_a_volume_group_that_lacks_a_disk_stays_as_it_is(iscsi):
    iscsi.group('ours', A, missing='1')
    iscsi.open(A)
    told = refused(groups.activate, {'targets': [A]})
    assert (told.code, 'ours' in told.text) == ('incomplete', True)
    assert not iscsi.is_active('ours')


def test_without_a_session_nothing_is_activated(iscsi):
    iscsi.group('ours', A)
    told = refused(groups.activate, {'targets': [A]})
    assert (told.code, iscsi.is_active('ours')) == ('no-session', False)


def test_a_target_that_is_lost_for_good_keeps_no_other_group_back(iscsi):
    iscsi.group('ours', A)
    iscsi.open(A)
    told = refused(groups.activate, {'targets': [A, B]})
    assert (told.code, B in told.text) == ('no-session', True)
    assert iscsi.is_active('ours')


def test_a_volume_group_that_lvm_is_not_to_see_is_told(iscsi, monkeypatch):
    iscsi.group('ours', A)
    iscsi.group('new', B, unlisted=True)
    iscsi.open(A)
    iscsi.open(B)
    both = {'targets': [A, B]}
    assert groups.show(both, lambda event: None)['unlisted'] == []
    listed = iscsi.folder / 'system.devices'
    listed.touch()
    monkeypatch.setattr(groups, '_DEVICES', str(listed))
    assert groups.show(both, lambda event: None)['unlisted'] == ['new']
    told = refused(groups.activate, both)
    assert (told.code, 'group new:' in told.text) == ('unlisted', True)
    assert 'vgimportdevices new' in told.fields['advice']
    assert iscsi.is_active('ours')
    assert not iscsi.is_active('new')
    assert not iscsi.calls('vgimportdevices')


@given(st.text())
def test_what_is_no_report_of_lvm_is_refused(text):
    with pytest.raises(errors.Refused) as no:
        groups.report(text, 'pv', ['pv_name'])
    assert no.value.code == 'not-understood'


@given(st.lists(st.text()))
def test_every_report_of_lvm_comes_back(names):
    rows = [{'pv_name': name, 'more': 1} for name in names]
    text = json.dumps({'report': [{'pv': rows}]})
    found = groups.report(text, 'pv', ['pv_name'])
    assert [row['pv_name'] for row in found] == names


# Mounts


def test_what_is_mounted_is_known_and_something_else_is_not_hidden():
    root = mounts.shown(mounts.current())['/']
    same = {'point': '/', 'source': root.source}
    assert mount.look(same, lambda event: None) == {
        'mounted': True,
        'other': '',
    }
    other = {'point': '/', 'source': '/dev/mapper/none-such'}
    assert mount.look(other, lambda event: None)['other'] == root.source
    args = {**other, 'kind': 'ext4', 'options': [], 'targets': [A]}
    assert refused(mount.mount, args).code == 'occupied'


def test_a_mount_of_btrfs_is_known_by_its_device(tmp_path, monkeypatch):
    point = tmp_path / 'point'
    point.mkdir()
    (tmp_path / 'link').symlink_to(point)
    row = f'29 1 0:45 / {point} rw - btrfs /dev/null rw'
    monkeypatch.setattr(mounts, 'current', lambda: mounts.parse(row))
    same = tmp_path / 'by-uuid'
    same.symlink_to('/dev/null')
    for at, source, known in (
        (point, same, True),
        (tmp_path / 'link', same, True),
        (point, '/dev/zero', False),
        (point, '/dev/none-such', False),
    ):
        asked = {'point': str(at), 'source': str(source)}
        assert mount.look(asked, lambda event: None)['mounted'] == known


def test_a_root_without_an_initramfs_is_known_by_its_number(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(mount, '_ROOT', '/dev/none-such')
    row = '29 1 8:1 / / rw - ext4 /dev/none-such rw'
    monkeypatch.setattr(mounts, 'current', lambda: mounts.parse(row))
    monkeypatch.setattr(sessions, 'SYS', str(tmp_path))
    disk = tmp_path / 'devices/sda/sda1'
    disk.mkdir(parents=True)
    (tmp_path / 'dev/block').mkdir(parents=True)
    (tmp_path / 'dev/block/8:1').symlink_to(disk)
    assert mount.source_of('/') == '/dev/sda1'


def test_what_is_on_no_disk_of_the_targets_is_not_mounted(iscsi, tmp_path):
    args = {
        'point': str(tmp_path), 'kind': 'ext4', 'options': [], 'targets': [A],
    }  # fmt: skip
    absent = {**args, 'source': 'UUID=none-such'}
    assert refused(mount.mount, absent).code == 'no-source'
    # A device, though none that could be mounted.
    elsewhere = {**args, 'source': '/dev/null'}
    assert refused(mount.mount, elsewhere).code == 'elsewhere'
    nowhere = {**args, 'source': '/dev/null', 'point': f'{tmp_path}/none'}
    assert refused(mount.mount, nowhere).code == 'no-point'


@pytest.mark.parametrize(
    'source, path',
    [
        ('UUID=ab-cd', '/dev/disk/by-uuid/ab-cd'),
        ('LABEL="my disk"', '/dev/disk/by-label/my\\x20disk'),
        ('LABEL=M\xfcll\u2192\udcff', '/dev/disk/by-label/M\xfcll\u2192\\xff'),
        ('/dev/mapper/a=b', '/dev/mapper/a=b'),
        ('host:/path', 'host:/path'),
    ],
)
def test_a_tag_of_fstab_is_a_path(source, path):
    assert mount.path_of(source) == path


# What is told


def test_links_are_told_without_secrets(iscsi):
    iscsi.open(A)
    iscsi.record(A, PORTAL, 'node.session.auth.password = chap-secret\n')
    told = links.links({}, lambda event: None)
    assert told['boot_id'] == 'boot-1'
    [session] = told['sessions']
    assert (session['target'], session['portal']) == (A, PORTAL)
    assert session['devices'][0]['state'] == 'running'
    assert told['nodes'][0]['settings'] == {
        'node.session.auth.password': '***'
    }
    assert 'chap' not in str(told)


def test_records_that_are_odd_are_a_problem_and_the_rest_is_told(iscsi):
    iscsi.open(A)
    iscsi.record(A, PORTAL, 'nonsense\n')
    told = links.links({}, lambda event: None)
    assert list(told['problems']) == ['nodes']
    assert len(told['sessions']) == 1


def test_every_layer_over_a_disk_is_told_once(tmp_path):
    disk = tmp_path / 'block/sdb'
    for path in (
        'block/sdb/sdb1/holders/dm-0',
        'block/sdb/holders/dm-1',
        'class/block/dm-0/holders/dm-2',
        'class/block/dm-1/holders/dm-2',
        'class/block/dm-2/holders/md0',
    ):
        (tmp_path / path).mkdir(parents=True)
    (disk / 'sdb1/partition').write_text('1\n')
    for name, uuid, kernel in (
        ('mpatha', 'mpath-36001', 'dm-0'),
        ('mpatha-part1', 'part1-mpath-36001', 'dm-1'),
        ('vg-data', 'LVM-abc', 'dm-2'),
    ):
        folder = tmp_path / 'class/block' / kernel / 'dm'
        folder.mkdir()
        (folder / 'name').write_text(name + '\n')
        (folder / 'uuid').write_text(uuid + '\n')
    told = layers.over(str(tmp_path), str(disk))
    assert [(one['name'], one['kernel'], one['kind']) for one in told] == [
        ('sdb1', 'sdb1', 'part'),
        ('mpatha-part1', 'dm-1', 'part'),
        ('mpatha', 'dm-0', 'mpath'),
        ('vg-data', 'dm-2', 'lvm'),
        ('md0', 'md0', 'md'),
    ]


# What a discovery says


def test_a_discovery_is_read():
    target = 'iqn.2010-10.org.practice:a'
    assert iscsiadm.targets(DISCOVERED) == {
        '127.0.0.1:3260': [target],
        '[fec0::5054:ff:fe12:3456]:3260': [target],
    }


NAMES = st.from_regex(r'\Aiqn\.2010-10\.[a-z0-9.]{1,20}:[a-z0-9.:-]{1,20}\Z')
PORTALS = st.one_of(
    st.builds(
        lambda address, port: f'{address}:{port}',
        st.ip_addresses(v=4), st.integers(1, 65535),
    ),
    st.builds(
        lambda address, port: f'[{address}]:{port}',
        st.ip_addresses(v=6), st.integers(1, 65535),
    ),
)  # fmt: skip


@given(st.lists(st.tuples(PORTALS, st.integers(-1, 99), NAMES)))
def test_every_discovery_comes_back(listed):
    text = ''.join(f'{p},{group} {name}\n' for p, group, name in listed)
    found = iscsiadm.targets(text)
    assert [(p, n) for p in found for n in found[p]] == sorted(
        ((p, n) for p, _, n in listed),
        key=lambda pair: list(found).index(pair[0]),
    )


@given(st.text())
def test_what_is_no_discovery_is_refused_or_read_whole(text):
    lines = [line for line in text.split('\n') if line.strip()]
    with contextlib.suppress(errors.Refused):
        found = iscsiadm.targets(text)
        assert sum(map(len, found.values())) == len(lines)


@pytest.mark.parametrize(
    'field, text',
    [
        ('target', '--help'),
        ('target', 'iqn.2010-10.org a'),
        ('target', 'iqn.x\n'),
        ('portal', '-p'),
        ('portal', '10.0.0.1'),
        ('portal', '10.0.0.1:x'),
        ('iface', '-d8'),
    ],
)
def test_what_no_target_is_called_is_refused(field, text):
    args = {'target': A, 'portal': PORTAL, 'iface': '', field: text}
    with pytest.raises(errors.Refused) as no:
        iscsiadm.checked(args)
    assert no.value.code == 'bad-name'


@given(NAMES, PORTALS)
def test_every_target_and_portal_can_be_named(target, portal):
    words = iscsiadm.checked(
        {'target': target, 'portal': portal, 'iface': 'iface0'}
    )
    assert words == [
        '-m', 'node', '-T', target, '-p', portal, '-I', 'iface0',
    ]  # fmt: skip
