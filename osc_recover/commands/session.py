# SPDX-License-Identifier: Apache-2.0
"""recover session: the iSCSI sessions of hosts."""

import argparse

from osc_recover import errors, outcome
from osc_recover.commands import approval, base, carrier


class ListSessions(base.Lister):
    """List the iSCSI sessions of hosts, and what they serve

    As the kernels of the hosts have them, over SSH: one row a disk and path,
    with the volumes and servers that nova and cinder have there; and what is
    missing, where a server that runs has a volume and its host no session.
    Changes nothing.  Exits 0 when nothing is missing and all could be asked.

    Example::

      openstack recover session list cmp-1.example.org
    """

    columns = (
        'Host',
        'Session',
        'Target',
        'Portal',
        'State',
        'LUN',
        'Device',
        'Map',
        'Volume',
        'Server',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'host',
            metavar='<host>',
            nargs='*',
            help='compute host, or host of a cinder-volume (default: all)',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a disk and path."""
        rows, gaps = self.recover.sessions.list(parsed_args.host)
        for gap in gaps:
            self.status = errors.FAILED
            self.say(f'{gap.what}: {gap.problem}\n  way out: {gap.way_out}')
        for row in rows:
            if row.reason:
                self.status = errors.FAILED
            host, number, target, portal, state, lun, *rest = base.values(row)
            number, lun = base.Maybe(number), base.Maybe(lun)
            yield (host, number, target, portal, state, lun, *rest)


class OpenSessions(carrier.Carrier):
    """Open the iSCSI sessions that hosts have lost

    What a snapshot has of the hosts and is not there, and what cinder has
    attached to servers that run: discovery, and a login with the record that
    the host has.  On hosts of a cinder-volume the volume groups on their own
    disks are then activated, what was mounted from them is mounted, and
    cinder-volume is awaited.

    Example::

      openstack recover session open san-1 cmp-1 --snapshot before-maintenance
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts, and what is known of them."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add(
            'host',
            metavar='<host>',
            nargs='+',
            help='compute host, or host of a cinder-volume',
        )
        add(
            '--snapshot',
            metavar='<snapshot>',
            default='',
            help='the snapshot that has what was open and mounted: its id, '
            'name or path',
        )
        add(
            '--target',
            metavar='<iqn>',
            action='append',
            default=[],
            help='only sessions to this target (repeatable)',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        snapshot = ''
        if parsed_args.snapshot:
            snapshot = self.recover.snapshots.lasting(parsed_args.snapshot)
        plan = self.recover.sessions.plan_open(
            self.recover.requests.session_open(
                parsed_args.host, snapshot, parsed_args.target
            )
        )
        if plan.phases:
            return self.approved(plan, parsed_args)
        self.tell(plan)
        if not all(map(outcome.is_good, outcome.planned(plan))):
            self.status = errors.REFUSED
        self.say('there is nothing to open; nothing was changed')
        return self.planned_rows(plan)


class CloseSession(carrier.Carrier):
    """Close one iSCSI session of a host, as a power loss would

    The session is named by its number and by the target that it leads to.
    Refused when it leads elsewhere, when it serves more than one server or
    another than --server, and when the host itself uses its disks.

    Example::

      openstack recover session close cmp-1 --session 15 --target iqn.2010-10.x:volume-1
    """  # noqa: E501

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A host, and the session by its number and target."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add('host', metavar='<host>', help='the host that has the session')
        add(
            '--session',
            metavar='<number>',
            type=int,
            help='its number, as recover session list has it (needed)',
        )
        add(
            '--target',
            metavar='<iqn>',
            default='',
            help='the target that it leads to (needed)',
        )
        add(
            '--server',
            metavar='<server>',
            default='',
            help='the only server that it may serve, name or ID',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        if parsed_args.session is None or not parsed_args.target:
            raise errors.Refused(
                'a session is closed by its number and its target: without a '
                'number all sessions would be, and numbers are given again',
                f'openstack recover session list {parsed_args.host}, then '
                '--session <number> --target <iqn>',
                'not-named',
            )
        named = [parsed_args.server] if parsed_args.server else []
        servers = self.recover.find_servers(named)
        plan = self.recover.sessions.plan_close(
            self.recover.requests.session_close(
                parsed_args.host,
                parsed_args.session,
                parsed_args.target,
                servers[0].id if servers else '',
            )
        )
        return self.approved(plan, parsed_args)
