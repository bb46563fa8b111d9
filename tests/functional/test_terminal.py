# SPDX-License-Identifier: Apache-2.0
"""A recovery on a terminal: shown, approved, watched, interrupted, resumed."""

import re
import socket

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional.terminal import INTERRUPT, Session

pytestmark = pytest.mark.functional

HOST = 'cmp1'
NAMES = ['first-1', 'second-1', 'third-1']
PROMPT = f'Type {HOST} to carry this out: '


@pytest.fixture(scope='module')
def clouds(tmp_path_factory):
    return lib.write_clouds(tmp_path_factory.mktemp('terminal'))


@pytest.fixture(scope='module')
def servers(clean):
    """Three servers of a dead host, and slow hosts to take them."""
    with lib.shared_disks():
        made = clean.boot(NAMES, HOST, port=False)
        for host in lab.HOSTS[1:]:
            lab.knob(host, spawn_delay=3)
        lab.fail(HOST)
        yield made


@pytest.fixture(scope='module')
def wrong(servers, clouds):
    session = Session(clouds, 'host', HOST, '--fence')
    session.see(PROMPT)
    session.type('cmp2\n')
    return session.end()


def fencings():
    return [call for call in lab.fence_calls() if call['action'] == 'off']


def test_the_plan_is_shown_before_the_question(wrong):
    plan, question, _ = wrong.stderr.partition(PROMPT)
    assert question
    for name in NAMES:
        line = next(line for line in plan.splitlines() if name in line)
        assert 'evacuate' in line
        assert 'scheduler' in line


def test_another_name_is_no_approval(wrong, clean):
    assert wrong.status == 3
    [row] = wrong.rows
    assert row['Verdict'] == 'not-approved'
    assert "'cmp2' is not 'cmp1'" in row['Reason']
    assert 'run start' in row['Way out']


def test_nothing_is_changed_without_approval(wrong, servers, clouds, clean):
    before = (len(clean.evacuations(HOST)), fencings())
    for answer, status in (('\n', 3), (INTERRUPT, 130), ('\x04', 3)):
        session = Session(clouds, 'host', HOST, '--fence')
        session.see(PROMPT)
        session.type(answer)
        done = session.end()
        assert done.status == status, done.stderr
        assert isinstance(done.rows, list)
        assert 'nothing was changed' in done.stderr
    service = clean.service(HOST)
    assert not service['forced_down']
    assert service['status'] == 'enabled'
    assert (len(clean.evacuations(HOST)), fencings()) == before


@pytest.fixture(scope='module')
def cut(wrong, servers, clouds):
    """Approved, and interrupted (by an impatient one) in the middle."""
    session = Session(clouds, 'host', HOST, '--fence', '--workers', '1')
    session.see(PROMPT)
    session.type(f'{HOST}\n')
    session.see('evacuate begun')
    session.type(INTERRUPT + INTERRUPT)
    return session.end()


def test_an_interrupted_run_names_what_goes_on_with_it(cut):
    assert cut.status == 130, cut.stderr
    assert 'nothing was changed' not in cut.stderr
    assert re.search(r'openstack recover run resume [0-9a-f]{8}', cut.stderr)
    assert 'Traceback' not in cut.stderr


def test_an_interrupted_run_has_a_row_for_every_server(cut, servers):
    assert {row['Server'] for row in cut.rows} == set(servers)
    states = [row['State'] for row in cut.rows]
    assert set(states) <= {'under way', 'not begun', 'recovered'}
    assert states.count('recovered') < len(states)
    for row in cut.rows:
        if row['State'] != 'recovered':
            assert 'run resume' in row['Way out']
            assert row['Reason']


def test_progress_is_shown_line_by_line_on_the_terminal(cut):
    for line in (
        f'{HOST}: fence done: verified off',
        f'{HOST}: force-down done',
        'evacuate begun',
    ):
        assert line in cut.stderr


def test_a_resume_finishes_and_evacuates_nothing_twice(
    cut, servers, clouds, clean
):
    run = re.search(r'run resume ([0-9a-f]{8})', cut.stderr).group(1)
    session = Session(clouds, 'run', 'resume', run)
    done = session.end()
    assert done.status == 0, done.stderr
    assert {row['State'] for row in done.rows} == {'recovered'}
    assert 'prove done' in done.stderr
    assert '3/3' in done.stderr
    records = [m['instance_uuid'] for m in clean.evacuations(HOST)]
    mine = [record for record in records if record in servers]
    assert sorted(mine) == sorted(servers)


# Commands that ask hosts


@pytest.fixture
def silent(practice, tmp_path):
    """A port that takes every call, and clouds.yaml with all hosts there.

    Nobody gives up within the time that a test waits.
    """
    nothing = {'identity_file': '/nowhere', 'known_hosts': '/dev/null'}
    with socket.create_server(('127.0.0.1', 0)) as port:
        address, number = port.getsockname()
        hosts = [
            {'name': host, 'address': address, 'port': number}
            for host in lab.HOSTS
        ]
        ssh = {**nothing, 'config_file': '/dev/null', 'connect_timeout': 1000}
        yield port, lib.write_clouds(tmp_path, ssh=ssh, hosts=hosts)


@pytest.mark.parametrize(
    'words',
    [
        'domain check --host cmp2',
        'ownership check',
        'ownership fix cmp2 --uid nova=7000',
        'ownership verify cmp2',
        'service list cmp2',
        'service restart cmp2',
        'setup check',
    ],
)
def test_a_host_that_is_silent_keeps_nobody_who_has_had_enough(silent, words):
    port, clouds = silent
    session = Session(clouds, *words.split())
    with port.accept()[0]:
        session.type(INTERRUPT)
        done = session.end()
    assert (done.status, done.rows) == (130, [])
    assert done.stderr.count('nothing was changed') == 1
    assert 'Traceback' not in done.stderr
