# SPDX-License-Identifier: Apache-2.0
"""The power goes while states are set: a resume ends with all of them set."""

import time

import pytest

from osc_recover import operations
from osc_recover.checks.request import InstanceChange
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.facts import InstanceStanding, Service
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database.instances import Instances
from osc_recover.procedures.instances import change_instance
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit import cloud_double, keystone_double
from tests.unit.database import cells
from tests.unit.database.cells import UUID
from tests.unit.service_double import Answer

PATH = f'/compute/v2.1/servers/{UUID}'
STUCK = {'vm_state': 'error', 'power_state': 1, 'task_state': 'rebuilding'}
WANTED = ('active', 4, None)
# Two steps, each noted before and after it, with a point before and after.
POINTS = range(1, 9)


class Quick(Control):
    def wait(self, seconds):
        time.sleep(0.01)


class Nova:
    """A row in a database, and an API before it."""

    def __init__(self, server, databases):
        self._server = server
        self.databases = databases
        self.cell = databases.cells()[0]

    @property
    def row(self):
        return Instances('cell1', self.cell.database).row(UUID)

    @property
    def states(self):
        row = self.row
        return row.vm_state, row.power_state, row.task_state

    def show(self, request):
        vm_state, power, task = self.states
        states = 'OS-EXT-STS:'
        shown = {
            'id': UUID, 'status': 'ERROR', f'{states}vm_state': vm_state,
            f'{states}power_state': power, f'{states}task_state': task,
        }  # fmt: skip
        return Answer(body={'server': shown})

    def reset(self, request):
        state = request.body['os-resetState']['state']
        with self._server.open() as cursor:
            cursor.execute(
                'UPDATE cell1.instances SET vm_state = %s, task_state = NULL',
                (state,),
            )
        return Answer(202)

    def plan(self):
        service = Service('7', 'cmp1', up=False)
        seen = InstanceStanding(self.cell.uuid, self.row, service)
        request = InstanceChange(UUID, 'active', 4, 'none')
        return change_instance(seen, request)


@pytest.fixture
def nova(one_server):
    account = cells.make(one_server)
    cells.put(one_server, 'cell1', **STUCK)
    databases = cells.databases(one_server, account)
    yield Nova(one_server, databases)
    databases.close()


def start(nova, folder, fuse, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    answers = cloud_double.recorded()
    answers |= {PATH: nova.show, f'{PATH}/action': nova.reset}
    journal = FusedJournal(folder / 'journal.sqlite')
    if made:
        journal.store(made, 'key', 'practice')
    [run] = journal.runs()
    FusedJournal.fuse = staticmethod(fuse)
    try:
        with cloud_double.cloud(answers) as service:
            compute = Compute(keystone_double.cloud(service.url).compute)
            of = operations.of_instances(compute, nova.databases, 0)
            engine = Engine(journal, of.operations, of.guard, control=Quick())
            return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def test_a_whole_run_passes_these_points(nova, tmp_path):
    fuse = Fuse()
    assert start(nova, tmp_path, fuse, nova.plan())
    assert nova.states == WANTED
    assert fuse.count == len(POINTS)


@pytest.mark.parametrize('cut', POINTS)
def test_wherever_the_power_goes_a_resume_sets_the_rest(nova, tmp_path, cut):
    with pytest.raises(PowerLoss):
        start(nova, tmp_path, Fuse(cut), nova.plan())
    assert start(nova, tmp_path, Fuse())
    assert nova.states == WANTED
