# SPDX-License-Identifier: Apache-2.0
"""The power of the tool goes while a guest is rebooted from inside.

Whatever the moment, a resume ends with the guest in another boot, and it has
been told to reboot once; unless it was not told at all, nor then.
"""

import pytest

from osc_recover import errors
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.gateways.guests import Guests
from osc_recover.gateways.ssh.link import Link, Who
from osc_recover.operations import guests as operations
from osc_recover.plan import Lane, Phase, Plan, Step
from osc_recover.recovery.kept import KeptInJournal
from osc_recover.runs import State
from osc_recover.settings import HostAddress, Settings, SshSettings
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import local_agent
from tests.unit.guest_machine import Guest

ID = 's1'
STEP = Step(f'guest:{ID}', 'guest.reboot', ID, {'name': 'web'})
PLAN = Plan('cloud', ('cmp1',), (Phase('guests', (Lane(ID, (STEP,)),)),))
SETTINGS = Settings(
    guests=SshSettings(user='ops', hosts=(HostAddress(ID, '127.0.0.1'),))
)
SETTLED = """
from osc_recover.agent import guest, hello, run
run.PATH = {folder!r} + '/bin:/usr/bin:/bin'
hello._BOOT_ID = {folder!r} + '/boot_id'
guest._UPTIME = {folder!r} + '/uptime'
"""


class Machine(Guest):
    """A guest with our real program; it is away for some looks after a
    reboot.
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.fuse, self.away = lambda: None, 0

    def __call__(self, settings):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def ask(self, host, op, args, *, timeout, tell=None):
        if op == 'guest.reboot':
            self.fuse()
        if self.away:
            self.away -= 1
            raise errors.ConnectRefused(host, '127.0.0.1 port 22')
        answer = self._ask(op, args)
        if op == 'guest.reboot':
            self.away = 3
            self.fuse()
        return answer

    def _ask(self, op, args):
        more = SETTLED.format(folder=str(self.folder))
        process = local_agent.start(more=more)
        try:
            link = Link(Who(ID, 'ops'), process)
            return link.ask(op, args, timeout=60)
        finally:
            process.end()


class Hurried(Control):
    def wait(self, seconds):
        super().wait(0)


def start(machine, timeout=60.0):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(machine.folder / 'journal.sqlite')
    try:
        if not journal.runs():
            journal.store(PLAN, 'key', 'practice')
        [run] = journal.runs()
        control = Hurried()
        verbs = operations.verbs(
            Guests(None, SETTINGS, machine),
            KeptInJournal(journal, run.id),
            control,
            workers=1,
            timeout=timeout,
        )
        FusedJournal.fuse = staticmethod(machine.fuse)
        engine = Engine(journal, verbs, lambda run, host: None)
        done = engine.carry_out(run.id, run.plan)
        return done, journal.last(run.id, STEP.name)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def test_a_guest_is_rebooted_once_wherever_the_tool_is_killed(folder):
    machine = Machine(folder() / 'guest')
    machine.fuse = whole = Fuse()
    assert start(machine)[0]
    assert whole.count == 8  # two writes of intent, a request, a result
    for cut in range(1, whole.count + 1):
        machine = Machine(folder() / 'guest')
        was, machine.fuse = machine.boot_id, Fuse(cut)
        with pytest.raises(PowerLoss):
            start(machine)
        machine.fuse = lambda: None
        done, last = start(machine)
        assert done, (cut, last)
        assert machine.shutdowns() == ['-r now'], cut
        assert machine.boot_id != was, cut
        assert start(machine)[0]
        assert machine.shutdowns() == ['-r now'], cut


def test_one_that_stays_away_is_in_doubt_and_found_later(folder):
    machine = Machine(folder() / 'guest')
    machine.fuse = Fuse(6)  # after the request
    with pytest.raises(PowerLoss):
        start(machine)
    machine.fuse, machine.away = lambda: None, 10**9
    done, last = start(machine, timeout=0.0)
    assert (done, last.state) == (False, State.IN_DOUBT)
    machine.away = 0
    assert start(machine)[0]
    assert machine.shutdowns() == ['-r now']


def test_one_that_does_not_come_back_is_not_told_a_second_time(folder):
    machine = Machine(folder() / 'guest')
    (machine.folder / 'stuck').touch()
    done, last = start(machine, timeout=0.0)
    assert (done, last.state) == (False, State.FAILED)
    assert 'is not back' in last.note
    machine.boot(1)
    assert start(machine)[0]
    assert machine.shutdowns() == ['-r now']
