# SPDX-License-Identifier: Apache-2.0
"""Hosts where our program does not start, or not to its end."""

import os
import sys

import pytest

from osc_recover import errors
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.ssh import payload
from tests.unit import local_agent, sshd


def test_a_forced_command_that_prints_is_told(tmp_path):
    told = sshd.refused_by(
        tmp_path, errors.NotOurAgent, 'ForceCommand echo Maintenance; cat'
    )
    assert "no JSON: 'Maintenance'" in told.sentence


def test_start_files_that_print_are_told(tmp_path):
    force = 'ForceCommand echo Welcome; sh -c "$SSH_ORIGINAL_COMMAND"'
    told = sshd.refused_by(tmp_path, errors.NotOurAgent, force)
    assert "'Welcome'" in told.sentence


def test_a_host_without_python_is_told(tmp_path):
    env = {'PATH': '/nowhere'}
    told = sshd.refused_by(tmp_path, errors.PythonMissing, env=env)
    assert told.sentence.startswith('cmp1: there is no python3')


def test_a_python_that_is_too_old_is_told(tmp_path):
    path = tmp_path / 'bin'
    path.mkdir()
    python = path / 'python3'
    code = 'import sys;sys.version_info=(3,6,15);exec(sys.argv.pop(1))'
    # An old one, as far as our program can see.
    python.write_text(
        f'#!/bin/sh\nshift 6\nexec {sys.executable} -c "{code}" "$@"\n'
    )
    python.chmod(0o755)
    env = {'PATH': f'{path}:/bin'}
    told = sshd.refused_by(tmp_path, errors.PythonTooOld, env=env)
    assert told.version == '3.6.15'


@pytest.mark.parametrize(
    'script, kind, words',
    [
        ('echo "sudo: a password is required" >&2; exit 1',
         errors.SudoPassword, 'for a password'),
        ('echo "ops is not allowed to run sudo on cmp1." >&2; exit 1',
         errors.SudoFailed, 'is not allowed to run sudo on cmp1'),
        ('echo "sudo: python3: command not found" >&2; exit 1',
         errors.PythonMissing, 'no python3'),
    ],
)  # fmt: skip
def test_what_sudo_says_is_told(tmp_path, script, kind, words):
    path = tmp_path / 'bin'
    path.mkdir()
    (path / 'sudo').write_text(f'#!/bin/sh\n{script}\n')
    (path / 'sudo').chmod(0o755)
    env = {'PATH': f'{path}:/usr/bin:/bin'}
    told = sshd.refused_by(tmp_path, kind, env=env, sudo=True)
    assert words in told.sentence


def test_a_host_without_sudo_is_told(tmp_path):
    path = tmp_path / 'bin'
    path.mkdir()
    (path / 'env').symlink_to('/usr/bin/env')
    env = {'PATH': str(path)}
    told = sshd.refused_by(tmp_path, errors.SudoFailed, env=env, sudo=True)
    assert told.problem == 'there is no sudo'


def test_a_user_who_may_not_run_programs_is_told(tmp_path):
    told = sshd.refused_by(tmp_path, errors.AgentCut, 'ForceCommand exit 5')
    assert 'exit status 5' in told.sentence


def test_a_session_that_is_not_given_is_told(tmp_path):
    told = sshd.refused_by(tmp_path, errors.ConnectFailed, 'MaxSessions 0')
    assert 'start of a program' in told.sentence


@pytest.fixture
def extra(monkeypatch):
    program = local_agent.program()
    monkeypatch.setattr(payload, 'payload', lambda: program)


@pytest.mark.parametrize(
    'victim, words',
    [('agent', 'killed'), ('session', 'the connection was lost')],
)
def test_an_end_in_the_middle_is_told(server, extra, victim, words):
    def tell(event):
        every = server.descendants()
        for process in [event['pid']] if victim == 'agent' else every:
            os.kill(process, 9)

    with Hosts(server.settings()) as hosts:
        with pytest.raises(errors.AgentCut, match=words) as caught:
            hosts.ask('cmp1', 'sleep', {}, timeout=60, tell=tell)
    assert caught.value.op == 'sleep'


def test_a_silent_program_is_told(server, extra):
    told = sshd.refused(
        server.settings(), errors.RequestTimedOut, op='sleep', timeout=1
    )
    assert told.seconds == 1


def test_a_program_that_takes_nothing_is_told(tmp_path):
    # More than the window of a channel holds.
    args = {'text': 'x' * 5_000_000}
    with sshd.running(tmp_path / 'sshd', 'ForceCommand sleep 60') as server:
        with Hosts(server.settings()) as hosts:
            with pytest.raises(errors.RequestTimedOut):
                hosts.ask('cmp1', 'hello', args, timeout=1)


def test_sudo_is_asked_when_it_is_wanted(tmp_path):
    with forced(tmp_path, FAKE_SUDO) as server:
        assert sshd.works(server.settings(sudo=True))
        told = (server.folder / 'sudo_args').read_text().split()
    assert told[:3] == ['-n', '--', 'python3']


FAKE_SUDO = 'printf "%s " "$@" > {folder}/sudo_args; shift 2; exec "$@"'


def forced(tmp_path, sudo):
    """An sshd whose users have this script as their sudo."""
    folder = tmp_path / 'sshd'
    path = folder / 'bin'
    path.mkdir(parents=True)
    program = path / 'sudo'
    program.write_text(f'#!/bin/sh\n{sudo.format(folder=folder)}\n')
    program.chmod(0o755)
    return sshd.running(folder, PATH=f'{path}:/usr/bin:/bin')
