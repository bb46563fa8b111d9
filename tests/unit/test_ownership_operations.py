# SPDX-License-Identifier: Apache-2.0
"""Steps that change numbers are done once, and go on where they were cut."""

import contextlib
import fcntl
import itertools
import os
import struct
import threading

import pytest

from osc_recover import errors
from osc_recover.effects import Control, Cut
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.host_services import Services
from osc_recover.gateways.ownership import Ground, Numbers
from osc_recover.gateways.ssh.link import Link
from osc_recover.gateways.trees import Trees, Walk
from osc_recover.operations.renumbering import ChangeAccounts, Quiet
from osc_recover.operations.trees import Progress, Tree, Verify
from osc_recover.plan import Step
from tests.unit import local_agent, zoo

root_only = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
OLD, NEW = 61108, 61112
NONE = {'units': [], 'containers': []}


class Local:
    """This machine, through our program as a process of its own."""

    def __init__(self):
        self.processes = []

    def ask(self, host, op, args, *, timeout, tell=None):
        process = local_agent.start()
        self.processes.append(process)
        link = Link(local_agent.WHO, process)
        try:
            return link.ask(op, args, timeout=timeout, tell=tell)
        finally:
            process.end()


@pytest.fixture
def where(tmp_path):
    """A tree with three files, of which two have the old number."""
    top = tmp_path / 'tree'
    top.mkdir()
    for name, uid in (('a', OLD), ('b', OLD), ('c', 0)):
        (top / name).write_text(name)
        os.chown(top / name, uid, uid)
    return top


def step(where, verb='tree.change', **more):
    args = {
        'roots': [str(where)],
        'skip': [],
        'uids': {str(OLD): NEW},
        'gids': {},
        'manifest': '',
        **NONE,
        **more,
    }
    return Step(f'{verb}:a', verb, 'a', args)


def run(where):
    """A run's id, of which its manifest's name is made."""
    return str(where.parent / 'manifests' / 'm')


def tree(where, verb, hosts=None, watch=None):
    hosts = hosts or Local()
    more = {'watch': watch} if watch else {}
    return Tree(Trees(hosts), Services(hosts), verb, run(where), **more)


def owners(where):
    return [os.stat(where / name).st_uid for name in 'abc']


@root_only
def test_files_are_listed_then_changed_then_given_back(where):
    listing, change = tree(where, 'prepare'), tree(where, 'change')
    assert not listing.in_effect(step(where))
    assert '2 files are to change' in listing.apply(step(where)).note
    assert listing.in_effect(step(where))
    assert not change.in_effect(step(where))
    assert owners(where) == [OLD, OLD, 0]
    assert '2 of 2 files changed' in change.apply(step(where)).note
    change.follow(step(where), Control())
    assert owners(where) == [NEW, NEW, 0]
    undo, back = tree(where, 'undo'), step(where, manifest=run(where))
    back = Step('undo:a', 'tree.undo', 'a', dict(back.args))
    assert not undo.in_effect(back)
    undo.apply(back)
    undo.follow(back, Control())
    assert owners(where) == [OLD, OLD, 0]


@root_only
@pytest.mark.parametrize('more', [{}, {'attributes': 'owned'}])
def test_the_acls_of_others_are_renumbered_unless_they_are_left_out(
    where, more
):
    none = 0xFFFFFFFF
    entries = [(1, 6, none), (2, 4, OLD), (4, 4, none), (16, 4, none),
               (32, 0, none)]  # fmt: skip
    packed = [struct.pack('<HHI', *entry) for entry in entries]
    value = struct.pack('<I', 2) + b''.join(packed)
    os.setxattr(where / 'c', 'system.posix_acl_access', value)
    tree(where, 'prepare').apply(step(where, **more))
    tree(where, 'change').apply(step(where, **more))
    new = value.replace(struct.pack('<I', OLD), struct.pack('<I', NEW))
    found = os.getxattr(where / 'c', 'system.posix_acl_access')
    assert found == (value if more else new)


@root_only
def test_what_was_listed_is_changed_and_nothing_that_has_come_since(where):
    tree(where, 'prepare').apply(step(where))
    late = where / 'late'
    late.write_text('')
    os.chown(late, OLD, OLD)
    tree(where, 'change').apply(step(where))
    assert os.stat(late).st_uid == OLD
    looked = Trees(Local()).verify('a', Walk((str(where),), (), {OLD: NEW}))
    assert [(one.what, one.count) for one in looked.found] == [
        (f'uid {OLD}', 1)
    ]


