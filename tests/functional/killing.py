# SPDX-License-Identifier: Apache-2.0
"""Kill a process of ours at seeded moments, told by its calls."""

import dataclasses
import itertools
import pathlib
import random
import signal
import subprocess
from collections.abc import Iterator, Sequence

from tests import practice as lib
from tests.functional.proxy import Proxy

DEADLINE = 240  # seconds


@dataclasses.dataclass(frozen=True)
class Moment:
    """The n-th call of a process; held: the n-th effect that it asks for."""

    number: int
    held: str = ''  # how the proxy holds it; '' for any call, not held


def moments(seed: int) -> Iterator[Moment]:
    """Half of them between a request sent and its answer read."""
    dice = random.Random(seed)
    for number in itertools.count():
        if number % 2:
            yield Moment(dice.randint(1, 60))
        else:
            held = dice.choice(('hang', 'hang-after', 'hang-after'))
            yield Moment(dice.randint(1, 3), held)


def go_on(clouds: pathlib.Path, *words: str) -> subprocess.Popen[str]:
    """Start a command, or go on where the last process was killed."""
    for run in lib.recover(clouds, 'run', 'list').rows:
        if run['State'] != 'planned':
            words = ('run', 'resume', run['Run'])
            break
    return subprocess.Popen(
        lib.command(*words),
        env=lib.environment(clouds),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> lib.Done:
    """Wait for its end."""
    out, err = process.communicate(timeout=DEADLINE)
    return lib.Done(process.returncode, out, err)


def kill(
    proxy: Proxy,
    process: subprocess.Popen[str],
    moment: Moment,
    effects: Sequence[str],
    how: signal.Signals = signal.SIGKILL,
) -> lib.Done:
    """End a process at a moment; returns what it had to say by then.

    :param process: just started, and asking through the proxy
    :param effects: the kinds of calls that are held
    """
    proxy.clear()
    if moment.held:
        for kind in effects:
            proxy.inject(kind, moment.held, first=moment.number)

    def is_there() -> bool:
        if moment.held:
            return proxy.holding() > 0
        return len(proxy.calls) >= moment.number

    for _ in range(DEADLINE * 10):
        if proxy.wait_for(is_there, 0.1) or process.poll() is not None:
            break
    process.send_signal(how)
    ended = finish(process)
    proxy.clear()
    return ended
