# SPDX-License-Identifier: Apache-2.0
"""Moves in the database: what their plans are made from, and undone with."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from osc_recover import checks, errors
from osc_recover.checks.request import MoveUndo, Request
from osc_recover.checks.view import View
from osc_recover.facts import Moved, Situation
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.database import Databases
from osc_recover.gateways.hosts import Hosts
from osc_recover.journal import Journal
from osc_recover.observe import by_hand as observe
from osc_recover.plan import Plan
from osc_recover.procedures import by_hand_undo
from osc_recover.records import from_data
from osc_recover.recovery.runs import RunsOfCloud
from osc_recover.runs import Run
from osc_recover.settings import Settings, SshSettings


class ByHand:
    """Looks where moves in the database need it, and plans their undoing.

    :param databases: of the cloud; asked only for these moves
    :param opened: gives the journal
    """

    def __init__(
        self,
        cloud: Cloud,
        settings: Settings,
        databases: Callable[[], Databases],
        runs: RunsOfCloud,
        opened: Callable[[], Journal],
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._databases = databases
        self._runs = runs
        self._opened = opened

    def with_records(self, found: Situation, request: Request) -> Situation:
        """Add what databases and hosts say of the servers in question.

        Nobody is asked for a plan that is refused anyway.

        :raises errors.DatabaseError: when nova's API database does not answer
        """
        view = View(found, request)
        if not request.by_hand or not view.servers:
            return found
        if any(f.weight == 'refuse' for f in checks.of_hosts(view)):
            return found
        with self._asking(request.agent) as asking:
            told = observe.by_hand(
                asking, view.servers, sorted(view.destinations)
            )
        return dataclasses.replace(found, by_hand=told)

    def request(self, run: Run) -> MoveUndo:
        """To take a run back."""
        return MoveUndo(run.id, self._settings.workers)

    def undo(self, run: Run, request: MoveUndo) -> Plan:
        """Plan to take back what a run has moved; changes nothing.

        :raises errors.Refused: for a run that has moved nothing by hand
        :raises errors.HostLocked: while it is being carried out
        :raises errors.DatabaseError: when nova's API database does not answer
        """
        if not _is_by_hand(run):
            raise _other(run)
        if self._runs.state(run) == 'running':
            raise errors.HostLocked(' '.join(run.plan.hosts), f'run {run.id}')
        events = self._opened().events(run.id)
        begun = {event.step: event.state for event in events if event.step}
        return by_hand_undo.undo(
            self._moved(run.plan), run.plan, begun, request
        )

    def _moved(self, plan: Plan) -> Moved:
        cells = {
            step.target: str(step.args['cell'])
            for step in plan.steps()
            if step.verb == 'server.move'
        }
        with self._asking(agent=True) as asking:
            return observe.moved(asking, cells, plan.hosts)

    def anew(self, plan: Plan) -> Plan:
        """The same plan from facts of now."""
        request: MoveUndo = from_data(MoveUndo, dict(plan.request))
        return self.undo(self._runs.find(request.run), request)

    def check_not_taken_back(self, run: Run) -> None:
        """See that a run may go on.

        :raises errors.Refused: when another run took it back, or began to
        """
        if not _is_by_hand(run):
            return
        for other in self._opened().runs():
            if (
                other.plan.procedure == by_hand_undo.PROCEDURE
                and other.plan.request.get('run') == run.id
                and self._runs.state(other) != 'planned'
            ):
                raise errors.Refused(
                    f'run {run.id} was taken back by run {other.id}',
                    'make a new plan: openstack recover host '
                    f'{" ".join(run.plan.hosts)} --method database',
                    'taken-back',
                )

    @contextlib.contextmanager
    def _asking(self, agent: bool) -> Iterator[observe.Asking]:
        ssh = self._settings.ssh
        if not agent or ssh == SshSettings():
            yield observe.Asking(self._cloud, self._databases())
            return
        with Hosts(ssh) as hosts:
            yield observe.Asking(self._cloud, self._databases(), hosts)


def _is_by_hand(run: Run) -> bool:
    request = run.plan.request
    return run.plan.procedure == 'host' and request.get('method') == 'database'


def _other(run: Run) -> errors.Refused:
    way_out = {
        'ownership': f'openstack recover ownership undo {run.id}',
        'host': 'servers that nova has evacuated are moved again with '
        'openstack server migrate',
    }
    return errors.Refused(
        f'run {run.id} has moved no servers in the database: it is of '
        f'{run.plan.procedure}',
        way_out.get(
            run.plan.procedure,
            'openstack recover run list tells the procedure of each run',
        ),
        'other-procedure',
    )
