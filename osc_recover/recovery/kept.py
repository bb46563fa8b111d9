# SPDX-License-Identifier: Apache-2.0
"""Facts of a run that are kept in its journal, beside the intents."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from osc_recover.journal import Journal
from osc_recover.plan import Step
from osc_recover.runs import Event, State


class KeptInJournal:
    """What a run's journal has of its steps, for operations.

    :param run: its id
    :param clock: of the machine that keeps the journal
    """

    def __init__(
        self,
        journal: Journal,
        run: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._run = run
        self._clock = clock

    def keep(self, step: Step, data: Mapping[str, Any]) -> None:
        """Keep facts beside the intent; on disk when this returns.

        :raises errors.JournalUnusable: when they could not be written
        """
        self._journal.record(self._run, step.name, State.BEGUN, data=data)

    def of(self, step: Step) -> Mapping[str, Any]:
        """The facts that were kept last with a step; none: an empty map."""
        found = self._begun(step.name)
        return next((e.data for e in reversed(found) if e.data), {})

    def since(self, name: str) -> float | None:
        """Seconds since a step was begun last; None: it was not."""
        found = self._begun(name)
        return self._clock() - found[-1].at if found else None

    def _begun(self, name: str) -> list[Event]:
        events = self._journal.events(self._run, name)
        return [event for event in events if event.state == State.BEGUN]
