# SPDX-License-Identifier: Apache-2.0
"""Start, find and end the cloud's own processes, and no others.

Each service leads a session of its own, is remembered by pid and start time,
and carries a mark in its environment, as does everything it starts.  Both are
needed: a process may leave the session, and one that sets its title loses the
environment that others can see.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.cloud import errors, files, paths

MARK = 'PRACTICE_CLOUD_SERVICE'
# Dead, and a zombie that its parent has not asked about.
GONE = ('X', 'Z')


class Stat(NamedTuple):
    state: str
    session: int
    start: int


def start(name: str, argv: Iterable[str], env: Mapping[str, str]) -> None:
    log = paths.log(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'ab') as out:
        child = subprocess.Popen(
            list(argv),
            cwd=paths.state(),
            env={**env, MARK: _mark(name)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    # Left to init when the launcher ends; without this, Popen complains.
    child.returncode = 0
    files.write(
        _pid_file(name),
        {'pid': child.pid, 'start': _stat(child.pid).start, 'at': time.time()},
    )


def running(name: str) -> bool:
    """Whether the leader of this service is alive."""
    known = files.read(_pid_file(name), None)
    if known is None:
        return False
    now = _stat(known['pid'])
    return now.state not in GONE and now.start == known['start']


def started_at(name: str) -> float:
    """When the service was last started, by the clock of this machine."""
    return float(files.read(_pid_file(name), {'at': 0})['at'])


def stop(services: Iterable[str], deadline: float = 30) -> None:
    """Ask these services to end, insist at the deadline, wait for all."""
    chosen = set(services)
    _send(chosen, signal.SIGTERM)
    if _gone(chosen, deadline):
        return
    _send(chosen, signal.SIGKILL)
    if not _gone(chosen, 10):
        raise errors.CloudError(
            'some processes do not end, not even by SIGKILL: '
            f'{_pids(chosen)}; see what they wait for with ps'
        )


def kill(name: str) -> None:
    """End a service at once, as a power cut would."""
    _send({name}, signal.SIGKILL)
    _gone({name}, 10)


def forget(name: str) -> None:
    """Remember a service no more that has ended for good."""
    _pid_file(name).unlink(missing_ok=True)


def names() -> set[str]:
    """Every service of this cloud that has a process now."""
    return set(_owners().values())


def _mark(name: str) -> str:
    return f'{paths.state()}:{name}'


def _pid_file(name: str) -> pathlib.Path:
    return paths.state() / 'pids' / f'{name}.json'


def _send(services: set[str], number: signal.Signals) -> None:
    for pid in _pids(services):
        with contextlib.suppress(ProcessLookupError):
            _signal(pid, services, number)


def _signal(pid: int, services: set[str], number: signal.Signals) -> None:
    handle = os.pidfd_open(pid)
    try:
        # Asked again: the number may have been reused before the handle.
        if _owner(pid, _leaders()) in services:
            signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def _gone(services: set[str], deadline: float) -> bool:
    end = time.monotonic() + deadline
    while _pids(services):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _pids(services: set[str]) -> list[int]:
    return [pid for pid, name in _owners().items() if name in services]


def _owners() -> dict[int, str]:
    """The service of every process of this cloud."""
    leaders = _leaders()
    pids = (
        int(entry.name)
        for entry in pathlib.Path('/proc').iterdir()
        if entry.name.isdigit()
    )
    found = {pid: _owner(pid, leaders) for pid in pids}
    return {pid: name for pid, name in found.items() if name}


def _leaders() -> dict[int, tuple[str, int]]:
    """By pid: the service and the start time of each remembered leader.

    A number is not given to a new process while a session bears it, so the
    session stays known by it even when the leader died alone.
    """
    leaders = {}
    for path in (paths.state() / 'pids').glob('[!.]*.json'):
        known = files.read(path, None)
        now = _stat(known['pid'])
        if now.state in GONE or now.start == known['start']:
            leaders[known['pid']] = (path.stem, known['start'])
    return leaders


def _owner(pid: int, leaders: Mapping[int, tuple[str, int]]) -> str:
    """The service a process belongs to, or nothing."""
    now = _stat(pid)
    if now.state in GONE:
        return ''
    name, start = leaders.get(now.session, ('', 0))
    return name if name and now.start >= start else _marked(pid)


def _marked(pid: int) -> str:
    mark = f'{MARK}={_mark("")}'.encode()
    try:
        environ = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
    except OSError:
        return ''
    for item in environ.split(b'\0'):
        if item.startswith(mark):
            return item.removeprefix(mark).decode()
    return ''


def _stat(pid: int) -> Stat:
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return Stat('X', 0, 0)
    # The command's name is in parentheses and may hold anything.
    fields = text.rpartition(')')[2].split()
    return Stat(fields[0], int(fields[3]), int(fields[19]))
