# SPDX-License-Identifier: Apache-2.0
"""recover cloud: after the power was lost."""

import argparse
from typing import Any

from osc_recover import errors
from osc_recover.commands import approval, base, carrier
from osc_recover.commands.host import positive


class RecoverCloud(carrier.Carrier):
    """Bring a cloud back after its power was lost

    Compares the cloud with a snapshot of before, and shows what will be done
    with each server.  Once approved, it waits until nova-compute and
    cinder-volume are up, sees that nova and cinder agree about every volume,
    starts or reboots each server that ran, once and never a second time, sees
    whether their guests answer, and looks for ports, volumes, firewall rules
    and iSCSI sessions of before.  A server is touched only when it is proven
    off: its host's libvirt says so, or its host has booted since the snapshot;
    all others are left alone, with the reason.  Nothing is detached, unless
    --mode clean asks for the guide's own steps.

    Examples::

      openstack recover cloud --dry-run
      openstack recover cloud --snapshot before --priority-property prio
      openstack recover cloud --host cmp-1.example.org --wave 20 --yes
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of section 4 of the design."""
        parser = super().get_parser(prog_name)
        _add_what(parser)
        _add_how(parser)
        approval.add_options(parser)
        parser.add_argument(
            '--no-agent',
            action='store_true',
            help='ask no host over SSH; then nothing shows that a server is '
            'off, and the plan only tells what would have to be known',
        )
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        request = self._request(parsed_args)
        plan = self.recover.disaster.plan(request)
        if not plan.verdicts and (parsed_args.project or parsed_args.host):
            raise errors.Refused(
                'there is no server of these hosts and projects',
                'projects are given by their IDs: openstack project list',
                'no-servers',
            )
        if plan.phases:
            return self.approved(plan, parsed_args)
        self.tell(plan)
        if all(verdict.code == 'ok' for verdict in plan.verdicts):
            self.say('no server has to be started; nothing was changed')
        else:
            self.status = errors.REFUSED
            self.say('no server may be started; nothing was changed')
        return self.planned_rows(plan)

    def _request(self, parsed_args: argparse.Namespace) -> Any:
        asked: dict[str, Any] = {
            name: getattr(parsed_args, name)
            for name in ('workers', 'timeout', 'wave')
            if getattr(parsed_args, name) is not None
        }
        servers = self.recover.find_servers(parsed_args.server)
        return self.recover.disaster.request(
            parsed_args.snapshot,
            mode=parsed_args.mode,
            servers=tuple(server.id for server in servers),
            projects=tuple(parsed_args.project),
            hosts=tuple(parsed_args.host),
            agent=not parsed_args.no_agent,
            priority_property=parsed_args.priority_property,
            **asked,
        )


def _add_what(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--snapshot',
        metavar='<snapshot>',
        default='',
        help='ID, name or path of the snapshot of before (default: the newest '
        'of this cloud; where there is none, only servers that nova itself '
        'stopped after their hosts had booted are started)',
    )
    add(
        '--mode',
        choices=['reconcile', 'clean'],
        default='reconcile',
        help='reconcile keeps every attachment as it is (default); clean ends '
        'those of data volumes, reboots each server hard, and attaches its '
        'volumes again, as the guide has it; root volumes are never cleaned',
    )
    for option, what in (
        ('server', 'this server, by ID or name'),
        ('project', 'servers of this project, by ID'),
        ('host', 'servers of this compute host'),
    ):
        add(
            f'--{option}',
            metavar=f'<{option}>',
            action='append',
            default=[],
            help=f'only {what} (repeatable)',
        )


def _add_how(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--priority-property',
        metavar='<key>',
        default='',
        help='a server property with a number: larger first',
    )
    add(
        '--workers',
        metavar='<number>',
        type=positive,
        help='servers that are started side by side (default: 32)',
    )
    add(
        '--wave',
        metavar='<number>',
        type=positive,
        help='begin no other server until so many are up, or have failed '
        '(default: all in one wave)',
    )
    add(
        '--timeout',
        metavar='<seconds>',
        type=positive,
        help='how long one server may take (default: 1800)',
    )
