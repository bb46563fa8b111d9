# SPDX-License-Identifier: Apache-2.0
"""Fence agents, as real programs that do well and badly."""

import os
import time

import pytest

from osc_recover import errors
from osc_recover.gateways.fence import FenceAgents
from osc_recover.settings import FenceDevice

SECRET = 'correct horse'
OPTIONS = {'ip': '10.1.0.11', 'passwd': SECRET}

# A host's power is a file; the agent keeps what it got.
GOOD = """
cat > got
case $(sed -n 's/^action=//p' got) in
  off) echo off > power ;;
  status) [ "$(cat power)" = on ] || exit 2 ;;
esac
"""


@pytest.fixture
def agents(tmp_path):
    """Make the agents of host cmp1, whose program is this shell script."""

    def made(script, options=OPTIONS, timeout=30.0):
        program = tmp_path / 'fence_test'
        program.write_text(f'#!/bin/sh\ncd {tmp_path}\n{script}')
        program.chmod(0o755)
        device = FenceDevice('cmp1', str(program), options)
        return FenceAgents([device], timeout)

    (tmp_path / 'power').write_text('on\n')
    return made


def refusal(call, host='cmp1'):
    with pytest.raises(errors.FenceFailed) as caught:
        call(host)
    assert '--fenced' in caught.value.way_out
    return caught.value.sentence


def test_a_host_is_on_until_it_is_switched_off(agents):
    power = agents(GOOD)
    assert not power.is_off('cmp1')
    power.off('cmp1')
    assert power.is_off('cmp1')


def test_options_go_to_stdin_one_a_line(agents, tmp_path):
    agents(GOOD).off('cmp1')
    got = (tmp_path / 'got').read_text().splitlines()
    assert got == ['ip=10.1.0.11', f'passwd={SECRET}', 'action=off']


def test_nothing_secret_is_in_argv_or_the_environment(agents, tmp_path):
    os.environ['OS_PASSWORD'] = SECRET
    try:
        agents('tr "\\0" " " < /proc/$$/cmdline > seen; env >> seen').off(
            'cmp1'
        )
    finally:
        del os.environ['OS_PASSWORD']
    assert SECRET not in (tmp_path / 'seen').read_text()


def test_an_agent_that_fails_is_quoted(agents):
    power = agents('echo "BMC says: no route"; exit 1')
    for call in (power.off, power.is_off):
        assert 'exit status 1: BMC says: no route' in refusal(call)


def test_what_an_agent_says_on_stderr_is_quoted_too(agents):
    assert 'no route' in refusal(agents('echo no route >&2; exit 1').off)


def test_neither_on_nor_off_is_never_taken_for_off(agents):
    assert 'status' in refusal(agents('exit 3').is_off)


@pytest.mark.parametrize(
    'key',
    ['passwd', 'password', 'snmp_priv_passwd', 'community', 'api_token'],
)
def test_a_password_that_an_agent_prints_is_masked(agents, key):
    power = agents('cat; exit 1', {'ip': '10.1.0.11', key: SECRET})
    said = refusal(power.off)
    assert SECRET not in said
    assert f'{key}=***' in said
    assert '10.1.0.11' in said


def test_the_tail_of_long_output_is_quoted(agents):
    said = refusal(agents('seq 1 5000; echo the end; exit 1').off)
    assert said.endswith('the end')
    assert len(said) < 500


def test_an_agent_that_hangs_is_ended_with_its_children(agents, tmp_path):
    power = agents('sleep 300 & echo $! > child; wait', timeout=0.5)
    assert 'no end after' in refusal(power.off)
    child = int((tmp_path / 'child').read_text())
    end = time.monotonic() + 60
    while runs(child):
        assert time.monotonic() < end, f'process {child} runs on'
        time.sleep(0.01)


def runs(process):
    try:
        with open(f'/proc/{process}/stat') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_an_agent_that_leaves_a_child_behind_does_not_hang_us(agents):
    # The child keeps the pipe open.
    agents('sleep 60 & exit 0', timeout=20).off('cmp1')


def test_an_agent_that_does_not_read_its_options_is_heard(agents):
    options = {'ip': 'x' * 200_000}
    assert 'exit status 7' in refusal(agents('exit 7', options).off)


@pytest.mark.parametrize('agent', ['/nowhere/fence_x', 'fence_nowhere_x'])
def test_an_agent_that_is_not_there_is_named(agent):
    power = FenceAgents([FenceDevice('cmp1', agent)])
    assert agent in refusal(power.off)


def test_a_file_that_cannot_be_run_is_an_error(tmp_path):
    plain = tmp_path / 'plain'
    plain.write_text('no program')
    said = refusal(FenceAgents([FenceDevice('cmp1', str(plain))]).off)
    assert 'ermission denied' in said


def test_an_option_cannot_smuggle_in_another(agents):
    power = agents(GOOD, {'ip': '10.1.0.11\naction=on'})
    assert 'newline' in refusal(power.off)


def test_a_host_without_a_device_is_refused(agents):
    power = agents(GOOD)
    assert power.knows('cmp1')
    assert not power.knows('cmp2')
    assert 'no device' in refusal(power.off, 'cmp2')
