# SPDX-License-Identifier: Apache-2.0
"""Hosts that are not reached: what is said of each."""

import contextlib
import logging
import socket
import subprocess

import pytest

from osc_recover import errors
from osc_recover.gateways.hosts import Hosts
from osc_recover.settings import HostAddress, SshSettings
from tests.unit import local_agent, sshd


def only(address, port=22, **more):
    hosts = (HostAddress('cmp1', address, port),)
    return SshSettings(hosts=hosts, connect_timeout=30.0, **more)


def test_a_name_without_an_address_is_told():
    told = sshd.refused(only('cmp1.invalid'), errors.NameUnresolved)
    assert 'cmp1.invalid has no address' in told.sentence


def test_a_port_that_refuses_is_told():
    port = sshd.free_port()
    told = sshd.refused(only('127.0.0.1', port), errors.ConnectRefused)
    assert f'127.0.0.1 port {port} refuses' in told.sentence


@contextlib.contextmanager
def listening(backlog=5):
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', sshd.free_port()))
        listener.listen(backlog)
        yield listener


def test_a_port_that_is_silent_is_told():
    with listening() as listener:
        port = listener.getsockname()[1]
        settings = only('127.0.0.1', port)
        told = sshd.refused(
            SshSettings(hosts=settings.hosts, connect_timeout=0.5),
            errors.ConnectTimedOut,
        )
    assert (told.stage, told.seconds) == ('key exchange', 0.5)


def test_a_host_that_takes_no_connection_is_told():
    with listening(backlog=0) as listener, contextlib.ExitStack() as full:
        address = listener.getsockname()
        # The kernel drops what a full queue cannot take, as a dead host does.
        for _ in range(2):
            client = full.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        told = sshd.refused(
            SshSettings(
                hosts=(HostAddress('cmp1', *address),), connect_timeout=0.5
            ),
            errors.ConnectTimedOut,
        )
    assert told.stage == 'TCP'


@pytest.mark.parametrize(
    'words', [b'', b'HTTP/1.1 400 Bad Request\r\n\r\n', b'SSH-1.5-old\r\n']
)
def test_what_is_no_sshd_is_told(words):
    with listening() as listener:
        with Hosts(only('127.0.0.1', listener.getsockname()[1])) as hosts:
            each = hosts.each(['cmp1'], 'hello', {}, timeout=60)
            answer = local_agent.in_thread(lambda: next(each))
            with listener.accept()[0] as peer:
                peer.sendall(words)
            told = answer()[1]
    assert type(told) is errors.ConnectFailed


def test_an_unknown_host_key_is_told_with_its_fingerprint(server):
    server.known_hosts.write_text('')
    told = sshd.refused(server.settings(), errors.HostKeyUnknown)
    assert told.fingerprint == printed(server.folder / 'host_key.pub')
    scan = f'ssh-keyscan -p {server.port} 127.0.0.1 >> {server.known_hosts}'
    assert scan in told.way_out
    assert server.logins() == 0


def test_the_way_out_of_an_unknown_host_key_is_one(server):
    server.known_hosts.write_text('')
    told = sshd.refused(server.settings(), errors.HostKeyUnknown)
    subprocess.run(
        f'ssh-keyscan {told.where} >> {told.file}',
        shell=True, check=True, capture_output=True,
    )  # fmt: skip
    with Hosts(server.settings()) as hosts:
        assert hosts.ask('cmp1', 'hello', {}, timeout=60)


def printed(key):
    done = subprocess.run(
        ['ssh-keygen', '-lf', key], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[1]


def test_a_changed_host_key_is_told_with_both_fingerprints(server):
    old = server.folder / 'old'
    sshd.keygen(old)
    public = old.with_suffix('.pub').read_text()
    server.known_hosts.write_text(f'# me\n[127.0.0.1]:{server.port} {public}')
    told = sshd.refused(server.settings(), errors.HostKeyChanged)
    assert told.fingerprint == printed(server.folder / 'host_key.pub')
    assert (told.known, told.line) == (printed(old), 2)
    assert f"-R '[127.0.0.1]:{server.port}'" in told.way_out
    assert server.logins() == 0


@pytest.mark.parametrize('name', ['-oProxyCommand=touch x', 'a;touch x', ''])
def test_a_bad_name_is_refused_before_anything_is_dialled(tmp_path, name):
    config = tmp_path / 'config'
    config.write_text(f'Host *\nProxyCommand touch {tmp_path}/dialled %h\n')
    sshd.refused(
        SshSettings(config_file=config), errors.BadHostName, host=name
    )
    assert not (tmp_path / 'dialled').exists()


def test_no_traceback_of_paramiko_reaches_the_operator(caplog):
    with caplog.at_level(logging.DEBUG), listening() as listener:
        with Hosts(only('127.0.0.1', listener.getsockname()[1])) as hosts:
            each = hosts.each(['cmp1'], 'hello', {}, timeout=60)
            answer = local_agent.in_thread(lambda: next(each))
            listener.accept()[0].close()
            answer()
    assert caplog.records
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
