# SPDX-License-Identifier: Apache-2.0
"""What the commands that carry out a plan have in common."""

import argparse
from collections.abc import Iterator
from typing import Any

from osc_recover import errors, outcome
from osc_recover.commands import approval, base
from osc_recover.commands.progress import Progress
from osc_recover.plan import Plan
from osc_recover.runs import Run

COLUMNS = (
    'Server',
    'Name',
    'Kind',
    'Verdict',
    'Destination',
    'Loss',
    'State',
    'Reason',
    'Way out',
)


class Carrier(base.Lister):
    """Shows a plan, has it approved, carries it out, tells its outcome."""

    columns = COLUMNS

    def planned_rows(self, plan: Plan) -> Iterator[tuple[Any, ...]]:
        """The rows of a plan that is not carried out (now)."""
        for row in outcome.planned(plan):
            yield base.values(row)

    def tell(self, plan: Plan) -> None:
        """Notes about the host as a whole, on stderr."""
        for note in plan.notes:
            self.say(f'note: {note}')

    def dry_run(self, run: Run) -> list[tuple[Any, ...]]:
        """The rows of a plan that is kept; the status tells of refusals."""
        further = f'openstack recover run start {run.id} carries it out'
        if run.plan.request.get('rehearsal'):
            further = 'to carry one out, --fence or --fenced is needed'
        self.say(f'dry run: nothing was changed; plan {run.id}; {further}')
        rows = outcome.planned(run.plan)
        if not all(map(outcome.is_good, rows)):
            self.status = errors.FAILED
        return [base.values(row) for row in rows]

    def nothing_to_do(self, plan: Plan) -> Iterator[tuple[Any, ...]]:
        """The rows of a plan without steps: an empty host, or all refused."""
        if plan.verdicts:
            self.status = errors.REFUSED
            self.say('no server can be recovered; nothing was changed')
        else:
            self.say(f'no servers on {", ".join(plan.hosts)}: nothing to do')
        return self.planned_rows(plan)

    def approved(
        self, plan: Plan, parsed_args: argparse.Namespace
    ) -> list[tuple[Any, ...]]:
        """Keep a plan, have it approved, and carry it out.

        :raises errors.NotApproved: when it was not
        """
        run = self.recover.runs.store(plan)
        if parsed_args.yes or parsed_args.dry_run:
            self.tell(plan)
        if parsed_args.dry_run:
            return self.dry_run(run)
        confirm = getattr(parsed_args, 'confirm', '')
        approval.ask(run, parsed_args.yes, confirm)
        return self.carry_out(run)

    def carry_out(
        self, run: Run, evidence: Any = None
    ) -> list[tuple[Any, ...]]:
        """Do it, with progress on stderr; the status says whether all is."""
        self.say(f'run {run.id} on {", ".join(run.plan.hosts)}')
        try:
            with Progress(run.plan) as progress:
                self.recover.carry_out(run, progress, evidence)
        except (errors.Interrupted, KeyboardInterrupt):
            # A second ^C comes as itself.
            self.status = errors.INTERRUPTED
            self.say(str(errors.Interrupted(run.id)))
        except errors.JournalUnusable as exc:
            if not self._was_begun(run):
                raise
            self.status = errors.FAILED
            self.say(str(exc))
        return self.result(run)

    def _was_begun(self, run: Run) -> bool:
        events = self.recover.journal.events(run.id)
        return any(event.step for event in events)

    def result(self, run: Run) -> list[tuple[Any, ...]]:
        """What the journal says became of a run."""
        events = self.recover.journal.events(run.id)
        rows = outcome.outcomes(run.id, run.plan, events)
        wrong = [row for row in rows if not outcome.is_good(row)]
        if wrong and not self.status:
            self.status = errors.FAILED
        left = [row for row in wrong if row.state == outcome.LEFT]
        if left:
            self.say(f'{len(left)} of {len(rows)} were left alone: see why')
        if len(wrong) > len(left):
            self.say(
                f'{len(wrong) - len(left)} of {len(rows)} are not done; '
                f'openstack recover run resume {run.id}'
            )
        return [base.values(row) for row in rows]
