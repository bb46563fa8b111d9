# SPDX-License-Identifier: Apache-2.0
"""Volumes that cinder says are in Ceph, on hosts whose rbd is a script.

There is no Ceph: the scripts print what its programs would, after a power
loss that left a lock.
"""

import json
import shlex

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional import planted_rows, powerless

pytestmark = pytest.mark.functional

HOST, STORAGE = 'cmp1', 'practice'
LOCK = {
    'id': 'auto 139643345791728',
    'locker': 'client.4485',
    'address': '10.88.10.91:0/3853293677',
}
BLOCKED = f'{LOCK["address"]} 2026-05-06T08:59:47.102488+0000'
PROGRAMS = {
    # The keyrings of this machine are none of theirs.
    'ls': 'echo ceph.client.cinder.keyring',
    'ceph': f'echo {shlex.quote(BLOCKED)}; echo listed 1 entries >&2',
    'rbd': f"""
case "$*" in
    *"lock ls"*) echo {shlex.quote(json.dumps([LOCK]))} ;;
    *status*) echo '{{"watchers":[]}}' ;;
    *) exit 1 ;;
esac""",
}


class Bed:
    """A server whose volume is in Ceph, as cinder has it.

    :ivar image: the name of the volume there
    """

    def __init__(self, cloud, folder, machines):
        self.cloud, self.machines = cloud, machines
        self.clouds = lib.write_clouds(
            folder, snapshots=str(folder / 'snapshots'), **machines.section()
        )
        [self.web] = cloud.boot(['web'], HOST)
        self.volume = cloud.add_volume(self.web, 'data')
        self.image = f'volumes/volume-{self.volume}'

    def in_ceph(self):
        where = {'volume_id': self.volume, 'deleted': 0}
        row = planted_rows.one('cinder.volume_attachment', **where)
        led = {'driver_volume_type': 'rbd', 'name': self.image}
        return planted_rows.changed(
            'cinder.volume_attachment',
            {'id': row['id']},
            connection_info=json.dumps(led),
        )

    def check(self):
        words = ('volume', 'check', '--server', 'web', '--all')
        return lib.recover(self.clouds, *words)


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    if lack := powerless.lacks():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp('ceph')
    names = [*lab.HOSTS, STORAGE]
    with powerless.machines(folder / 'hosts', names, PROGRAMS) as machines:
        yield Bed(clean, folder, machines)


def test_a_lock_that_a_power_loss_left_is_named(bed):
    assert bed.check().status == 0
    with bed.in_ceph():
        done = bed.check()
    [row] = done.rows
    assert (done.status, row['State']) == (1, 'stale-target'), done
    assert (row['Code'], row['Volume']) == ('ceph-lock', bed.volume)
    assert 'blocklisted until 2026-05-06' in row['Reason']
    removed = f"rbd lock rm {bed.image} 'auto 139643345791728' client.4485"
    assert removed in row['Way out']


def test_the_plan_of_a_cloud_says_it_and_goes_on(bed):
    kept = lib.recover(bed.clouds, 'snapshot', 'save', '--name', 'before')
    assert kept.rows[0]['Snapshot'], kept
    words = ('cloud', '--snapshot', 'before', '--server', 'web', '--dry-run')
    bed.machines[HOST].lose_power()
    try:
        with bed.in_ceph():
            done = lib.recover(bed.clouds, *words)
    finally:
        bed.machines[HOST].power_up()
    [row] = [row for row in done.rows if row['Server'] == bed.web]
    assert (row['Verdict'], row['State']) == ('reboot', 'planned'), done
    assert f'image {bed.image} is locked by client.4485' in row['Reason']
    assert 'rbd lock rm' in row['Way out']
