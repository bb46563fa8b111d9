# SPDX-License-Identifier: Apache-2.0
import contextlib
import os

import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent import errors, mounts
from tests.unit import zoo

TABLE = r"""
22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw
24 22 0:5 / /dev rw,nosuid shared:3 - devtmpfs udev rw,size=4k
25 24 0:22 / /dev/pts rw - devpts devpts rw,gid=5
26 22 0:23 / /run rw,nosuid - tmpfs tmpfs rw
27 22 253:1 / /var/lib/nova rw - xfs /dev/vdb rw
28 27 0:40 / /var/lib/nova/shared rw - nfs4 10.0.0.1:/nova rw,vers=4.2
29 22 253:0 /srv/data /mnt/with\040space rw shared:1 - ext4 /dev/vda1 rw
30 22 0:50 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw
31 22 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
32 22 0:60 / /mnt/glance rw - ceph 10.0.0.1:6789:/ rw
33 22 0:61 / /mnt/ssh rw - fuse.sshfs me@there:/home rw
34 22 0:62 / /mnt/fuse rw - fuse.other there:/home rw
35 22 253:9 / /a\134b\012c rw - ext4 /dev/vdc rw
37 26 0:71 / /run/user/0 rw - tmpfs tmpfs rw
36 22 0:70 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
""".lstrip()

WORD = st.text(
    st.characters(blacklist_categories=['Cs'], blacklist_characters='\0'),
    min_size=1,
)


def rows():
    found = mounts.judged(mounts.parse(TABLE))
    return {row['point']: row for row in found}


@pytest.mark.parametrize(
    'point, kind, why',
    [
        ('/', 'local', ''),
        ('/dev', 'local', ''),
        ('/run', 'local', ''),
        ('/var/lib/nova', 'local', ''),
        ('/a\\b\nc', 'local', ''),
        ('/proc', 'pseudo', 'made by the kernel; no owner is kept in it'),
        ('/dev/pts', 'pseudo', 'made by the kernel; no owner is kept in it'),
        (
            '/sys/fs/cgroup',
            'pseudo',
            'made by the kernel; no owner is kept in it',
        ),
        ('/mnt/with space', 'local', 'the same files as below /'),
        ('/snap/core/1', 'local', 'read-only'),
        ('/run/user/0', 'local', 'of a login, and gone with it'),
    ],
)
def test_each_file_system_has_its_class_and_reason(point, kind, why):
    row = rows()[point]
    assert (row['class'], row['why']) == (kind, why)
    assert row['covered'] == (not why)


@pytest.mark.parametrize(
    'point',
    ['/var/lib/nova/shared', '/mnt/glance', '/mnt/ssh', '/mnt/fuse'],
)
def test_what_other_hosts_may_use_is_not_covered(point):
    row = rows()[point]
    assert row['class'] == 'network'
    assert not row['covered']


@pytest.mark.parametrize(
    'line, read_only, frozen',
    [
        ('22 1 253:0 / / rw - ext4 /dev/vda1 rw', False, False),
        ('22 1 253:0 / / ro - ext4 /dev/vda1 rw', True, False),
        ('22 1 253:0 / / rw - ext4 /dev/vda1 ro,errors=x', True, True),
        ('22 1 7:0 / / ro - squashfs /dev/loop0 ro', True, False),
    ],
)
def test_a_file_system_that_became_read_only_is_told_from_others(
    line, read_only, frozen
):
    [row] = mounts.judged(mounts.parse(line + '\n'))
    assert (row['read_only'], row['frozen']) == (read_only, frozen)


def test_what_is_a_containers_is_not_covered():
    row = rows()['/var/lib/docker/overlay2/abc/merged']
    assert (row['class'], row['covered']) == ('container', False)


def test_subvolumes_are_walked_each_for_itself():
    table = (
        '1 0 0:9 /@ / rw - btrfs /dev/a rw,subvol=/@\n'
        '2 1 0:9 /@home /home rw - btrfs /dev/a rw,subvol=/@home\n'
        '3 1 0:9 /@/srv /mnt rw - btrfs /dev/a rw,subvol=/@\n'
    )
    found = mounts.judged(mounts.parse(table))
    covered = {row['point'] for row in found if row['covered']}
    assert covered == {'/', '/home'}


def test_a_host_whose_root_is_an_overlay_is_covered():
    table = '1 0 0:9 / / rw - overlay overlay rw,lowerdir=/a\n'
    assert mounts.judged(mounts.parse(table))[0]['covered']


