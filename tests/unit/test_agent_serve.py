# SPDX-License-Identifier: Apache-2.0
"""The program for hosts, run as hosts run it."""

import os
import signal
import sys

import pytest

from osc_recover import errors
from osc_recover.agent import border
from osc_recover.gateways.ssh import link
from tests.unit import local_agent


@pytest.fixture(params=local_agent.VERSIONS)
def process(request):
    """The program, on every Python that it supports."""
    found = local_agent.start(python(request.param))
    yield found
    found.end()


def python(version):
    found = local_agent.interpreter(version)
    assert found, local_agent.HOW.format(version)
    return found


@pytest.fixture
def agent(process):
    return link.Link(local_agent.WHO, process)


def ask(agent, op, **args):
    return agent.ask(op, args, timeout=60)


def first_event(agent, op, **args):
    """The first event of an operation that never ends; the link is closed."""

    def tell(event):
        told.append(event)
        raise InterruptedError

    told = []
    with pytest.raises(InterruptedError):
        agent.ask(op, args, timeout=60, tell=tell)
    return told[0]


def test_it_says_who_it_is(agent):
    said = ask(agent, 'hello')
    assert said['version'] == border.VERSION
    assert said['uid'] == os.geteuid()
    assert said['hostname'] == os.uname().nodename


@pytest.mark.parametrize('version', local_agent.VERSIONS)
def test_it_runs_on_that_very_python(version):
    process = local_agent.start(python(version))
    try:
        said = ask(link.Link(local_agent.WHO, process), 'hello')
    finally:
        process.end()
    assert said['python'].startswith(f'{version}.')


def test_any_name_of_a_file_goes_to_it_and_back(agent):
    name = b'\xff\xfe \n"'.decode('utf-8', 'surrogateescape')
    assert ask(agent, 'echo', name=name) == {'name': name}


def test_it_runs_programs(agent):
    argv = ['sh', '-c', 'printf "\\377"; echo e >&2; exit 3']
    done = ask(agent, 'program', argv=argv)
    assert done == {'code': 3, 'text': '\udcff', 'words': 'e'}


def test_a_probe_tells_what_a_check_of_the_setup_needs(agent):
    found = ask(agent, 'probe')
    assert len(found['boot_id']) == 36
    assert found['sudo'] is ('SUDO_UID' in os.environ)
    assert set(found) == {'python', 'uid', 'sudo', 'boot_id'}


def test_requests_are_answered_one_after_another(agent):
    answers = [ask(agent, 'echo', n=n) for n in range(20)]
    assert answers == [{'n': n} for n in range(20)]


def test_events_come_in_their_order_before_the_result(agent):
    told = []
    args = {'n': 3}
    assert agent.ask('steps', args, timeout=60, tell=told.append) == args
    assert told == [{'number': 0}, {'number': 1}, {'number': 2}]


def test_a_refusal_comes_home_with_its_fields(agent):
    with pytest.raises(errors.OperationRefused) as caught:
        ask(agent, 'refuse')
    assert caught.value.code == 'no-room'
    assert str(caught.value) == 'cmp1: it is full; make room'


def test_an_unknown_operation_is_refused(agent):
    with pytest.raises(errors.OperationRefused, match='no operation'):
        ask(agent, 'no-such')


@pytest.mark.parametrize(
    'op, last',
    [('bug', "KeyError: 'absent'"), ('leave', 'SystemExit: 3'),
     ('unfit', 'TypeError: Object of type object is not JSON')],
)  # fmt: skip
def test_a_bug_comes_home_with_its_traceback(agent, op, last):
    with pytest.raises(errors.AgentDied) as caught:
        ask(agent, op)
    assert last in caught.value.sentence
    assert '\n' not in caught.value.sentence
    assert 'Traceback' in caught.value.trace
    assert ask(agent, 'echo', n=1) == {'n': 1}


def test_a_traceback_names_the_file_and_the_line(agent):
    with pytest.raises(errors.AgentDied) as caught:
        ask(agent, 'bug')
    assert 'osc_recover/agent/extra.py", line' in caught.value.trace
    assert "{}['absent']" in caught.value.trace


def test_stray_output_does_not_get_into_the_answers(agent, process):
    assert ask(agent, 'stray') == {}
    assert ask(agent, 'echo', n=1) == {'n': 1}
    assert process.said() == 'stray\nstray too\nfrom a child\n'


def test_a_program_does_not_read_the_requests(agent):
    done = ask(agent, 'program', argv=['cat'], timeout=20)
    assert done == {'code': 0, 'text': '', 'words': ''}


