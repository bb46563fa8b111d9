# SPDX-License-Identifier: Apache-2.0
"""recover run, recover step: the journal."""

import argparse
import datetime
from typing import Any

from osc_lib.cli import format_columns

from osc_recover import errors, outcome
from osc_recover.commands import approval, base, carrier
from osc_recover.runs import Run, State


class ListRuns(base.Lister):
    """List the runs in the journal, newest first

    Example::

      openstack recover run list -f json
    """

    columns = (
        'Run',
        'Made',
        'Procedure',
        'Hosts',
        'State',
        'Servers',
        'Note',
    )

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a run of this cloud."""
        for run in self.recover.journal.runs():
            if run.cloud == self.recover.cloud.key:
                yield (
                    run.id,
                    _time(run.made),
                    run.plan.procedure,
                    ' '.join(run.plan.hosts),
                    self.recover.runs.state(run),
                    sum(verdict.act for verdict in run.plan.verdicts),
                    self._note(run),
                )

    def _note(self, run: Run) -> str:
        events = self.recover.journal.events(run.id, '')
        return events[-1].note if events else ''


class ShowRun(base.Lister):
    """Show the steps of a run and what became of them

    Example::

      openstack recover run show 4f2a9c01
    """

    columns = ('Step', 'Verb', 'Target', 'State', 'At', 'Note', 'Request ID')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A run."""
        parser = super().get_parser(prog_name)
        _add_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a step, in the order of the plan."""
        run = self.recover.runs.find(parsed_args.run)
        last = outcome.newest(self.recover.journal.events(run.id))
        self.say(f'run {run.id} is {self.recover.runs.state(run)}')
        for step in run.plan.steps():
            event = last.get(step.name)
            told = (
                (event.state, _time(event.at), event.note, event.request_id)
                if event
                else ('planned', '', '', '')
            )
            yield (step.name, step.verb, step.target, *told)


class _Further(carrier.Carrier):
    """What start and resume have in common."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A run, and --yes."""
        parser = super().get_parser(prog_name)
        _add_run(parser)
        approval.add_options(parser)
        return parser


class StartRun(_Further):
    """Carry out exactly a stored plan

    Refused when the cloud has changed since the plan was made.

    Example::

      openstack recover run start 4f2a9c01
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """What a drill needs beside the run."""
        parser = super().get_parser(prog_name)
        approval.add_confirm(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Check, approve, carry out."""
        run = self.recover.runs.find(parsed_args.run)
        state = self.recover.runs.state(run)
        if state != 'planned':
            raise errors.Refused(
                f'run {run.id} was started already and is {state}',
                f'openstack recover run resume {run.id}',
                'started',
            )
        self.recover.check_unmoved(run)
        approval.ask(run, parsed_args.yes, parsed_args.confirm)
        return self.carry_out(run)


class ResumeRun(_Further):
    """Go on with a run that was cut off, stopped, or had failures

    What is in effect is not done again: the cloud is asked first.

    Example::

      openstack recover run resume 4f2a9c01
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Fresh evidence, beside the run."""
        parser = super().get_parser(prog_name)
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            '--fence',
            action='store_true',
            help='have the fence agent prove again that the host is off',
        )
        how.add_argument(
            '--fenced',
            metavar='<how>',
            default='',
            help='how you know that the host is off, in words; it is kept',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Go on; the approval of the plan stands."""
        run = self.recover.runs.find(parsed_args.run)
        state = self.recover.runs.state(run)
        if state == 'planned':
            raise errors.Refused(
                f'run {run.id} was never started',
                f'openstack recover run start {run.id}',
                'not-started',
            )
        if state == 'finished':
            self.say(f'run {run.id} is finished already')
            return self.result(run)
        from osc_recover.recovery import Evidence

        return self.carry_out(
            run, Evidence(parsed_args.fence, parsed_args.fenced)
        )


class ReportRun(base.Lister):
    """Tell how long each server of a run took, and the percentiles

    Seconds, by the clock of the machine that keeps the journal.  Of a drill
    also how long it took until the loss was seen, and until all was restored.

    Example::

      openstack recover run report 4f2a9c01 -f csv
    """

    columns = (
        'Server',
        'Name',
        'State',
        'Waited',
        'Evacuated',
        'Proven',
        'Total',
        'Request ID',
        'Reason',
        'Detected',
        'Restored',
        'Phases',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A run."""
        parser = super().get_parser(prog_name)
        _add_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a server."""
        run = self.recover.runs.find(parsed_args.run)
        events = self.recover.journal.events(run.id)
        told = outcome.times(run.plan, events)
        totals = [one.total for one in told if one.total is not None]
        if totals:
            self.say(
                f'{len(totals)} of {len(told)} recovered; seconds from the '
                'start to the proof: '
                + ', '.join(
                    f'p{share * 100:.0f} {outcome.percentile(totals, share)}'
                    for share in (0.5, 0.9, 1.0)
                )
            )
        rows = outcome.outcomes(run.id, run.plan, events)
        ends = {row.server: row for row in rows}
        for one in told:
            server, name, *times, detected, restored, phases = base.values(one)
            end = ends[server]
            yield (
                server,
                name,
                end.state,
                *times,
                end.reason,
                base.Maybe(detected),
                base.Maybe(restored),
                format_columns.DictColumn(phases),
            )


class SettleStep(base.Lister):
    """Say whether a step has happened, where the tool cannot tell

    For a step that is 'in-doubt': look at the cloud, then settle it.

    Example::

      openstack recover step settle 4f2a9c01 evacuate:1f0c... --not-done
    """

    columns = ('Run', 'Step', 'State', 'Note')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A run, a step, and the answer."""
        parser = super().get_parser(prog_name)
        _add_run(parser)
        parser.add_argument('step', help='the name of the step')
        answer = parser.add_mutually_exclusive_group(required=True)
        answer.add_argument(
            '--done',
            action='store_true',
            help='it happened, and is complete',
        )
        answer.add_argument(
            '--not-done',
            action='store_true',
            help='it did not happen, and will not: a resume may ask again',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Record the answer of the operator."""
        run = self.recover.runs.find(parsed_args.run)
        step = parsed_args.step
        last = self.recover.journal.last(run.id, step)
        if run.plan.step(step) is None:
            raise errors.UnknownStep(run.id, step)
        if last is None or last.state not in (State.IN_DOUBT, State.BEGUN):
            raise errors.Refused(
                f'step {step} of run {run.id} is not in doubt: it is '
                + (last.state if last else 'not begun'),
                f'openstack recover run resume {run.id}',
                'not-in-doubt',
            )
        self._settle(run, step, parsed_args.done)
        note = f'openstack recover run resume {run.id} goes on'
        state = State.DONE if parsed_args.done else State.NOT_DONE
        return [(run.id, step, str(state), note)]

    def _settle(self, run: Any, step: str, done: bool) -> None:
        if self.recover.runs.state(run) == 'running':
            raise errors.HostLocked(' '.join(run.plan.hosts), f'run {run.id}')
        self.recover.journal.record(
            run.id,
            step,
            State.DONE if done else State.NOT_DONE,
            'settled by the operator',
        )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('run', help='the run, or the beginning of its id')


def _time(at: float) -> str:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.isoformat(timespec='seconds')
