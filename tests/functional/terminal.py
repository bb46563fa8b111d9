# SPDX-License-Identifier: Apache-2.0
"""A command of ours as somebody at a terminal has it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from tests import practice as lib

INTERRUPT = '\x03'
DEADLINE = 180


class Session:
    """A command whose stdin and stderr are a terminal, its stdout a pipe."""

    def __init__(self, clouds, *words):
        self._shown, self._changed = '', threading.Condition()
        self._ours, theirs = pty.openpty()
        size = struct.pack('HHHH', 40, 200, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self._process = subprocess.Popen(
            lib.command(*words),
            env={**lib.environment(clouds), 'TERM': 'xterm'},
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Where ^C reaches whoever reads from it.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the other side has gone
                data = b''
            with self._changed:
                self._shown += data.decode(errors='replace')
                self._changed.notify_all()
            if not data:
                return

    def see(self, text):
        """Wait until the terminal has shown a text."""
        with self._changed:
            seen = self._changed.wait_for(
                lambda: text in self._shown, DEADLINE
            )
            assert seen, self._shown

    def type(self, text):
        os.write(self._ours, text.encode())

    def end(self):
        """What the command left when it ended."""
        out, _ = self._process.communicate(timeout=DEADLINE)
        self._reader.join(60)
        os.close(self._ours)
        plain = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', self._shown)
        return lib.Done(self._process.returncode, out, plain)
