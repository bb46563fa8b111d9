# SPDX-License-Identifier: Apache-2.0
"""Peers that misbehave, each in a way of its own, as real processes."""

import contextlib

import pytest

from osc_recover import errors
from osc_recover.agent import border
from osc_recover.gateways.ssh import link
from tests.unit import local_agent

GREETING = border.line(border.greeting()).decode().rstrip()
GREETS = f"""
import os, sys, time
print('''{GREETING}''')
sys.stdin.readline()
"""


@contextlib.contextmanager
def linked(script, **options):
    process = local_agent.peer(script)
    try:
        yield link.Link(local_agent.WHO, process, **options)
    finally:
        process.end()


def failure(script, timeout=60, **options):
    with linked(script, **options) as found:
        with pytest.raises(errors.HostError) as caught:
            found.ask('hello', {}, timeout=timeout)
        assert not found.is_open
    assert caught.value.host == 'cmp1'
    return caught.value


def test_a_peer_that_behaves_is_heard():
    script = f"""{GREETS}print('{{"id":1,"result":{{"ok":true}}}}')"""
    with linked(script) as found:
        assert found.ask('hello', {}, timeout=60) == {'ok': True}


@pytest.mark.parametrize(
    'script, words',
    [
        ("print('Welcome!')", "no JSON: 'Welcome!'"),
        ("import sys; sys.stdout.write('Hi')", "no greeting of ours: 'Hi'"),
        (f"print('Hi'); print('''{GREETING}''')", "no JSON: 'Hi'"),
        (f"print('''Hi {GREETING}''')", 'no JSON: \'Hi {"magic"'),
        ('print(\'{"magic":"x"}\')', 'no greeting of ours'),
        (
            f"print('''{GREETING}'''.replace('on\":1', 'on\":7'))",
            'version 7 of the protocol',
        ),
        (GREETS + "print('noise')", "no JSON: 'noise'"),
        (GREETS + 'print(\'{"id":2,"result":{}}\')', 'request 2 instead of 1'),
        (GREETS + 'print(\'{"id":1,"result":[]}\')', 'another type'),
        (GREETS + 'print(\'{"id":1}\')', 'no answer'),
        (
            GREETS + 'print(\'{"id":1,"tell":{}}\'); print(\'oops\')',
            "no JSON: 'oops'",
        ),
    ],
)
def test_noise_is_an_error_that_quotes_it(script, words):
    told = failure(script)
    assert type(told) is errors.NotOurAgent
    assert words in told.sentence


def test_noise_behind_an_answer_is_noticed_by_the_next_request():
    answer = 'print(\'{"id":1,"result":{}}\\nbye\'); sys.stdin.readline()'
    with linked(GREETS + answer) as found:
        assert found.ask('hello', {}, timeout=60) == {}
        with pytest.raises(errors.NotOurAgent, match="no JSON: 'bye'"):
            found.ask('hello', {}, timeout=60)


def test_a_line_that_is_too_long_is_an_error():
    told = failure(
        GREETS + "print('x' * 10**6); sys.stdin.readline()", longest=2000
    )
    assert type(told) is errors.NotOurAgent
    assert 'more than 2000 bytes' in told.sentence


@pytest.mark.parametrize('end', ['', 'sys.stdout.write(\'{"id":1\')'])
def test_a_sudden_end_is_an_error_with_the_last_words(end):
    last = "; print('out of memory', file=sys.stderr); sys.exit(9)"
    told = failure(GREETS + (end or 'pass') + last)
    assert type(told) is errors.AgentCut
    assert 'exit status 9: out of memory' in told.sentence
    assert ('within the line' in told.sentence) is bool(end)


def test_a_peer_that_kills_itself_is_an_error():
    told = failure(GREETS + 'os.kill(os.getpid(), 9)')
    assert type(told) is errors.AgentCut
    assert 'killed' in told.sentence


@pytest.mark.parametrize(
    'script',
    [
        'import time; time.sleep(600)',
        GREETS + 'time.sleep(600)',
        # Bytes without end are no word either.
        GREETS + "while True: sys.stdout.write(' '); time.sleep(0.01)",
    ],
)
def test_silence_beyond_the_timeout_is_an_error(script):
    told = failure(script, timeout=0.5)
    assert type(told) is errors.RequestTimedOut
    assert told.sentence == 'cmp1: no word of hello for 0.5 s'


def test_an_event_is_a_word():
    script = GREETS + (
        'for n in range(8):\n'
        '    print(\'{"id":1,"tell":{}}\'); time.sleep(0.25)\n'
        'print(\'{"id":1,"result":{}}\')'
    )
    with linked(script) as found:
        # Longer than the timeout altogether.
        assert found.ask('hello', {}, timeout=1.5) == {}


def test_a_python_that_is_too_old_is_named():
    old = "print('''{}''')".format(
        border.line({**border.greeting(), 'python': [3, 6, 15]}).decode()
    )
    told = failure(old)
    assert type(told) is errors.PythonTooOld
    assert told.sentence == 'cmp1: its python3 is 3.6.15'


def test_a_peer_that_reads_nothing_is_heard_to_the_end():
    told = failure("import sys; sys.exit('no way')")
    assert type(told) is errors.AgentCut
    assert told.sentence.endswith('exit status 1: no way')
