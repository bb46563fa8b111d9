# SPDX-License-Identifier: Apache-2.0
"""What the operator sees on stderr: the plan, the questions, the progress."""

import sys
import threading
from collections.abc import Sequence
from typing import Any

from osc_recover import outcome
from osc_recover.outcome import Row
from osc_recover.plan import Plan, Step


class Progress:
    """A line for every change of a step, and a bar below them.

    Silent where stderr is no terminal.
    """

    def __init__(self, plan: Plan) -> None:
        self._names = {v.server: v.name for v in plan.verdicts}
        acting = {verdict.server for verdict in plan.verdicts if verdict.act}
        lanes = [lane for lane in plan.lanes() if lane.name in acting]
        self._last = {lane.steps[-1].name for lane in lanes}
        self._title = 'recovered' if plan.procedure == 'host' else 'done'
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self._bar: Any = None

    def __enter__(self) -> 'Progress':
        if sys.stderr.isatty():
            self._bar = _bar(self._title, len(self._last))
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, step: Step, state: str, note: str) -> None:
        """Show that a step has changed."""
        if self._bar is None:
            return
        with self._lock:
            name = self._names.get(step.target, step.target)
            # Not the verb: accounts and files are both "changed".
            what = step.name.partition(':')[0]
            self._bar.console.print(
                f'{name}: {what} {state}{": " if note else ""}{note}',
                markup=False,
                highlight=False,
            )
            if step.name in self._last and state == 'done':
                self._ended.add(step.name)
            self._bar.update(0, completed=len(self._ended))


def _bar(title: str, total: int) -> Any:
    # rich costs 50 ms, so only a run that shows something imports it.
    from rich import console, progress

    bar = progress.Progress(
        progress.TextColumn(title),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=console.Console(stderr=True),
    )
    bar.add_task(title, total=total)
    return bar


def show(title: str, rows: Sequence[Row], notes: Sequence[str]) -> None:
    """Print a plan for somebody who is about to approve it."""
    from rich import console, table

    shown = table.Table(title=title, title_justify='left')
    for heading in ('Name', 'What it is', 'Verdict', 'To', 'Would be lost'):
        shown.add_column(heading, overflow='fold')
    shown.add_column('Why', overflow='fold', ratio=1)
    for row in rows:
        cells = (row.name, row.kind, row.verdict, _to(row), row.loss)
        shown.add_row(*cells, row.reason)
    out = console.Console(stderr=True)
    out.print(shown)
    for note in notes:
        out.print(f'note: {note}', markup=False, highlight=False)


def _to(row: Row) -> str:
    moves = row.state == outcome.PLANNED and row.server != row.name
    return row.destination or ('scheduler' if moves else '')
