# SPDX-License-Identifier: Apache-2.0
"""Hosts over SSH, against a real sshd: one and many are asked."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent import futures

import pytest

from osc_recover import errors
from osc_recover.agent import border
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.ssh import payload
from osc_recover.settings import HostAddress
from tests.unit import local_agent, sshd

ANSWER = {'n': 1}


@pytest.fixture(autouse=True)
def extra(monkeypatch):
    """The program with operations that only tests need."""
    program = local_agent.program()
    monkeypatch.setattr(payload, 'payload', lambda: program)


def works(settings, host='cmp1', **options):
    """Whether a host answers."""
    with Hosts(settings, **options) as hosts:
        return hosts.ask(host, 'echo', ANSWER, timeout=60) == ANSWER


def test_a_host_says_who_it_is(server):
    with Hosts(server.settings()) as hosts:
        said = hosts.ask('cmp1', 'hello', {}, timeout=60)
    assert said['hostname'] == os.uname().nodename
    assert said['uid'] == os.getuid()


def test_one_login_serves_many_requests(server):
    with Hosts(server.settings()) as hosts:
        for n in range(5):
            assert hosts.ask('cmp1', 'echo', {'n': n}, timeout=60) == {'n': n}
    assert server.logins() == 1


def test_one_host_is_asked_by_many_one_after_another(server):
    with Hosts(server.settings()) as hosts:
        with futures.ThreadPoolExecutor(8) as pool:
            answers = pool.map(
                lambda n: hosts.ask('cmp1', 'echo', {'n': n}, timeout=60),
                range(20),
            )
            assert list(answers) == [{'n': n} for n in range(20)]
    assert server.logins() == 1


def test_events_come_while_the_operation_runs(server):
    told = []
    with Hosts(server.settings()) as hosts:
        hosts.ask('cmp1', 'steps', {'n': 3}, timeout=60, tell=told.append)
    assert told == [{'number': 0}, {'number': 1}, {'number': 2}]


def test_much_data_goes_both_ways(server):
    args = {'text': 'x' * 5_000_000}
    with Hosts(server.settings()) as hosts:
        assert hosts.ask('cmp1', 'echo', args, timeout=120) == args


def test_much_stderr_does_not_stop_a_program(server):
    with Hosts(server.settings()) as hosts:
        # More than the window of a channel holds.
        hosts.ask('cmp1', 'stray', {'n': 5_000_000}, timeout=60)
        assert hosts.ask('cmp1', 'echo', ANSWER, timeout=60) == ANSWER


def test_hosts_are_asked_side_by_side(server):
    names = [f'cmp{n}' for n in range(1, 9)]
    with Hosts(server.settings(*names)) as hosts:
        found = dict(hosts.each(names, 'echo', ANSWER, timeout=60))
    assert found == dict.fromkeys(names, ANSWER)


def test_a_host_that_fails_is_a_row_among_the_others(server):
    settings = server.settings('cmp1', 'cmp2')
    names = ['cmp1', 'no such', 'cmp2', 'cmp1']
    with Hosts(settings) as hosts:
        found = dict(hosts.each(names, 'echo', ANSWER, timeout=60))
    assert found['cmp1'] == found['cmp2'] == ANSWER
    assert type(found['no such']) is errors.BadHostName


def test_events_of_many_hosts_say_whose_they_are(server):
    told = []
    names = ['cmp1', 'cmp2']
    with Hosts(server.settings(*names)) as hosts:
        list(hosts.each(
            names, 'steps', {'n': 1}, timeout=60,
            tell=lambda host, event: told.append(host),
        ))  # fmt: skip
    assert sorted(told) == names


def test_a_slow_host_delays_nobody(server):
    names = ['slow', 'cmp1', 'cmp2']
    asked = {'argv': ['sh', '-c', 'exit 0']}
    with Hosts(server.settings(*names)) as hosts:
        ended = threading.Event()

        def tell(event):
            # It goes on only when the others have answered.
            ended.wait(60)

        slow = threading.Thread(
            target=lambda: hosts.ask(
                'slow', 'steps', {'n': 1}, timeout=60, tell=tell
            )
        )
        slow.start()
        found = dict(hosts.each(names[1:], 'program', asked, timeout=60))
        ended.set()
        slow.join()
    assert set(found) == {'cmp1', 'cmp2'}


def test_a_dead_host_delays_nobody(server):
    alive = ['cmp1', 'cmp2', 'cmp3', 'cmp4']
    settings = server.settings(*alive)
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', sshd.free_port()))
        silent.listen()
        dead = HostAddress('dead', *silent.getsockname())
        settings = dataclasses.replace(
            settings, hosts=(*settings.hosts, dead), connect_timeout=120.0
        )
        with Hosts(settings, workers=2) as hosts:
            each = hosts.each(['dead', *alive], 'hello', {}, timeout=60)
            first = [next(each)[0] for _ in alive]
            silent.close()
            last, problem = next(each)
    assert sorted(first) == alive
    assert last == 'dead'
    assert type(problem) is errors.ConnectFailed


def test_a_refusal_leaves_the_program_running(server):
    with Hosts(server.settings()) as hosts:
        with pytest.raises(errors.OperationRefused):
            hosts.ask('cmp1', 'refuse', {}, timeout=60)
        with pytest.raises(errors.AgentDied):
            hosts.ask('cmp1', 'bug', {}, timeout=60)
        assert hosts.ask('cmp1', 'echo', ANSWER, timeout=60) == ANSWER
    assert server.logins() == 1


def test_a_host_is_dialled_anew_after_its_program_has_gone(server):
    with Hosts(server.settings()) as hosts:
        hosts.ask('cmp1', 'echo', ANSWER, timeout=60)
        with pytest.raises(errors.RequestTimedOut):
            hosts.ask('cmp1', 'sleep', {}, timeout=1)
        assert hosts.ask('cmp1', 'echo', ANSWER, timeout=60) == ANSWER
    assert server.logins() == 2


def test_the_end_of_the_gateway_ends_every_program(server):
    with Hosts(server.settings()) as hosts:
        hosts.ask('cmp1', 'hello', {}, timeout=60)
        assert len(server.agents()) == 1
    local_agent.wait_for('it runs on', lambda: not server.agents())


def test_a_request_that_is_given_up_ends_what_it_runs(server):
    with Hosts(server.settings()) as hosts:
        with pytest.raises(errors.RequestTimedOut):
            hosts.ask('cmp1', 'sleep', {}, timeout=1)
        local_agent.wait_for('it runs on', lambda: not server.agents())


def test_leaving_in_the_middle_ends_everything(server):
    names = ['cmp1', 'cmp2', 'cmp3']
    with Hosts(server.settings(*names)) as hosts:
        began = threading.Semaphore(0)
        each = hosts.each(
            names, 'sleep', {}, timeout=600,
            tell=lambda host, event: began.release(),
        )  # fmt: skip
        reader = threading.Thread(target=lambda: list(each))
        reader.start()
        for _ in names:
            assert began.acquire(timeout=60)
    reader.join(60)
    assert not reader.is_alive()
    local_agent.wait_for('they run on', lambda: not server.agents())


CLIENT = """
import pathlib, sys
from osc_recover.gateways.ssh import payload
from osc_recover.gateways.hosts import Hosts
from tests.unit import local_agent, sshd
program = local_agent.program()
payload.payload = lambda: program
server = sshd.Sshd(pathlib.Path(sys.argv[1]), int(sys.argv[2]), None)
with Hosts(server.settings()) as hosts:
    hosts.ask('cmp1', 'child', {'path': sys.argv[3]}, timeout=600)
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_client_ends_what_it_has_begun(
    server, tmp_path, number
):
    path = tmp_path / 'pid'
    argv = [sys.executable, '-c', CLIENT, server.folder, server.port, path]
    client = subprocess.Popen([str(each) for each in argv])
    local_agent.wait_for(
        'it does not begin', lambda: path.exists() and path.read_text()
    )
    client.send_signal(number)
    assert client.wait(60) == -number
    local_agent.wait_for('it runs on', lambda: not server.agents())
    child = int(path.read_text())
    local_agent.wait_for(
        'its child runs on', lambda: not local_agent.runs(child)
    )


