# SPDX-License-Identifier: Apache-2.0
"""recover audit: what the services contradict each other in."""

import argparse
from collections.abc import Sequence
from typing import Any

from osc_recover import errors
from osc_recover.commands import approval, base, carrier

MIN_AGE = 600


class RecoverAudit(carrier.Carrier):
    """Find what nova, placement, neutron, cinder and hosts disagree about

    Compares whole lists, and looks again at what it finds: what changes
    meanwhile, or was changed within the last minutes, is not reported.  Each
    row has the command that repairs it; where --fix does, its column says
    so.  A part that cannot be asked is a row 'unknown'.  Exits 0 when nothing
    is wrong and everything could be asked; changes nothing without --fix.

    Example::

      openstack recover audit
      openstack recover audit --host cmp-1 --fix double-allocation --dry-run
    """

    columns = (
        'State',
        'Kind',
        'ID',
        'Name',
        'Hosts',
        'Since',
        'Fix',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A host, and what to mend."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add(
            '--host',
            metavar='<host>',
            default='',
            help='only what has to do with this host (default: everything)',
        )
        add(
            '--fix',
            metavar='<code>',
            action='append',
            default=[],
            help='mend what has this state, after approval (repeatable); only '
            'those that can be mended without harm are taken',
        )
        add(
            '--min-age',
            metavar='<seconds>',
            type=seconds,
            default=MIN_AGE,
            help='leave alone what was changed within the last so many '
            f'seconds, as it may still go on (default: {MIN_AGE})',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def columns_of(self, parsed_args: argparse.Namespace) -> tuple[str, ...]:
        """Those of every plan, where there is one."""
        fixing = getattr(parsed_args, 'fix', ())
        return carrier.COLUMNS if fixing else self.columns

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a finding; or plan, approve, carry out."""
        if parsed_args.fix:
            return self._mended(parsed_args)
        seen = self.recover.audit.look(parsed_args.host, parsed_args.min_age)
        if seen.rows:
            self.status = errors.FAILED
        else:
            self.say(f'nothing is inconsistent; compared: {seen.compared}')
        return [base.values(row) for row in seen.rows]

    def _mended(self, parsed_args: argparse.Namespace) -> Sequence[Any]:
        plan = self.recover.audit.plan(
            self.recover.requests.audit(
                parsed_args.fix,
                host=parsed_args.host,
                min_age=parsed_args.min_age,
            )
        )
        if plan.phases:
            return self.approved(plan, parsed_args)
        self.tell(plan)
        if plan.verdicts or plan.notes:
            self.status = errors.FAILED
        codes = ', '.join(dict.fromkeys(parsed_args.fix))
        self.say(f'there is no {codes} to mend; nothing was changed')
        return list(self.planned_rows(plan))


def seconds(text: str) -> int:
    """A number of seconds, 0 included.

    :raises argparse.ArgumentTypeError: for what is none
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is no number of seconds')
    return int(text)
