# SPDX-License-Identifier: Apache-2.0
"""recover service: what runs nova-compute and libvirt on hosts."""

import argparse

from osc_recover import errors
from osc_recover.commands import approval, base, carrier


class ListServices(base.Lister):
    """List the compute services of hosts

    Systemd units of Debian and RDO, libvirt as one daemon or as many, and
    kolla's containers, as the hosts see them over SSH; beside nova-compute,
    what nova says of it.  Changes nothing.

    Example::

      openstack recover service list cmp-1 cmp-2
    """

    columns = (
        'Host',
        'Service',
        'Kind',
        'State',
        'Enabled',
        'Nova',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'host', metavar='<host>', nargs='+', help='compute host'
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a service."""
        for row in self.recover.services.list(parsed_args.host):
            if row.reason:
                self.status = errors.FAILED
            yield base.values(row)


class _Change(carrier.Carrier):
    """What stop, start and restart have in common."""

    action = ''

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts, and --yes."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add('host', metavar='<host>', nargs='+', help='compute host')
        add(
            '--libvirt',
            action='store_true',
            help="libvirt's daemons as well; those of consoles and locks "
            'are never touched, as running guests need them',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        plan = self.recover.services.plan(
            self.recover.requests.service(
                parsed_args.host, self.action, libvirt=parsed_args.libvirt
            )
        )
        if not plan.phases:
            self.status = errors.REFUSED
            self.say('there is nothing to do; nothing was changed')
            return self.planned_rows(plan)
        return self.approved(plan, parsed_args)


class StopServices(_Change):
    """Stop nova-compute on hosts, whatever runs it there

    Example::

      openstack recover service stop cmp-1
    """

    action = 'stop'


class StartServices(_Change):
    """Start nova-compute on hosts, and wait until nova sees it

    Refused where an open evacuation record belongs to a server that lives on
    the host again: a starting nova-compute would destroy its guest.

    Example::

      openstack recover service start cmp-1
    """

    action = 'start'


class RestartServices(_Change):
    """Stop nova-compute on hosts, start it again, wait until nova sees it

    What ran is started again, and nothing else.

    Example::

      openstack recover service restart cmp-1 cmp-2 --yes
    """

    action = 'restart'
