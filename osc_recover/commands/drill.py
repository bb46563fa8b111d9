# SPDX-License-Identifier: Apache-2.0
"""recover drill: what is practised before the bad night."""

import argparse
from typing import Any

from osc_recover import outcome
from osc_recover.commands import approval, base, carrier
from osc_recover.commands.host import positive
from osc_recover.runs import Run


class PowerLoss(carrier.Carrier):
    """Reproduce a power loss for one server, and recover it

    Closes the iSCSI sessions of the server's volumes on its host, one by one
    and no other, and detaches nothing; sees on the host that they are lost;
    reboots the server hard, once; and sees that it runs, with its volumes,
    ports and sessions.  Its guest is not told, and loses what it has not
    written yet.

    The server must run, have the property recover_drill=allowed, and volumes
    over iSCSI only; a session that serves another server as well is not
    closed.  The name of the server is typed to approve, or given with
    --confirm.  openstack recover run report tells how long it took.

    Example::

      openstack recover drill power-loss web
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A server, and what is said about it."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add('server', metavar='<server>', help='the server, name or ID')
        add(
            '--force',
            action='store_true',
            help='also without the property recover_drill=allowed',
        )
        add(
            '--timeout',
            metavar='<seconds>',
            type=positive,
            help='how long it may take to run again (default: 1800)',
        )
        approval.add_options(parser)
        approval.add_confirm(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        [server] = self.recover.find_servers([parsed_args.server])
        request = self.recover.drills.request(
            server.id, force=parsed_args.force, timeout=parsed_args.timeout
        )
        return self.approved(self.recover.drills.plan(request), parsed_args)

    def result(self, run: Run) -> list[tuple[Any, ...]]:
        """What became of it, and how long it took."""
        events = self.recover.journal.events(run.id)
        for one in outcome.times(run.plan, events):
            if one.detected is not None and one.proven is not None:
                self.say(
                    f'lost; seen after {one.detected} s; it runs after '
                    f'{one.restored} s, with all it had'
                )
        return super().result(run)
