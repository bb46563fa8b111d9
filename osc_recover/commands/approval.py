# SPDX-License-Identifier: Apache-2.0
"""Nothing is changed before the plan was shown and approved."""

import argparse
import sys
from collections.abc import Sequence

from osc_recover import errors, outcome
from osc_recover.commands import progress
from osc_recover.runs import Run

# Procedures on servers wherever they are -> what is typed instead of hosts.
_TYPED = {
    'attach': ('attach',),
    'cloud': ('cloud',),
    'volume': ('repair',),
    'volume-reset': ('reset',),
}

# Procedures that are approved by the names of servers, even with --yes.
_NAMED = ('drill',)


def add_options(parser: argparse.ArgumentParser) -> None:
    """--yes, and the name that other commands of the client have for it."""
    parser.add_argument(
        '--yes',
        '--auto-approve',
        action='store_true',
        dest='yes',
        help='carry the plan out without asking (needed in scripts)',
    )


def add_confirm(parser: argparse.ArgumentParser) -> None:
    """--confirm, for what is not approved by --yes alone."""
    parser.add_argument(
        '--confirm',
        metavar='<name>',
        default='',
        help='the name of the server that a drill is for, as it would be '
        'typed (needed with --yes, for drills only)',
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """--dry-run; planning itself writes nowhere."""
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='show and keep the plan; change nothing',
    )


def ask(run: Run, yes: bool, confirm: str = '') -> None:
    """Have a stored plan approved.

    :param confirm: what --confirm names
    :raises errors.NotApproved: when it was not
    """
    hosts = ' '.join(_words(run))
    if yes:
        if run.plan.procedure in _NAMED and confirm != hosts:
            raise errors.NotApproved(
                run.id, f'--yes needs --confirm {hosts} beside it here'
            )
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise errors.NotApproved(
            run.id, 'there is no terminal to ask on, and --yes was not given'
        )
    progress.show(
        f'Plan {run.id}: {run.plan.procedure} {hosts}',
        outcome.planned(run.plan),
        run.plan.notes,
    )
    _typed(run, hosts, f'Type {hosts} to carry this out: ')
    if 'all' in run.plan.request.get('accept_data_loss', ()):
        _confirm_loss(run, hosts)


def _words(run: Run) -> Sequence[str]:
    """What is typed to approve: hosts, or what is done wherever it is."""
    codes: Sequence[str] = run.plan.request.get('codes', ())
    if run.plan.procedure in _NAMED:
        return [verdict.name for verdict in run.plan.verdicts[:1]]
    return codes or _TYPED.get(run.plan.procedure, run.plan.hosts)


def _confirm_loss(run: Run, hosts: str) -> None:
    losing = [v for v in run.plan.verdicts if v.act and v.loss]
    if losing:
        names = ', '.join(verdict.name for verdict in losing)
        _typed(
            run,
            hosts,
            f'Data of {len(losing)} servers will be LOST: {names}\n'
            f'Type {hosts} again to lose it: ',
        )


def _typed(run: Run, wanted: str, prompt: str) -> None:
    print(prompt, end='', file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if answer != wanted:
        raise errors.NotApproved(
            run.id, f'{answer!r} is not {wanted!r}' if answer else 'no answer'
        )
