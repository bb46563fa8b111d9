# SPDX-License-Identifier: Apache-2.0
"""The power goes while sessions are closed and opened: here, or on a host.

Whatever the moment, a resume ends with what was asked for, no other session
was closed, and none was opened twice.
"""

import time

import pytest

from osc_recover import operations
from osc_recover.checks.request import SessionClose, SessionOpen
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts.audit import StorageService
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptSession,
    Snapshot,
    Target,
)
from osc_recover.gateways import host_states
from osc_recover.procedures.opening import open_sessions
from osc_recover.procedures.sessions import close_session
from tests.power.iscsi_hosts import IscsiHosts
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit.iscsi_double import OTHER, PORTAL, A, B

SAN = 'iqn.2010-10.org.san:all'
ATTACHED = KeptAttachment(
    'att', 'vol-a', 'web-id', target=Target('iscsi', A, (PORTAL,), (1,))
)
BEFORE = Snapshot(
    attachments=(ATTACHED,),
    hosts=(
        HostState('cmp1', sessions=(KeptSession(1, A, PORTAL),)),
        HostState('san', sessions=(KeptSession(1, SAN, PORTAL),)),
    ),
)


class Quick(Control):
    def wait(self, seconds):
        time.sleep(0.01)


def seen(hosts, *names):
    return SessionsSeen(
        hosts=host_states.links(hosts, names),
        servers=hosts.servers,
        attachments=(ATTACHED,),
        storage=(StorageService('san@lvm'),),
    )


class Closing:
    """Two sessions to A and one to B: the second one is closed."""

    cuts = (('cmp1', 1),)
    effects = ('iscsiadm -m session -r 2 -u',)

    @staticmethod
    def hosts(folder):
        hosts = IscsiHosts(folder)
        hosts.cmp1.iscsi.offer(A, PORTAL, OTHER)
        hosts.cmp1.iscsi.offer(B, PORTAL)
        for target, portal in ((A, PORTAL), (A, OTHER), (B, PORTAL)):
            hosts.cmp1.iscsi.open(target, portal)
        return hosts

    @staticmethod
    def plan(hosts):
        return close_session(seen(hosts, 'cmp1'), SessionClose('cmp1', 2, A))

    @staticmethod
    def check(hosts, about=''):
        iscsi = hosts.cmp1.iscsi
        assert not iscsi.has(A, OTHER), about
        others = iscsi.has(A, PORTAL), iscsi.has(B, PORTAL)
        was_booted = (iscsi.folder / 'boot_id').read_text() != 'boot-1\n'
        assert was_booted or all(others), about
        assert len(iscsi.calls('-u')) == len(iscsi.calls('-u', '2')), about


class Opening:
    """Both hosts have lost theirs, and the volume group is not active."""

    cuts = (('cmp1', 1), ('cmp1', 2), ('san', 1), ('san', 2), ('san', 3))
    effects = (
        f'iscsiadm -m node -T {A} -p {PORTAL} --login',
        f'iscsiadm -m node -T {SAN} -p {PORTAL} --login',
    )

    @staticmethod
    def hosts(folder):
        hosts = IscsiHosts(folder)
        hosts.cmp1.iscsi.offer(A, PORTAL, OTHER)
        hosts.san.iscsi.offer(SAN, PORTAL)
        hosts.san.iscsi.group('cinder-volumes', SAN)
        return hosts

    @staticmethod
    def plan(hosts):
        names = ('cmp1', 'san')
        return open_sessions(
            seen(hosts, *names), BEFORE, SessionOpen(names, 'kept')
        )

    @staticmethod
    def check(hosts, about=''):
        assert hosts.cmp1.iscsi.has(A, PORTAL), about
        assert hosts.san.iscsi.has(SAN, PORTAL), about
        assert hosts.san.iscsi.is_active('cinder-volumes'), about
        for host in hosts.hosts.values():
            assert len(host.iscsi.sessions()) == 1, about


BOTH = pytest.mark.parametrize('case', [Closing, Opening])


def start(hosts, folder, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    if made:
        journal.store(made, 'key', 'practice')
    [run] = journal.runs()
    FusedJournal.fuse = staticmethod(hosts.fuse)
    of_sessions = operations.of_sessions(
        lambda host, targets: (ATTACHED,), hosts.storage, hosts,
        grace=0, timeout=60,
    )  # fmt: skip
    engine = Engine(
        journal, of_sessions.operations, of_sessions.guard, control=Quick()
    )
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def stored(folder):
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        return journal.runs()
    finally:
        journal.close()


def done(hosts, call):
    """How often a host was asked for something."""
    every = [h.iscsi.calls() for h in hosts.hosts.values()]
    return sum(calls.count(call) for calls in every)


@BOTH
def test_it_is_done_once_and_a_second_time_nothing_is(case, folder):
    where = folder()
    hosts = case.hosts(where)
    try:
        made = case.plan(hosts)
        assert start(hosts, where, made)
        case.check(hosts)
        assert start(hosts, folder(), made)
        case.check(hosts)
        assert [done(hosts, call) for call in case.effects] == [1] * len(
            case.effects
        )
    finally:
        hosts.end()


def points(case, folder):
    """The plan, and how many points a whole run of it passes."""
    hosts = case.hosts(folder)
    made = case.plan(hosts)
    hosts.fuse = Fuse()
    try:
        assert start(hosts, folder, made)
        return made, hosts.fuse.count
    finally:
        hosts.end()


@BOTH
def test_a_tool_that_is_killed_finishes_wherever_that_was(case, folder):
    made, most = points(case, folder())
    assert most > 5
    for cut in range(1, most + 1):
        where = folder()
        hosts = case.hosts(where)
        hosts.fuse = Fuse(cut)
        try:
            with pytest.raises(PowerLoss):
                start(hosts, where, made)
            hosts.end()
            hosts.fuse = lambda: None
            assert start(hosts, where, None if stored(where) else made), cut
            case.check(hosts, cut)
            for call in case.effects:
                assert done(hosts, call) == 1, cut
        finally:
            hosts.end()


@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize(
    'case, host, change',
    [(case, *cut) for case in (Closing, Opening) for cut in case.cuts],
)
def test_a_host_that_loses_its_power_at_a_change_is_finished(
    folder, case, host, change, when
):
    where = folder()
    hosts = case.hosts(where)
    made = case.plan(hosts)
    hosts.hosts[host].cut_at(change, when)
    try:
        whole = start(hosts, where, made)
        assert hosts.hosts[host].was_cut()
        if not whole:
            hosts.hosts[host].end()
            hosts.hosts[host].iscsi.boot()
            # What was open before the boot and counts as done, a new plan
            # opens again.
            assert start(hosts, where) or start(
                hosts, folder(), case.plan(hosts)
            )
        case.check(hosts)
    finally:
        hosts.end()
