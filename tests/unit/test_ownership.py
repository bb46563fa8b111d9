# SPDX-License-Identifier: Apache-2.0
"""New numbers are planned step by step, and refused before the first one."""

import dataclasses

import pytest

from osc_recover import errors
from osc_recover.checks import ownership, renumbering
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Number, OwnershipFix
from osc_recover.facts import (
    Account,
    HostAccounts,
    HostFiles,
    HostService,
    HostServices,
    Mention,
    Mount,
    Ownership,
    Process,
)
from osc_recover.procedures.ownership import fix

ROOT = Mount('/', 'ext4', '/dev/vda1', 'local')
PROC = Mount('/proc', 'proc', 'proc', 'pseudo', False, 'made by the kernel')
NFS = Mount('/var/lib/nova/instances', 'nfs4', 'nas:/nova', 'network', False)
NOVA = 'nova-compute.service'
VIRT = 'libvirtd.service'


def accounts(host, nova=108, qemu=64055, kvm=104, uids=(), gids=(), **more):
    """A host: nova, and libvirt-qemu whose primary group is kvm."""
    known = (
        Account('user', 'nova', nova, 120),
        Account('user', 'libvirt-qemu', qemu, kvm),
        Account('group', 'kvm', kvm, primary_of=('libvirt-qemu',)),
    )
    return HostAccounts(host, known, (nova, qemu, *uids), (kvm, *gids), **more)


def services(host, *names, state='active'):
    return HostServices(
        host,
        tuple(HostService(host, n, 'unit', state, 'enabled') for n in names),
    )


def files(host, *more, mounts=(ROOT, PROC), **fields):
    known = {'folder': '/var/lib', 'free': 1 << 30, **fields}
    return HostFiles(host, (*mounts, *more), ('/var/lib/docker',), **known)


def facts(**more):
    """Host a is right; host b has another number of nova and of kvm."""
    known = {
        'accounts': (
            accounts('a'),
            accounts('b', nova=112, kvm=777),
            accounts('c'),
        ),
        'services': (services('b', NOVA, VIRT),),
        'files': (files('b'),),
    }
    return Ownership(**{**known, **more})


def request(*hosts, **more):
    return OwnershipFix(hosts or ('b',), **more)


def plan(found=None, traps=None, **more):
    return fix(found or facts(), traps or {}, request(**more))


def steps(made, verb=None):
    return [s for s in made.steps() if verb in (None, s.verb)]


def refused(found, **more):
    """The one verdict of a plan that leaves host b alone."""
    made = plan(found, **more)
    [verdict] = made.verdicts
    assert (verdict.act, made.phases) == (False, ())
    assert verdict.reason
    assert verdict.way_out
    return verdict


def test_the_guides_steps_are_in_their_order():
    assert [(s.verb, s.target) for s in steps(plan())] == [
        ('services.stop', 'b'),
        ('processes.none', 'b'),
        ('tree.prepare', 'b'),
        ('accounts.change', 'b'),
        ('tree.change', 'b'),
        ('services.start', 'b'),
        ('services.seen', 'b'),
        ('ownership.verify', 'b'),
    ]


def test_what_ran_is_stopped_and_exactly_that_is_started():
    made = plan()
    [stop] = steps(made, 'services.stop')
    [start] = steps(made, 'services.start')
    assert stop.args == start.args
    assert stop.args['units'] == [NOVA, VIRT]
    for verb in ('tree.prepare', 'accounts.change', 'tree.change'):
        [step] = steps(made, verb)
        assert step.args['units'] == [NOVA, VIRT]


def test_where_nothing_runs_nothing_is_started():
    found = facts(services=(services('b', NOVA, state='inactive'),))
    verbs = {step.verb for step in steps(plan(found))}
    assert verbs.isdisjoint(
        {'services.stop', 'services.start', 'services.seen'}
    )


