# SPDX-License-Identifier: Apache-2.0
"""Files of hosts: listed, re-owned, given back, and all of it verified.

Each may be done twice without harm: a manifest on the host, that one process
works with at a time, tells of each file what it had and what it gets.
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from osc_recover import errors
from osc_recover.effects import Control, Looking, Result
from osc_recover.facts import Looked
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.host_services import Services
from osc_recover.gateways.trees import Ended, Trees, Walk
from osc_recover.operations.renumbering import (
    keep_stopped,
    shown,
    wrong_accounts,
)
from osc_recover.plan import Step

_TICK = 1.0
_EVERY = 5.0  # seconds between two lines of progress
_NAMED = 5

Watch = Callable[[Step, str, str], None]


def _nobody(step: Step, state: str, note: str) -> None:
    """Whom progress is told to, where nobody listens."""


class Tree:
    """List, change or give back the files of a host, by a manifest there.

    After a cut link the host may still be at it.  Then it counts as in
    effect, and its end is waited for.

    :param verb: prepare, change or undo
    :param run: the run whose manifests have its name
    :param watch: is told of the progress
    """

    writes = True
    grace = 0.0

    def __init__(
        self,
        trees: Trees,
        services: Services,
        verb: str,
        run: str,
        watch: Watch = _nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trees = trees
        self._services = services
        self._verb = verb
        self._run = run
        self._watch = watch
        self._clock = clock

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether it is done, or under way."""
        return self._state(step) in (*_THERE[self._verb], 'busy')

    def apply(self, step: Step) -> Result:
        """Have the host do it; what a cut has left undone is done now."""
        keep_stopped(self._services, step)
        walk = walk_of(step, self._run)
        tell = Progress(self._watch, step, self._clock)
        try:
            ended = self._trees.carry_out(step.target, self._verb, walk, tell)
        except (errors.RequestTimedOut, errors.AgentCut) as exc:
            raise errors.Uncertain(
                step.target, _WHAT[self._verb], exc.sentence
            ) from exc
        except errors.HostError as exc:
            if exc.code == 'busy':
                return Result('the host is at it already')
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        return _told(step, self._verb, ended)

    def follow(self, step: Step, control: Control) -> Result:
        """Wait for the end of one that is under way.

        :raises errors.StepFailed: when it was cut off
        """
        while (state := self._state(step)) == 'busy':
            control.wait(_TICK)
        if state not in _THERE[self._verb]:
            raise errors.StepFailed(
                f'{step.target}: the {_WHAT[self._verb]} was cut off',
                'openstack recover run resume goes on with it',
            )
        return Result()

    def _state(self, step: Step) -> str:
        name = manifest_of(step, self._run)
        try:
            return self._trees.state(step.target, name)
        except errors.HostError as exc:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc


_THERE = {
    'prepare': ('listed', 'done'),
    'change': ('done',),
    'undo': ('undone',),
}
_WHAT = {
    'prepare': 'listing of files',
    'change': 'change of files',
    'undo': 'return of files',
}


class Verify(Looking):
    """The guide's last find, and the accounts."""

    def __init__(
        self,
        trees: Trees,
        accounts: Accounts,
        run: str,
        watch: Watch = _nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trees = trees
        self._accounts = accounts
        self._run = run
        self._watch = watch
        self._clock = clock

    def follow(self, step: Step, control: Control) -> Result:
        """Look at every file and account.

        :raises errors.StepFailed: naming what has an old number
        """
        host = step.target
        tell = Progress(self._watch, step, self._clock)
        try:
            looked = self._trees.verify(host, walk_of(step, self._run), tell)
        except errors.HostError as exc:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        wrong = [*self._accounts_of(step), *_of_files(looked)]
        if wrong:
            raise errors.StepFailed(
                f'{host}: ' + '; '.join(wrong),
                f'see openstack recover ownership verify {host}; what was '
                'made since needs openstack recover ownership fix '
                f'{host} --uid NAME=OLD:NEW',
            )
        return Result(
            f'{looked.entries} objects looked at: none has an old number'
        )

    def _accounts_of(self, step: Step) -> list[str]:
        found = shown(self._accounts, step)
        return (
            [found.problem] if found.problem else wrong_accounts(found, step)
        )


class Progress:
    """A word about a long walk, now and then."""

    def __init__(
        self, watch: Watch, step: Step, clock: Callable[[], float]
    ) -> None:
        self._watch, self._step, self._clock = watch, step, clock
        self._due = clock() + _EVERY

    def __call__(self, event: dict[str, Any]) -> None:
        """Take what the host tells of its progress."""
        now = self._clock()
        if now >= self._due:
            self._due = now + _EVERY
            self._watch(self._step, 'under way', progress_words(event))


def progress_words(event: dict[str, Any]) -> str:
    """What a host tells of its progress, for people.

    >>> progress_words({'phase': 'changing', 'done': 500, 'of': 900})
    'changing: 500 of 900 files'
    """
    of = f' of {event["of"]}' if 'of' in event else ''
    return f'{event.get("phase", "")}: {event.get("done", 0)}{of} files'


def walk_of(step: Step, run: str) -> Walk:
    """What a step walks; a return of files needs its manifest alone."""
    args = step.args
    return Walk(
        tuple(args.get('roots', ())),
        tuple(args.get('skip', ())),
        args.get('uids', {}),
        args.get('gids', {}),
        manifest_of(step, run),
        bool(args.get('merge')),
        args.get('attributes', ''),
    )


def manifest_of(step: Step, run: str) -> str:
    """The name of a step's manifest on its host; '' where it has none."""
    part = step.args['manifest']
    if part is None:
        return ''
    if step.verb == 'tree.undo':
        return str(part)
    return f'{run}-{part}' if part else run


def _told(step: Step, verb: str, ended: Ended) -> Result:
    if verb == 'prepare':
        return _told_of_list(ended)
    failed = ended.counts.get('failed', 0)
    if failed:
        raise errors.StepFailed(
            f'{step.target}: {failed} of {ended.listed} files could not be '
            f'changed: {_some(ended.wrong)}',
            'see what keeps the host from it (dmesg; root_squash of an NFS '
            'server), then openstack recover run resume',
        )
    changed = ended.counts.get('changed', 0)
    words = [f'{changed} of {ended.listed} files changed']
    if touched := ended.counts.get('touched', 0):
        words.append(
            f'{touched} left alone, as somebody else has changed them since: '
            + _some(ended.wrong)
        )
    return Result('; '.join(words), data={'counts': dict(ended.counts)})


def _told_of_list(ended: Ended) -> Result:
    words = [f'{ended.listed} files are to change']
    if ended.taken:
        words.append(
            f'{ended.taken} have a new number already, and will be that '
            "account's"
        )
    return Result('; '.join(words), data={'taken': ended.taken})


def _of_files(looked: Looked) -> list[str]:
    found = [
        f'{one.count} objects have {one.what}, such as {one.samples[0]!r}'
        if one.state == 'left' and one.samples
        else f'{one.count} objects are {one.what}'
        for one in looked.found
        if one.state != 'nobody'
    ]
    if looked.trouble:
        found.append(f'could not be read: {_some(looked.trouble)}')
    return found


def _some(words: Collection[str]) -> str:
    return ', '.join(list(words)[:_NAMED])
