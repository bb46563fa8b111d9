# SPDX-License-Identifier: Apache-2.0
"""Real iSCSI sessions of a small machine, as hosts of the practice cloud.

One machine is the target and the initiator, and plays compute host cmp1 and
the host of the cinder-volume: it has the volumes of two servers, and a volume
group of its own with a file system that is mounted.
"""

import contextlib
import json
import threading

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional import planted_rows
from tests.iscsi import machine

pytestmark = pytest.mark.functional

HOST, STORAGE = 'cmp1', 'practice'
PORTAL = '127.0.0.1:3260'
SAN = 'iqn.2010-10.org.practice:san'
TARGET = """
truncate -s 48M /root/{number}.img
tgtadm --lld iscsi --op new --mode target --tid {number} -T {target}
tgtadm --lld iscsi --op new --mode logicalunit --tid {number} --lun 1 \\
    -b /root/{number}.img
tgtadm --lld iscsi --op bind --mode target --tid {number} -I ALL
iscsiadm -m node -T {target} -p {portal} -o new
iscsiadm -m node -T {target} -p {portal} --login
"""
# By path, as the letters of disks come in any order.
DISK = '/dev/disk/by-path/ip-{portal}-iscsi-{target}-lun-1'
GROUP = """
pvcreate -qq {disk}
vgcreate -qq cinder-volumes {disk}
lvcreate -qq -y -n data -L 16M cinder-volumes
mke2fs -q -t ext4 /dev/cinder-volumes/data
mkdir -p /srv/data
mount /dev/cinder-volumes/data /srv/data
echo kept > /srv/data/file
sync
"""


class Bed:
    """The machine, two servers of the cloud with a volume each on it.

    :ivar targets: server -> the target of its volume
    """

    def __init__(self, cloud, made, folder):
        self.cloud, self.machine, self.folder = cloud, made, folder
        self.web, self.db = cloud.boot(['web', 'db'], HOST)
        self.clouds = self._clouds()
        self.volumes = {
            server: cloud.add_volume(server, f'of-{server}')
            for server in (self.web, self.db)
        }
        self.targets = {
            server: f'iqn.2010-10.org.practice:{volume}:{HOST}'
            for server, volume in self.volumes.items()
        }

    def _clouds(self):
        reached = {
            'user': 'root',
            'identity_file': str(self.machine.made.key),
            'known_hosts': str(self.machine.known_hosts),
            # An emulated machine has a tenth of the speed.
            'connect_timeout': 60,
        }
        at = {'address': '127.0.0.1', 'port': self.machine.port}
        return lib.write_clouds(
            self.folder,
            snapshots=str(self.folder / 'snapshots'),
            ssh=reached,
            hosts=[{'name': host, **at} for host in (HOST, STORAGE)],
            guests={**reached, 'hosts': [{'name': self.web, **at}]},
        )

    def set_up(self):
        """The targets, logged in to, each with something on its disk."""
        script = ['modprobe iscsi_tcp; systemctl start tgt iscsid']
        script += [
            TARGET.format(number=number, target=target, portal=PORTAL)
            for number, target in enumerate((*self.targets.values(), SAN), 1)
        ]
        script.append('udevadm settle')
        script += [
            f'echo {target} | dd of={disk(target)} conv=fsync'
            for target in self.targets.values()
        ]
        # Each login takes seconds.
        script.append(GROUP.format(disk=disk(SAN)))
        self.machine.run('\n'.join(script), timeout=400)

    def session(self, *words):
        return lib.recover(self.clouds, 'session', *words)

    def sids(self):
        """Target -> the number of its session, as iscsiadm tells."""
        said = self.machine.run('iscsiadm -m session || [ $? = 21 ]')
        rows = [line.split() for line in said.splitlines()]
        return {row[3]: int(row[1].strip('[]')) for row in rows}

    def close(self, number, target, *words):
        named = ('--session', str(number), '--target', target)
        return self.session('close', HOST, *named, *words)

    def content(self, server):
        """What is on the disk of a server."""
        said = self.machine.run(f'head -c 512 {disk(self.targets[server])}')
        return said.split('\n')[0]

    @contextlib.contextmanager
    def brick(self):
        """Have the machine log in where the hypervisor reboots a server.

        That is what nova's os-brick does on a host, which this hypervisor is
        no part of.
        """
        over = threading.Event()
        known = len(lab.did(HOST))

        def follow():
            seen = known
            while not over.wait(0.2):
                told = lab.did(HOST)
                for line in told[seen:]:
                    if line['what'] == 'reboot':
                        self._log_in(self.targets[line['uuid']])
                seen = len(told)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _log_in(self, target):
        self.machine.run(
            f'iscsiadm -m node -T {target} -p {PORTAL} --login; udevadm settle'
        )


