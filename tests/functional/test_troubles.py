# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in the middle of a recovery ends in rows, not in a second
request, and a resume brings it to its end.
"""

import contextlib
import re
import threading

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional.line import Line

pytestmark = pytest.mark.functional

HOST = 'cmp1'
OTHERS = [host for host in lab.HOSTS if host != HOST]
EVACUATE = 'nova POST /servers/{id}/action evacuate'
FORCE_DOWN = 'nova PUT /os-services/{id}'
YES = ('--fence', '--yes')


@pytest.fixture(scope='module')
def line(clean, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        stack.enter_context(lib.shared_disks())
        one = Line(HOST, tmp_path_factory.mktemp('troubles'))
        stack.enter_context(one.proxy)
        one.fill({'plain': 24, 'data': 1})
        lab.fail(HOST)
        yield one


@pytest.fixture(autouse=True)
def untroubled(line):
    yield
    line.proxy.clear()
    line.proxy.on_call = lambda call: None
    for host in OTHERS:
        lab.knob(host, spawn_fail=False, spawn_delay=0)
    lab.volume_knob(connect_fail=False)


def when(line, kind, do, number=1):
    """Do something as soon as the n-th call of a kind comes in."""
    seen = []

    def on_call(call):
        if call.kind == kind:
            seen.append(call)
            if len(seen) == number:
                do(call)

    line.proxy.on_call = on_call


def recover(line, servers, *words):
    line.proxy.clear()
    done = line.recover('server', *servers, *YES, *words)
    check_rows(done)
    return done


def check_rows(done):
    assert 'Traceback' not in done.stderr
    assert done.rows
    for row in done.rows:
        if row['State'] != 'recovered':
            assert row['Reason'], row
            assert row['Way out'], row


def resume(line, done):
    line.proxy.clear()
    line.proxy.on_call = lambda call: None
    [run] = re.findall(r'^run (\w+) on', done.stderr, re.M)
    again = line.recover('run', 'resume', run)
    check_rows(again)
    return again


def evacuated(line, servers, times=1):
    counts = [len(line.evacuations(server)) for server in servers]
    assert counts == [times] * len(servers)
    assert not lab.twice()


def left_by_name(done):
    return {r['Server']: r for r in done.rows if r['State'] != 'recovered'}


# nova and its hypervisors


@pytest.mark.parametrize('sort', ['plain', 'data'])
def test_a_spawn_that_fails_is_tried_again_by_a_resume(line, sort):
    server = line.take(sort)
    if sort == 'data':
        lab.volume_knob(connect_fail=True)
    else:
        for host in OTHERS:
            lab.knob(host, spawn_fail=True)
    done = recover(line, [server])
    assert done.status == 1
    [row] = done.rows
    assert row['State'] == 'failed'
    assert 'resume' in row['Way out']
    evacuated(line, [server])
    for host in OTHERS:
        lab.knob(host, spawn_fail=False)
    lab.volume_knob(connect_fail=False)
    assert resume(line, done).status == 0
    evacuated(line, [server], times=2)


def test_one_that_fails_stops_no_other(line):
    servers = [line.take() for _ in range(3)]
    for host in OTHERS:
        lab.knob(host, spawn_fail=[servers[0]])
    done = recover(line, servers)
    assert done.status == 1
    assert list(left_by_name(done)) == [servers[0]]
    evacuated(line, servers)


def test_where_no_host_is_valid_nova_says_so(line):
    server = line.take()

    def disable(call):
        for host in OTHERS:
            line.cloud.put_service(host, status='disabled')

    when(line, EVACUATE, disable)
    try:
        done = recover(line, [server])
    finally:
        for host in OTHERS:
            line.cloud.put_service(host, status='enabled')
    assert done.status == 1
    assert 'No valid host' in done.rows[0]['Reason']
    evacuated(line, [server])
    assert resume(line, done).status == 0
    evacuated(line, [server], times=2)


def test_a_server_deleted_before_its_turn_is_a_row(line):
    servers = [line.take() for _ in range(2)]
    gone = []

    def delete(call):
        # Not the one whose evacuation this is.
        gone.extend(s for s in servers if s not in call.path)
        line.cloud.call('DELETE', f'/servers/{gone[0]}')
        line.cloud.until(lambda: is_gone(line, gone[0]), 'deleted')

    when(line, EVACUATE, delete)
    done = recover(line, servers, '--workers', '1')
    assert done.status == 1
    left = left_by_name(done)
    assert list(left) == gone
    assert 'deleted' in left[gone[0]]['Reason']
    evacuated(line, gone, times=0)


def is_gone(line, server):
    return server not in [s['id'] for s in line.cloud.servers()]


def test_a_server_deleted_under_way_is_a_row(line):
    server = line.take()
    for host in OTHERS:
        lab.knob(host, spawn_delay=8)

    def delete(call):
        line.cloud.call('DELETE', f'/servers/{server}')

    # The second reading that follows the evacuation.
    when(
        line,
        EVACUATE,
        lambda call: threading.Timer(3, delete, [call]).start(),
    )
    done = recover(line, [server])
    assert done.status == 1
    assert 'deleted' in done.rows[0]['Reason']
    assert len(line.evacuations(server)) <= 1


# The APIs


def test_nova_is_away_for_a_while(line):
    servers = [line.take() for _ in range(3)]
    away = contextlib.ExitStack()

    def back():
        away.close()

    def leave(call):
        away.enter_context(line.proxy.down('nova'))
        threading.Timer(6, back).start()

    # What is asked for is under way; then nobody answers.
    when(
        line, EVACUATE, lambda call: threading.Timer(1, leave, [call]).start()
    )
    done = recover(line, servers)
    away.close()
    if done.status:
        assert done.status == 1
        assert resume(line, done).status == 0
    evacuated(line, servers)


def test_a_token_that_is_rejected_and_cannot_be_renewed(line):
    server = line.take()
    line.proxy.clear()
    line.proxy.inject(EVACUATE, '401')
    line.proxy.inject('keystone', '503', stage='run', times=99)
    done = line.recover('server', server, *YES)
    check_rows(done)
    assert done.status == 1
    assert 'token' in done.rows[0]['Reason']
    evacuated(line, [server], times=0)
    assert resume(line, done).status == 0
    evacuated(line, [server])


@pytest.mark.parametrize('lost', ['cut', 'hang', 'cut-before', 'hang-after'])
@pytest.mark.parametrize('reads', ['503', '401'])
def test_an_answer_is_lost_and_nobody_can_look(line, lost, reads):
    server = line.take()
    line.proxy.clear()
    line.proxy.inject(EVACUATE, lost)

    def blind(call):
        for kind in READS:
            line.proxy.inject(kind, reads, times=999)

    when(line, EVACUATE, blind)
    done = line.recover('server', server, *YES)
    check_rows(done)
    assert done.status == 1
    assert done.rows[0]['State'] == 'in-doubt'
    assert resume(line, done).status == 0
    evacuated(line, [server])


READS = (
    'nova GET /servers/detail',
    'nova GET /servers/{id}',
    'nova GET /servers/{id}/os-instance-actions',
    'nova GET /os-migrations',
)


# The host


def test_a_host_that_comes_back_stops_the_run(line):
    """The last of this file: the host lives from here on."""
    servers = [line.take() for _ in range(3)]
    for host in OTHERS:
        lab.knob(host, spawn_delay=15)
    before = len(line.cloud.evacuations(HOST))

    def revive(call):
        threading.Thread(target=lab.revive, args=[HOST]).start()

    when(line, EVACUATE, revive)
    done = recover(line, servers, '--workers', '1')
    assert done.status == 1
    left = left_by_name(done)
    assert left
    assert all('alive' in row['Reason'] for row in left.values())
    assert len(line.cloud.evacuations(HOST)) - before == 3 - len(left)
    again = resume(line, done)
    # A nova-compute cleans up only as it starts, and here some evacuations
    # end after that.
    lab.fail(HOST)
    assert again.status == 3
    assert again.rows[0]['Verdict'] == 'host-up'
    assert len(line.cloud.evacuations(HOST)) - before == 3 - len(left)
    assert not lab.twice()
