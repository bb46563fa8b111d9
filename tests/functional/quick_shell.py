# SPDX-License-Identifier: Apache-2.0
"""The ``openstack`` shell, with all that commands import, for them to fork.

What is forked becomes a command: the same shell, plugins, configuration and
network as ever, in a process of its own.  Its only argument is the number of
a socket that listens; each connection is a command.
"""

import contextlib
import json
import os
import signal
import socket
import sys

_IMPORTED = (
    'openstackclient.shell',
    'openstack.connection',
    'osc_recover.recovery',
    'osc_recover.commands.audit',
    'osc_recover.commands.domain',
    'osc_recover.commands.host',
    'osc_recover.commands.instance',
    'osc_recover.commands.ownership',
    'osc_recover.commands.run',
    'osc_recover.commands.setup',
    'osc_recover.commands.snapshot',
    'paramiko',
    'pymysql',
    'rich.progress',
)


def _serve(listening):
    for name in _IMPORTED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            # Whoever asked may not wait for the end.
            with contextlib.suppress(BrokenPipeError):
                _answer(asked)
            os._exit(0)
        asked.close()


def _answer(asked):
    with asked, asked.makefile('rw') as talk:
        task = json.loads(talk.readline())
        command = os.fork()
        if command == 0:
            _become(task)
        print(command, file=talk, flush=True)
        status = os.waitpid(command, 0)[1]
        print(os.waitstatus_to_exitcode(status), file=talk, flush=True)


def _become(task):
    """Be a command, to the end of the process."""
    os.environ.clear()
    os.environ.update(task['env'])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, path in ((1, task['out']), (2, task['err'])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ['openstack', *task['words']]
    from openstackclient import shell

    status = 70
    try:
        status = shell.main(task['words'])
    except SystemExit as ended:
        status = ended.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == '__main__':
    number = int(sys.argv[1])
    sys.argv = ['openstack']  # cliff calls itself so when it is imported
    _serve(socket.socket(fileno=number))
