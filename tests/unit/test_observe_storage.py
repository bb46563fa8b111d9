# SPDX-License-Identifier: Apache-2.0
"""Which hosts see the same disks: our program's own part, on real folders."""

import os

import pytest

from osc_recover import errors
from osc_recover.agent import compute, registry
from osc_recover.agent import errors as on_host
from osc_recover.gateways.storage import Storage, storage_from
from osc_recover.observe import storage as observe

A = '3f57699a-e773-4650-a443-b4b37eed5a06'
LOST = errors.ConnectRefused('d', '10.0.0.4 port 22')


class Hosts:
    """Hosts that have a folder each, or share one; some answer no more."""

    def __init__(self, monkeypatch, tmp_path, **folders):
        self.asked, self.lost = [], {}
        self._paths = {h: tmp_path / f for h, f in folders.items() if f}
        for host, path in self._paths.items():
            (path / 'instances').mkdir(parents=True, exist_ok=True)
            conf = tmp_path / f'{host}.conf'
            conf.write_text(f'[DEFAULT]\nstate_path = {path}\n')
        self._confs, self._patch = tmp_path, monkeypatch

    def hold(self, *hosts):
        for host in hosts:
            folder = self._paths[host] / 'instances' / A
            folder.mkdir(exist_ok=True)
            (folder / 'disk').touch()

    def files(self):
        return {
            name
            for path in self._paths.values()
            for name in os.listdir(path / 'instances')
        } - {A}

    def each(self, names, operation, args, *, timeout):
        assert timeout < 30
        for host in names:
            self.asked.append((host, operation))
            if host not in self._paths or operation in self.lost.get(host, ()):
                yield host, LOST
                continue
            conf = str(self._confs / f'{host}.conf')
            words = ('nova-compute', '--config-file', conf)
            ids = os.geteuid(), os.getegid()
            process = compute.Process(os.getpid(), *ids, words, '')
            self._patch.setattr(compute, 'running', lambda p=process: p)
            try:
                yield host, registry.find(operation)(args, lambda event: None)
            except on_host.Refused as exc:
                yield (
                    host,
                    errors.OperationRefused(
                        host, operation, exc.code, exc.text, exc.fields
                    ),
                )


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """Of a and b one folder, of c one of its own; nobody reaches d."""
    return Hosts(monkeypatch, tmp_path, a='one', b='one', c='other', d='')


def seen(hosts, *names):
    found = observe.seen(Storage(hosts), names, [A])
    assert hosts.files() == set()
    return {told.host: told for told in found}


def test_hosts_that_see_each_others_files_share(hosts):
    hosts.hold('a', 'c')
    found = seen(hosts, 'a', 'b', 'c', 'd')
    assert {h: found[h].share for h in 'abcd'} == {
        'a': 'a', 'b': 'a', 'c': '', 'd': '',
    }  # fmt: skip
    assert found['a'].folders[0].files == ('disk',)


def test_they_come_in_the_order_of_their_names(hosts):
    assert list(seen(hosts, 'c', 'd', 'a')) == ['c', 'd', 'a']


def test_a_host_that_is_not_reached_says_why_and_is_asked_once(hosts):
    hosts.hold('a')
    found = seen(hosts, 'a', 'b', 'd')
    assert (found['d'].problem, found['d'].way_out) == (
        LOST.sentence,
        LOST.way_out,
    )
    assert [h for h, _ in hosts.asked].count('d') == 1


@pytest.mark.parametrize('held', [(), ('c',)])
def test_nothing_is_written_where_there_is_nothing_to_prove(hosts, held):
    hosts.hold(*held)
    seen(hosts, 'a', 'b', 'c')
    assert {operation for _, operation in hosts.asked} == {'storage.look'}


def test_one_host_a_file_system_makes_a_file(hosts):
    hosts.hold('a')
    seen(hosts, 'a', 'b')
    makers = [h for h, op in hosts.asked if op == 'storage.mark']
    assert makers == ['a']


@pytest.mark.parametrize(
    'lost, unknown', [('storage.mark', 'ab'), ('storage.marks', 'a')]
)
def test_where_a_host_falls_silent_nothing_is_said(hosts, lost, unknown):
    hosts.hold('a')
    hosts.lost = {'a': [lost]}
    found = seen(hosts, 'a', 'b')
    assert {found['a'].share, found['b'].share} == {''}
    assert {h for h in found if found[h].problem} == set(unknown)


def test_an_answer_that_is_not_understood_is_the_hosts_problem():
    class Odd:
        def each(self, names, operation, args, *, timeout):
            yield 'a', {'path': 7}

    [found] = Storage(Odd()).look(['a'], [A])
    assert 'not understood' in found.problem


def test_the_class_of_the_file_system_is_told():
    data = {
        'path': '/x', 'backend': 'default', 'type': 'nfs4', 'source': 'n:/x',
        'class': 'network', 'servers': {A: {'files': [], 'writable': False}},
    }  # fmt: skip
    found = storage_from('a', data)
    assert (found.network, found.kind) == (True, 'nfs4')
    assert not found.folders[0].writable
