# SPDX-License-Identifier: Apache-2.0
"""Fence agents: programs that switch hosts off and tell whether they are.

The protocol is that of the fence-agents project (FenceAgentAPI): options as
key=value lines on stdin, 0 for success, and for ``status`` 0 on and 2 off.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable

from osc_recover import errors
from osc_recover.settings import FenceDevice

_OK, _OFF = 0, 2
_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
_SECRET = ('pass', 'community', 'secret', 'token')
_ADVICE = (
    'nothing was moved; mend recover: fence in clouds.yaml, or switch the '
    'host off by hand and say so with --fenced "how you know"'
)


class FenceAgents:
    """The power switches of the configuration.

    :param timeout: seconds that one call of an agent may take
    """

    def __init__(
        self, devices: Iterable[FenceDevice], timeout: float = 120.0
    ) -> None:
        self._devices = {device.host: device for device in devices}
        self.timeout = timeout

    def knows(self, host: str) -> bool:
        """Whether the configuration has a switch for this host."""
        return host in self._devices

    def off(self, host: str) -> None:
        """Switch a host off.

        :raises errors.FenceFailed: when the agent does not say that it did
        """
        code, output = self._run(host, 'off')
        if code != _OK:
            raise _failed(host, 'off', f'exit status {code}: {output}')

    def is_off(self, host: str) -> bool:
        """Whether the switch says that the host is off.

        :raises errors.FenceFailed: when it says neither on nor off
        """
        code, output = self._run(host, 'status')
        if code not in (_OK, _OFF):
            raise _failed(host, 'status', f'exit status {code}: {output}')
        return code == _OFF

    def _run(self, host: str, action: str) -> tuple[int, str]:
        device = self._devices.get(host)
        if device is None:
            raise _failed(host, action, 'no device is configured for it')
        try:
            code, output = _talk(
                [_program(device)], _options(device, action), self.timeout
            )
        except subprocess.TimeoutExpired as exc:
            raise _failed(
                host, action, f'no end after {self.timeout:g} s'
            ) from exc
        except OSError as exc:
            raise _failed(host, action, str(exc)) from exc
        return code, _masked(output, device)


def _talk(argv: list[str], text: str, timeout: float) -> tuple[int, str]:
    """Run a program to its end, or end it and its children.

    It has its own session, so that ^C does not cut it off half-way.
    """
    # To a file, as a child that is left behind would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={'PATH': _PATH, 'LC_ALL': 'C'},
            start_new_session=True,
        )
        try:
            process.communicate(text.encode(), timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        output.seek(0)
        return process.returncode, output.read().decode(errors='replace')


def _program(device: FenceDevice) -> str:
    if os.sep in device.agent:
        return device.agent
    found = shutil.which(device.agent, path=_PATH)
    if found is None:
        raise _failed(
            device.host,
            'any',
            f'there is no program {device.agent} in {_PATH}',
        )
    return found


def _options(device: FenceDevice, action: str) -> str:
    options = {**device.options, 'action': action}
    for key, value in options.items():
        if '\n' in key + value:
            raise _failed(device.host, action, f'option {key!r} has a newline')
    return ''.join(f'{key}={value}\n' for key, value in options.items())


def _masked(output: str, device: FenceDevice) -> str:
    for key, value in device.options.items():
        if value and _is_secret(key):
            output = output.replace(value, '***')
    return ' '.join(output.split())[-300:]


def _is_secret(key: str) -> bool:
    secret = any(word in key.lower() for word in _SECRET)
    return secret and not key.endswith('script')


def _failed(host: str, action: str, problem: str) -> errors.FenceFailed:
    return errors.FenceFailed(
        f'the fence agent of {host} failed ({action}): {problem}', _ADVICE
    )
