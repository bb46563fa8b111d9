# SPDX-License-Identifier: Apache-2.0
"""recover return: a repaired host back into service."""

import argparse

from osc_recover.commands import approval, base, carrier
from osc_recover.plan import Plan


class RecoverReturn(carrier.Carrier):
    """Put a repaired host back into service

    Checks that nothing of the recovery is still open (evacuation records,
    allocations, unfinished runs), and, where recover: ssh or hosts is
    configured, asks the host for guests that run twice and what else is left
    there; then takes the forced-down mark away and enables the service, unless
    it had been disabled before.  What cannot be known without access to the
    host is 'unknown'.

    Example::

      openstack recover return cmp-3
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A host, and --yes."""
        parser = super().get_parser(prog_name)
        parser.add_argument('host', help='the repaired compute host')
        approval.add_options(parser)
        parser.add_argument(
            '--dry-run',
            action='store_true',
            help='show and keep the plan; send nothing that writes',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        plan = self.recover.failed_hosts.plan_return(parsed_args.host)
        if not plan.phases:
            return self._nothing(plan)
        run = self.recover.runs.store(plan)
        self.tell(plan)
        if parsed_args.dry_run:
            return self.dry_run(run)
        approval.ask(run, parsed_args.yes)
        return self.carry_out(run)

    def _nothing(self, plan: Plan) -> base.Rows:
        self.tell(plan)
        refusal = self.recover.failed_hosts.return_refusal(plan)
        if refusal is None:
            self.say(f'{plan.hosts[0]} is up and in service: nothing to do')
        else:
            self.status = refusal.exit_status
            self.say(str(refusal))
        return self.planned_rows(plan)
