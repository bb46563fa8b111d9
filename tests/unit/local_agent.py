# SPDX-License-Identifier: Apache-2.0
"""The program for hosts as a process here, or a peer that misbehaves."""

import functools
import glob
import io
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

from osc_recover.gateways.ssh import link, payload, shells

WHO = link.Who('cmp1', 'ops')
VERSIONS = ('3.8', '3.9', '3.11', '3.13')
HOW = (
    'there is no Python {0} here: pyenv install {0}, put python{0} on the '
    'PATH, or name its interpreter in OSC_RECOVER_PYTHONS'
)

# Operations that tests need and hosts do not.
EXTRA = """
import os, subprocess, sys, time
from osc_recover.agent import errors, run

def echo(args, tell):
    return args

def steps(args, tell):
    for number in range(args['n']):
        tell({'number': number})
    return {'n': args['n']}

def refuse(args, tell):
    raise errors.Refused('no-room', 'it is full', advice='make room')

def bug(args, tell):
    return {'x': {}['absent']}

def leave(args, tell):
    sys.exit(3)

def unfit(args, tell):
    return {'x': object()}

def stray(args, tell):
    print('stray', flush=True)
    os.write(1, b'stray too\\n')
    subprocess.run(['echo', 'from a child'])
    os.write(2, b'x' * args.get('n', 0))
    return {}

def files(args, tell):
    links = {fd: os.readlink('/proc/self/fd/' + fd)
             for fd in os.listdir('/proc/self/fd')
             if os.path.lexists('/proc/self/fd/' + fd)}
    return {'files': links, 'cwd': os.getcwd(), 'pid': os.getpid(),
            'encoding': sys.getfilesystemencoding(),
            'utf8': sys.flags.utf8_mode}

def sleep(args, tell):
    tell({'pid': os.getpid()})
    time.sleep(600)

def stubborn(args, tell):
    tell({'pid': os.getpid()})
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass

def tidy(args, tell):
    try:
        tell({'pid': os.getpid()})
        time.sleep(600)
    finally:
        os.kill(os.getpid(), 15)  # somebody is impatient
        with open(args['path'], 'w') as file:
            file.write('tidied')

def child(args, tell):
    tell({'pid': os.getpid()})
    run.run(['sh', '-c', 'echo $$ > %s; sleep 600 & wait' % args['path']])

def fork(args, tell):
    child = os.fork()
    if not child:
        time.sleep(600)
    tell({'pid': child})
    time.sleep(600)

def program(args, tell):
    done = run.run(**args)
    return {'code': done.code, 'text': done.text, 'words': done.words}
"""
NAMES = (
    'echo', 'steps', 'refuse', 'bug', 'leave', 'unfit', 'stray', 'files',
    'sleep', 'stubborn', 'tidy', 'child', 'fork', 'program',
)  # fmt: skip


def program(more: str = '') -> bytes:
    """The program as it is sent, with the operations above.

    :param more: is done before the first operation
    """
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload.payload())) as sent:
        files = {name: sent.read(name) for name in sent.namelist()}
    extra = {name: f'extra:{name}' for name in NAMES}
    files['osc_recover/agent/extra.py'] = EXTRA.encode()
    files['osc_recover/agent/registry.py'] += (
        f'\nOPERATIONS.update({extra!r})\n{more}'.encode()
    )
    with zipfile.ZipFile(content, 'w') as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


class Process:
    """A process as a link has it; its stderr goes to a file."""

    def __init__(self, argv: list[str], env: dict[str, str] | None = None):
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=env,
            bufsize=0,
        )

    def send(self, data: bytes, timeout: float = 60) -> None:
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    def receive(self, timeout: float) -> bytes:
        out = self.process.stdout
        if not select.select([out], [], [], timeout)[0]:
            raise TimeoutError
        return os.read(out.fileno(), 65536)

    def ending(self) -> shells.Ending:
        status = self.process.wait(60)
        return shells.Ending(None if status < 0 else status, self.said())

    def said(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode()

    @property
    def is_open(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """Close its channel, as SSH does."""
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.close()
        self.errors.close()


def start(
    python: str = sys.executable, env=None, *, more: str = ''
) -> Process:
    """Our program, as a host would start it."""
    data = program(more)
    argv = [python, '-I', '-c', payload.BOOT, str(len(data))]
    process = Process(argv, env)
    process.send(data)
    return process


def peer(script: str) -> Process:
    """Another program, in Python."""
    return Process([sys.executable, '-I', '-u', '-c', script])


@functools.cache
def interpreter(version: str) -> str:
    """The path of an interpreter; an empty one when there is none."""
    for path in _candidates(version):
        if os.access(path, os.X_OK) and _version(path) == version:
            return path
    return ''


def _candidates(version: str) -> Iterator[str]:
    yield from (
        os.environ.get('OSC_RECOVER_PYTHONS', '')
        .replace(os.pathsep, ' ')
        .split()
    )
    pyenv = pathlib.Path('~/.pyenv/versions').expanduser()
    yield from sorted(glob.glob(f'{pyenv}/{version}*/bin/python'))
    found = shutil.which(f'python{version}')
    if found:
        yield found


def _version(path: str) -> str:
    code = 'import sys; print("%d.%d" % sys.version_info[:2])'
    done = subprocess.run([path, '-c', code], capture_output=True, text=True)
    return done.stdout.strip()


def runs(process: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        with open(f'/proc/{process}/stat') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def wait_for(what: str, fact) -> None:
    """Wait until a fact holds."""
    end = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def in_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """Begin a call in a thread; what is returned waits for its result."""
    pool = futures.ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return lambda: future.result(60)
