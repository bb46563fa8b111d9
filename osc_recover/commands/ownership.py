# SPDX-License-Identifier: Apache-2.0
"""recover ownership: the numbers of accounts, and the files that have them."""

import argparse
import dataclasses
import sys
import time
from typing import Any

from osc_recover import errors
from osc_recover.commands import approval, base, carrier, host

_EVERY = 5.0  # seconds between two lines about a host


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
        _add_hosts(parser, '*')
        _add_accounts(parser)
        parser.add_argument(
            '--files',
            action='store_true',
            help='look for files with numbers of nobody, too: every local '
            'file is looked at, which takes a while',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row an account and host."""
        found = self.recover.ownership.check(
            parsed_args.host,
            users=parsed_args.user,
            groups=parsed_args.group,
            reference=parsed_args.reference,
            files=parsed_args.files,
            tell=Telling(self.say),
        )
        for row in found:
            if row.state != 'ok':
                self.status = errors.FAILED
            told = dataclasses.asdict(row)
            for number in ('number', 'proposed'):
                told[number] = base.Maybe(told[number])
            yield tuple(told.values())


class FixOwnership(carrier.Carrier):
    """Give accounts of hosts the right UIDs and GIDs, and their files, too

    Stops the services of a host that run, sees that no process is left under
    an old number, lists the files, changes accounts and files in one pass,
    starts exactly what ran, and verifies.  A host on which anything is in the
    way is left as it is.  The list of files stays on the host: a run that is
    cut off is resumed from it, and can be undone.

    Example::

      openstack recover ownership fix cmp-2 --reference cmp-1 --dry-run
      openstack recover ownership fix cmp-2 --uid nova=64060 --gid nova=64060
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts, whose numbers count, which files, and --yes."""
        parser = super().get_parser(prog_name)
        _add_hosts(parser, '+')
        _add_accounts(parser)
        _add_numbers(parser)
        _add_files(parser)
        parser.add_argument(
            '--acls',
            choices=('every', 'owned'),
            default='every',
            help='whose ACLs get the new numbers: those of every file '
            '(default), or only of directories and of files that an old '
            'number owns, which takes a fifth less time',
        )
        parser.add_argument(
            '--workers',
            metavar='<number>',
            type=host.positive,
            help='hosts that are changed side by side',
        )
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        renumbering = self.recover.renumbering
        request = renumbering.request(
            parsed_args.host,
            users=tuple(parsed_args.user),
            groups=tuple(parsed_args.group),
            reference=parsed_args.reference,
            numbers=self._numbers(parsed_args),
            shared=parsed_args.shared,
            skip=tuple(parsed_args.skip),
            acls=parsed_args.acls,
            workers=parsed_args.workers,
        )
        return _carried(self, renumbering.fix(request), parsed_args)

    def _numbers(self, parsed_args: argparse.Namespace) -> tuple[Any, ...]:
        from osc_recover.recovery.renumbering import number

        users = [number('user', word) for word in parsed_args.uid]
        groups = [number('group', word) for word in parsed_args.gid]
        return (*users, *groups)


class UndoOwnership(carrier.Carrier):
    """Take back what a run of ownership fix has changed

    Gives every file of the run's lists its former owner, mode, capabilities
    and ACL, and the accounts their former numbers, with the services stopped
    meanwhile.  It is a plan and a run of its own.

    Example::

      openstack recover ownership undo 4f2a9c01
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A run, and --yes."""
        parser = super().get_parser(prog_name)
        parser.add_argument('run', help='the run, or the beginning of its id')
        approval.add_options(parser)
        approval.add_dry_run(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Plan, approve, carry out."""
        run = self.recover.runs.find(parsed_args.run)
        if run.plan.procedure != 'ownership':
            raise errors.Refused(
                f'run {run.id} has changed no numbers: it is of '
                f'{run.plan.procedure}',
                'openstack recover run list tells the procedure of each run',
                'other-procedure',
            )
        if self.recover.runs.state(run) == 'running':
            raise errors.HostLocked(' '.join(run.plan.hosts), f'run {run.id}')
        renumbering = self.recover.renumbering
        plan = renumbering.undo(run, renumbering.undoing(run))
        return _carried(self, plan, parsed_args)


class VerifyOwnership(base.Lister):
    """Look for files that have an old number, or one of nobody

    The guide's last find, over every local file of hosts.  The old numbers
    are those of the newest run that changed files of the host.  Changes
    nothing.  Exits 0 when there are no such files.

    Example::

      openstack recover ownership verify cmp-2
    """

    columns = (
        'Host',
        'State',
        'Number',
        'Objects',
        'Example',
        'Reason',
        'Way out',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Hosts."""
        parser = super().get_parser(prog_name)
        _add_hosts(parser, '*')
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a number and host; one that says ok for a host without."""
        found = self.recover.ownership.verify(
            parsed_args.host,
            self.recover.renumbering.before,
            Telling(self.say),
        )
        for row in found:
            if row.state != 'ok':
                self.status = errors.FAILED
            told = dataclasses.asdict(row)
            told['objects'] = base.Maybe(told['objects'])
            yield tuple(told.values())


class Telling:
    """A line about a long walk, now and then, where stderr is a terminal."""

    def __init__(self, say: Any) -> None:
        self._say = say
        self._due: dict[str, float] = {}

    def __call__(self, name: str, event: dict[str, Any]) -> None:
        """Take what a host tells of its progress."""
        now = time.monotonic()
        due = self._due.setdefault(name, now + _EVERY)
        if now >= due and sys.stderr.isatty():
            self._due[name] = now + _EVERY
            self._say(f'{name}: {event.get("done", 0)} files looked at')


def _carried(
    command: carrier.Carrier, plan: Any, parsed_args: argparse.Namespace
) -> base.Rows:
    """Show a plan, have it approved, and carry it out."""
    if not plan.phases:
        fine = all(verdict.code == 'ok' for verdict in plan.verdicts)
        command.status = 0 if fine else errors.REFUSED
        command.say('there is nothing to do; nothing was changed')
        return command.planned_rows(plan)
    return command.approved(plan, parsed_args)


def _add_hosts(parser: argparse.ArgumentParser, number: str) -> None:
    every = ' (default: all of them)' if number == '*' else ''
    parser.add_argument(
        'host', metavar='<host>', nargs=number, help=f'compute host{every}'
    )


def _add_accounts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--reference',
        metavar='<host>',
        default='',
        help='the host whose numbers are right',
    )
    for kind in ('user', 'group'):
        parser.add_argument(
            f'--{kind}',
            metavar='<name>',
            action='append',
            default=[],
            help=f'look at this {kind} as well (repeatable)',
        )


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    for option, kind in (('uid', 'user'), ('gid', 'group')):
        parser.add_argument(
            f'--{option}',
            metavar='<name>=<number>',
            action='append',
            default=[],
            help=f'the number that a {kind} is to have; as <name>=<old>:<new> '
            'where its files still have another one than it has itself '
            '(repeatable)',
        )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--shared',
        action='store_true',
        help='change files on network file systems, too: each once, by one '
        'of the hosts, for all that mount it',
    )
    parser.add_argument(
        '--skip',
        metavar='<path>',
        action='append',
        default=[],
        help='leave this folder or file system out (repeatable)',
    )
