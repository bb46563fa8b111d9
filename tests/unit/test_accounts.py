# SPDX-License-Identifier: Apache-2.0
"""What hosts tell of their accounts, read and looked up to the end."""

import copy

import pytest

from osc_recover import errors
from osc_recover.facts import Account, HostAccounts
from osc_recover.gateways.accounts import Accounts, accounts_from
from osc_recover.observe.accounts import accounts

TOLD = {
    'users': {
        'nova': {
            'uid': 64060,
            'gid': 64060,
            'home': '/var/lib/nova',
            'shell': '/bin/sh',
            'groups': ['libvirt'],
            'local': True,
            'same_number': [],
        },
        'qemu': None,
    },
    'groups': {
        'kvm': {
            'gid': 104,
            'members': [],
            'primary_of': ['libvirt-qemu'],
            'local': False,
            'same_number': ['input'],
        },
    },
    'used': {'uids': [1, 64060], 'gids': [1, 104]},
    'holders': {'uids': {'108': 'ldapuser', '109': None}, 'gids': {}},
}


def test_accounts_of_a_host_are_read():
    found = accounts_from('cmp-1', TOLD)
    assert found.account('user', 'nova') == Account(
        'user', 'nova', 64060, 64060
    )
    assert found.account('user', 'qemu') is None
    assert found.account('group', 'kvm') == Account(
        'group', 'kvm', 104, None, False, ('input',), ('libvirt-qemu',)
    )
    assert found.gids == (1, 104)


def test_a_number_that_was_looked_up_counts_if_somebody_has_it():
    assert accounts_from('cmp-1', TOLD).uids == (1, 108, 64060)


@pytest.mark.parametrize(
    'path, value',
    [
        (('users',), None),
        (('users', 'nova', 'uid'), '64060'),
        (('users', 'nova', 'local'), 'yes'),
        (('groups', 'kvm', 'gid'), None),
        (('used', 'uids'), ['1']),
        (('used', 'uids'), [True]),
        (('holders',), []),
    ],
)
def test_what_is_not_understood_names_the_host(path, value):
    told = copy.deepcopy(TOLD)
    inner = told
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(errors.ApiError, match='cmp-1'):
        accounts_from('cmp-1', told)


class Hosts:
    """Hosts whose directory lists nobody, and knows whom it is asked for."""

    def __init__(self, **known):
        self.known, self.asked = known, []

    def each(self, names, operation, args, *, timeout):
        self.asked.append((operation, args['uids']))
        for name in reversed(names):
            told = copy.deepcopy(TOLD)
            told['holders'] = {
                'uids': {
                    str(n): 'somebody' if n in self.known[name] else None
                    for n in args['uids']
                },
                'gids': {},
            }
            yield name, told


def test_numbers_are_looked_up_until_they_hold():
    hosts = Hosts(a={201}, b={202})

    def wanted(found):
        used = {n for host in found for n in host.uids}
        free = min(set(range(201, 210)) - used)
        return frozenset({free}), frozenset()

    found = accounts(Accounts(hosts), ['a', 'b'], ['nova'], [], wanted)
    assert [host.host for host in found] == ['a', 'b']
    assert wanted(found) == ({203}, frozenset())
    assert [uids for _, uids in hosts.asked] == [
        [],
        [201],
        [201, 202],
        [201, 202, 203],
    ]


def test_a_host_without_an_answer_is_waited_for_once():
    lost = errors.ConnectRefused('b', '10.0.0.2 port 22')

    class Half(Hosts):
        def each(self, names, operation, args, *, timeout):
            for name, told in super().each(
                names, operation, args, timeout=timeout
            ):
                yield name, lost if name == 'b' else told
            self.asked[-1] = names

    hosts = Half(a={201}, b=set(), c=set())
    found = accounts(
        Accounts(hosts),
        ['a', 'b', 'c'],
        ['nova'],
        [],
        lambda seen: (frozenset({201}), frozenset()),
    )
    assert hosts.asked == [['a', 'b', 'c'], ['a', 'c']]
    assert [host.host for host in found] == ['a', 'b', 'c']
    assert found[1].problem == lost.sentence
    assert 201 in found[0].uids


def test_a_host_without_an_answer_tells_why():
    lost = errors.ConnectRefused('b', '10.0.0.2 port 22')

    class Half(Hosts):
        def each(self, names, operation, args, *, timeout):
            yield 'a', TOLD
            yield 'b', lost

    found = Accounts(Half()).show(['a', 'b'], ['nova'], [])
    assert found[1] == HostAccounts(
        'b', problem=lost.sentence, way_out=lost.way_out
    )
    assert found[0].problem == ''


def test_an_answer_that_is_not_understood_is_the_hosts_own_row():
    class Odd(Hosts):
        def each(self, names, operation, args, *, timeout):
            yield 'a', {'users': []}

    [found] = Accounts(Odd()).show(['a'], ['nova'], [])
    assert 'not understood' in found.problem
