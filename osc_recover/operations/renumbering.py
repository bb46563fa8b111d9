# SPDX-License-Identifier: Apache-2.0
"""Accounts of hosts: nothing runs under their old numbers, and new numbers.

To give them may be done twice without harm: each knows its old and new one.
"""

import time
from collections.abc import Callable, Collection

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.facts import HostAccounts
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.host_services import Services, Wanted
from osc_recover.gateways.ownership import Ground
from osc_recover.plan import Step

_TICK = 1.0
_ENDING = 30.0  # seconds for processes to end with their services
_NAMED = 5


class Quiet(Looking):
    """See that no process is left under a number that changes."""

    def __init__(
        self,
        ground: Ground,
        *,
        timeout: float = _ENDING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ground = ground
        self._timeout = timeout
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Wait a while for the last to end.

        :raises errors.StepFailed: naming those that do not
        """
        until = self._clock() + self._timeout
        while left := self._left(step):
            if self._clock() > until:
                raise errors.StepFailed(
                    f'{step.target}: processes still run under a number that '
                    f'changes: {", ".join(left[:_NAMED])}',
                    f'end them on {step.target}, then openstack recover run '
                    'resume; its services are stopped, nothing else is '
                    'changed',
                )
            control.wait(_TICK)
        return Result('no process is left under an old number')

    def _left(self, step: Step) -> list[str]:
        uids, gids = step.args['uids'], step.args['gids']
        return processes(self._ground, step.target, uids, gids)


def processes(
    ground: Ground, host: str, uids: Collection[int], gids: Collection[int]
) -> list[str]:
    """What runs under numbers on a host, in words.

    :raises errors.StepFailed: when the host cannot be asked
    """
    try:
        found = ground.processes(host, uids, gids)
    except errors.HostError as exc:
        raise errors.StepFailed(exc.sentence, exc.way_out) from exc
    return [f'{p.guest or p.command} (pid {p.pid})' for p in found]


class ChangeAccounts:
    """Give the accounts of a host their numbers."""

    writes = True
    grace = 0.0

    def __init__(
        self, accounts: Accounts, services: Services, ground: Ground
    ) -> None:
        self._accounts = accounts
        self._services = services
        self._ground = ground

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether the host resolves them to their new numbers."""
        found = shown(self._accounts, step)
        if found.problem:
            raise errors.StepFailed(found.problem, found.way_out)
        return not wrong_accounts(found, step)

    def apply(self, step: Step) -> Result:
        """Write the files of accounts, once."""
        if keep_stopped(self._services, step):
            self._check_quiet(step)
        try:
            written = self._accounts.change(
                step.target, step.args['users'], step.args['groups']
            )
        except (errors.RequestTimedOut, errors.AgentCut) as exc:
            raise errors.Uncertain(
                step.target, 'change of accounts', exc.sentence
            ) from exc
        except errors.HostError as exc:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        return Result('written: ' + ', '.join(written))

    def follow(self, step: Step, control: Control) -> Result:
        """See that it holds.

        :raises errors.StepFailed: when the host tells other numbers
        """
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{step.target}: its files have the new numbers, and it '
                'resolves the names to others',
                f'on {step.target}, restart nscd or sssd, and see passwd: and '
                'group: in /etc/nsswitch.conf',
            )
        return Result()

    def _check_quiet(self, step: Step) -> None:
        users, groups = step.args['users'], step.args['groups']
        uids = [row['uid'][0] for row in users if 'uid' in row]
        gids = [row['gid'][0] for row in groups]
        left = processes(self._ground, step.target, uids, gids)
        if left:
            raise errors.StepFailed(
                f'{step.target}: it was rebooted, and processes run under a '
                f'number that changes: {", ".join(left[:_NAMED])}',
                f'end them on {step.target}, then openstack recover run '
                'resume',
            )


def keep_stopped(services: Services, step: Step) -> bool:
    """Stop again what was stopped before: the host may have been rebooted.

    :returns: whether anything ran
    :raises errors.StepFailed: when it cannot be stopped
    """
    args = step.args
    wanted = Wanted(tuple(args['units']), tuple(args['containers']))
    if not (wanted.units or wanted.containers):
        return False
    try:
        runs = any(services.active(step.target, wanted))
        if runs:
            services.change(step.target, 'stop', wanted)
    except errors.HostError as exc:
        raise errors.StepFailed(exc.sentence, exc.way_out) from exc
    return runs


def shown(accounts: Accounts, step: Step) -> HostAccounts:
    """The accounts of a step, as its host tells them now."""
    [found] = accounts.show(
        [step.target],
        [row['name'] for row in step.args['users']],
        [row['name'] for row in step.args['groups']],
    )
    return found


def wrong_accounts(host: HostAccounts, step: Step) -> list[str]:
    """The accounts that do not have their new numbers, in words."""
    found = []
    for row in step.args['users']:
        account = host.account('user', row['name'])
        now = (account.number, account.primary) if account else (None, None)
        for key, number in zip(('uid', 'gid'), now, strict=True):
            if key in row and number != row[key][1]:
                found.append(f'{key} of user {row["name"]} is {number}')
    for row in step.args['groups']:
        account = host.account('group', row['name'])
        number = account.number if account else None
        if number != row['gid'][1]:
            found.append(f'gid of group {row["name"]} is {number}')
    return found