def test_nova_is_waited_for_only_where_its_compute_ran():
    found = facts(services=(services('b', VIRT),))
    assert steps(plan(found), 'services.start')
    assert not steps(plan(found), 'services.seen')


def test_files_and_accounts_get_the_numbers_of_most_hosts():
    made = plan()
    [change] = steps(made, 'tree.change')
    assert change.args['uids'] == {'112': 108}
    assert change.args['gids'] == {'777': 104}
    assert change.args['roots'] == ['/']
    assert change.args['skip'] == ['/var/lib/docker']
    [verdict] = made.verdicts
    assert verdict.kind == 'uid nova 112 to 108, gid kvm 777 to 104'
    assert (verdict.code, verdict.act) == ('renumber', True)


@pytest.mark.parametrize('acls', ['every', 'owned'])
def test_the_acls_that_were_asked_for_are_listed(acls):
    made = plan(acls=acls)
    for verb in ('tree.prepare', 'tree.change'):
        [step] = steps(made, verb)
        assert step.args.get('attributes', 'every') == acls
    [verify] = steps(made, 'ownership.verify')
    assert 'attributes' not in verify.args
    said = [note for note in made.notes if '--acls owned' in str(note)]
    assert bool(said) == (acls == 'owned')


def test_a_user_moves_with_its_primary_group():
    [step] = steps(plan(), 'accounts.change')
    assert step.args['users'] == [
        {'name': 'nova', 'uid': [112, 108]},
        {'name': 'libvirt-qemu', 'gid': [777, 104]},
    ]
    assert step.args['groups'] == [{'name': 'kvm', 'gid': [777, 104]}]


def test_a_primary_user_that_nobody_asked_about_moves_along():
    known = accounts('b', kvm=777)
    group = Account('group', 'kvm', 777, primary_of=('backup', 'libvirt-qemu'))
    known = dataclasses.replace(known, accounts=(*known.accounts[:2], group))
    made = renumbering.changes(known, {('group', 'kvm'): 104}, request())
    rows = renumbering.account_args(known, made)['users']
    assert {'name': 'backup', 'gid': [777, 104]} in rows


def test_a_host_that_is_right_is_left_and_counts_as_fine():
    made = fix(facts(), {}, request('a', 'b'))
    first, second = made.verdicts
    assert (first.code, first.act, first.way_out) == ('ok', False, '')
    assert second.act
    assert {step.target for step in made.steps()} == {'b'}


def test_numbers_of_the_operator_count_on_every_host():
    number = Number('user', 'nova', 500)
    made = plan(numbers=(number,))
    assert '112 to 500' in made.verdicts[0].kind


def test_files_with_a_former_number_are_changed_when_accounts_are_right():
    found = facts(
        accounts=(accounts('a'), accounts('b')),
        files=(files('b'),),
    )
    made = plan(found, numbers=(Number('user', 'nova', 108, 99),))
    [change] = steps(made, 'tree.change')
    assert change.args['uids'] == {'99': 108}


# Refusals, all before the first step


def test_a_number_of_another_account_is_refused():
    found = facts(
        accounts=(accounts('a'), accounts('b', nova=112, uids=[500]))
    )
    verdict = refused(found, numbers=(Number('user', 'nova', 500),))
    assert verdict.code == 'collision'
    assert '500 belongs to another account' in verdict.reason


def test_a_former_number_that_somebody_else_has_is_refused():
    found = facts(accounts=(accounts('a'), accounts('b', uids=[99])))
    number = Number('user', 'nova', 108, 99)
    verdict = refused(found, numbers=(number,))
    assert verdict.code == 'shared-number'


def test_files_of_two_accounts_with_one_number_are_refused():
    account = Account('user', 'nova', 112, 120, sharing=('backup',))
    found = facts(
        accounts=(accounts('a'), HostAccounts('b', (account,), (112,)))
    )
    verdict = refused(found)
    assert verdict.code == 'shared-number'
    assert 'backup' in verdict.reason


