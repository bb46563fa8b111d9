# SPDX-License-Identifier: Apache-2.0
"""The power goes while an fstab is changed: at the tool, or on the machine.

Whatever the moment, the file is the old one or the new one, a resume ends with
the new one, and the old one is kept.
"""

import signal
import time

import pytest

from osc_recover import errors, operations
from osc_recover.checks.request import MountFix
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts.mounts import Fstab, FstabEntry
from osc_recover.gateways.ssh.link import Link, Who
from osc_recover.procedures.mounts import fix_mounts
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import local_agent

OLD = '# kept\nUUID=1  /  ext4  defaults  0 1\n/dev/san /srv ext4 ro 0 0\n'
NEW = (
    '# kept\nUUID=1  /  ext4  defaults,errors=remount-ro  0 1\n'
    '#osc-recover iqn.x:y: /dev/san /srv ext4 ro,errors=remount-ro 0 0\n'
)
SEEN = Fstab(
    'san', 'volume server',
    entries=(
        FstabEntry('UUID=1', '/', 'ext4', ('defaults',), ('sda',)),
        FstabEntry('/dev/san', '/srv', 'ext4', ('ro',), ('sdb',), 'iqn.x:y'),
    ),
    root=('sda',),
)  # fmt: skip
# Its own places; it loses its power before or after the file is replaced.
SETTLED = """
import os as _os
from osc_recover.agent.domains import keep
from osc_recover.agent.fstab import operations
operations.PATH = {folder!r} + '/fstab'
keep.FOLDER = {folder!r} + '/kept/domains'
_replace = _os.replace

def replace(old, new):
    _lose('before')
    _replace(old, new)
    _lose('after')

def _lose(when):
    cut = {folder!r} + '/' + when
    if _os.path.exists(cut):
        _os.unlink(cut)
        _os.kill(_os.getpid(), 9)

_os.replace = replace
"""


class Machine:
    """A machine with our real program, whose fstab is in a folder."""

    def __init__(self, folder):
        self.fuse = lambda: None
        self.folder, self._process = folder, None
        (folder / 'fstab').write_text(OLD)

    def ask(self, host, op, args, *, timeout, tell=None):
        self.fuse()
        answer = self._link().ask(op, args, timeout=timeout)
        if op == 'fstab.change':
            self.fuse()
        return answer

    def each(self, names, op, args, *, timeout, tell=None):
        for name in names:
            try:
                yield name, self.ask(name, op, args, timeout=timeout)
            except errors.HostError as exc:
                yield name, exc

    def end(self):
        if self._process is not None:
            self._process.process.send_signal(signal.SIGKILL)
            self._process.end()
            self._process = None

    def _link(self):
        if self._process is not None and not self._process.is_open:
            self.end()
        if self._process is None:
            settled = SETTLED.format(folder=str(self.folder))
            self._process = local_agent.start(more=settled)
            self._talk = Link(Who('san', 'ops'), self._process)
        return self._talk

    def check(self, about=''):
        assert (self.folder / 'fstab').read_text() == NEW, about
        kept = [*(self.folder / 'kept/fstab').iterdir()]
        assert [path.read_text() for path in kept] == [OLD], about
        assert not [*self.folder.glob('fstab.*')], about


class Quick(Control):
    def wait(self, seconds):
        time.sleep(0.01)


def start(machine, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(machine.folder / 'journal.sqlite')
    if made and not journal.runs():
        journal.store(made, 'key', 'practice')
    [run] = journal.runs()
    FusedJournal.fuse = staticmethod(machine.fuse)
    of_mounts = operations.of_mounts(machine, machine, 0)
    engine = Engine(
        journal, of_mounts.operations, of_mounts.guard, control=Quick()
    )
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


PLAN = fix_mounts([SEEN], MountFix(('san',)))


def points(folder):
    """How many points a whole run passes."""
    machine = Machine(folder)
    machine.fuse = Fuse()
    try:
        assert start(machine, PLAN)
        machine.check()
        return machine.fuse.count
    finally:
        machine.end()


def test_a_tool_that_is_killed_finishes_wherever_that_was(folder):
    most = points(folder())
    assert most > 5
    for cut in range(1, most + 1):
        machine = Machine(folder())
        machine.fuse = Fuse(cut)
        try:
            with pytest.raises(PowerLoss):
                start(machine, PLAN)
            machine.end()
            assert (machine.folder / 'fstab').read_text() in (OLD, NEW), cut
            machine.fuse = lambda: None
            assert start(machine, PLAN), cut
            machine.check(cut)
        finally:
            machine.end()


@pytest.mark.parametrize('when', ['before', 'after'])
def test_a_machine_that_loses_its_power_at_the_change_is_finished(
    folder, when
):
    machine = Machine(folder())
    (machine.folder / when).touch()
    try:
        whole = start(machine, PLAN)
        assert not (machine.folder / when).exists()
        assert (machine.folder / 'fstab').read_text() in (OLD, NEW)
        assert whole or start(machine)
        machine.check()
    finally:
        machine.end()