def disk(target):
    return DISK.format(portal=PORTAL, target=target)


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    if lack := machine.lacks():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp('sessions')
    with machine.running(tmp_path_factory.mktemp('machine')) as made:
        found = Bed(clean, made, folder)
        found.set_up()
        yield found


def test_sessions_are_listed_with_what_they_serve(bed):
    done = bed.session('list', HOST, STORAGE)
    assert done.status == 0, done
    rows = {(row['Host'], row['Target']): row for row in done.rows}
    assert len(rows) == 6
    for server, target in bed.targets.items():
        row = rows[HOST, target]
        assert row['Session'] == bed.sids()[target]
        assert (row['Portal'], row['State']) == (PORTAL, 'LOGGED_IN')
        assert (row['LUN'], row['Device'][:2]) == (1, 'sd')
        assert server in row['Server']
        assert bed.volumes[server] in row['Volume']
    assert rows[STORAGE, SAN]['Server'] == ''


def test_what_was_not_meant_is_not_closed(bed):
    before = bed.sids()
    one, other = bed.targets.values()
    number = before[one]
    for code, done in (
        ('not-named', bed.session('close', HOST, '--target', one, '--yes')),
        ('other-target', bed.close(number, other, '--yes')),
        ('in-use', bed.close(before[SAN], SAN, '--yes')),
        ('not-approved', bed.close(number, one)),
    ):
        assert (done.status, len(done.rows)) == (3, 1), (code, done)
        assert done.rows[0]['Verdict'] == code
    assert bed.sids() == before


def test_a_session_that_serves_another_server_too_is_not_closed(bed):
    # An array has many disks at one target.
    before = bed.sids()
    shared, own = bed.targets[bed.web], bed.targets[bed.db]
    where = {'volume_id': bed.volumes[bed.db], 'deleted': 0}
    row = planted_rows.one('cinder.volume_attachment', **where)
    info = json.loads(row['connection_info'])
    assert info['target_iqn'] == own
    info |= {'target_iqn': shared, 'target_lun': 2}
    with planted_rows.changed(
        'cinder.volume_attachment',
        {'id': row['id']},
        connection_info=json.dumps(info),
    ):
        done = bed.close(before[shared], shared, '--yes')
        assert (done.status, done.rows[0]['Verdict']) == (3, 'shared')
        assert 'db' in done.rows[0]['Reason']
    assert bed.sids() == before


def test_one_session_is_closed_and_only_that_and_opened_again(bed):
    before = bed.sids()
    target = bed.targets[bed.web]
    done = bed.close(before[target], target, '--server', 'web', '--yes')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    assert bed.sids() == {t: n for t, n in before.items() if t != target}

    done = bed.session('list', HOST)
    assert done.status == 1
    [row] = [row for row in done.rows if row['State'] == 'missing']
    assert (row['Target'], bed.web in row['Server']) == (target, True)

    done = bed.session('open', HOST, '--yes')
    assert (done.status, len(done.rows)) == (0, 1), done
    now = bed.sids()
    assert now[target] not in before.values()
    assert {**now, target: before[target]} == before
    assert bed.content(bed.web) == target


