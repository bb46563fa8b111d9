# SPDX-License-Identifier: Apache-2.0
"""Real commands of ours, without the second that each takes to be imported.

That second is all of a core's, on a machine that has two.  How a command is
started is seen where it is watched, interrupted or killed: those are.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from tests import practice as lib

SHELL = str(pathlib.Path(__file__).with_name('quick_shell.py'))


class Client:
    """The process; commands run side by side, as often as they are asked."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._path = str(folder / 'client')
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._path)
            listening.listen()
            words = [sys.executable, SHELL, str(listening.fileno())]
            fds = [listening.fileno()]
            self._process = subprocess.Popen(words, pass_fds=fds)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def run(
        self, argv: list[str], env: Mapping[str, str], timeout: float
    ) -> lib.Done:
        """Run a command of the client, as ``tests.practice.started`` does."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = (os.path.join(folder, name) for name in 'oe')
            task = {'words': argv[1:], 'env': dict(env), 'out': out,
                    'err': err}  # fmt: skip
            status = self._status(task, argv, timeout)
            told = [pathlib.Path(path).read_text() for path in (out, err)]
        return lib.Done(status, *told)

    def _status(self, task, argv, timeout):
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(timeout)
            asked.connect(self._path)
            with asked.makefile('rw') as talk:
                print(json.dumps(task), file=talk, flush=True)
                command = int(talk.readline())
                try:
                    return int(talk.readline())
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(command, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(argv, timeout) from None
