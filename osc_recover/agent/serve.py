# SPDX-License-Identifier: Apache-2.0
"""Requests from stdin, answers to what was stdout, until the channel closes.

A thread reads, so that the end of the channel is seen while an operation
runs.  The operation is then cut: it gets an exception and some seconds to
clean up, and after that everything is ended.
"""

import os
import queue
import signal
import sys
import threading
import time
from typing import Any, Callable, Dict

from osc_recover.agent import border, errors, registry, whole

GRACE = 5.0  # seconds for an operation that is cut
_AGAIN = 0.2  # seconds

Say = Callable[[bytes], None]


class Cut(BaseException):
    """The channel was closed, or a signal asks this program to end."""


def main() -> None:
    """Greet, and answer requests; ends the process."""
    _set_up()
    say = _speaker()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    busy = False
    try:
        say(border.line(border.greeting()))
        threading.Thread(target=_listen, args=(requests,), daemon=True).start()
        while True:
            data = requests.get()
            busy = True
            answer = _answer(data, say)
            busy = False
            say(answer)
    except Cut:
        if busy:
            _end_everything()
    # Without the interpreter's own clean-up: the thread may be reading.
    os._exit(0)


def _set_up() -> None:
    # A group of its own, to be ended as a whole.
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    os.chdir('/')
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _cut)


def _cut(number: int, frame: object) -> None:
    if whole.puts_off(number):
        return
    # Once: what cleans up is not cut again.
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise Cut


def _speaker() -> Say:
    """A way to say a line; stray prints go to stderr from now on."""
    out = os.dup(1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(data: bytes) -> None:
        with lock:
            while data:
                data = data[_write(out, data) :]

    return say


def _write(out: int, data: bytes) -> int:
    try:
        return os.write(out, data)
    except BrokenPipeError as exc:
        raise Cut from exc


def _listen(requests: 'queue.SimpleQueue[bytes]') -> None:
    while True:
        data = sys.stdin.buffer.readline(border.LONGEST)
        if not data.endswith(b'\n'):
            break  # the channel is closed, perhaps within a line
        requests.put(data)
    _cut_main_thread()
    _end_everything()


def _cut_main_thread() -> None:
    """Interrupt the main thread, and give it time to end everything."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        # Again, as one may come just before the thread begins to wait; all
        # but the first one that it heeds are ignored.
        signal.pthread_kill(main_thread, signal.SIGTERM)
        time.sleep(_AGAIN)


def _end_everything() -> None:
    """End this program and all it has started, at once."""
    from osc_recover.agent import run

    run.end_all()
    os.killpg(0, signal.SIGKILL)


def _answer(data: bytes, say: Say) -> bytes:
    try:
        number, name, args = border.request(data)
    except border.Broken as exc:
        return border.line({'id': 0, 'died': f'Broken: {exc}'})

    def tell(event: Dict[str, Any]) -> None:
        say(border.line({'id': number, 'tell': event}))

    try:
        return border.line({'id': number, **_outcome(name, args, tell)})
    # A bug: its traceback is told at home.
    except (Exception, SystemExit):  # noqa: BLE001
        import traceback

        return border.line({'id': number, 'died': traceback.format_exc()})


def _outcome(
    name: str, args: Dict[str, Any], tell: registry.Tell
) -> Dict[str, Any]:
    try:
        return {'result': registry.find(name)(args, tell)}
    except errors.Refused as exc:
        told = {'code': exc.code, 'text': exc.text, 'fields': exc.fields}
        return {'refused': told}
