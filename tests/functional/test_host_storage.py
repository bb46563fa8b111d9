# SPDX-License-Identifier: Apache-2.0
"""What hosts are asked for by recover host and recover return.

These tests take the bed of this machine: one that is up goes down.
"""

import contextlib
import os
import re
import shutil
import subprocess

import pytest

from tests.cloud import lab
from tests.functional.network_disk import NetworkDisk
from tests.hosts import bed, mounts
from tests.practice import reached, recover, write_clouds

pytestmark = pytest.mark.functional

FAILED, ONE, TWO, OUTSIDE = 'cmp1', 'cmp2', 'cmp3', 'cmp4'
NOVA = 64060  # as on the hosts
LONG_AGO = 1_700_000_000_123_456_789
GUEST = """
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid>
  <memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
</domain>
"""


@pytest.fixture(scope='module')
def hosts(practice, joined_bed):
    """Three hosts with a nova-compute; that of cmp4 cannot be asked."""
    found = joined_bed.up(3)
    for host in (*found, OUTSIDE):
        practice.heal(host)
    practice.put_service(OUTSIDE, status='disabled')
    for host in found:
        remake(instances(host))
    yield found
    practice.heal(OUTSIDE)
    for host in found:
        shutil.rmtree(instances(host), ignore_errors=True)