def test_of_two_mounts_at_one_point_the_upper_one_counts():
    table = TABLE + '99 22 0:99 / /run rw - nfs4 a:/b rw\n'
    found = mounts.judged(mounts.parse(table))
    assert [r['class'] for r in found if r['point'] == '/run'] == ['network']


def escaped(word):
    for char in '\\ \t\n#':
        word = word.replace(char, f'\\{ord(char):03o}')
    return word


@hypothesis.settings(deadline=None)
@hypothesis.given(WORD, WORD, st.lists(st.sampled_from(['a:1', 'b'])))
def test_any_name_is_read_as_it_was(point, source, optional):
    more = ''.join(' ' + word for word in optional)
    line = f'1 2 3:4 / {escaped(point)} rw{more} - ext4 {escaped(source)} ro\n'
    (mount,) = mounts.parse(line)
    assert (mount.point, mount.source) == (point, source)
    assert mount.options == ('rw', 'ro')


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_any_text_is_a_table_or_a_refusal(text):
    with contextlib.suppress(errors.Refused):
        lines = [line for line in text.split('\n') if line]
        assert len(mounts.parse(text)) == len(lines)


def test_a_line_that_is_cut_off_is_refused():
    with pytest.raises(errors.Refused) as caught:
        mounts.parse(TABLE + '36 22 253:9 / /x rw - ext4\n')
    assert '36 22 253:9' in caught.value.text


def test_this_machines_table_is_read():
    found = mounts.show({}, lambda event: None)
    assert '/proc' not in found['roots']
    here = [row for row in found['mounts'] if row['point'] == '/']
    assert here[0]['class'] == 'local'


@pytest.mark.parametrize(
    'word, name',
    [
        (r'/a\040\134040', r'/a \040'),
        (r'/M\303\274ll', '/M\xfcll'),
        ('/M\xfcll', '/M\xfcll'),
        (r'/\377', '/\udcff'),
        ('/\udcff', '/\udcff'),
        (r'/\777', r'/\777'),
    ],
)
def test_escapes_are_of_bytes(word, name):
    assert mounts.unescaped(word) == name


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
def test_a_mount_with_a_strange_name_is_found_by_its_name(tmp_path):
    point = tmp_path / 'a b\n\\c#'
    point.mkdir()
    with zoo.mounted('-t', 'tmpfs', 'none', at=point):
        assert str(point) in {mount.point for mount in mounts.current()}


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: it mounts')
def test_what_is_mounted_on_a_single_file_is_not_walked(tmp_path):
    disk, point = tmp_path / 'disk', tmp_path / 'file'
    disk.mkdir()
    point.write_text('')
    with contextlib.ExitStack() as stack:
        with zoo.mounted('-t', 'tmpfs', 'tmpfs', at=disk):
            (disk / 'file').write_text('')
            stack.enter_context(
                zoo.mounted('--bind', str(disk / 'file'), at=point)
            )
        found = mounts.show({}, print)
    told = {row['point']: row['why'] for row in found['mounts']}
    assert told[str(point)] == 'mounted on a single file'
    assert str(point) not in found['roots']


HIDDEN = """
1 0 8:1 / / rw - ext4 /dev/a rw
2 1 0:1 / /run rw - tmpfs run rw
3 2 0:1 /host /run/host ro - tmpfs run rw
4 3 8:2 /in /run/host/in ro - ext4 /dev/b rw
5 2 8:2 /in /run/host/in rw - ext4 /dev/b rw
6 1 8:3 / /data rw - ext4 /dev/c rw
7 6 8:4 / /data rw - ext4 /dev/d rw
8 1 8:5 / /data/sub rw - ext4 /dev/e rw
""".lstrip()


def test_what_another_mount_hides_is_not_told_of():
    found = mounts.shown(mounts.parse(HIDDEN))
    assert {point: mount.id for point, mount in found.items()} == {
        '/': 1,
        '/run': 2,
        '/run/host': 3,
        '/run/host/in': 4,
        '/data': 7,
    }


def test_the_mounts_of_this_machine_are_where_paths_lead():
    for point, mount in mounts.shown(mounts.current()).items():
        with contextlib.suppress(PermissionError):
            device = os.stat(point).st_dev
            told = os.major(device), os.minor(device)
            assert told == mount.device or mount.kind in ('btrfs', 'autofs')
