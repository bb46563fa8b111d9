# SPDX-License-Identifier: Apache-2.0
"""The one way to run a program on a host."""

import os

import pytest

from osc_recover.agent import errors, run
from tests.unit import local_agent


def sh(script, **options):
    return run.run(['sh', '-c', script], **options)


def refusal(*args, **options):
    with pytest.raises(errors.Refused) as caught:
        run.run(*args, **options)
    return caught.value


def test_output_and_exit_code_come_back():
    done = sh('echo out; echo err >&2; exit 7')
    assert (done.code, done.out, done.err) == (7, b'out\n', b'err\n')


def test_any_bytes_come_back_as_text_and_go_again():
    done = sh('printf "a\\377\\n"')
    assert done.text == 'a\udcff\n'
    assert os.fsencode(done.text) == b'a\xff\n'


def test_nothing_is_inherited_but_the_way_to_programs(monkeypatch):
    monkeypatch.setenv('OS_PASSWORD', 'secret')
    monkeypatch.setenv('LANG', 'de_DE.UTF-8')
    lines = run.run(['env'], env={'HOME': '/nowhere'}).text.splitlines()
    assert set(lines) == {
        f'PATH={run.PATH}', 'LC_ALL=C', 'HOME=/nowhere',
    }  # fmt: skip


def test_there_is_no_shell_between(tmp_path):
    done = run.run(['echo', '$HOME; touch /x', '`id`', '*'])
    assert done.text == '$HOME; touch /x `id` *\n'


def test_much_output_does_not_stop_a_program():
    assert len(sh('seq 1 200000; seq 1 200000 >&2').out) > 1_000_000


def test_an_unexpected_exit_code_is_refused_with_the_programs_words():
    told = refusal(['sh', '-c', 'echo "no such target" >&2; exit 21'],
                   expect={0, 15})  # fmt: skip
    assert told.code == 'program-failed'
    assert told.text == 'sh ended with 21: no such target'
    assert told.fields == {'exit': 21}


def test_an_expected_exit_code_is_none():
    assert sh('exit 15', expect={0, 15}).code == 15


def test_a_program_that_was_killed_has_the_signal_as_its_code():
    assert sh('kill -9 $$').code == -9


def test_a_program_that_is_not_there_is_named():
    told = refusal(['no-such-program', 'x'])
    assert told.code == 'no-program'
    assert 'no-such-program' in told.text


def test_a_file_that_is_no_program_is_an_error(tmp_path):
    plain = tmp_path / 'plain'
    plain.write_text('x')
    told = refusal([str(plain)])
    assert told.code == 'program-unusable'
    assert 'ermission denied' in told.text


def test_an_argument_with_a_null_byte_is_refused():
    assert refusal(['echo', 'a\0b']).code == 'program-unusable'


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path):
    path = tmp_path / 'child'
    script = f'sleep 600 & echo $! > {path}; wait'
    told = refusal(['sh', '-c', script], timeout=0.5)
    assert told.code == 'program-timed-out'
    assert told.text == 'sh did not end within 0.5 s'
    child = int(path.read_text())
    local_agent.wait_for(
        f'process {child} runs on', lambda: not local_agent.runs(child)
    )


def test_a_child_that_is_left_behind_does_not_hang_us():
    # It keeps what would be the pipe open.
    assert sh('sleep 60 & echo out', timeout=20).out == b'out\n'


def test_the_last_words_are_those_of_stderr_or_else_of_stdout():
    assert sh('echo o; echo e >&2').words == 'e'
    assert sh('seq 1 5000; echo the   end').words.endswith('the end')