def remake(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chown(folder, NOVA, NOVA)


def instances(host):
    """Where nova.conf of a host has the disks of its servers."""
    return lab.state_dir() / 'hosts' / host / 'nova/instances'


@pytest.fixture
def network(tmp_path):
    """A network file system, and a second one of the same name."""
    with contextlib.ExitStack() as stack:
        made = [NetworkDisk(tmp_path / f'disk-{n}') for n in range(2)]
        for one in made:
            stack.callback(one.end)
        yield made


@contextlib.contextmanager
def mounted(**folders):
    """Folders of this machine as the hosts' own for servers, by host."""
    with contextlib.ExitStack() as stack:
        for host, folder in folders.items():
            mounts.mount(host, folder, instances(host))
            stack.callback(bed.run, host, ['umount', str(instances(host))])
        yield


@contextlib.contextmanager
def shared(network, *names):
    """A network file system on these hosts; yields how it is seen here."""
    disk = network[0]
    here = disk.mount('here')
    os.chown(here, NOVA, NOVA)
    with mounted(**{name: disk.mount(name) for name in names}):
        yield here


def disk(folder, server):
    """The directory of a server, with its disk, as it was made long ago."""
    own = folder / server
    own.mkdir()
    (own / 'disk').touch()
    for path in (own, own / 'disk'):
        os.chown(path, NOVA, NOVA)
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return own


@pytest.fixture(scope='module')
def server(clean, hosts):
    """A server on cmp1 whose disk is made from an image."""
    (made,) = clean.boot(['image-1'], FAILED)
    return made


@pytest.fixture
def clouds(server, hosts, tmp_path):
    return unsaid(tmp_path, hosts)


def unsaid(folder, hosts, **more):
    """A clouds.yaml in which nothing is said about storage."""
    return reached(folder, hosts, **{'shared_storage': None, **more})


def rehearsed(clouds, *words):
    done = recover(clouds, 'host', FAILED, '--dry-run', *words)
    assert 'Traceback' not in done.stderr
    [row] = done.rows
    return row, done


def test_a_disk_that_is_on_no_destination_counts_as_lost(clouds):
    row, done = rehearsed(clouds)
    assert (done.status, row['Verdict']) == (3, 'data-loss')
    assert 'not on cmp2, cmp3' in row['Reason']


def test_a_disk_that_all_destinations_share_is_shared(clouds, server, network):
    with shared(network, ONE, TWO) as here:
        folder = disk(here, server)
        before = [path.stat() for path in (here, *files(folder))]
        row, done = rehearsed(clouds)
        # Not even for a moment was anything written there.
        assert before == [path.stat() for path in (here, *files(folder))]
    assert (done.status, row['Verdict']) == (0, 'evacuate')
    assert row['Kind'] == 'image, shared disk'
    assert 'cmp2, cmp3 can see its disk' in row['Reason']


def files(folder):
    return folder, *sorted(folder.iterdir())


def test_a_copy_on_a_file_system_of_the_same_name_is_not_shared(
    clouds, server, network
):
    one, two = (disk.mount('here') for disk in network)
    folder = disk(one, server)
    subprocess.run(['rsync', '-a', str(folder), str(two)], check=True)
    looks = [whole(path / server) for path in (one, two)]
    assert looks[0] == looks[1]
    folders = {
        h: d.mount('x') for h, d in zip((ONE, TWO), network, strict=True)
    }
    with mounted(**folders):
        row, done = rehearsed(clouds)
    assert (done.status, row['Verdict']) == (3, 'data-loss')
    assert 'whether on cmp2, cmp3 is not known' in row['Reason']


def whole(folder):
    """All of a folder that a copy can have."""
    times = [path.stat() for path in files(folder)]
    return [(s.st_mtime_ns, s.st_mode, s.st_uid, s.st_size) for s in times]


@pytest.fixture
def clones(tmp_path, server):
    """Two local disks, the second copied from the first block by block."""
    one, two = (tmp_path / name for name in ('one', 'two'))
    image = f'{one}.image'
    with contextlib.ExitStack() as stack:
        run(['truncate', '--size=32M', image])
        run(['mke2fs', '-q', '-t', 'ext4', image])
        for folder in (one, two):
            folder.mkdir()
            run(['mount', '-o', 'loop', f'{folder}.image', str(folder)])
            stack.callback(run, ['umount', '--lazy', str(folder)])
            if folder == one:
                disk(folder, server)
                run(['sync', '--file-system', str(folder)])
                shutil.copy(image, f'{two}.image')
        yield {ONE: one, TWO: two}


def run(argv):
    subprocess.run(argv, check=True)


def test_a_disk_that_was_copied_as_a_whole_is_not_shared(
    clouds, clones, server
):
    looks = [(f / server).stat() for f in clones.values()]
    assert looks[0].st_ino == looks[1].st_ino
    assert looks[0].st_ctime_ns == looks[1].st_ctime_ns
    with mounted(**clones):
        row, done = rehearsed(clouds)
    assert (done.status, row['Verdict']) == (3, 'data-loss')
    assert 'whether on cmp2, cmp3 is not known' in row['Reason']


def test_a_copy_on_storage_of_its_own_is_stale(clouds, server):
    folder = disk(instances(ONE), server)
    run(['cp', '-a', str(folder), str(instances(TWO))])
    copy = instances(TWO) / server
    try:
        assert whole(folder) == whole(copy)
        row, done = rehearsed(clouds)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(copy)
    assert (done.status, row['Verdict']) == (3, 'stale-directory')


def test_a_directory_that_nova_may_not_write_to_is_told(
    clouds, server, network
):
    with shared(network, ONE, TWO) as here:
        os.chown(disk(here, server), NOVA + 1, NOVA + 1)
        row, _ = rehearsed(clouds)
    assert row['Verdict'] == 'data-loss'
    assert 'nova may not write to its directory' in row['Reason']


def test_an_assertion_that_a_destination_contradicts_is_refused(
    server, hosts, tmp_path
):
    clouds = unsaid(tmp_path, hosts, shared_storage=True)
    row, done = rehearsed(clouds)
    assert (done.status, row['Verdict']) == (3, 'disk-not-seen')
    assert 'not on cmp2, cmp3' in row['Reason']
    assert '--no-agent' in row['Way out']
    row, done = rehearsed(clouds, '--no-agent')
    assert (done.status, row['Verdict']) == (0, 'evacuate')
    assert 'no host is asked (--no-agent)' in done.stderr


def test_a_stale_directory_is_refused_until_it_is_moved_away(
    server, hosts, tmp_path
):
    clouds = unsaid(tmp_path, hosts, shared_storage=True)
    folder = disk(instances(TWO), server)
    words = ('--accept-data-loss', 'all')
    row, done = rehearsed(clouds, *words)
    assert (done.status, row['Verdict']) == (3, 'stale-directory')
    assert 'cmp3 alone' in row['Reason']
    [way] = re.findall(r'on cmp3, (mv \S+ \S+);', row['Way out'])
    bed.run(TWO, way.split())
    row, done = rehearsed(clouds, *words)
    assert (done.status, row['Verdict']) == (0, 'evacuate')
    shutil.rmtree(f'{folder}.old')


def test_a_destination_that_cannot_be_asked_is_told(
    clean, server, hosts, tmp_path, network
):
    clouds = unsaid(tmp_path, hosts, shared_storage=True)
    clean.put_service(OUTSIDE, status='enabled')
    try:
        with shared(network, ONE, TWO) as here:
            disk(here, server)
            row, done = rehearsed(clouds)
    finally:
        clean.put_service(OUTSIDE, status='disabled')
    assert (done.status, row['Verdict']) == (0, 'evacuate')
    assert 'whether cmp4 can see the disks of the servers' in done.stderr
    assert 'cmp4 has no address' in done.stderr


def test_where_nothing_is_said_about_ssh_nobody_is_asked(server, tmp_path):
    row, done = rehearsed(write_clouds(tmp_path, shared_storage=None))
    assert row['Verdict'] == 'data-loss'
    assert 'cmp2' not in row['Reason'] + done.stderr


# A host that returns


@contextlib.contextmanager
def guest(host, uuid, name='instance-0000dead'):
    """A guest that really runs."""
    virsh = ['virsh', '-c', 'qemu:///system']
    xml = GUEST.format(name=name, uuid=uuid)
    bed.run(host, [*virsh, 'define', '/dev/stdin'], feed=xml)
    bed.run(host, [*virsh, 'start', name])
    try:
        yield [*virsh, 'destroy', name]
    finally:
        bed.run(host, [*virsh, 'destroy', name], check=False)
        bed.run(host, [*virsh, 'undefine', name])


def returned(clouds):
    done = recover(clouds, 'return', TWO)
    assert 'Traceback' not in done.stderr
    return {row['Name']: row for row in done.rows}, done


def test_a_host_where_all_is_well_is_asked_and_says_so(clouds):
    rows, done = returned(clouds)
    assert done.status == 0, done
    assert {row['Verdict'] for row in rows.values()} == {'ok'}


def test_a_guest_that_runs_twice_keeps_a_host_out(clouds, server):
    with guest(TWO, server) as destroy:
        rows, done = returned(clouds)
        twice = rows['duplicate guests']
        assert (done.status, twice['Verdict']) == (3, 'open')
        assert f'of server {server} is running on cmp3' in twice['Reason']
        assert 'virsh destroy instance-0000dead' in twice['Way out']
        bed.run(TWO, destroy)
        rows, done = returned(clouds)
        assert done.status == 0
        assert rows['duplicate guests']['Verdict'] == 'ok'
        assert rows['leftovers']['Verdict'] == 'look'
        assert 'instance-0000dead' in rows['leftovers']['Reason']


def test_a_directory_that_is_left_over_is_told(clouds, server):
    folder = disk(instances(TWO), server)
    try:
        rows, done = returned(clouds)
    finally:
        shutil.rmtree(folder)
    assert (done.status, rows['leftovers']['Verdict']) == (0, 'look')
    assert server in rows['leftovers']['Reason']


def test_numbers_that_differ_are_told(clouds):
    ask = ['getent', 'group', 'kvm']
    number = bed.run(TWO, ask).stdout.split(':')[2]
    bed.run(TWO, ['groupmod', '-g', '777', 'kvm'])
    try:
        rows, done = returned(clouds)
    finally:
        bed.run(TWO, ['groupmod', '-g', number, 'kvm'])
    assert (done.status, rows['ids']['Verdict']) == (0, 'look')
    assert f'it is 777 here and should be {number}' in rows['ids']['Reason']


def test_a_host_that_cannot_be_asked_is_unknown(server, hosts, tmp_path):
    clouds = unsaid(tmp_path, {ONE: hosts[ONE]})
    rows, done = returned(clouds)
    assert done.status == 0
    for name in ('duplicate guests', 'leftovers', 'ids', 'iSCSI sessions'):
        assert rows[name]['Verdict'] == 'unknown'
        assert 'cmp3 has no address' in rows[name]['Reason']


# Last, as it fails the host


def test_servers_are_recovered_by_what_the_hosts_say(
    clouds, clean, server, network
):
    for host in (FAILED, ONE, TWO):
        lab.knob(host, shared_storage=True)
    with shared(network, ONE, TWO) as here:
        disk(here, server)
        lab.fail(FAILED)
        clean.until(
            lambda: clean.service(FAILED)['state'] == 'down', 'seen as down'
        )
        done = recover(clouds, 'host', FAILED, '--fenced', 'cut', '--yes')
    assert done.status == 0, done
    [row] = done.rows
    assert (row['State'], row['Kind']) == ('recovered', 'image, shared disk')
    assert row['Destination'] in (ONE, TWO)
    clean.until(lambda: server in lab.guests()[row['Destination']], 'there')
