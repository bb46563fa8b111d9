# SPDX-License-Identifier: Apache-2.0
"""recover domain: what libvirt on the hosts makes of servers."""

import argparse
import ipaddress

from osc_recover import errors
from osc_recover.commands import approval, base, carrier

PARTS = ('listen', 'dhcp', 'filters', 'stale')


class CheckDomains(base.Lister):
    """See whether the domains of servers are where and as they should be

    Asks libvirt on every compute host, over SSH: is a server's domain defined
    on the host where nova has the server, and on no other; can its console
    listen at its address, and can the proxy reach it; are its network filters
    there.  Changes nothing.  Exits 0 when nothing is wrong and every
    host could be asked.

    Example::

      openstack recover domain check web-1
      openstack recover domain check --host cmp-1.example.org
    """

    columns = (
        'Server',
        'Name',
        'Host',
        'Domain',
        'Domain state',
        'State',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Servers, and hosts."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add(
            'server',
            metavar='<server>',
            nargs='*',
            help='a server to check, name or ID',
        )
        add(
            '--host',
            metavar='<host>',
            action='append',
            default=[],
            help='check all servers of this host, and every domain on it '
            '(repeatable)',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a finding, or a server without any."""
        if not parsed_args.server and not parsed_args.host:
            raise errors.Refused(
                'neither a server nor a host was named',
                'name servers, or --host <host> for all that are on one',
                'nothing-named',
            )
        servers = self.recover.find_servers(parsed_args.server)
        for row in self.recover.domains.check(servers, parsed_args.host):
            if row.state != 'ok':
                self.status = errors.FAILED
            yield base.values(row)


class RepairDomains(carrier.Carrier):
    """Mend the domains of servers where libvirt keeps them

    Rewrites the address that consoles listen at and a DHCPSERVER that is left
    of nova-network, defines network filters that are missing, and has hosts
    forget domains that do not run where their servers do not live.  What was
    there is kept on the host.

    Example::

      openstack recover domain repair web-1
      openstack recover domain repair web-1 --listen 0.0.0.0 --only listen
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Servers, what to mend, and with what."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'server',
            metavar='<server>',
            nargs='+',
            help='a server whose domain is to be mended, name or ID',
        )
        _add_parts(parser)
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        servers = self.recover.find_servers(parsed_args.server)
        plan = self.recover.domains.plan(
            self.recover.requests.domain(
                servers,
                only=tuple(dict.fromkeys(parsed_args.only)),
                listen=parsed_args.listen or '',
                dhcp_server=parsed_args.dhcp_server or '',
                reference=parsed_args.reference,
                recreate_filters=parsed_args.recreate_filters,
            )
        )
        if not plan.phases:
            self.tell(plan)
            self.status = errors.REFUSED
            self.say('there is nothing to do; nothing was changed')
            return self.planned_rows(plan)
        return self.approved(plan, parsed_args)


def _add_parts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        '--only',
        choices=PARTS,
        action='append',
        default=[],
        help='mend only this (repeatable; default: all that is wrong)',
    )
    add(
        '--listen',
        metavar='<address>',
        type=address,
        help='have consoles listen there (default: where one listens wrongly, '
        "at server_listen of its host's nova.conf); 0.0.0.0 opens them to "
        'every network',
    )
    add(
        '--dhcp-server',
        metavar='<address>',
        type=address,
        help="what DHCPSERVER is to be (default: my_ip of the host's "
        'nova.conf, where it is wrong)',
    )
    add(
        '--reference',
        metavar='<host>',
        default='',
        help='take network filters from this compute host (default: from the '
        'set that libvirt brings)',
    )
    add(
        '--recreate-filters',
        action='store_true',
        help='define all network filters of the domains anew, in place',
    )


def address(text: str) -> str:
    """An address as everybody writes it.

    :raises argparse.ArgumentTypeError: for what is none
    """
    try:
        # Behind a % there may be anything, and hosts have other scopes.
        return str(ipaddress.ip_address(text.replace('%', '/')))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f'{text!r} is no address') from exc
