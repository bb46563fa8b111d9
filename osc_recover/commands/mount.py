# SPDX-License-Identifier: Apache-2.0
"""recover mount: what hosts and guests mount when they boot."""

import argparse

from osc_recover import errors
from osc_recover.commands import approval, base, carrier


def _add_machines(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        'host',
        metavar='<host>',
        nargs='*',
        help='host of a cinder-volume, or compute host (default: every host '
        'of a cinder-volume, unless a guest is named)',
    )
    add(
        '--guest',
        metavar='<server>',
        action='append',
        default=[],
        help='a server, name or ID, that is reached as recover: guests in '
        'clouds.yaml says (repeatable)',
    )


class CheckMounts(base.Lister):
    """See whether what machines mount at boot makes a disaster worse

    Looks at /etc/fstab, over SSH: ext file systems that go on writing after
    an error of their disk; on hosts of a cinder-volume, disks of a SAN that
    their boot would hang on; elsewhere, volumes that a boot waits for; and
    guests that let nobody in without the volume of their /home.  Changes
    nothing.  Exits 0 when nothing is wrong.

    Example::

      openstack recover mount check san-1
      openstack recover mount check --guest web-1
    """

    columns = (
        'Host',
        'Role',
        'Point',
        'Source',
        'Type',
        'Options',
        'State',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts and guests."""
        parser = super().get_parser(prog_name)
        _add_machines(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row an entry and thing about it."""
        guests = self.recover.find_servers(parsed_args.guest)
        request = self.recover.requests.mounts(parsed_args.host, guests)
        for row in self.recover.mounts.check(request):
            if row.state not in ('ok', 'note', 'recorded'):
                self.status = errors.FAILED
            yield base.values(row)


class FixMounts(carrier.Carrier):
    """Mend what machines mount at boot

    Gives ext file systems errors=remount-ro, and volumes nofail (with
    _netdev, where iSCSI brings them to a host); on hosts of a cinder-volume,
    makes comments of disks of a SAN, for recover session open.  Comments and
    layout of /etc/fstab stay; the new one is proven with findmnt --verify,
    and what was there is kept.

    Example::

      openstack recover mount fix san-1 --dry-run
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts and guests, and which of their entries."""
        parser = super().get_parser(prog_name)
        _add_machines(parser)
        parser.add_argument(
            '--point',
            metavar='<directory>',
            action='append',
            default=[],
            help='mend only what is mounted there (repeatable)',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        if not (parsed_args.host or parsed_args.guest):
            raise errors.Refused(
                'neither a host nor a guest was named',
                'name hosts, or --guest <server>',
                'nothing-named',
            )
        guests = self.recover.find_servers(parsed_args.guest)
        plan = self.recover.mounts.plan(
            self.recover.requests.mounts(
                parsed_args.host, guests, parsed_args.point
            )
        )
        if plan.phases:
            return self.approved(plan, parsed_args)
        self.tell(plan)
        if any(verdict.code != 'ok' for verdict in plan.verdicts):
            self.status = errors.REFUSED
        self.say('there is nothing to mend; nothing was changed')
        return self.planned_rows(plan)
