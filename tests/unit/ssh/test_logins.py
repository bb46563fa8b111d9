# SPDX-License-Identifier: Apache-2.0
"""Keys of every kind, against a real sshd and a real SSH agent."""

import getpass
import logging
import os
import subprocess

import pytest

from osc_recover import errors
from osc_recover.gateways.hosts import Hosts
from tests.unit import local_agent, sshd


def test_an_alias_of_ssh_config_is_followed(server, nobody):
    config = nobody / '.ssh/config'
    config.write_text(
        server.alias('cmp1', f'IdentityFile {server.key}',
                     f'UserKnownHostsFile {server.known_hosts}')
    )  # fmt: skip
    assert sshd.works(
        server.settings(
            identity_file='', known_hosts=None, hosts=(), config_file=config
        )
    )


@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
def test_every_kind_of_key_is_tried(server, kind):
    key = server.folder / f'id_{kind}'
    sshd.keygen(key, kind=kind)
    public = key.with_suffix('.pub').read_text()
    (server.folder / 'authorized_keys').write_text(public)
    assert sshd.works(server.settings(identity_file=str(key)))


@pytest.mark.parametrize('kind', ['ecdsa', 'rsa'])
def test_a_key_in_the_older_format_is_read(server, kind):
    key = server.folder / f'id_{kind}'
    sshd.keygen(key, '-m', 'PEM', kind=kind)
    public = key.with_suffix('.pub').read_text()
    (server.folder / 'authorized_keys').write_text(public)
    assert sshd.works(server.settings(identity_file=str(key)))


@pytest.mark.parametrize('kind', ['ecdsa', 'rsa'])
def test_every_kind_of_host_key_is_checked(tmp_path, kind):
    sshd.keygen(tmp_path / kind, kind=kind)
    public = (tmp_path / f'{kind}.pub').read_text()
    with sshd.running(tmp_path / 'sshd', f'HostKey {tmp_path}/{kind}') as it:
        # The other one of its keys is not known.
        it.known_hosts.write_text(f'[127.0.0.1]:{it.port} {public}')
        assert sshd.works(it.settings())


def test_a_locked_key_is_opened_with_what_the_operator_says(server):
    sshd.lock(server.key)
    asked = []

    def passphrase(path):
        asked.append(path)
        return 'open sesame'

    names = ['cmp1', 'cmp2', 'cmp3']
    settings = server.settings(*names)
    found = sshd.answer(settings, *names, passphrase=passphrase)
    assert found == set(names)
    assert asked == [str(server.key)]


@pytest.mark.parametrize(
    'said, problem',
    [(None, 'needs a passphrase'), ('wrong', 'does not open it')],
)
def test_a_locked_key_that_stays_so_is_told(server, said, problem):
    sshd.lock(server.key)
    with Hosts(server.settings(), passphrase=lambda path: said) as hosts:
        with pytest.raises(errors.LoginFailed, match=problem) as caught:
            hosts.ask('cmp1', 'hello', {}, timeout=60)
    assert str(server.key) in caught.value.sentence
    assert 'wrong' not in str(caught.value)


@pytest.fixture
def ssh_agent(tmp_path, monkeypatch):
    """A real one; add a key to it by its file."""
    sock = tmp_path / 'agent'
    process = subprocess.Popen(
        ['ssh-agent', '-D', '-a', sock], stdout=subprocess.DEVNULL
    )
    local_agent.wait_for('no agent', sock.exists)
    monkeypatch.setenv('SSH_AUTH_SOCK', str(sock))

    def add(key):
        subprocess.run(['ssh-add', '-q', key], check=True)

    yield add
    process.terminate()
    process.wait()


def test_the_keys_of_an_agent_are_tried(server, ssh_agent):
    ssh_agent(server.key)
    os.remove(server.key)
    assert sshd.works(server.settings(identity_file=''))


def test_a_locked_key_that_an_agent_holds_needs_no_passphrase(
    server, ssh_agent
):
    ssh_agent(server.key)
    sshd.lock(server.key)

    def passphrase(path):
        pytest.fail('it was asked for')

    assert sshd.works(server.settings(), passphrase=passphrase)