def test_an_account_of_a_directory_service_is_refused():
    account = Account('user', 'nova', 112, 120, local=False)
    found = facts(
        accounts=(accounts('a'), HostAccounts('b', (account,), (112,)))
    )
    assert refused(found).code == 'directory'


def test_an_account_that_has_neither_number_is_refused():
    found = facts(accounts=(accounts('a'), accounts('b', nova=300)))
    verdict = refused(found, numbers=(Number('user', 'nova', 108, 99),))
    assert verdict.code == 'other-number'


def test_an_account_that_was_named_must_be_there():
    found = facts(
        accounts=(
            HostAccounts('a', (Account('user', 'cinder', 165),), (165,)),
            accounts('b'),
        )
    )
    assert refused(found, users=('cinder',)).code == 'missing'


def test_a_number_of_root_is_never_changed():
    found = facts(accounts=(accounts('a'), accounts('b', nova=0)))
    assert refused(found, reference='a').code == 'bad-number'


def test_running_guests_are_named():
    guest = Process(
        7, 'qemu-system-x86', 'machine-qemu.scope', 'instance-00000001',
        ('effective gid 777',),
    )  # fmt: skip
    verdict = refused(facts(files=(files('b', processes=(guest,)),)))
    assert verdict.code == 'guests'
    assert 'instance-00000001 (pid 7' in verdict.reason
    assert 'openstack server list' in verdict.way_out


def test_processes_of_the_services_that_stop_are_no_hindrance():
    ours = Process(7, 'nova-compute', NOVA, '', ('effective uid 112',))
    assert plan(facts(files=(files('b', processes=(ours,)),))).phases
    other = Process(8, 'nova-api', 'nova-api.service', '', ('real uid 112',))
    verdict = refused(facts(files=(files('b', processes=(ours, other)),)))
    assert verdict.code == 'processes'
    assert 'nova-api of nova-api.service (pid 8, real uid' in verdict.reason
    assert 'nova-compute' not in verdict.reason


def test_a_network_file_system_needs_a_word():
    found = facts(files=(files('b', NFS),))
    verdict = refused(found)
    assert verdict.code == 'network-files'
    assert '--shared' in verdict.way_out
    assert plan(found, shared=True).phases
    assert plan(found, skip=('/var/lib/nova',)).phases


def test_a_file_system_that_has_become_read_only_is_refused():
    data = Mount('/data', 'ext4', '/dev/vdb', 'local', False, 'read-only',
                 read_only=True, frozen=True)  # fmt: skip
    found = facts(files=(files('b', data),))
    assert refused(found).code == 'read-only'
    assert plan(found, skip=('/data',)).phases


def test_a_read_only_view_of_a_file_system_is_left_out():
    view = Mount('/snap', 'ext4', '/dev/vdb', 'local', False, 'read-only',
                 read_only=True)  # fmt: skip
    made = plan(facts(files=(files('b', view),)))
    assert any('/snap' in note and 'left out' in note for note in made.notes)


@pytest.mark.parametrize(
    'room, words',
    [({'free': 1 << 20}, '1024 KiB left'), ({'full': True}, 'is read-only')],
)
def test_a_host_without_room_for_the_list_is_refused(room, words):
    verdict = refused(facts(files=(files('b', **room),)))
    assert verdict.code == 'no-room'
    assert words in verdict.reason


@pytest.mark.parametrize('what', ['accounts', 'services', 'files'])
def test_a_host_that_did_not_answer_is_left_and_says_why(what):
    lost = {'problem': 'no route to b', 'way_out': 'see the cable'}
    more = {
        'accounts': (accounts('a'), HostAccounts('b', **lost)),
        'services': (HostServices('b', **lost),),
        'files': (HostFiles('b', **lost),),
    }
    verdict = refused(facts(**{what: more[what]}))
    assert (verdict.code, verdict.reason) == ('unknown', 'no route to b')


