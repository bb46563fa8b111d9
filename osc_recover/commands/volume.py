# SPDX-License-Identifier: Apache-2.0
"""recover volume: what is wrong with volumes of servers, and its repair."""

import argparse
from collections.abc import Sequence

from osc_recover import errors
from osc_recover.commands import approval, base, carrier
from osc_recover.commands.audit import seconds


class CheckVolumes(base.Lister):
    """Find what is wrong with the volumes of servers

    Compares, twice, what nova and cinder have of each volume, and nova's
    database where recover: database is configured.  The state is one of
    intact, stale-target (its storage does not serve it), dangling-nova (nova
    has an attachment that cinder has not), dangling-cinder (the other way
    round), dropped-mapping (a reboot has taken it off its server), wedged,
    busy, unused, or unknown.  Hosts are asked for stale locks and blocklisted
    clients of volumes in Ceph.  Without names, what is intact is counted and
    not listed.  Exits 0 when all is intact or unused; changes nothing,
    and is safe on any day.

    Example::

      openstack recover volume check
      openstack recover volume check --server web-1 --server db-1
      openstack recover volume check 8e1d9b1c-7f0f-4f5e-9b8e-3c5a4a0e7a11
    """

    columns = (
        'Volume',
        'Name',
        'Status',
        'Servers',
        'State',
        'Code',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Volumes, or whose."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'volume',
            metavar='<volume>',
            nargs='*',
            help='volume, by ID or name (default: all that servers have)',
        )
        add_scope(parser)
        parser.add_argument(
            '--all',
            action='store_true',
            help='list what is intact as well',
        )
        parser.add_argument(
            '--min-age',
            metavar='<seconds>',
            type=seconds,
            default=0,
            help='take what was changed within the last so many seconds for '
            'something that goes on (default: 0)',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a volume, then what is not known."""
        checked = self.recover.volumes.check(
            parsed_args.min_age, **scope(parsed_args)
        )
        wrong = checked.wrong
        if wrong:
            self.status = errors.FAILED
        if not checked.databases:
            self.say(
                'note: nova has not been asked for mappings that it has '
                'dropped, as recover: database in clouds.yaml does not say '
                'where its databases are'
            )
        for note in checked.notes:
            self.say(f'note: {note}')
        if parsed_args.volume or parsed_args.all:
            return [base.values(row) for row in checked.rows]
        self.say(f'{len(checked.rows) - len(wrong)} are intact or unused')
        return [base.values(row) for row in wrong]


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Whose volumes are meant."""
    for option, what in (
        ('server', 'server, by ID or name'),
        ('host', 'compute host'),
        ('project', 'project, by ID'),
    ):
        parser.add_argument(
            f'--{option}',
            metavar=f'<{option}>',
            action='append',
            default=[],
            help=f'only volumes of this {what} (repeatable)',
        )


def scope(parsed_args: argparse.Namespace) -> dict[str, Sequence[str]]:
    """What was given."""
    return {
        'volumes': parsed_args.volume,
        'servers': parsed_args.server,
        'hosts': parsed_args.host,
        'projects': parsed_args.project,
    }


class RepairVolumes(carrier.Carrier):
    """Repair what is wrong with the volumes of servers, and no more

    What ``volume check`` finds: records that contradict each other are mended
    through the API; a mapping of nova's whose attachment cinder has not, or
    that a reboot has dropped, that of the root disk included, gets a fresh
    attachment in nova's database while its server is stopped.  Do not reboot
    such servers before.  Root volumes are never detached.

    Example::

      openstack recover volume repair --server web-1 --dry-run
      openstack recover volume repair 8e1d9b1c-7f0f-4f5e-9b8e-3c5a4a0e7a11
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Volumes, servers."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add(
            'volume',
            metavar='<volume>',
            nargs='*',
            help='volume, by ID or name',
        )
        add(
            '--server',
            metavar='<server>',
            action='append',
            default=[],
            help='all volumes of this server, by ID or name (repeatable)',
        )
        add(
            '--leave-stopped',
            action='store_true',
            help='leave servers stopped that ran before',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        found = self.recover.find_servers(parsed_args.server)
        volumes = self.recover.volumes
        request = volumes.request(
            parsed_args.volume,
            [server.id for server in found],
            start=not parsed_args.leave_stopped,
        )
        plan = volumes.plan(request)
        if plan.phases:
            return self.approved(plan, parsed_args)
        if plan.verdicts:
            self.status = errors.REFUSED
            self.say('nothing can be repaired from here; nothing was changed')
        else:
            self.say(
                'nothing is wrong with these volumes, as openstack recover '
                'volume check has it; nothing was changed'
            )
        return self.planned_rows(plan)


class ResetVolumes(carrier.Carrier):
    """End stale attachments of volumes, so that they are available again

    The cleaning step of the guide, for the volumes that are named.  Each
    attachment is ended only after it was seen again that the guest of its
    server is off, or that nova has deleted the server.  Those of a root
    volume are never ended, nor those of a volume that cinder is at.  Of
    several attachments all are ended or none, or with --server those of the
    servers that are named.  nova drops its own mapping when the server is
    rebooted hard.

    Example::

      openstack recover volume reset data-1 --dry-run
      openstack recover volume reset 8e1d9b1c-7f0f-4f5e-9b8e-3c5a4a0e7a11
      openstack recover volume reset shared-1 --server web-1 --yes
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Volumes, servers."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add(
            'volume',
            metavar='<volume>',
            nargs='+',
            help='volume, by ID or name',
        )
        add(
            '--server',
            metavar='<server>',
            action='append',
            default=[],
            help='only attachments to this server, by ID, or by name where '
            'nova still has it (repeatable)',
        )
        add(
            '--guest-off',
            metavar='<how>',
            default='',
            help='how you know that the guests are off, where their hosts do '
            'not tell; it is kept with the run',
        )
        add(
            '--no-agent',
            action='store_true',
            help='ask no host over SSH; then --guest-off has to say it',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        resetting = self.recover.resetting
        request = resetting.request(
            parsed_args.volume,
            self.recover.server_ids(parsed_args.server),
            off=parsed_args.guest_off,
            agent=not parsed_args.no_agent,
        )
        plan = resetting.plan(request)
        if plan.phases:
            return self.approved(plan, parsed_args)
        self.tell(plan)
        if all(verdict.code == 'ok' for verdict in plan.verdicts):
            self.say('nothing has to be reset; nothing was changed')
        else:
            self.status = errors.REFUSED
            self.say('nothing can be reset; nothing was changed')
        return self.planned_rows(plan)