def test_a_power_loss_of_one_server_is_reproduced(bed):
    before = bed.sids()
    target = bed.targets[bed.web]

    def drill(*words):
        words = ('drill', 'power-loss', 'web', '--yes', *words)
        return lib.recover(bed.clouds, *words)

    done = drill('--confirm', 'web')
    assert (done.status, done.rows[0]['Verdict']) == (3, 'not-marked')
    marked = {'metadata': {'recover_drill': 'allowed'}}
    bed.cloud.call('POST', f'/servers/{bed.web}/metadata', marked)
    for words in ((), ('--confirm', 'db')):
        done = drill(*words)
        assert (done.status, done.rows[0]['Verdict']) == (3, 'not-approved')
    assert bed.sids() == before

    with bed.brick():
        done = drill('--confirm', 'web')
    assert (done.status, done.rows[0]['State']) == (0, 'recovered'), done
    now = bed.sids()
    assert now[target] not in before.values()
    assert {**now, target: before[target]} == before
    assert bed.content(bed.web) == target
    path = f'/servers/{bed.web}/os-instance-actions'
    told = bed.cloud.call('GET', path)['instanceActions']
    assert [one['action'] for one in told].count('reboot') == 1

    [run] = lib.recover(bed.clouds, 'run', 'list').rows[:1]
    row, *_ = lib.recover(bed.clouds, 'run', 'report', run['Run']).rows
    assert [*row['Phases']] == ['close', 'detect', 'recover', 'verify']
    assert 0 < row['Detected'] < row['Restored'] < row['Total']


def test_all_that_was_there_is_there_again(bed):
    kept = lib.recover(bed.clouds, 'snapshot', 'save', '--name', 'before')
    assert kept.rows[0]['Snapshot'], kept
    before = set(bed.sids())
    assert len(before) == 3
    bed.machine.run(
        'umount /srv/data; vgchange -qq -an cinder-volumes; '
        'iscsiadm -m session -u'
    )
    words = ('open', STORAGE, HOST, '--snapshot', 'before')
    done = bed.session(*words, '--yes')
    assert done.status == 0, done
    # Each is there again, so that there is nothing left to open.
    done = bed.session(*words, '--yes', '--target', bed.targets[bed.web])
    assert (done.status, done.rows) == (0, []), done
    assert set(bed.sids()) == before
    said = bed.machine.run(
        'lvs --noheadings -o lv_active cinder-volumes; cat /srv/data/file'
    )
    assert said.split() == ['active', 'kept']
    for server in (bed.web, bed.db):
        assert bed.content(server) == bed.targets[server]


def test_what_is_mounted_from_the_san_waits_for_its_session(bed):
    line = '/dev/mapper/cinder--volumes-data\t/srv/data  ext4 noatime 0 2'
    before = bed.machine.run(
        f"printf '# mine\\n{line}  # the SAN\\n' >> /etc/fstab; cat /etc/fstab"
    )

    def mount(*words):
        done = lib.recover(bed.clouds, 'mount', *words)
        return done, {(r.get('Point'), r['State']) for r in done.rows}

    done, found = mount('check', '--guest', 'web')
    assert done.status == 1
    assert found == {('/', 'ok'), ('/srv/data', 'errors'),
                     ('/srv/data', 'nofail')}  # fmt: skip
    done, found = mount('check', STORAGE)
    assert ('/srv/data', 'san') in found

    done, _ = mount('fix', STORAGE, '--yes')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    now = line.replace('noatime', 'noatime,errors=remount-ro')
    assert bed.machine.run('cat /etc/fstab') == before.replace(
        line, f'#osc-recover {SAN}: {now}'
    )
    bed.machine.run('findmnt --verify; umount /srv/data')
    done, found = mount('check', STORAGE)
    assert (done.status, ('/srv/data', 'recorded') in found) == (0, True)

    done = bed.session('open', STORAGE, '--yes')
    assert done.status == 0, done
    said = bed.machine.run('cat /srv/data/file; findmnt -no OPTIONS /srv/data')
    assert said.startswith('kept\n')
    assert 'errors=remount-ro' in said