@contextlib.contextmanager
def busy(path):
    """Another process of ours that works with a manifest."""
    with open(path, 'rb') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@root_only
def test_a_host_that_is_still_at_it_is_waited_for(where):
    tree(where, 'prepare').apply(step(where))
    change = tree(where, 'change')
    with busy(run(where)):
        assert change.in_effect(step(where), lost=True)
        assert 'at it already' in change.apply(step(where)).note
        control = Control()
        threading.Timer(0.1, control.cut).start()
        with pytest.raises(Cut):
            change.follow(step(where), control)
    assert owners(where) == [OLD, OLD, 0]


@root_only
def test_one_that_was_cut_off_fails_its_step_and_is_done_by_the_next(where):
    tree(where, 'prepare').apply(step(where))
    change = tree(where, 'change')
    with pytest.raises(errors.StepFailed, match='cut off'):
        change.follow(step(where), Control())
    assert not change.in_effect(step(where))
    change.apply(step(where))
    change.follow(step(where), Control())
    assert owners(where) == [NEW, NEW, 0]


@root_only
def test_a_list_that_another_process_writes_is_left_to_it(where):
    part = where.parent / 'manifests' / 'm.part'
    part.parent.mkdir(mode=0o700)
    part.write_text('of another')
    listing = tree(where, 'prepare')
    with busy(part):
        assert listing.in_effect(step(where), lost=True)
        assert 'at it already' in listing.apply(step(where)).note
        assert part.read_text() == 'of another'
    assert not listing.in_effect(step(where))
    listing.apply(step(where))
    assert listing.in_effect(step(where))


@root_only
def test_a_file_that_cannot_be_read_changes_nothing(where):
    bad = step(where, roots=[str(where / 'absent')])
    with pytest.raises(errors.StepFailed, match='absent'):
        tree(where, 'prepare').apply(bad)
    assert tree(where, 'prepare').in_effect(bad) is False


@root_only
def test_verify_names_what_has_an_old_number(where):
    verify = Verify(Trees(Local()), Accounts(Nobody()), run(where))
    tree(where, 'prepare').apply(step(where))
    tree(where, 'change').apply(step(where))
    look = step(where, 'ownership.verify', users=[], groups=[])
    assert 'none has an old number' in verify.follow(look, Control()).note
    os.chown(where / 'c', OLD, 0)
    with pytest.raises(errors.StepFailed, match=f'1 objects have uid {OLD}'):
        verify.follow(look, Control())


@root_only
def test_verify_tells_of_files_that_are_not_as_the_change_left_them(where):
    tree(where, 'prepare').apply(step(where))
    tree(where, 'change').apply(step(where))
    os.chown(where / 'a', 61500, 0)
    walk = Walk((str(where),), (), {OLD: NEW}, {}, run(where))
    [found] = Trees(Local()).verify('a', walk).found
    assert (found.state, found.count) == ('changed', 1)
    assert found.samples == (str(where / 'a'),)


@root_only
def test_numbers_of_nobody_are_looked_for_alone(where):
    looks = Trees(Local()).look({'a': Walk((str(where),))})
    [looked] = looks
    assert {(one.state, one.what, one.count) for one in looked.found} == {
        ('nobody', f'uid {OLD}', 2),
        ('nobody', f'gid {OLD}', 2),
    }


def test_a_host_that_is_not_there_is_a_look_with_a_problem():
    lost = errors.ConnectRefused('a', '10.0.0.1 port 22')
    [looked] = Trees(Failing(lost)).look({'a': Walk(('/',))})
    assert looked.problem == lost.sentence


def test_a_cut_link_leaves_it_open_whether_it_was_done():
    lost = errors.AgentCut('a', 'tree.change', 'the connection was lost')
    change = Tree(Trees(Failing(lost)), Services(None), 'change', 'r')
    one = Step('files:a', 'tree.change', 'a', {'manifest': '', **NONE})
    with pytest.raises(errors.Uncertain):
        change.apply(one)
    with pytest.raises(errors.StepFailed):
        change.in_effect(one)