def test_nothing_is_left_on_the_host(tmp_path):
    home = tmp_path / 'empty'
    home.mkdir()
    with sshd.running(
        tmp_path / 'sshd', HOME=str(home), TMPDIR=str(home)
    ) as server:
        with Hosts(server.settings()) as hosts:
            said = hosts.ask('cmp1', 'files', {}, timeout=60)
            hosts.ask('cmp1', 'program', {'argv': ['id']}, timeout=60)
            (agent,) = server.agents()
            cwd = os.readlink(f'/proc/{agent}/cwd')
        assert list(home.iterdir()) == []
    kinds = {name.partition(':')[0] for name in said['files'].values()}
    assert kinds <= {'pipe', 'socket', '/memfd'}
    assert f'/memfd:{border.MAGIC} (deleted)' in said['files'].values()
    assert cwd == '/'


def test_names_of_files_are_the_same_in_any_locale(tmp_path):
    # Python would follow this one, if it was not told to use UTF-8.
    with sshd.running(tmp_path / 'sshd', LC_ALL='C.UTF-8') as server:
        with Hosts(server.settings()) as hosts:
            said = hosts.ask('cmp1', 'files', {}, timeout=60)
    assert (said['utf8'], said['encoding']) == (1, 'utf-8')


def test_an_end_wakes_those_who_wait_for_a_silent_host(server):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        dead = HostAddress('dead', *silent.getsockname())
        # Longer than anybody waits for the answer below.
        settings = server.settings(connect_timeout=1000.0)
        hosts = Hosts(dataclasses.replace(settings, hosts=(dead,)))
        answer = local_agent.in_thread(
            lambda: list(hosts.each(['dead'], 'echo', ANSWER, timeout=60))
        )
        with silent.accept()[0]:
            hosts.close()
            [(host, error)] = answer()
    assert (host, type(error)) == ('dead', errors.ConnectFailed)
