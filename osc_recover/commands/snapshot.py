# SPDX-License-Identifier: Apache-2.0
"""recover snapshot: the state of a cloud before or after a disaster."""

import argparse
import datetime
import sys

from osc_recover import errors
from osc_recover.commands import base


class SaveSnapshot(base.Lister):
    """Keep the state of the cloud and its hosts, for the day after a disaster

    Reads servers, ports, volumes, attachments, allocations and the newest
    backups of all projects and, where they are reached, what hosts have open;
    changes nothing.  Taken at once after the power is back it still knows
    what ran: some minutes later nova forgets it.  Exits 0 when everything
    that was asked for could be told.

    Example::

      openstack recover snapshot save --name before-maintenance
      openstack recover snapshot save --dump
    """

    columns = ('Snapshot', 'Part', 'Count', 'State', 'Reason', 'Way out')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A name, whether hosts are asked, and what is dumped."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--name',
            metavar='<name>',
            default='',
            help='what to call it, beside its id',
        )
        parser.add_argument(
            '--dump',
            metavar='<database>',
            nargs='*',
            help='dump these databases as well: nova_api, cell0, a cell by '
            "its name, cinder, or another one on nova_api's server (without "
            'a name: those of nova and cinder)',
        )
        _add_no_agent(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a part of it."""
        saved = self.recover.snapshots.save(
            parsed_args.name,
            agent=not parsed_args.no_agent,
            dump=parsed_args.dump,
        )
        self.say(f'snapshot {saved.manifest.id} is in {saved.path}')
        self.say(saved.asked)
        for part in saved.parts:
            if part.state == 'unknown':
                self.status = errors.FAILED
            yield (saved.manifest.id, *base.values(part))


class ListSnapshots(base.Lister):
    """List the snapshots of this cloud, newest first

    Example::

      openstack recover snapshot list
    """

    columns = (
        'Snapshot',
        'Name',
        'Made',
        'Servers',
        'Volumes',
        'Hosts',
        'Size',
        'State',
        'Note',
    )

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a snapshot; a damaged one says why."""
        for one in self.recover.snapshots.list():
            if one.problem:
                self.status = errors.FAILED
            state = 'damaged' if one.problem else 'whole'
            if one.manifest is None:
                yield (one.id, '', '', 0, 0, 0, 0, state, one.problem)
                continue
            counts = map(one.manifest.count, ('servers', 'volumes', 'hosts'))
            yield (
                one.id,
                one.manifest.name,
                _time(one.manifest.made),
                *counts,
                sum(file.size for file in one.manifest.files),
                state,
                one.problem,
            )


class ShowSnapshot(base.Lister):
    """Show what is in a snapshot

    Servers, volumes and hosts; with --long their attachments, ports,
    mappings, allocations, sessions, mounts, domains and firewall rules, too.

    Example::

      openstack recover snapshot show before-maintenance --long
    """

    columns = ('Kind', 'ID', 'Name', 'Host', 'State', 'Detail', 'Note')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A snapshot, and how much of it."""
        parser = super().get_parser(prog_name)
        _add_snapshot(parser)
        parser.add_argument(
            '--long', action='store_true', help='show all that is in it'
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a thing."""
        manifest = self.recover.snapshots.find(parsed_args.snapshot)
        self.say(f'snapshot {manifest.id}, made {_time(manifest.made)}')
        for row in self.recover.snapshots.show(
            parsed_args.snapshot, long=parsed_args.long
        ):
            yield base.values(row)


class DiffSnapshot(base.Lister):
    """Say what has changed since a snapshot

    Compares it with now, or with another snapshot.  What every boot and
    every attachment changes has kinds of its own: 'id' (of attachments,
    sessions, boots) and 'time'.  Exits 0 when nothing else has changed, and
    everything that both know could be compared.

    Example::

      openstack recover snapshot diff before-maintenance
      openstack recover snapshot diff 4f2a9c01 77b0c3de
    """

    columns = (
        'Kind',
        'Code',
        'ID',
        'Name',
        'What',
        'Before',
        'After',
        'Note',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A snapshot, another one, and whether hosts are asked."""
        parser = super().get_parser(prog_name)
        _add_snapshot(parser)
        parser.add_argument(
            'other',
            metavar='<other>',
            nargs='?',
            default='',
            help='a later snapshot (default: the cloud as it is now)',
        )
        _add_no_agent(parser)
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a change."""
        found = self.recover.snapshots.diff(
            parsed_args.snapshot,
            parsed_args.other,
            agent=not parsed_args.no_agent,
        )
        for part, why in found.left_out.items():
            self.say(f'not compared: {part} ({why})')
        if found.asked:
            self.say(found.asked)
        if not found.changes:
            self.say('nothing has changed')
        for change in found.changes:
            if change.kind in ('change', 'unknown'):
                self.status = errors.FAILED
            yield base.values(change)


class DeleteSnapshot(base.Lister):
    """Delete a snapshot

    Example::

      openstack recover snapshot delete 4f2a9c01 --yes
    """

    columns = ('Snapshot', 'Name', 'State', 'Reason', 'Way out')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A snapshot, and --yes."""
        parser = super().get_parser(prog_name)
        _add_snapshot(parser)
        parser.add_argument(
            '--yes',
            '--auto-approve',
            action='store_true',
            dest='yes',
            help='delete it without asking (needed in scripts)',
        )
        return parser

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """Ask, then delete."""
        found = self.recover.snapshots.to_delete(parsed_args.snapshot)
        name = found.manifest.name if found.manifest else ''
        if not parsed_args.yes:
            _ask(found.id, name)
        self.recover.snapshots.delete(found.id)
        return [(found.id, name, 'deleted', '', '')]


def _ask(snapshot: str, name: str) -> None:
    """Have a deletion approved.

    :raises errors.Refused: when it was not
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise _not_approved(
            snapshot, 'there is no terminal to ask on, and --yes was not given'
        )
    called = f' ({name})' if name else ''
    prompt = f'Type {snapshot} to delete snapshot {snapshot}{called}: '
    print(prompt, end='', file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if answer != snapshot:
        how = f'{answer!r} is not {snapshot!r}' if answer else 'no answer'
        raise _not_approved(snapshot, how)


def _not_approved(snapshot: str, how: str) -> errors.Refused:
    return errors.Refused(
        f'snapshot {snapshot} was not deleted: {how}',
        f'openstack recover snapshot delete {snapshot} --yes',
        'not-approved',
    )


def _add_snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'snapshot',
        metavar='<snapshot>',
        help='its name, its id, or the beginning of its id',
    )


def _add_no_agent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--no-agent',
        action='store_true',
        help='ask no hosts: their boots, sessions, mounts, guests and '
        'firewall rules stay unknown',
    )


def _time(at: float) -> str:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.isoformat(timespec='seconds')
