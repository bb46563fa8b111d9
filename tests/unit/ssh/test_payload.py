# SPDX-License-Identifier: Apache-2.0
"""What is sent to hosts, and the command that starts it."""

import ast
import io
import pathlib
import subprocess
import sys
import zipfile

import pytest

from osc_recover import agent
from osc_recover.agent import border
from osc_recover.gateways.ssh import payload

AGENT = pathlib.Path(agent.__file__).parent


def test_the_payload_holds_the_whole_program_and_nothing_else():
    with zipfile.ZipFile(io.BytesIO(payload.payload())) as archive:
        names = set(archive.namelist())
    ours = {f'osc_recover/agent/{p.relative_to(AGENT)}'
            for p in AGENT.rglob('*.py')}  # fmt: skip
    assert names == {'osc_recover/__init__.py', *ours}
    assert 'osc_recover/agent/serve.py' in names


def test_the_payload_is_the_same_bytes_in_every_process():
    code = (
        'import sys; from osc_recover.gateways.ssh import payload;'
        'sys.stdout.buffer.write(payload.payload())'
    )
    one, other = (
        subprocess.run(
            [sys.executable, '-c', code], capture_output=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert one == other
    assert zipfile.is_zipfile(io.BytesIO(one))


@pytest.mark.parametrize('sudo', [False, True])
def test_the_command_needs_no_quoting_but_its_own(sudo):
    command = payload.command(12345, sudo=sudo)
    before, boot, after = command.split("'")
    assert boot == payload.BOOT
    assert after == ' 12345'
    assert ('sudo -n' in before) is sudo
    assert not set("\\!\n'`$") & set(boot)


def test_the_first_stage_is_understood_by_old_pythons():
    ast.parse(payload.BOOT, feature_version=(3, 4))


def test_an_old_python_tells_its_version():
    boot = f'import sys;sys.version_info=(3,6,15,"final",0);{payload.BOOT}'
    done = subprocess.run(
        [sys.executable, '-c', boot, '5'],
        stdin=subprocess.DEVNULL, capture_output=True, check=True,
    )  # fmt: skip
    assert border.greeted(done.stdout) == (3, 6, 15)


@pytest.mark.parametrize('shell', ['sh', 'bash', 'dash'])
def test_a_shell_starts_it(shell):
    data = payload.payload()
    done = subprocess.run(
        [shell, '-c', payload.command(len(data))],
        input=data, capture_output=True, check=True,
    )  # fmt: skip
    assert border.greeted(done.stdout) >= border.OLDEST
    assert done.stderr == b''


def test_making_a_gateway_imports_nothing_heavy():
    code = (
        'import sys; from osc_recover import settings;'
        'from osc_recover.gateways import hosts;'
        'hosts.Hosts(settings.SshSettings()).close();'
        'print("paramiko" in sys.modules, "zipfile" in sys.modules)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == ['False', 'False']
