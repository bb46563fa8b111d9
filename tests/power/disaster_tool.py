# SPDX-License-Identifier: Apache-2.0
"""A process of the tool that brings a cloud back, and may be cut off."""

import dataclasses

from osc_recover import operations
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.gateways.guests import Guests
from osc_recover.recovery.kept import KeptInJournal
from osc_recover.settings import Settings
from tests.power.world import FusedJournal


class Quick(Control):
    def wait(self, seconds):
        super().wait(min(seconds, 0.01))


def none():
    raise AssertionError('no database is asked')


def start(
    cloud,
    world,
    folder,
    made=None,
    phases=None,
    services=None,
    databases=none,
):
    """It opens the journal, and carries out.

    :param made: the plan, for a journal that has none
    :param phases: how many of them it comes to
    :param services: what volumes are mended by
    :param databases: makes those of the cloud
    """
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        runs = journal.runs()
        run = runs[0] if runs else journal.store(made, 'key', 'practice')
        control = Quick()
        made = operations.of_disaster(
            cloud,
            world,
            run,
            control,
            databases,
            grace=0,
            guests=Guests(cloud.compute, Settings()),
            kept=KeptInJournal(journal, run.id),
            tick=0.01,
            services=services,
        )
        engine = Engine(
            journal, made.operations, made.guard, workers=2, control=control
        )
        todo = dataclasses.replace(run.plan, phases=run.plan.phases[:phases])
        return engine.carry_out(run.id, todo)
    finally:
        journal.close()