def test_files_that_could_not_be_changed_fail_the_step_with_the_first():
    told = {
        'listed': 3,
        'counts': {'changed': 1, 'failed': 2},
        'samples': [{'path': '/nfs/x', 'what': 'failed',
                     'error': 'Operation not permitted'}],
    }  # fmt: skip
    change = Tree(Trees(Told(told)), Services(None), 'change', 'r')
    one = Step('files:a', 'tree.change', 'a', {'manifest': '', **NONE})
    with pytest.raises(errors.StepFailed, match='2 of 3') as caught:
        change.apply(one)
    assert '/nfs/x: failed: Operation not permitted' in caught.value.sentence


class Told:
    """A host that answers everything with the same."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def ask(self, host, op, args, *, timeout, tell=None):
        self.asked.append((op, args))
        return self.answer

    def each(self, names, op, args, *, timeout, tell=None):
        for name in names:
            yield name, self.ask(name, op, args, timeout=timeout)


class Failing(Told):
    """A host that cannot be asked."""

    def ask(self, host, op, args, *, timeout, tell=None):
        raise self.answer


class Nobody(Told):
    """A host that has no account that is asked for."""

    def __init__(self):
        none = {'uids': [], 'gids': []}
        super().__init__({
            'users': {}, 'groups': {}, 'used': none,
            'holders': {'uids': {}, 'gids': {}},
        })  # fmt: skip


# Services are kept stopped


class Host(Told):
    """A host on which nova-compute runs again, as after a reboot."""

    def __init__(self):
        super().__init__({'listed': 0, 'counts': {}, 'samples': []})
        self.state = 'active'

    def each(self, names, op, args, *, timeout, tell=None):
        unit = {'nova-compute.service': {'active': self.state, 'file': ''}}
        for name in names:
            if op == 'units.show':
                yield name, {'units': unit}
            else:
                yield name, {'engine': None, 'containers': {}}

    def ask(self, host, op, args, *, timeout, tell=None):
        if op == 'units.stop':
            self.state = 'inactive'
        return super().ask(host, op, args, timeout=timeout)


def test_services_that_a_reboot_has_started_are_stopped_again():
    hosts = Host()
    change = Tree(Trees(hosts), Services(hosts), 'change', 'r')
    units = {'units': ['nova-compute.service'], 'containers': []}
    one = Step('files:a', 'tree.change', 'a', {'manifest': '', **units})
    change.apply(one)
    assert [op for op, _ in hosts.asked] == ['units.stop', 'tree.change']
    change.apply(one)
    assert [op for op, _ in hosts.asked][2:] == ['tree.change']


# Accounts


class Names(Told):
    """A host whose nova has a number, and changes it when told to."""

    def __init__(self, uid=108, gid=120):
        super().__init__(None)
        self.uid, self.gid = uid, gid

    def ask(self, host, op, args, *, timeout, tell=None):
        self.asked.append((op, args))
        if op == 'accounts.change':
            self.uid, self.gid = 500, 600
            return {'changed': ['/etc/passwd', '/etc/group']}
        return {
            'users': {'nova': {'uid': self.uid, 'gid': self.gid,
                               'local': True, 'same_number': []}},
            'groups': {'nova': {'gid': self.gid, 'local': True,
                                'same_number': [], 'primary_of': ['nova']}},
            'used': {'uids': [], 'gids': []},
            'holders': {'uids': {}, 'gids': {}},
        }  # fmt: skip


ACCOUNTS = Step('accounts:a', 'accounts.change', 'a', {
    'users': [{'name': 'nova', 'uid': [108, 500], 'gid': [120, 600]}],
    'groups': [{'name': 'nova', 'gid': [120, 600]}],
    **NONE,
})  # fmt: skip


def accounts(hosts):
    return ChangeAccounts(Accounts(hosts), Services(hosts), Ground(hosts))


class Rebooted(Host):
    """A host whose services run again, and something else with them."""

    def ask(self, host, op, args, *, timeout, tell=None):
        super().ask(host, op, args, timeout=timeout)
        assert op != 'accounts.change'
        return {'processes': [PROCESS]}


def test_what_a_reboot_has_started_under_an_old_number_holds_up_accounts():
    units = {'units': ['nova-compute.service'], 'containers': []}
    step = Step('accounts:a', 'accounts.change', 'a',
                {**ACCOUNTS.args, **units})  # fmt: skip
    hosts = Rebooted()
    with pytest.raises(errors.StepFailed, match='it was rebooted'):
        accounts(hosts).apply(step)
    assert hosts.asked[-1] == ('processes.of', {'uids': [108], 'gids': [120]})


@pytest.mark.parametrize('numbers', [(108, 120), (500, 120), (108, 600)])
def test_accounts_that_have_not_all_their_numbers_are_changed(numbers):
    hosts = Names(*numbers)
    change = accounts(hosts)
    assert not change.in_effect(ACCOUNTS)
    assert '/etc/passwd' in change.apply(ACCOUNTS).note
    assert change.in_effect(ACCOUNTS)
    change.follow(ACCOUNTS, Control())


def test_a_host_that_still_tells_the_old_numbers_fails_the_step():
    hosts = Names()
    change = accounts(hosts)
    with pytest.raises(errors.StepFailed, match='resolves') as caught:
        change.follow(ACCOUNTS, Control())
    assert 'nscd or sssd' in caught.value.way_out


def test_accounts_that_the_host_refuses_to_change_fail_the_step():
    no = errors.OperationRefused('a', 'accounts.change', 'busy', 'locked')
    change = accounts(Failing(no))
    with pytest.raises(errors.StepFailed, match='locked'):
        change.apply(ACCOUNTS)


# Processes


QUIET = Step('quiet:a', 'processes.none', 'a', {'uids': [108], 'gids': []})


class Hurried(Control):
    def wait(self, seconds):
        pass


def quiet(*looks):
    rest = list(looks)

    class Ending(Told):
        def ask(self, host, op, args, *, timeout, tell=None):
            found = rest.pop(0) if len(rest) > 1 else rest[0]
            return {'processes': found}

    ticks = itertools.count().__next__
    return Quiet(Ground(Ending(None)), timeout=3, clock=ticks)


PROCESS = {'pid': 7, 'command': 'nova-compute', 'unit': '', 'guest': '',
           'under': ['real uid 108']}  # fmt: skip


def test_processes_may_take_a_moment_to_end():
    told = quiet([PROCESS], [PROCESS], []).follow(QUIET, Hurried())
    assert 'no process' in told.note


def test_processes_that_stay_are_named_and_nothing_is_changed():
    with pytest.raises(errors.StepFailed, match='nova-compute') as caught:
        quiet([PROCESS]).follow(QUIET, Hurried())
    assert 'nothing else is changed' in caught.value.way_out


# What is asked before


@root_only
def test_the_ground_of_this_machine_is_told():
    numbers = Numbers([os.getuid()], [], [], [])
    [found] = Ground(Local()).show({'a': numbers})
    assert not found.problem
    assert any(mount.point == '/' for mount in found.mounts)
    assert found.free > 0
    assert os.getpid() in {process.pid for process in found.processes}


@pytest.mark.parametrize('odd', [{}, [], {'mounts': [{'point': 1}]}])
def test_an_answer_that_is_not_understood_is_the_hosts_problem(odd):
    [found] = Ground(Told(odd)).show({'a': Numbers()})
    assert 'not understood' in found.problem
    [looked] = Trees(Told(odd)).look({'a': Walk(('/',))})
    assert 'not understood' in looked.problem
    [manifest] = Trees(Told(odd)).manifests([('a', 'm')])
    assert 'not understood' in manifest.problem


def test_a_host_that_is_not_there_is_told_with_its_way_out():
    lost = errors.ConnectRefused('a', '10.0.0.1 port 22')
    [found] = Ground(Failing(lost)).show({'a': Numbers()})
    assert (found.problem, found.way_out) == (lost.sentence, lost.way_out)


def test_progress_is_told_now_and_then():
    said = []
    clock = iter([0, 1, 6, 7, 12]).__next__
    tell = Progress(lambda *words: said.append(words), QUIET, clock)
    for done in range(4):
        tell({'phase': 'changing', 'done': done, 'of': 9})
    assert said == [
        (QUIET, 'under way', 'changing: 1 of 9 files'),
        (QUIET, 'under way', 'changing: 3 of 9 files'),
    ]