def test_it_keeps_no_file_open_and_no_folder(agent):
    found = ask(agent, 'files')
    kinds = {name.partition(':')[0] for name in found['files'].values()}
    memory = [n for n in found['files'].values() if 'memfd' in n]
    assert kinds - {'pipe', '/memfd'} <= {found['files'].get('2')}
    assert memory == [f'/memfd:{border.MAGIC} (deleted)']
    assert found['cwd'] == '/'


def test_it_writes_nothing_to_the_disk(tmp_path):
    env = {'HOME': str(tmp_path), 'TMPDIR': str(tmp_path), 'PATH': '/bin'}
    process = local_agent.start(env=env)
    try:
        agent = link.Link(local_agent.WHO, process)
        ask(agent, 'program', argv=['sh', '-c', 'seq 1 10000'])
        ask(agent, 'hello')
    finally:
        process.end()
    assert list(tmp_path.iterdir()) == []


def test_closing_the_channel_ends_an_idle_program(agent, process):
    ask(agent, 'hello')
    agent.close()
    assert process.process.wait(60) == 0


@pytest.mark.parametrize('op', ['sleep', 'fork'])
def test_closing_the_channel_ends_an_operation(agent, process, op):
    worker = first_event(agent, op)['pid']
    process.process.wait(60)
    local_agent.wait_for(
        f'process {worker} runs on', lambda: not local_agent.runs(worker)
    )


def test_closing_the_channel_ends_the_programs_it_runs(
    agent, process, tmp_path
):
    path = tmp_path / 'pid'

    def tell(event):
        local_agent.wait_for(
            'no child', lambda: path.exists() and path.read_text().strip()
        )
        raise InterruptedError

    with pytest.raises(InterruptedError):
        agent.ask('child', {'path': str(path)}, timeout=60, tell=tell)
    child = int(path.read_text())
    process.process.wait(60)
    local_agent.wait_for(
        f'process {child} runs on', lambda: not local_agent.runs(child)
    )


def test_a_program_that_is_just_being_started_is_ended_too(tmp_path):
    path = tmp_path / 'pid'
    late = f"""
import os, signal, subprocess, time
class Late(subprocess.Popen):
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        while not os.path.exists({str(path)!r}):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
subprocess.Popen = Late
"""
    process = local_agent.start(more=late)
    try:
        agent = link.Link(local_agent.WHO, process)
        with pytest.raises(errors.AgentCut):
            agent.ask('child', {'path': str(path)}, timeout=60)
        process.process.wait(60)
    finally:
        process.end()
    local_agent.wait_for('no child', lambda: path.read_text().strip())
    child = int(path.read_text())
    local_agent.wait_for(
        f'process {child} runs on', lambda: not local_agent.runs(child)
    )


def test_an_operation_that_is_cut_may_clean_up(agent, process, tmp_path):
    path = tmp_path / 'left'
    first_event(agent, 'tidy', path=str(path))
    process.process.wait(60)
    assert path.read_text() == 'tidied'


def test_an_operation_that_will_not_end_is_killed():
    process = local_agent.start()
    try:
        first_event(link.Link(local_agent.WHO, process), 'stubborn')
        assert process.process.wait(60) == -signal.SIGKILL
    finally:
        process.end()


def test_a_signal_ends_it_as_the_channel_does(agent, process, tmp_path):
    path = tmp_path / 'left'

    def tell(event):
        os.kill(event['pid'], signal.SIGTERM)

    with pytest.raises(errors.AgentCut):
        agent.ask('tidy', {'path': str(path)}, timeout=60, tell=tell)
    assert path.read_text() == 'tidied'


def test_a_program_that_is_killed_is_an_error(agent):
    def tell(event):
        os.kill(event['pid'], signal.SIGKILL)

    with pytest.raises(errors.AgentCut, match='killed') as caught:
        agent.ask('sleep', {}, timeout=60, tell=tell)
    assert caught.value.op == 'sleep'
    assert not agent.is_open


@pytest.mark.parametrize(
    'line',
    [b'garbage\n', b'[1]\n', b'{"id":1}\n', b'{"id":"1","op":"x","args":{}}\n',
     b'{"id":1,"op":2,"args":{}}\n', b'{"id":1,"op":"hello","args":[]}\n'],
)  # fmt: skip
def test_what_is_no_request_is_told_and_not_guessed_at(process, line):
    process.send(line)
    data = b''
    while data.count(b'\n') < 2:
        data += process.receive(60)
    answer = border.parse(data.splitlines()[1])
    assert answer['id'] == 0
    assert answer['died'].startswith('Broken: no ')


def test_a_payload_that_is_cut_short_starts_nothing():
    process = local_agent.Process(
        [sys.executable, '-I', '-c', local_agent.payload.BOOT, '1000']
    )
    try:
        process.send(b'x' * 999)
        process.process.stdin.close()
        assert process.process.wait(60) == 3
    finally:
        process.end()
