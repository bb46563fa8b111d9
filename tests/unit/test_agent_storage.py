# SPDX-License-Identifier: Apache-2.0
"""What a host says of the directories of servers; files that are real."""

import os
import pathlib
import subprocess

import pytest

from osc_recover.agent import compute, errors, run, storage
from tests.unit import zoo

A = '3f57699a-e773-4650-a443-b4b37eed5a06'
B = '80676549-babb-474d-9fd6-4b86fbcc4a7b'
NOVA = 64060  # no account of this machine's: numbers are what counts
root_only = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)


@pytest.fixture
def instances(tmp_path, monkeypatch):
    """The directory of a nova-compute that this process plays."""
    place = tmp_path / 'state/instances'
    place.mkdir(parents=True)
    settle(tmp_path, monkeypatch, '')
    return place


def settle(tmp_path, monkeypatch, more, uid=None):
    path = tmp_path / 'nova.conf'
    path.write_text(f'[DEFAULT]\nstate_path = {tmp_path}/state\n{more}')
    uid = os.geteuid() if uid is None else uid
    words = ('nova-compute', '--config-file', str(path))
    process = compute.Process(os.getpid(), uid, uid, words, '')
    monkeypatch.setattr(compute, 'running', lambda: process)


def server(place, uuid, *files):
    folder = place / uuid
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    return folder


def ask(operation, **args):
    return operation(args, lambda event: None)


def test_a_server_is_told_with_its_disks(instances):
    server(instances, A, 'disk', 'disk.info', 'console.log')
    found = ask(storage.look, servers=[A, B])
    assert found['servers'] == {
        A: {
            'files': ['disk', 'disk.info'],
            'writable': True,
            'mark': mark(instances),
        }
    }
    assert found['path'] == str(instances)
    assert found['backend'] == 'default'


def test_every_server_is_told_and_what_else_is_there_is_not(instances):
    server(instances, A)
    server(instances, B + '_resize')
    (instances / '_base').mkdir()
    assert list(ask(storage.every)['servers']) == [A]


def test_of_many_servers_some_are_told_before_the_end(instances):
    events = []
    servers = [f'{number:08x}{A[8:]}' for number in range(250)]
    storage.look({'servers': servers}, events.append)
    assert events == [{'looked': 100}, {'looked': 200}]


def test_the_path_and_the_backend_are_those_of_nova_conf(
    tmp_path, monkeypatch
):
    place = tmp_path / 'state/elsewhere'
    place.mkdir(parents=True)
    more = 'instances_path = $state_path/elsewhere\n[libvirt]\n'
    settle(tmp_path, monkeypatch, more + 'images_type = rbd\n')
    found = ask(storage.look, servers=[])
    assert (found['path'], found['backend']) == (str(place), 'rbd')


def test_a_directory_that_is_not_there_is_named(tmp_path, monkeypatch):
    settle(tmp_path, monkeypatch, '')
    with pytest.raises(errors.Refused, match='state/instances is not there'):
        ask(storage.look, servers=[])


@root_only
def test_the_file_system_is_the_one_that_is_seen(instances):
    assert ask(storage.look, servers=[])['type'] != 'tmpfs'
    with zoo.mounted('-t', 'tmpfs', 'of-the-test', at=instances):
        found = ask(storage.look, servers=[])
    assert (found['type'], found['source'], found['class']) == (
        'tmpfs',
        'of-the-test',
        'local',
    )


@root_only
def test_novas_account_counts_and_not_roots(instances, tmp_path, monkeypatch):
    settle(tmp_path, monkeypatch, '', uid=NOVA)
    for uuid, owner, mode in ((A, NOVA, 0o755), (B, 0, 0o755)):
        folder = server(instances, uuid, 'disk')
        os.chown(folder, owner, owner)
        folder.chmod(mode)
    found = ask(storage.look, servers=[A, B])['servers']
    assert (found[A]['writable'], found[B]['writable']) == (True, False)
    assert found[B]['files'] == ['disk']
    (instances / B).chmod(0o700)
    found = ask(storage.look, servers=[A, B])['servers']
    assert found[B] == {'files': [], 'writable': False, 'mark': ''}
    assert (os.geteuid(), os.getegid()) == (0, 0)


def mark(place, uuid=A):
    return ask(storage.look, servers=[uuid])['servers'][uuid]['mark']


