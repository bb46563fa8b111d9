# SPDX-License-Identifier: Apache-2.0
"""Hosts behind other hosts, each with a real sshd."""

import socket

import pytest

from osc_recover import errors
from osc_recover.gateways.hosts import Hosts
from osc_recover.settings import SshSettings
from tests.unit import local_agent, sshd


@pytest.fixture
def behind(tmp_path, server):
    """An sshd that is reached through the other one, and the files for it."""
    with sshd.running(tmp_path / 'behind') as found:
        found.known_hosts.write_text(
            found.known_hosts.read_text() + server.known_hosts.read_text()
        )
        (found.folder / 'ssh_config').write_text(
            server.alias('jump', f'IdentityFile {server.key}')
            + found.alias('cmp*', 'ProxyJump jump')
        )
        yield found


def test_a_jump_host_is_gone_through(server, behind):
    assert sshd.works(behind.settings(hosts=()))
    assert (server.logins(), behind.logins()) == (1, 1)


def test_many_hosts_share_one_login_on_the_jump_host(server, behind):
    names = [f'cmp{n}' for n in range(8)]
    assert sshd.answer(behind.settings(hosts=()), *names) == set(names)
    assert (server.logins(), behind.logins()) == (1, 8)


def test_two_jump_hosts_are_gone_through_in_their_order(
    tmp_path, server, behind
):
    with sshd.running(tmp_path / 'last') as last:
        last.known_hosts.write_text(
            last.known_hosts.read_text() + behind.known_hosts.read_text()
        )
        (last.folder / 'ssh_config').write_text(
            server.alias('one', f'IdentityFile {server.key}')
            + behind.alias('two', f'IdentityFile {behind.key}')
            + last.alias('cmp1', 'ProxyJump one,two')
        )
        assert sshd.works(last.settings(hosts=()))
        assert 'direct-tcpip' in behind.log


def test_a_proxy_command_is_gone_through(server, behind):
    command = f'ssh -F {behind.folder}/jump_config -W %h:%p jump'
    (behind.folder / 'jump_config').write_text(
        server.alias('jump', f'IdentityFile {server.key}',
                     f'UserKnownHostsFile {server.known_hosts}')
    )  # fmt: skip
    (behind.folder / 'ssh_config').write_text(
        behind.alias('cmp1', f'ProxyCommand {command}')
    )
    assert sshd.works(behind.settings(hosts=()))
    local_agent.wait_for('it runs on', lambda: not server.descendants())


@pytest.fixture
def nowhere(tmp_path, server):
    """The settings of a host that only the other sshd reaches."""
    (tmp_path / 'ssh_config').write_text(
        server.alias('jump', f'IdentityFile {server.key}')
        + f'Host cmp*\nHostName 127.0.0.1\nPort {sshd.free_port()}\n'
        'ProxyJump jump\n'
    )
    return server.settings(hosts=(), config_file=tmp_path / 'ssh_config')


def test_a_host_that_the_jump_host_cannot_reach_is_told(server, nowhere):
    told = sshd.refused(nowhere, errors.ConnectFailed)
    assert f'jump host 127.0.0.1 port {server.port}' in told.problem


def test_a_jump_host_that_is_down_is_told_for_each_host_behind(
    server, nowhere
):
    server.end()
    names = ['cmp1', 'cmp2', 'cmp3']
    with Hosts(nowhere) as hosts:
        found = dict(hosts.each(names, 'hello', {}, timeout=60))
    assert {type(each) for each in found.values()} == {errors.ConnectRefused}
    assert [found[name].host for name in names] == names
    assert found['cmp1'].at == f'jump host 127.0.0.1 port {server.port}'


def test_hosts_that_wait_for_one_jump_host_are_each_told(tmp_path):
    names = ['cmp1', 'cmp2', 'cmp3']
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', sshd.free_port()))
        silent.listen()
        port = silent.getsockname()[1]
        config = tmp_path / 'config'
        config.write_text(f'Host cmp*\nProxyJump 127.0.0.1:{port}\n')
        settings = SshSettings(config_file=config, connect_timeout=2.0)
        with Hosts(settings) as hosts:
            found = dict(hosts.each(names, 'hello', {}, timeout=60))
    assert {type(each) for each in found.values()} == {errors.ConnectTimedOut}
    assert [found[name].host for name in names] == names


def test_the_key_of_a_jump_host_is_checked_too(server, nowhere):
    server.known_hosts.write_text('')
    told = sshd.refused(nowhere, errors.HostKeyUnknown)
    assert told.at.startswith('jump host')


def test_a_jump_host_that_forwards_nothing_is_told(tmp_path):
    with sshd.running(tmp_path / 'sshd', 'AllowTcpForwarding no') as server:
        (tmp_path / 'ssh_config').write_text(
            server.alias('jump', f'IdentityFile {server.key}')
            + 'Host cmp1\nHostName 127.0.0.1\nProxyJump jump\n'
        )
        told = sshd.refused(
            server.settings(hosts=(), config_file=tmp_path / 'ssh_config'),
            errors.ConnectFailed,
        )
    assert 'does not let us through' in told.problem


@pytest.mark.parametrize('command', ['false', '/no/such/program', 'cat'])
def test_a_proxy_command_that_fails_is_told(tmp_path, command):
    config = tmp_path / 'config'
    config.write_text(f'Host cmp1\nProxyCommand {command}\n')
    told = sshd.refused(
        SshSettings(config_file=config, connect_timeout=2.0),
        errors.ConnectFailed,
    )
    assert 'through its ProxyCommand' in told.sentence


def test_a_proxy_command_that_hangs_is_ended(tmp_path):
    config, path = tmp_path / 'config', tmp_path / 'pid'
    script = f"sh -c 'echo $$ > {path}; sleep 600; true'"
    config.write_text(f'Host cmp1\nProxyCommand {script}\n')
    settings = SshSettings(config_file=config, connect_timeout=2.0)
    sshd.refused(settings, errors.ConnectTimedOut)
    assert not local_agent.runs(int(path.read_text()))
