# SPDX-License-Identifier: Apache-2.0
"""recover host, recover server: the main job."""

import argparse
from typing import Any

from osc_recover.commands import approval, base, carrier


class _Recover(carrier.Carrier):
    """What recover host and recover server have in common."""

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, and then as the options say."""
        self._note_version()
        plan = self.recover.failed_hosts.plan(self.request(parsed_args))
        if not plan.phases:
            self.tell(plan)
            return self.nothing_to_do(plan)
        return self.approved(plan, parsed_args)

    def request(self, parsed_args: argparse.Namespace) -> Any:
        """The request that the options make."""
        raise NotImplementedError

    def _note_version(self) -> None:
        given = getattr(self.app.options, 'os_compute_api_version', '')
        if given:
            self.say(
                f'note: --os-compute-api-version {given} is not used for '
                'recoveries: each request has the version it needs'
            )


class RecoverHost(_Recover):
    """Recover every server of a failed host

    Looks at the cloud, shows a plan with a verdict for each server, and, once
    approved, evacuates the servers, follows each to its end and proves where
    it is.  Every request is noted before it is sent; a run that was cut off
    is continued with 'openstack recover run resume'.

    Examples::

      openstack recover host cmp-3 --fenced "power off seen in the BMC"
      openstack recover host cmp-3 --fence --yes -f json
      openstack recover host cmp-3 --fence --dry-run
      openstack recover host cmp-3 --method database --server db-1 --fence
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of section 4 of the design."""
        parser = super().get_parser(prog_name)
        parser.add_argument('host', help='the failed compute host')
        parser.add_argument(
            '--server',
            metavar='<server>',
            action='append',
            default=[],
            help='recover only this server of the host, name or ID '
            '(repeatable; also lets service VMs such as amphorae be taken)',
        )
        add_options(parser)
        return parser

    def request(self, parsed_args: argparse.Namespace) -> Any:
        """Of one host."""
        return self.recover.requests.host(
            [parsed_args.host],
            servers=tuple(parsed_args.server),
            **options(parsed_args),
        )


class RecoverServer(_Recover):
    """Recover named servers of failed hosts

    As 'recover host' does it, for these servers only.

    Example::

      openstack recover server web-1 db-1 --fenced "rack 4 has no power"
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of recover host, for servers."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'server', nargs='+', help='the servers to recover, names or IDs'
        )
        add_options(parser)
        return parser

    def request(self, parsed_args: argparse.Namespace) -> Any:
        """Of the hosts that the servers are on."""
        servers = self.recover.find_servers(parsed_args.server)
        return self.recover.requests.host(
            sorted({server.host for server in servers}),
            servers=tuple(server.id for server in servers),
            **options(parsed_args),
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that recover host and recover server share."""
    _add_scope(parser)
    _add_evidence(parser)
    _add_consent(parser)
    approval.add_options(parser)
    parser.add_argument(
        '--no-agent',
        action='store_true',
        help='ask no host over SSH; what only they know stays unknown',
    )
    approval.add_dry_run(parser)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--method',
        choices=['evacuate', 'database'],
        default='evacuate',
        help="how servers are moved (default: evacuate, by nova's own API); "
        "database changes nova's records by hand, for servers that nova "
        'cannot evacuate (openstack recover run undo takes it back until '
        'they are started)',
    )
    add(
        '--exclude',
        metavar='<server>',
        action='append',
        default=[],
        help='leave this server alone, name or ID (repeatable)',
    )
    add(
        '--target',
        metavar='<host>',
        default='',
        help='the compute host to move to (default: the scheduler decides)',
    )
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
        help='servers that are moved side by side (default: 32)',
    )
    add(
        '--timeout',
        metavar='<seconds>',
        type=positive,
        help='how long one server may take (default: 1800)',
    )
    add(
        '--max-failures',
        metavar='<number>',
        type=positive,
        default=0,
        help='begin no more after so many servers failed (default: go on)',
    )


def _add_evidence(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        '--fence',
        action='store_true',
        help='switch the host off with its configured fence agent first',
    )
    how.add_argument(
        '--fenced',
        metavar='<how>',
        default='',
        help='how you know that the host is off, in words; it is kept',
    )


def _add_consent(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--accept-data-loss',
        metavar='<server>',
        action='append',
        default=[],
        help="this server's local disks may be rebuilt from its image, name "
        'or ID, or all (repeatable)',
    )
    add(
        '--reset-state',
        action='store_true',
        help='set paused, suspended and rescued servers to error first, '
        'which nova needs; their memory is lost anyway',
    )
    add(
        '--leave-stopped',
        action='store_true',
        help='leave every server stopped where it arrives (nova 27 or newer)',
    )
    add(
        '--many-down',
        action='store_true',
        help='go on although more than a third of the compute hosts are down',
    )
    add(
        '--take-over',
        metavar='<run>',
        default='',
        help='take the host over from that run, which nobody can resume any '
        'more',
    )


def options(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """What a request takes from the options."""
    names = (
        'method exclude target priority_property max_failures fence fenced '
        'accept_data_loss reset_state leave_stopped many_down take_over'
    )
    taken = {name: getattr(parsed_args, name) for name in names.split()}
    for name in ('workers', 'timeout'):
        if getattr(parsed_args, name) is not None:
            taken[name] = getattr(parsed_args, name)
    for name in ('exclude', 'accept_data_loss'):
        taken[name] = tuple(taken[name])
    taken['agent'] = not parsed_args.no_agent
    evidence = parsed_args.fence or parsed_args.fenced
    taken['rehearsal'] = parsed_args.dry_run and not evidence
    return taken


def positive(text: str) -> int:
    """Read a number that is at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text} is not 1 or more')
    return number
