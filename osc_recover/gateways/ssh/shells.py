# SPDX-License-Identifier: Apache-2.0
"""Why a program did not start, from what shells and sudo say about it.

Nothing here does I/O.
"""

import dataclasses
import re

from osc_recover import errors

_NOT_FOUND = 127  # POSIX, sh, "Exit Status for Commands"

# sudo 1.8 to 1.9.17 and sudo-rs, in the C locale.
_PASSWORD = re.compile(
    r'sudo: .*(password is required|terminal is required'
    r'|authentication is required|no tty present)',
    re.IGNORECASE,
)
_NO_SUDO = re.compile(r'sudo\W*: (command )?(not found|No such file)')
# dash, bash, zsh, csh, fish, busybox, sudo.
_NO_PYTHON = re.compile(
    r'python3.*not found|not found.*python3|unknown command.*python3',
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended on a host.

    ``status`` is None where none was told (killed, or the connection went);
    ``said`` is the end of its stderr.
    """

    status: int | None
    said: str = ''
    connected: bool = True


def not_started(
    host: str, user: str, sudo: bool, ending: Ending
) -> errors.HostError:
    """The error for a program that ended before its greeting."""
    said = ending.said
    if sudo and _PASSWORD.search(said):
        return errors.SudoPassword(host, user)
    if sudo and (_NO_SUDO.search(said) or ending.status == _NOT_FOUND):
        return errors.SudoFailed(host, user, 'there is no sudo')
    if _NO_PYTHON.search(said) or (
        ending.status == _NOT_FOUND and (not said or 'python3' in said)
    ):
        return errors.PythonMissing(host, user)
    if sudo and 'sudo' in said:
        return errors.SudoFailed(host, user, _last(said))
    return errors.AgentCut(host, 'its start', words(ending))


def words(ending: Ending) -> str:
    """How it ended, for people."""
    if not ending.connected:
        return 'the connection was lost'
    if ending.status is None:
        how = 'it was killed, or closed its output'
    else:
        how = f'exit status {ending.status}'
    said = _last(ending.said)
    return f'{how}: {said}' if said else how


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    text = ' '.join(lines[-1].split())[-300:] if lines else ''
    return ''.join(c if c.isprintable() else '?' for c in text)