def test_a_start_that_would_destroy_a_guest_is_refused_before_the_stop():
    trap = Finding('evacuated-back', 'b', 'row 7', '', 'close it', 'refuse')
    verdict = refused(None, traps={'b': [trap]})
    assert verdict.code == 'evacuated-back'
    idle = facts(services=(services('b', VIRT),))
    assert plan(idle, {'b': [trap]}).phases


def test_a_host_whose_last_change_was_cut_off_is_not_said_to_be_right():
    found = facts(accounts=(accounts('a'), accounts('b')))
    assert plan(found).verdicts[0].code == 'ok'
    cut = dataclasses.replace(found, unfinished={'b': 'aa11bb22'})
    verdict = refused(cut)
    assert verdict.code == 'unfinished'
    assert 'openstack recover run resume aa11bb22' in verdict.way_out


def test_two_accounts_cannot_get_one_number():
    numbers = (Number('user', 'nova', 5), Number('user', 'libvirt-qemu', 5))
    with pytest.raises(errors.Refused, match='would both get 5'):
        plan(numbers=numbers)


@pytest.mark.parametrize(
    'word, number',
    [
        ('nova=64060', Number('user', 'nova', 64060)),
        ('nova=108:64060', Number('user', 'nova', 64060, 108)),
        ('no$va=1', Number('user', 'no$va', 1)),
    ],
)
def test_a_number_is_read(word, number):
    assert renumbering.parse('user', word) == number


@pytest.mark.parametrize(
    'word',
    [
        'nova', '=5', 'nova=', 'nova=x', 'nova=-1', 'nova=0', 'nova=65534',
        'nova=65535', 'nova=4294967295', 'nova=1:2:3', 'nova=0:5',
        'nova=1:', 'nova=' + '9' * 40, 'nova=٣', 'nova=1 ',
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(word):
    with pytest.raises(errors.Refused) as caught:
        renumbering.parse('user', word)
    assert caught.value.code == 'bad-number'
    assert caught.value.exit_status == 3


# What is said beside the rows


def test_the_notes_tell_what_is_walked_left_out_and_not_changed():
    line = Mention('/etc/exports', 3, '/x (anonuid=112)', 'uid', 112, 112)
    made = plan(facts(files=(files('b', mentions=(line,)),)))
    text = '\n'.join(made.notes)
    assert 'b: files of / are changed' in text
    assert 'left out (made by the kernel): /proc' in text
    assert 'left out (of containers): /var/lib/docker' in text
    assert '/etc/exports line 3' in text
    assert 'udevadm control --reload' in text


def test_the_same_note_is_said_once_for_several_hosts():
    found = Ownership(
        (accounts('a'), accounts('c'), accounts('d'), *(
            accounts(host, nova=112) for host in 'bx')),
        tuple(services(host, NOVA) for host in 'bx'),
        tuple(files(host) for host in 'bx'),
    )  # fmt: skip
    made = fix(found, {}, OwnershipFix(('b', 'x')))
    assert 'b, x: files of / are changed' in made.notes


def test_kolla_is_told_that_images_keep_their_numbers():
    ours = HostService('b', 'nova_compute', 'docker', 'running')
    found = facts(services=(HostServices('b', (ours,)),))
    assert any('inside an image' in note for note in plan(found).notes)
    bare = facts(accounts=(accounts('a'), HostAccounts('b')))
    assert 'inside an image' in plan(bare).verdicts[0].reason


def test_a_host_that_was_not_asked_makes_its_numbers_doubtful():
    lost = HostAccounts('z', problem='no route')
    found = facts(
        accounts=(accounts('a'), accounts('b', nova=112), accounts('c'), lost)
    )
    assert any('not known' in n and 'z' in n for n in plan(found).notes)


def test_paths_are_told_by_whole_names():
    assert ownership.is_below('/a/b', ['/a'])
    assert ownership.is_below('/a', ['/a/'])
    assert not ownership.is_below('/ab', ['/a'])
    assert not ownership.is_below('/', [])
