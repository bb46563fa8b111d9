# SPDX-License-Identifier: Apache-2.0
"""recover ownership: the numbers of accounts, and the files that have them."""

import argparse
import dataclasses

from osc_recover import errors
from osc_recover.commands import base


class CheckOwnership(base.Lister):
    """Compare the UIDs and GIDs of accounts over compute hosts

    Asks every host, over SSH, for the numbers of nova, libvirt and qemu as it
    resolves them itself, and proposes numbers that are free on all of them;
    changes nothing.  Exits 0 when all hosts agree.

    Example::

      openstack recover ownership check
      openstack recover ownership check cmp-1 cmp-2 --reference cmp-1
    """

    columns = (
        'Host',
        'Kind',
        'Account',
        'Number',
        'Proposed',
        'State',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts, and whose numbers count."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add(
            'host',
            metavar='<host>',
            nargs='*',
            help='compute host (default: all of them)',
        )
        add(
            '--reference',
            metavar='<host>',
            default='',
            help='the host whose numbers are right',
        )
        for kind in ('user', 'group'):
            add(
                f'--{kind}',
                metavar='<name>',
                action='append',
                default=[],
                help=f'compare this {kind}, too (repeatable)',
            )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row an account and host."""
        found = self.recover.ownership.check(
            parsed_args.host,
            users=parsed_args.user,
            groups=parsed_args.group,
            reference=parsed_args.reference,
        )
        for row in found:
            if row.state != 'ok':
                self.status = errors.FAILED
            told = dataclasses.asdict(row)
            for number in ('number', 'proposed'):
                told[number] = base.Maybe(told[number])
            yield tuple(told.values())
