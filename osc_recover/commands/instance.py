# SPDX-License-Identifier: Apache-2.0
"""recover instance: servers as nova's databases have them."""

import argparse
from typing import Any

from cliff import columns

from osc_recover import errors
from osc_recover.commands import approval, base, carrier

_ID = (
    'UUID, name, EC2 id (i-000015b9), name of the domain '
    '(instance-000015b9), or 15b9, which may be either number'
)


class Value(columns.FormattableColumn):  # type: ignore[type-arg]
    """A value of the database: NULL here, null for programs."""

    def human_readable(self) -> str:
        """The value as the database client prints it."""
        return 'NULL' if self._value is None else str(self._value)


class ShowInstance(base.Lister):
    """Show the row of a server in nova's database

    What ``SELECT * FROM instances WHERE … \\G`` shows, from whichever cell
    has the server; the account may be a read-only one.  An id that may mean
    several servers shows which, and exits 1.  user_data is left out, as it
    may hold passwords.  Changes nothing.

    Example::

      openstack recover instance show i-000015b9
      openstack recover instance show --long web-1
    """

    columns = ('Field', 'Value', 'State', 'Reason', 'Way out')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """An id, and --long."""
        parser = super().get_parser(prog_name)
        parser.add_argument('id', metavar='<id>', help=_ID)
        parser.add_argument(
            '--long',
            action='store_true',
            help='add what disagrees with the row: API, cell mapping, '
            'placement, neutron and cinder',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a column, then the others, then silent cells."""
        shown = self.recover.instances.show(parsed_args.id, parsed_args.long)
        if shown.note:
            self.say(f'note: {shown.note}')
        for row in shown.rows:
            if row.state != 'ok':
                self.status = errors.FAILED
            field, value, *rest = base.values(row)
            yield field, Value(value), *rest


class ListInstances(base.Lister):
    """List what database, API and libvirt each think is on a host

    One row a server that any of the three has there, with what each of them
    says of it, and what is wrong.  libvirt is asked over SSH, where
    recover: ssh or hosts is configured.  A cell or a host that does not
    answer is a row of its own, and the others are still shown.  Changes
    nothing.

    Example::

      openstack recover instance list --host cmp-1.example.org
    """

    columns = (
        'Server',
        'Name',
        'Host',
        'Cell',
        'Database',
        'API',
        'Libvirt',
        'State',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--host',
            metavar='<host>',
            action='append',
            required=True,
            help='compute host, up or down (repeatable)',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a server, then those who did not answer."""
        instances = self.recover.instances
        if not instances.asks_hosts:
            self.say(
                'note: libvirt is not asked, as nothing is said about ssh in '
                'the recover: section of clouds.yaml'
            )
        for row in instances.list(parsed_args.host):
            if row.state != 'ok':
                self.status = errors.FAILED
            yield tuple(map(_maybe, base.values(row)))


def _maybe(value: Any) -> Any:
    return base.Maybe(value) if value is None else value


class SetInstance(carrier.Carrier):
    """Set the states of a server that the API alone cannot set

    What os-resetState can do goes through the API; the rest changes the row
    in the database, if it still is as the plan has seen it.  Values that nova
    no longer has, and those that would have it destroy or lose something, are
    refused, and the row says why.

    Example::

      openstack recover instance set web-1 --vm-state stopped --power-state 4
      openstack recover instance set 3f57699a-e773-4650-a443-b4b37eed5a06 \\
          --vm-state active --task-state none
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """An id, and the states."""
        parser = super().get_parser(prog_name)
        add = parser.add_argument
        add('id', metavar='<id>', help=_ID)
        add(
            '--vm-state',
            metavar='<state>',
            default='',
            help='active, stopped, paused, suspended or error',
        )
        add(
            '--power-state',
            metavar='<state>',
            default='',
            help='0 (NOSTATE), 1 (RUNNING), 3 (PAUSED), 4 (SHUTDOWN), '
            '6 (CRASHED) or 7 (SUSPENDED), as the number or the word',
        )
        add(
            '--task-state',
            metavar='<state>',
            default='',
            help='none: nobody is at it any more',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        instances = self.recover.instances
        plan = instances.plan(
            instances.request(
                parsed_args.id,
                parsed_args.vm_state,
                parsed_args.power_state,
                parsed_args.task_state,
            )
        )
        if not plan.phases:
            self.status = errors.REFUSED
            self.say('nothing was changed: see why')
            return self.planned_rows(plan)
        return self.approved(plan, parsed_args)