@pytest.fixture
def another(tmp_path, monkeypatch):
    """Have the directory of a second host looked at from now on."""
    place = tmp_path / 'other/state/instances'

    def look_there():
        place.mkdir(parents=True, exist_ok=True)
        settle(tmp_path / 'other', monkeypatch, '')
        return place

    return look_there


@pytest.mark.parametrize('copy', [['cp', '-a'], ['rsync', '-a']])
def test_no_copy_has_the_mark_of_a_directory(instances, another, copy):
    folder = server(instances, A, 'disk')
    os.utime(folder, ns=(7, 7))
    own, told = mark(instances), folder.stat()
    place = another()
    subprocess.run([*copy, str(folder), str(place)], check=True)
    made = (place / A).stat()
    assert (made.st_mtime_ns, told.st_mtime_ns) == (7, 7)
    assert mark(place) != own


def test_a_copy_of_the_disk_alone_is_noticed(instances):
    folder = server(instances, A, 'disk')
    own, times = mark(instances), folder.stat()
    disk = folder / 'disk'
    disk.rename(folder / 'disk.x')
    disk.touch()
    (folder / 'disk.x').unlink()
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert mark(instances) != own


def test_a_guest_that_writes_leaves_the_mark_as_it_is(instances):
    folder = server(instances, A, 'disk')
    own = mark(instances)
    (folder / 'disk').write_bytes(b'written')
    assert mark(instances) == own


@root_only
def test_a_directory_that_is_seen_elsewhere_has_its_mark(instances, another):
    server(instances, A, 'disk')
    own = mark(instances)
    place = another()
    with zoo.mounted('--bind', str(instances), at=place):
        assert mark(place) == own


@root_only
@pytest.mark.parametrize('which', ['', 'disk'])
def test_what_is_on_another_file_system_has_no_mark(instances, which):
    folder = server(instances, A, 'disk')
    if which:
        (folder / which).unlink()
        (folder / which).symlink_to('/dev/shm')
        assert mark(instances) == ''
    else:
        with zoo.mounted('-t', 'tmpfs', 'none', at=folder):
            assert mark(instances) == ''


@pytest.mark.parametrize(
    'operation, args',
    [
        (storage.look, {'servers': ['../../etc']}),
        (storage.look, {'servers': [A + '\n']}),
        (storage.look, {'servers': [7]}),
    ],
)
def test_a_name_that_is_not_ours_is_refused(instances, operation, args):
    with pytest.raises(errors.Refused, match='is no name of ours'):
        ask(operation, **args)


# kolla, whose container is stopped

BINDS = (
    '[{"Type": "volume", "Source": "/vols/nova_compute/_data",'
    ' "Destination": "/var/lib/nova"},'
    ' {"Source": "/srv/nfs", "Destination": "/var/lib/nova/mnt/"},'
    ' {"Type": "tmpfs", "Source": "", "Destination": "/x"}]'
)
ENGINE = """#!/bin/sh
case "$1" in
ps) echo '{"name":"nova_compute","state":"exited"}' ;;
inspect) cat %s ;;
esac
"""


def test_what_a_container_keeps_is_found_on_the_host():
    assert storage.parse_binds(BINDS) == {
        '/var/lib/nova': '/vols/nova_compute/_data',
        '/var/lib/nova/mnt/': '/srv/nfs',
    }


@pytest.mark.parametrize('said', ['', '{}x', '[1]', '[{"Source": "/"}]', '7'])
def test_what_no_engine_says_is_refused(said):
    with pytest.raises(errors.Refused, match='mounts are told of as'):
        storage.parse_binds(said)


def test_a_stopped_container_of_kolla_is_looked_into(tmp_path, monkeypatch):
    volume = tmp_path / 'volume'
    server_ = volume / 'instances' / A
    server_.mkdir(parents=True)
    conf = tmp_path / 'nova.conf'
    conf.write_text('[DEFAULT]\nstate_path = /var/lib/nova\n')
    binds = tmp_path / 'binds'
    binds.write_text(BINDS.replace('/vols/nova_compute/_data', str(volume)))
    engine(tmp_path / 'docker', ENGINE % binds)
    monkeypatch.setattr(run, 'PATH', f'{tmp_path}:{run.PATH}')
    monkeypatch.setattr(compute, 'running', lambda: None)
    monkeypatch.setattr(compute, '_FOLDERS', ('/nowhere',))
    monkeypatch.setattr(compute, 'KOLLA', str(conf))
    found = ask(storage.every)
    assert found['path'] == '/var/lib/nova/instances'
    assert list(found['servers']) == [A]


def engine(path: pathlib.Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
