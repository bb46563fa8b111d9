# SPDX-License-Identifier: Apache-2.0
"""Locks of the account files, with other programs that hold them."""

import os
import subprocess
import sys

import pytest

from osc_recover.agent import errors
from osc_recover.agent.accounts import locks as accounts_locks
from tests.unit import zoo
from tests.unit.test_agent_accounts import (
    CHAIN,
    PASSWD,
    SWAP,
    change,
    etc,
    refusal,
    text,
    user,
)

__all__ = ['etc']


def holding(etc, code):
    """Another process that holds a lock until its stdin is closed."""
    program = f'import fcntl, os, sys\n{code}\nprint(flush=True)\ninput()'
    process = subprocess.Popen(
        [sys.executable, '-c', program], cwd=etc,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.readline()
    return process


@pytest.mark.parametrize(
    'code, lock',
    [
        ('f = open(".pwd.lock", "w"); fcntl.lockf(f, fcntl.LOCK_EX)',
         '.pwd.lock'),
        ('open("passwd.lock", "w").write(str(os.getpid()))', 'passwd.lock'),
        ('open("gshadow.lock", "w").write(str(os.getpid()))', 'gshadow.lock'),
    ],
)  # fmt: skip
def test_a_lock_that_another_program_holds_is_respected(etc, code, lock):
    with holding(etc, code) as other:
        with pytest.raises(errors.Refused) as caught:
            change(etc, [user('other', [61500, 61501])], wait=0.3)
        refused = caught.value
        other.stdin.close()
    assert (refused.code, refused.fields['lock']) == ('accounts-locked', lock)
    assert text(etc) == PASSWD


def test_a_lock_whose_holder_has_died_is_taken(etc):
    ended = subprocess.Popen(['true'])
    ended.wait()
    (etc / 'passwd.lock').write_text(f'{ended.pid}\0')
    change(etc, [user('other', [61500, 61501])], wait=1)
    assert 'other:x:61501:' in text(etc)
    assert not (etc / 'passwd.lock').exists()


def test_a_lock_that_says_nonsense_is_not_taken(etc):
    (etc / 'passwd.lock').write_text('me')
    assert refusal(etc, CHAIN, SWAP, wait=0.2).code == 'accounts-locked'


def test_while_we_change_nobody_else_can_lock(etc):
    with accounts_locks.locked(str(etc)):
        code = (
            'f = open(".pwd.lock", "w")\n'
            'try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n'
            'except OSError: sys.exit(7)'
        )
        program = f'import fcntl, sys\n{code}'
        done = subprocess.run([sys.executable, '-c', program], cwd=etc)
        assert done.returncode == 7
        held = {path.name for path in etc.glob('[!.]*.lock')}
    assert held == {f'{name}.lock' for name in accounts_locks.FILES}
    assert list(etc.glob('[!.]*.lock*')) == []


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
def test_usermod_waits_for_us_and_takes_what_we_wrote(etc):
    usermod = [
        'usermod', '--prefix', str(etc.parent), '-c', 'new', 'libvirt-qemu',
    ]  # fmt: skip
    change(etc, CHAIN, SWAP)
    with accounts_locks.locked(str(etc)):
        done = subprocess.run(usermod, capture_output=True, text=True)
        assert done.returncode == 1
        assert 'lock' in done.stderr
    subprocess.run(usermod, check=True)
    assert 'libvirt-qemu:x:61119:62120:new:' in text(etc)
