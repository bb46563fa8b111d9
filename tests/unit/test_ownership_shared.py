# SPDX-License-Identifier: Apache-2.0
"""Files that hosts share are changed once, for all of them, or not at all."""

import pytest

from osc_recover.checks.request import Number, OwnershipFix
from osc_recover.facts import HostAccounts, HostFiles, Mount, Ownership
from osc_recover.procedures.ownership import fix
from tests.unit.test_ownership import NOVA, accounts, files, services

NFS = Mount('/var/lib/nova/instances', 'nfs4', 'nas:/nova', 'network', False)
READ_ONLY = Mount('/nova', 'nfs4', 'nas:/nova', 'network', False,
                  read_only=True)  # fmt: skip


def plan(known, mounted, hosts='ab', **more):
    """A plan for hosts a and b; ``known`` are the accounts of all hosts.

    :param mounted: host -> what it has mounted beside its root
    """
    found = Ownership(
        tuple(known),
        tuple(services(host, NOVA) for host in hosts),
        tuple(files(host, *mounts) for host, mounts in mounted.items()),
    )
    request = OwnershipFix(
        tuple(hosts), shared=True, numbers=(Number('user', 'nova', 500),),
        **more,
    )  # fmt: skip
    return fix(found, {}, request)


BOTH = {'a': [NFS], 'b': [NFS]}
OLD = (accounts('a', nova=108), accounts('b', nova=112))


def walked(made):
    return [
        (step.target, step.args['roots'], step.args['uids'])
        for step in made.steps()
        if step.verb == 'tree.change'
    ]


def test_one_host_changes_them_with_the_numbers_of_all():
    made = plan(OLD, BOTH)
    assert walked(made) == [
        ('a', ['/'], {'108': 500}),
        ('b', ['/'], {'112': 500}),
        ('a', [NFS.point], {'108': 500, '112': 500}),
    ]
    shared = made.phases[1]
    assert [step.args['merge'] for step in shared.lanes[0].steps] == [True] * 3


def test_hosts_wait_for_each_other_before_and_after():
    made = plan(OLD, BOTH)
    assert [(p.title, p.must) for p in made.phases] == [
        ('change numbers', True),
        ('shared files', True),
        ('start services and verify', False),
    ]
    first, _, last = made.phases
    assert {s.verb for lane in first.lanes for s in lane.steps}.isdisjoint(
        {'services.start'}
    )
    assert {s.verb for lane in last.lanes for s in lane.steps} == {
        'services.start',
        'services.seen',
        'ownership.verify',
    }


def test_each_file_system_is_changed_once_wherever_it_is_mounted():
    other = Mount('/mnt', 'ceph', 'mon:/', 'network', False)
    made = plan(OLD, {'a': [NFS, other], 'b': [NFS]})
    roots = [roots for host, roots, _ in walked(made) if roots != ['/']]
    assert sorted(roots) == [['/mnt'], [NFS.point]]
    names = [s.name for s in made.steps()]
    assert len(names) == len(set(names))


def test_a_host_that_may_not_write_there_does_not_change_them():
    made = plan(OLD, {'a': [READ_ONLY], 'b': [NFS]})
    assert walked(made)[-1][0] == 'b'
    made = plan(OLD, {'a': [READ_ONLY], 'b': [READ_ONLY]})
    assert {v.code for v in made.verdicts} == {'read-only'}


def test_a_host_that_does_not_share_them_is_not_held_up_by_a_conflict():
    known = (accounts('a', nova=108), accounts('b', nova=112, uids=[108]))
    made = plan(known, {'a': [NFS], 'b': []})
    assert all(verdict.act for verdict in made.verdicts)
    made = plan(known, BOTH)
    assert {v.code for v in made.verdicts} == {'shared-conflict'}


def test_another_host_that_keeps_the_old_number_is_named():
    known = (*OLD, accounts('c', nova=108))
    made = plan(known, {**BOTH, 'c': [NFS]})
    assert [v.code for v in made.verdicts] == ['shared-conflict'] * 2
    assert 'name c' in made.verdicts[0].way_out
    made = plan(known, {**BOTH, 'c': []})
    assert all(verdict.act for verdict in made.verdicts)


def test_another_host_that_did_not_answer_may_share_them():
    found = Ownership(
        (*OLD, accounts('c', nova=108)),
        tuple(services(host, NOVA) for host in 'ab'),
        (files('a', NFS), files('b', NFS), HostFiles('c', problem='gone')),
    )
    number = Number('user', 'nova', 500)
    request = OwnershipFix(('a', 'b'), shared=True, numbers=(number,))
    codes = {verdict.code for verdict in fix(found, {}, request).verdicts}
    assert codes == {'shared-conflict'}


def test_numbers_that_are_old_and_new_are_not_changed_there():
    known = (accounts('a', nova=108), accounts('b', nova=112, qemu=500))
    numbers = (Number('user', 'nova', 500), Number('user', 'libvirt-qemu', 7))
    found = Ownership(
        known,
        tuple(services(host, NOVA) for host in 'ab'),
        tuple(files(host, NFS) for host in 'ab'),
    )
    request = OwnershipFix(('a', 'b'), shared=True, numbers=numbers)
    made = fix(found, {}, request)
    assert {v.code for v in made.verdicts} == {'shared-chain'}
    assert 'in two runs' in made.verdicts[0].way_out


def test_what_is_left_out_is_not_shared():
    made = plan(OLD, BOTH, skip=('/var/lib/nova',))
    assert [p.title for p in made.phases] == ['change numbers']


def test_the_plan_says_who_changes_what_for_whom():
    notes = '\n'.join(plan(OLD, BOTH).notes)
    assert 'nas:/nova is changed once, by a, for a, b' in notes


@pytest.mark.parametrize('lost', ['a', 'b'])
def test_a_refused_host_is_not_changed_for_by_another(lost):
    known = {'a': OLD[0], 'b': OLD[1]}
    known[lost] = HostAccounts(lost, problem='no route')
    other = 'b' if lost == 'a' else 'a'
    mounted = {other: [NFS]}
    made = plan(tuple(known.values()), mounted)
    assert [v.server for v in made.verdicts if v.act] == [other]
    assert {host for host, *_ in walked(made)} == {other}
