# SPDX-License-Identifier: Apache-2.0
"""Directories shared out to forked processes that only look at them.

Forked, as threads would wait for each other in Python, and as a child has
what its parent has read so far without being told.
"""

import contextlib
import json
import mmap
import os
import select
import signal
import struct
from typing import Any, Callable, Dict, Iterator, List

_SLOT = struct.Struct('<Q')
_TASK = struct.Struct('<I')
_TASKS = 8192  # what a pipe holds of them without anybody reading
_WAIT = 0.3  # seconds between two words of progress

Work = Callable[[int], int]
Result = Callable[[], Dict[str, Any]]


def number(most: int = 4) -> int:
    """How many workers this host has room for."""
    return min(most, len(os.sched_getaffinity(0)))


def spread(
    tasks: int,
    workers: int,
    work: Work,
    result: Result,
    tell: Callable[[int], None],
) -> List[Dict[str, Any]]:
    """Have every task done by one of the workers.

    :param tasks: how many there are; they are told by their numbers
    :param work: does a task; returns how many objects it has seen so far
    :param result: what a worker has to say in the end, as JSON has it; never
        nothing
    :param tell: is told how many objects all have seen, now and then
    :returns: what each worker said
    :raises RuntimeError: when one of them died, with its traceback
    """
    queue, source = os.pipe()
    bundle = max(1, -(-tasks // _TASKS))
    numbers = range(0, tasks, bundle)
    os.write(source, b''.join(_TASK.pack(number) for number in numbers))
    os.close(source)
    seen = mmap.mmap(-1, _SLOT.size * workers)
    children: Dict[int, int] = {}
    try:
        for slot in range(workers):
            draw = _drawn(queue, bundle, tasks)
            pid, answer = _fork(draw, work, result, seen, slot)
            children[answer] = pid
        os.close(queue)
        return list(_answers(children, seen, tell))
    finally:
        for answer, pid in children.items():
            os.close(answer)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _drawn(queue: int, bundle: int, tasks: int) -> Iterator[int]:
    while True:
        data = os.read(queue, _TASK.size)
        if not data:
            return
        (first,) = _TASK.unpack(data)
        yield from range(first, min(first + bundle, tasks))


def _fork(
    draw: Iterator[int],
    work: Work,
    result: Result,
    seen: mmap.mmap,
    slot: int,
) -> 'tuple[int, int]':
    answer, end = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(end)
        return pid, answer
    # From here on nothing of the parent's is touched, its channel least.
    said = None
    try:
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        for task in draw:
            _SLOT.pack_into(seen, slot * _SLOT.size, work(task))
            if os.getppid() != parent:
                os._exit(1)
        said = result()
    finally:
        _write(end, json.dumps(said or {'died': _traceback()}))
        os._exit(0)


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def _write(fd: int, text: str) -> None:
    view = memoryview(text.encode('ascii'))
    while view:
        view = view[os.write(fd, view) :]


def _answers(
    children: Dict[int, int], seen: mmap.mmap, tell: Callable[[int], None]
) -> Iterator[Dict[str, Any]]:
    texts: Dict[int, bytes] = dict.fromkeys(children, b'')
    reading = set(children)
    while reading:
        ready = select.select(list(reading), [], [], _WAIT)[0]
        for fd in ready:
            data = os.read(fd, 1 << 20)
            texts[fd] += data
            if not data:
                reading.remove(fd)
        tell(sum(number for (number,) in _SLOT.iter_unpack(bytes(seen))))
    for text in texts.values():
        yield _checked(text)


def _checked(text: bytes) -> Dict[str, Any]:
    message: Dict[str, Any] = json.loads(text or b'{"died": "killed"}')
    if 'died' in message:
        raise RuntimeError('a worker died: ' + message['died'])
    return message