def test_other_keys_of_an_agent_can_be_left_out(server, ssh_agent, nobody):
    ssh_agent(server.key)
    other = server.folder / 'other'
    sshd.keygen(other)
    config = nobody / '.ssh/config'
    config.write_text('Host *\nIdentitiesOnly yes\n')
    settings = server.settings(identity_file=str(other), config_file=config)
    told = sshd.refused(settings, errors.LoginFailed)
    assert told.tried == (str(other),)


def test_an_agent_serves_many_hosts_at_once(server, ssh_agent):
    ssh_agent(server.key)
    names = [f'cmp{n}' for n in range(8)]
    settings = server.settings(*names, identity_file='')
    assert sshd.answer(settings, *names) == set(names)


def test_a_user_who_is_not_let_in_is_told_which_keys_were_tried(server):
    other = server.folder / 'other'
    sshd.keygen(other)
    told = sshd.refused(
        server.settings(identity_file=str(other)), errors.LoginFailed
    )
    assert told.problem == 'no key was accepted'
    assert told.tried == (str(other),)
    assert f'let user {told.user} in' in told.sentence


def test_a_host_that_takes_passwords_only_is_told(tmp_path):
    lines = ['PubkeyAuthentication no', 'PasswordAuthentication yes']
    told = sshd.refused_by(tmp_path, errors.LoginFailed, *lines)
    assert told.problem == 'it takes only password'


def test_a_host_that_wants_more_than_a_key_is_told(tmp_path):
    lines = ['PasswordAuthentication yes',
             'AuthenticationMethods publickey,password']  # fmt: skip
    told = sshd.refused_by(tmp_path, errors.LoginFailed, *lines)
    assert told.problem == 'it wants password as well'


@pytest.mark.parametrize(
    'content, problem',
    [('', 'not supported'), ('-----BEGIN RSA PRIVATE KEY-----\nx\n', ''),
     (None, 'No such file')],
)  # fmt: skip
def test_a_file_that_is_no_key_is_told(server, content, problem):
    path = server.folder / 'odd'
    if content is not None:
        path.write_text(content)
    told = sshd.refused(
        server.settings(identity_file=str(path)), errors.LoginFailed
    )
    assert told.problem == 'there is no key to try'
    assert problem in told.tried[0]


def test_a_host_that_is_tired_of_keys_is_told(tmp_path, ssh_agent):
    with sshd.running(tmp_path / 'sshd', 'MaxAuthTries 2') as server:
        for name in ('a', 'b', 'c', 'd'):
            sshd.keygen(server.folder / name)
            ssh_agent(server.folder / name)
        told = sshd.refused(
            server.settings(identity_file=''), errors.LoginFailed
        )
    # It hangs up: those behind are not told to have been tried.
    assert len(told.tried) == 2


def test_a_host_that_does_not_answer_to_a_key_is_told(tmp_path):
    other = tmp_path / 'other'
    sshd.keygen(other)
    lines = ['AuthorizedKeysCommand /usr/bin/sleep 60',
             f'AuthorizedKeysCommandUser {getpass.getuser()}']  # fmt: skip
    told = sshd.refused_by(
        tmp_path, errors.ConnectTimedOut, *lines,
        connect_timeout=1.0, identity_file=str(other),
    )  # fmt: skip
    assert told.stage == 'login'


def test_a_key_that_is_cut_short_is_told(server):
    data = server.key.read_text().splitlines(keepends=True)
    server.key.write_text(''.join([*data[:2], data[-1]]))
    told = sshd.refused(server.settings(), errors.LoginFailed)
    assert told.problem == 'there is no key to try'


def test_no_passphrase_and_no_key_is_logged(server, caplog):
    sshd.lock(server.key)
    secret = server.key.read_text().splitlines()[3]
    with caplog.at_level(logging.DEBUG):
        with Hosts(server.settings(), passphrase=lambda p: 'open sesame') as h:
            h.ask('cmp1', 'hello', {}, timeout=60)
    assert caplog.records
    assert 'open sesame' not in caplog.text
    assert secret not in caplog.text
