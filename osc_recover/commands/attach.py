# SPDX-License-Identifier: Apache-2.0
"""recover volume attach: volumes back on their servers."""

import argparse

from osc_recover import errors
from osc_recover.commands import approval, base, carrier


class AttachVolumes(carrier.Carrier):
    """Attach volumes to servers again, from a file or a snapshot

    A file has lines of a volume, a server and a device, as the guide's script
    reads them; a snapshot also knows tags and what is deleted with a server.
    Servers are done side by side and the volumes of each in the order of
    their devices, as hypervisors name disks in the order in which they come.
    A server gets all of its volumes or, where one of them cannot be attached,
    none, and the row says why.  Root volumes are never attached.

    Example::

      openstack recover volume attach --file volumes.txt --dry-run
      openstack recover volume attach --snapshot before --server web-1
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Where it is said what belongs where."""
        parser = super().get_parser(prog_name)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            '--file',
            metavar='<file>',
            default='',
            help='lines of a volume, a server (IDs or names) and, as '
            '/dev/vdb, a device, which may be left out',
        )
        source.add_argument(
            '--snapshot',
            metavar='<snapshot>',
            default='',
            help='ID or name: what the servers had when it was taken, '
            'without their root volumes',
        )
        parser.add_argument(
            '--server',
            metavar='<server>',
            action='append',
            default=[],
            help='only this one of the servers there, by ID or name '
            '(repeatable; default: all of them)',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        attaching = self.recover.attaching
        found = self.recover.find_servers(parsed_args.server)
        only = [server.id for server in found]
        if parsed_args.file:
            request = attaching.from_file(parsed_args.file, only)
        else:
            request = attaching.from_snapshot(parsed_args.snapshot, only)
        plan = attaching.plan(request)
        if plan.phases:
            return self.approved(plan, parsed_args)
        if all(verdict.code == 'ok' for verdict in plan.verdicts):
            self.say('every server has its volumes; nothing was changed')
        else:
            self.status = errors.REFUSED
            self.say('no volume can be attached; nothing was changed')
        return self.planned_rows(plan)
