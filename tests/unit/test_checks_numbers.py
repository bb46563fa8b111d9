# SPDX-License-Identifier: Apache-2.0
"""One number an account on every host, which is nobody else's anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.checks import numbers
from osc_recover.facts import Account, HostAccounts

NOVA, VIRT = ('user', 'nova'), ('user', 'libvirt-qemu')
KVM = ('group', 'kvm')
KEYS = (NOVA, VIRT, KVM)


def host(name, users=(), groups=(), uids=(), gids=(), **more):
    """A host; users and groups are pairs, uids and gids those of others."""
    accounts = [Account('user', n, number, **more) for n, number in users]
    accounts += [Account('group', n, number, **more) for n, number in groups]
    return HostAccounts(
        name,
        tuple(accounts),
        tuple(sorted({number for _, number in users} | set(uids))),
        tuple(sorted({number for _, number in groups} | set(gids))),
    )


def states(hosts, wanted, keys=KEYS):
    found = numbers.rows(hosts, keys, wanted)
    return {(r.host, r.account): r.state for r in found}


def test_hosts_that_agree_keep_their_numbers():
    hosts = [host(n, [('nova', 64060)], [('kvm', 104)]) for n in 'ab']
    wanted = numbers.proposals(hosts, KEYS)
    assert wanted == {NOVA: 64060, KVM: 104}
    assert set(states(hosts, wanted).values()) == {'ok'}


def test_the_number_that_most_hosts_have_is_proposed():
    hosts = [host(n, [('nova', u)]) for n, u in zip('abc', (7, 9, 9))]  # noqa: B905
    wanted = numbers.proposals(hosts, KEYS)
    assert wanted == {NOVA: 9}
    assert states(hosts, wanted) == {
        ('a', 'nova'): 'differs',
        ('b', 'nova'): 'ok',
        ('c', 'nova'): 'ok',
    }


def test_a_number_that_another_account_has_anywhere_is_not_proposed():
    hosts = [
        host('a', [('nova', 108)]),
        host('b', [('nova', 108)]),
        host('c', [('nova', 112)], uids=[108]),
    ]
    assert numbers.proposals(hosts, KEYS) == {NOVA: 112}


def test_when_none_of_theirs_is_free_the_first_free_system_number_is():
    hosts = [
        host('a', [('nova', 108)], uids=[112, 201]),
        host('b', [('nova', 112)], uids=[108, 202]),
    ]
    assert numbers.proposals(hosts, KEYS) == {NOVA: 203}


def test_two_accounts_never_get_one_number():
    hosts = [
        host('a', [('nova', 108), ('libvirt-qemu', 112)]),
        host('b', [('nova', 112), ('libvirt-qemu', 112)]),
        host('c', [('nova', 112), ('libvirt-qemu', 119)]),
    ]
    wanted = numbers.proposals(hosts, KEYS)
    assert wanted == {NOVA: 112, VIRT: 119}


def test_a_swap_of_numbers_is_no_collision():
    hosts = [
        host('a', [('nova', 108), ('libvirt-qemu', 112)]),
        host('b', [('nova', 112), ('libvirt-qemu', 108)]),
    ]
    wanted = numbers.proposals(hosts, KEYS, 'a')
    assert wanted == {NOVA: 108, VIRT: 112}
    assert states(hosts, wanted) == {
        ('a', 'nova'): 'ok',
        ('a', 'libvirt-qemu'): 'ok',
        ('b', 'nova'): 'differs',
        ('b', 'libvirt-qemu'): 'differs',
    }


def test_a_number_of_the_reference_that_is_taken_elsewhere_is_a_collision():
    hosts = [
        host('a', [('nova', 108)]),
        host('b', [('nova', 112)], uids=[108]),
    ]
    wanted = numbers.proposals(hosts, KEYS, 'a')
    [_, row] = numbers.rows(hosts, KEYS, wanted)
    assert (row.host, row.state) == ('b', 'collision')
    assert 'another account' in row.reason
    assert '--reference' in row.way_out


def test_an_account_that_shares_its_number_is_a_collision():
    account = Account('user', 'nova', 108, sharing=('backup',))
    hosts = [HostAccounts('a', (account,), (108,))]
    [row] = numbers.rows(hosts, [NOVA], {NOVA: 108})
    assert (row.state, 'backup' in row.reason) == ('collision', True)


def test_an_account_of_a_directory_is_not_ours_to_change():
    hosts = [
        host('a', [('nova', 108)]),
        host('b', [('nova', 112)], local=False),
    ]
    wanted = numbers.proposals(hosts, KEYS, 'a')
    assert states(hosts, wanted)['b', 'nova'] == 'directory'


def test_an_account_that_a_host_lacks_is_missing_there():
    hosts = [host('a', [('nova', 108)]), host('b')]
    wanted = numbers.proposals(hosts, KEYS)
    assert states(hosts, wanted)['b', 'nova'] == 'missing'


def test_what_another_distribution_calls_otherwise_is_not_missed():
    hosts = [
        host('debian', [('libvirt-qemu', 64055)]),
        host('rpm', [('qemu', 107)]),
        host('none'),
    ]
    keys = (VIRT, ('user', 'qemu'))
    wanted = numbers.proposals(hosts, keys)
    assert states(hosts, wanted, keys) == {
        ('debian', 'libvirt-qemu'): 'ok',
        ('rpm', 'qemu'): 'ok',
        ('none', 'libvirt-qemu'): 'missing',
        ('none', 'qemu'): 'missing',
    }


def test_an_account_that_no_host_has_is_not_told_of():
    assert numbers.proposals([host('a'), host('b')], KEYS) == {}


def test_a_host_that_could_not_be_asked_is_one_row():
    lost = HostAccounts('b', problem='timed out', way_out='see its network')
    [row] = numbers.rows([lost], KEYS, {NOVA: 1})
    assert (row.host, row.state, row.way_out) == (
        'b',
        'unknown',
        'see its network',
    )


@given(
    st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from(['nova', 'libvirt-qemu']),
                st.integers(1, 12),
            ),
            st.sets(st.integers(1, 12)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_proposed_is_free_on_every_host(drawn):
    hosts = [
        host(str(n), users.items(), uids=others - set(users.values()))
        for n, (users, others) in enumerate(drawn)
    ]
    wanted = numbers.proposals(hosts, KEYS)
    assert len(set(wanted.values())) == len(wanted)
    for row in numbers.rows(hosts, KEYS, wanted):
        assert row.state in ('ok', 'differs', 'missing'), (row, hosts)


@pytest.mark.parametrize('reference', ['a', 'b'])
def test_only_the_reference_counts_when_there_is_one(reference):
    hosts = [host('a', [('nova', 1)]), host('b', [('nova', 2)])]
    wanted = numbers.proposals(hosts, KEYS, reference)
    assert wanted == {NOVA: {'a': 1, 'b': 2}[reference]}
