# SPDX-License-Identifier: Apache-2.0
"""Which hosts see the same disks: our program's own part, on real folders."""

import os
import subprocess

import pytest

from osc_recover import errors, facts
from osc_recover.agent import compute, registry
from osc_recover.gateways.storage import Storage, storage_from
from osc_recover.observe import storage as observe

A = '3f57699a-e773-4650-a443-b4b37eed5a06'
LOST = errors.ConnectRefused('d', '10.0.0.4 port 22')
NFS = {'type': 'nfs4', 'source': 'nas:/nova', 'class': 'network'}
REPLICA = {**NFS, 'source': 'other-nas:/nova'}
XFS = {'type': 'xfs', 'source': '/dev/vdb', 'class': 'local'}


class Hosts:
    """Hosts that have a folder each, or share one, and call it as given."""

    def __init__(self, monkeypatch, tmp_path, **folders):
        self.asked, self.called = [], {}
        self._paths = {h: tmp_path / f for h, f in folders.items() if f}
        for host, path in self._paths.items():
            (path / 'instances').mkdir(parents=True, exist_ok=True)
            conf = tmp_path / f'{host}.conf'
            conf.write_text(f'[DEFAULT]\nstate_path = {path}\n')
        self._confs, self._patch = tmp_path, monkeypatch

    def folder(self, host):
        return self._paths[host] / 'instances'

    def hold(self, *hosts):
        for host in hosts:
            folder = self.folder(host) / A
            folder.mkdir(exist_ok=True)
            (folder / 'disk').touch()

    def each(self, names, operation, args, *, timeout):
        assert timeout < 30
        for host in names:
            self.asked.append((host, operation))
            if host not in self._paths:
                yield host, LOST
                continue
            conf = str(self._confs / f'{host}.conf')
            words = ('nova-compute', '--config-file', conf)
            ids = os.geteuid(), os.getegid()
            process = compute.Process(os.getpid(), *ids, words, '')
            self._patch.setattr(compute, 'running', lambda p=process: p)
            told = registry.find(operation)(args, lambda event: None)
            yield host, {**told, **self.called.get(host, NFS)}


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """Of a and b one folder, of c one of its own; nobody reaches d."""
    return Hosts(monkeypatch, tmp_path, a='one', b='one', c='other', d='')


def seen(hosts, *names):
    found = observe.shared(Storage(hosts).look(names, [A]))
    assert {operation for _, operation in hosts.asked} == {'storage.look'}
    return {told.host: told for told in found}


def shares(hosts, *names):
    return {host: told.share for host, told in seen(hosts, *names).items()}


def test_hosts_that_see_the_same_directory_share(hosts):
    hosts.hold('a', 'c')
    assert shares(hosts, *'abcd') == {'a': 'a', 'b': 'a', 'c': '', 'd': ''}
    assert seen(hosts, 'a')['a'].folders[0].files == ('disk',)


@pytest.mark.parametrize('copy', [['cp', '-a'], ['rsync', '-a']])
def test_a_copy_of_a_directory_is_not_shared(hosts, copy):
    hosts.hold('a')
    words = [*copy, str(hosts.folder('a') / A), str(hosts.folder('c'))]
    subprocess.run(words, check=True)
    found = seen(hosts, 'a', 'c')
    assert {told.share for told in found.values()} == {''}
    assert found['c'].folders[0].files == ('disk',)


def test_a_directory_on_file_systems_of_two_names_proves_nothing(hosts):
    hosts.hold('a')
    hosts.called = {'b': REPLICA}
    assert shares(hosts, 'a', 'b') == {'a': '', 'b': ''}


def test_on_local_file_systems_it_proves_nothing_but_is_no_hosts_own(hosts):
    hosts.hold('a', 'c')
    hosts.called = {'a': XFS, 'b': XFS, 'c': XFS}
    found = seen(hosts, 'a', 'b', 'c')
    assert {told.share for told in found.values()} == {''}
    assert {h for h, told in found.items() if told.network} == {'a', 'b'}


def test_hosts_that_see_no_directory_share_nothing(hosts):
    assert shares(hosts, 'a', 'b') == {'a': '', 'b': ''}


def test_a_directory_without_a_mark_proves_nothing():
    bare = [
        facts.HostStorage(host, network=True, folders=(facts.Folder(A),))
        for host in 'ab'
    ]
    assert observe.shared(bare) == tuple(bare)


def test_they_come_in_the_order_of_their_names(hosts):
    assert list(seen(hosts, 'c', 'd', 'a')) == ['c', 'd', 'a']


def test_a_host_that_is_not_reached_says_why(hosts):
    hosts.hold('a')
    told = seen(hosts, 'a', 'b', 'd')['d']
    assert (told.problem, told.way_out) == (LOST.sentence, LOST.way_out)


def test_an_answer_that_is_not_understood_is_the_hosts_problem():
    class Odd:
        def each(self, names, operation, args, *, timeout):
            yield 'a', {'path': 7}

    [found] = Storage(Odd()).look(['a'], [A])
    assert 'not understood' in found.problem


def test_the_class_of_the_file_system_is_told():
    folder = {'files': [], 'writable': False, 'mark': '7 8 9'}
    data = {
        'path': '/x', 'backend': 'default', **NFS, 'servers': {A: folder},
    }  # fmt: skip
    found = storage_from('a', data)
    assert (found.network, found.kind) == (True, 'nfs4')
    assert found.folders == (facts.Folder(A, (), False, '7 8 9'),)
