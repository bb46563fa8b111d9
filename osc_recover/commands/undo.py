# SPDX-License-Identifier: Apache-2.0
"""recover run undo: take servers back that were moved by hand."""

import argparse

from osc_recover import errors
from osc_recover.commands import approval, base, carrier


class UndoRun(carrier.Carrier):
    """Take back what a run has moved in the database

    For runs of 'recover host --method database' and 'recover server --method
    database'.  Servers that were not started yet are given back to the failed
    host, with their ports, volumes and room; a server that was started stays
    where it is.  This is a run of its own, with its own plan.

    Example::

      openstack recover run undo 4f2a9c01
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A run, --yes and --dry-run."""
        parser = super().get_parser(prog_name)
        parser.add_argument('run', help='the run, or the beginning of its id')
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Look, plan, approve, carry out."""
        by_hand = self.recover.by_hand
        run = self.recover.runs.find(parsed_args.run)
        plan = by_hand.undo(run, by_hand.request(run))
        if not plan.phases:
            fine = all(verdict.code == 'ok' for verdict in plan.verdicts)
            self.status = 0 if fine else errors.REFUSED
            self.say('there is nothing to take back; nothing was changed')
            return self.planned_rows(plan)
        return self.approved(plan, parsed_args)
