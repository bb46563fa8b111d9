# SPDX-License-Identifier: Apache-2.0
"""The command is killed at seeded moments, and resumed: once is enough.

``OSC_RECOVER_KILLS`` says at how many moments, ``OSC_RECOVER_SEED`` at which.
"""

import contextlib
import itertools
import os
import re
import signal

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional import killing
from tests.functional.killing import Moment, moments
from tests.functional.line import Line

pytestmark = pytest.mark.functional

HOST = 'cmp1'
SERVERS = 20
KILLS = int(os.environ.get('OSC_RECOVER_KILLS', '3'))
SEED = int(os.environ.get('OSC_RECOVER_SEED', '20'))
A_ROUND = 4  # kills; the servers that are left get fewer with each
EVACUATE = 'nova POST /servers/{id}/action evacuate'


@pytest.fixture
def line(clean, tmp_path):
    with lib.shared_disks(), contextlib.ExitStack() as stack:
        one = Line(HOST, tmp_path)
        one.journal = tmp_path / 'journal.sqlite'
        stack.enter_context(one.proxy)
        yield one


def ready(line, servers=SERVERS):
    """A dead host with servers, and nothing known of it."""
    for file in line.journal.parent.glob(f'{line.journal.name}*'):
        file.unlink()
    line.cloud.heal(HOST)
    line.cloud.delete_all()
    line.fill({'plain': servers})
    lab.fail(HOST)


def start(line):
    """Recover the host, or go on where the last process was killed."""
    # Some at a time, or all requests would be out before the second kill.
    words = ('host', HOST, '--fence', '--yes', '--workers', '8')
    return killing.go_on(line.clouds, *words)


def kill(line, moment, how=signal.SIGKILL):
    """Start, and end it at a moment; returns what it had to say by then."""
    return killing.kill(line.proxy, start(line), moment, [EVACUATE], how)


def check(line, done, servers):
    told = f'seed {SEED}: {done}'
    assert done.status == 0, told
    states = {row['Server']: row['State'] for row in done.rows}
    assert states == dict.fromkeys(servers, 'recovered'), told
    records = [r['instance_uuid'] for r in line.cloud.evacuations(HOST)]
    mine = [record for record in records if record in servers]
    assert sorted(mine) == sorted(servers), told
    assert not line.cloud.servers(HOST), told
    assert not lab.twice(), told


def test_killed_at_any_moment_each_server_is_evacuated_once(line):
    left, killed = moments(SEED), 0
    while killed < KILLS:
        ready(line)
        for moment in itertools.islice(left, min(A_ROUND, KILLS - killed)):
            ended = kill(line, moment)
            told = f'seed {SEED}: {moment}: {ended}'
            assert 'Traceback' not in ended.stderr, told
            print(moment, len(line.cloud.servers(HOST)), 'left', flush=True)
            if ended.status != -signal.SIGKILL:
                break  # it was done before
            killed += 1
        check(line, finish(line), line.stock['plain'])


def finish(line):
    return killing.finish(start(line))


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_tells_its_rows_and_how_to_go_on(line, how):
    ready(line, 3)
    ended = kill(line, Moment(2, 'hang-after'), how)
    assert ended.status == 130, ended
    assert 'Traceback' not in ended.stderr
    assert re.search('run resume [0-9a-f]+', ended.stderr)
    assert len(ended.rows) == 3
    for row in ended.rows:
        done = row['State'] == 'recovered'
        assert done or (row['Reason'] and 'resume' in row['Way out']), row
    check(line, finish(line), line.stock['plain'])
