# SPDX-License-Identifier: Apache-2.0
"""The runs of one cloud, in the journal."""

from collections.abc import Callable

from osc_recover import errors
from osc_recover.gateways.cloud import Cloud
from osc_recover.journal import Journal
from osc_recover.plan import Plan
from osc_recover.runs import Run

_STATES = ('started', 'stopped', 'finished', 'ended')


class RunsOfCloud:
    """Stores plans, finds them again, and says how far they have come.

    :param opened: gives the journal, and is called when it is needed
    """

    def __init__(self, cloud: Cloud, opened: Callable[[], Journal]) -> None:
        self._cloud = cloud
        self._opened = opened

    @property
    def _journal(self) -> Journal:
        return self._opened()

    def store(self, plan: Plan) -> Run:
        """Keep a plan in the journal."""
        return self._journal.store(plan, self._cloud.key, self._cloud.name)

    def find(self, name: str) -> Run:
        """A run of this cloud.

        :raises errors.UnknownRun: when the journal has no such run
        :raises errors.WrongCloud: when it belongs elsewhere
        """
        run = self._journal.run(name)
        if run.cloud != self._cloud.key:
            theirs, ours = run.cloud_name, self._cloud.name
            if theirs == ours:
                theirs, ours = run.cloud, self._cloud.key
            raise errors.WrongCloud(run.id, theirs, ours)
        return run

    def of_host(self, host: str) -> list[Run]:
        """The recoveries of a host."""
        return [
            run
            for run in self._journal.runs()
            if run.cloud == self._cloud.key
            and host in run.plan.hosts
            and run.plan.procedure == 'host'
        ]

    def state(self, run: Run) -> str:
        """planned, running, finished, failed, stopped or cut off."""
        told = [e.state for e in self._journal.events(run.id, '')]
        told = [state for state in told if state in _STATES]
        if not told:
            return 'planned'
        if told[-1] == 'finished':
            return 'finished'
        if any(
            f'run {run.id},' in self._journal.holder(run.cloud, host)
            for host in run.plan.hosts
        ):
            return 'running'
        return {'ended': 'failed', 'stopped': 'stopped'}.get(
            told[-1], 'cut off'
        )

    def is_open(self, run: Run) -> bool:
        """Whether a run was begun and has neither finished nor ended."""
        return self.state(run) in ('running', 'cut off', 'stopped')

    def has_ended(self, name: str) -> bool:
        """Whether a run is one of this cloud, and over."""
        return self._state_of(name) in ('finished', 'failed')

    def is_finished(self, name: str) -> bool:
        """Whether a run is one of this cloud, and all of it is done."""
        return self._state_of(name) == 'finished'

    def _state_of(self, name: str) -> str:
        try:
            return self.state(self.find(name))
        except (errors.UnknownRun, errors.WrongCloud):
            return ''
