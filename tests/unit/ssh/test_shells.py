# SPDX-License-Identifier: Apache-2.0
"""What shells and sudo say, as seen in the wild, and what it means."""

import pytest

from osc_recover import errors
from osc_recover.gateways.ssh.shells import Ending, not_started


@pytest.mark.parametrize(
    'said',
    [
        'sudo: a password is required\n',
        'sudo: a terminal is required to read the password; either use the '
        '-S option to read from standard input or configure an askpass '
        'helper\nsudo: a password is required\n',
        'sudo: no tty present and no askpass program specified\n',
        'sudo: interactive authentication is required\n',
    ],
)
def test_a_password_for_sudo_is_told_from_its_words(said):
    told = not_started('cmp1', 'ops', True, Ending(1, said))
    assert type(told) is errors.SudoPassword


@pytest.mark.parametrize(
    'status, said, problem',
    [
        (1, 'ops is not in the sudoers file.\n'
            'This incident has been reported to the administrator: sudo\n',
         'This incident'),
        (1, 'Sorry, user ops is not allowed to execute as root. sudo\n',
         'Sorry, user ops'),
        (1, 'sudo: sorry, you must have a tty to run sudo\n', 'must have'),
        (127, "env: 'sudo': No such file or directory\n", 'is no sudo'),
        (127, 'env: «sudo»: Datei nicht gefunden\n', 'is no sudo'),
    ],
)  # fmt: skip
def test_a_refusal_of_sudo_is_quoted(status, said, problem):
    told = not_started('cmp1', 'ops', True, Ending(status, said))
    assert type(told) is errors.SudoFailed
    assert problem in told.problem


@pytest.mark.parametrize(
    'sudo, status, said',
    [
        (False, 127, 'sh: 1: exec: python3: not found\n'),
        (False, 127, 'bash: line 1: exec: python3: not found\n'),
        (False, 127, 'zsh:1: command not found: python3\n'),
        (False, 1, 'python3: Command not found.\n'),
        (False, 127, 'fish: Unknown command: python3\n'),
        (False, 127, 'bash: python3: Kommando nicht gefunden.\n'),
        (False, 127, ''),
        (True, 1, 'sudo: python3: command not found\n'),
    ],
)
def test_a_missing_python_is_told_from_status_and_words(sudo, status, said):
    told = not_started('cmp1', 'ops', sudo, Ending(status, said))
    assert type(told) is errors.PythonMissing


@pytest.mark.parametrize(
    'ending, words',
    [
        (Ending(1, 'x\nOSError: [Errno 38] memfd_create\n'),
         'exit status 1: OSError: [Errno 38] memfd_create'),
        (Ending(127, 'sh: 1: /opt/wrapper: not found\n'), '/opt/wrapper'),
        (Ending(None), 'it was killed, or closed its output'),
        (Ending(None, 'x', connected=False), 'the connection was lost'),
        (Ending(1, '\x1b[31m\x07bad'), 'exit status 1: ?[31m?bad'),
    ],
)  # fmt: skip
def test_anything_else_is_quoted(ending, words):
    told = not_started('cmp1', 'ops', False, ending)
    assert type(told) is errors.AgentCut
    assert words in told.problem
