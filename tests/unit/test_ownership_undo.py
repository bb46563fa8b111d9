# SPDX-License-Identifier: Apache-2.0
"""A change of numbers is taken back by a plan of its own."""

import dataclasses

import pytest

from osc_recover.checks.request import Number, OwnershipFix, OwnershipUndo
from osc_recover.facts import Manifest, Mount, Ownership, Process
from osc_recover.procedures import ownership_undo
from osc_recover.procedures.ownership import fix
from osc_recover.procedures.ownership_undo import undo
from tests.unit.test_ownership import NOVA, accounts, files, services

NFS = Mount('/nova', 'nfs4', 'nas:/nova', 'network', False)
RUN = 'aa11bb22'


BEFORE = {'a': 108, 'b': 112}


def made(*mounts, hosts='b'):
    """The plan of a run that has given nova of some hosts the number 500."""
    found = Ownership(
        tuple(accounts(host, nova=BEFORE[host]) for host in hosts),
        tuple(services(host, NOVA) for host in hosts),
        tuple(files(host, *mounts) for host in hosts),
    )
    number = Number('user', 'nova', 500)
    request = OwnershipFix(tuple(hosts), numbers=(number,), shared=True)
    return fix(found, {}, request)


def facts(state='done', nova=500, name=RUN, **more):
    known = {
        'accounts': (accounts('b', nova=nova),),
        'services': (services('b', NOVA),),
        'files': (files('b'),),
        'manifests': (Manifest('b', name, state),),
    }
    return Ownership(**{**known, **more})


def back(found, plan=None):
    return undo(found, {}, plan or made(), OwnershipUndo(RUN))


def verdict(found):
    [one] = back(found).verdicts
    return one


def test_files_come_before_accounts_and_services_are_down_meanwhile():
    plan = back(facts())
    assert [step.verb for step in plan.steps()] == [
        'services.stop',
        'processes.none',
        'tree.undo',
        'accounts.change',
        'services.start',
        'services.seen',
        'ownership.verify',
    ]
    assert plan.procedure == 'ownership-undo'


def test_everything_goes_the_other_way():
    plan = back(facts())
    assert plan.step('quiet:b').args['uids'] == [500]
    assert plan.step(f'undo:{RUN}:b').args['manifest'] == RUN
    [user] = plan.step('accounts:b').args['users']
    assert user == {'name': 'nova', 'uid': [500, 112]}
    verify = plan.step('verify:b').args
    assert (verify['uids'], verify['manifest']) == ({'500': 112}, None)
    assert plan.verdicts[0].kind == 'uid nova 500 to 112'


def test_a_run_that_was_cut_off_before_its_accounts_is_taken_back_too():
    plan = back(facts(state='listed', nova=112))
    assert plan.step(f'undo:{RUN}:b')
    assert plan.step('accounts:b')


@pytest.mark.parametrize('state', ['absent', 'undone'])
def test_what_is_not_in_effect_is_fine_as_it_is(state):
    one = verdict(facts(state=state, nova=112))
    assert (one.act, one.code) == (False, 'ok')


def test_a_manifest_that_is_not_there_is_no_step():
    plan = back(facts(state='absent'))
    assert not [s for s in plan.steps() if s.verb == 'tree.undo']
    assert plan.step('accounts:b')


def test_a_host_that_is_still_at_it_is_left():
    assert verdict(facts(state='busy')).code == 'busy'


def test_a_host_whose_manifest_is_not_told_is_left():
    lost = Manifest('b', RUN, '', 'no route', 'see the cable')
    one = verdict(facts(manifests=(lost,)))
    assert (one.code, one.way_out) == ('unknown', 'see the cable')


def test_processes_under_the_number_that_goes_are_refused():
    other = Process(8, 'backup', 'backup.service', '', ('real uid 500',))
    one = verdict(facts(files=(files('b', processes=(other,)),)))
    assert one.code == 'processes'


def test_a_former_number_that_somebody_has_got_since_is_refused():
    taken = accounts('b', nova=500, uids=[112])
    assert verdict(facts(accounts=(taken,))).code == 'collision'


def test_a_full_disk_does_not_keep_files_from_their_owners():
    assert verdict(facts(files=(files('b', free=0),))).act


def test_what_was_made_since_goes_along_where_nobody_else_can_have_it():
    plan = back(facts(untaken=('b',)))
    verbs = [step.verb for step in plan.steps()]
    at = verbs.index('tree.undo')
    assert verbs[at + 1 : at + 4] == [
        'tree.prepare',
        'tree.change',
        'accounts.change',
    ]
    change = plan.step('files:b').args
    assert (change['uids'], change['manifest']) == ({'500': 112}, '')
    assert change['units'] == [NOVA]


def test_a_number_that_was_another_accounts_before_is_not_taken_along():
    numbers = (
        Number('user', 'nova', 64055),
        Number('user', 'libvirt-qemu', 9),
    )
    request = OwnershipFix(('b',), numbers=numbers)
    chained = fix(dataclasses.replace(facts(nova=112)), {}, request)
    swapped = fix(
        facts(nova=112), {},
        OwnershipFix(('b',), numbers=(
            Number('user', 'nova', 64055),
            Number('user', 'libvirt-qemu', 112),
        )),
    )  # fmt: skip
    now = accounts('b', nova=64055, qemu=9)
    found = facts(accounts=(now,), untaken=('b',))
    assert back(found, chained).step('files:b').args['uids'] == {'9': 64055}
    now = accounts('b', nova=64055, qemu=112)
    found = facts(accounts=(now,), untaken=('b',))
    assert back(found, swapped).step('files:b') is None


def test_shared_files_are_given_back_for_all_or_none():
    plan = made(NFS, hosts='ab')
    names = ownership_undo.manifests(RUN, plan)
    assert sorted(names) == [('a', RUN), ('a', f'{RUN}-shared-1'), ('b', RUN)]
    found = Ownership(
        tuple(accounts(host, nova=500) for host in 'ab'),
        tuple(services(host, NOVA) for host in 'ab'),
        tuple(files(host, NFS) for host in 'ab'),
        tuple(Manifest(host, name, 'done') for host, name in names),
    )
    [_, shared, _] = back(found, plan).phases
    assert [s.args['manifest'] for s in shared.lanes[0].steps] == [
        f'{RUN}-shared-1'
    ]
    busy = dataclasses.replace(
        found, manifests=(*found.manifests, Manifest('b', 'x', 'busy'))
    )
    codes = [one.code for one in back(busy, plan).verdicts]
    assert codes == ['shared-conflict', 'busy']
