# SPDX-License-Identifier: Apache-2.0
"""The one way to run a program on a host: argv, no shell, an end."""

import contextlib
import os
import signal
from typing import (
    TYPE_CHECKING,
    Container,
    Dict,
    NamedTuple,
    Optional,
    Sequence,
    Set,
)

from osc_recover.agent import errors, whole

if TYPE_CHECKING:
    import subprocess

PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

_running: Set[int] = set()  # each leads a process group


class Done(NamedTuple):
    """How a program ended; a negative code is the signal that ended it."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What it said on stdout; bytes that are no UTF-8 as surrogates."""
        return self.out.decode('utf-8', 'surrogateescape')

    @property
    def words(self) -> str:
        """The last it said, for people: of stderr, or else of stdout."""
        return last_words(self.err) or last_words(self.out)


def last_words(said: bytes) -> str:
    """The end of what a program said, on one line."""
    return ' '.join(said.strip()[-300:].decode('utf-8', 'replace').split())


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60.0,
    expect: Optional[Container[int]] = None,
    env: Optional[Dict[str, str]] = None,
) -> Done:
    """Run a program to its end, with nothing on stdin and LC_ALL=C.

    :param argv: the program's name or path, and its arguments
    :param timeout: seconds; then it is ended, with its children
    :param expect: the exit codes that are no failure; without it, any
    :param env: variables beside PATH and LC_ALL; nothing is inherited
    :raises errors.Refused: no-program, program-unusable, program-timed-out,
        or program-failed for an exit code that is not expected
    """
    done = _run(argv, timeout, {**(env or {}), 'PATH': PATH, 'LC_ALL': 'C'})
    if expect is not None and done.code not in expect:
        text = f'{argv[0]} ended with {done.code}: {done.words}'
        raise errors.Refused('program-failed', text, exit=done.code)
    return done


def end_all() -> None:
    """End every program that still runs, with its children."""
    for group in list(_running):
        _kill(group)


def _run(argv: Sequence[str], timeout: float, env: Dict[str, str]) -> Done:
    # A child that is left behind would keep a pipe open: in memory instead.
    out, err = os.memfd_create('stdout'), os.memfd_create('stderr')
    try:
        code = _wait(argv, out, err, timeout, env)
        return Done(code, _content(out), _content(err))
    finally:
        os.close(out)
        os.close(err)


def _wait(
    argv: Sequence[str],
    out: int,
    err: int,
    timeout: float,
    env: Dict[str, str],
) -> int:
    # It takes as long to import as the rest of this program together.
    import subprocess

    with whole.whole():
        process = _begin(argv, out, err, env)
        _running.add(process.pid)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired as exc:
        _kill(process.pid)
        process.wait()
        text = f'{argv[0]} did not end within {timeout:g} s'
        raise errors.Refused('program-timed-out', text) from exc
    except BaseException:
        _kill(process.pid)
        process.wait()
        raise
    finally:
        _running.discard(process.pid)


def _begin(
    argv: Sequence[str], out: int, err: int, env: Dict[str, str]
) -> 'subprocess.Popen[bytes]':
    import subprocess

    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=env,
            cwd='/',
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        text = f'there is no program {argv[0]} in {PATH}'
        raise errors.Refused('no-program', text, program=argv[0]) from exc
    except (OSError, ValueError) as exc:
        text = f'{argv[0]} cannot be run: {exc}'
        raise errors.Refused('program-unusable', text) from exc


def _kill(group: int) -> None:
    # It may have ended just now.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _content(file: int) -> bytes:
    with open(file, 'rb', closefd=False) as content:
        content.seek(0)
        return content.read()
