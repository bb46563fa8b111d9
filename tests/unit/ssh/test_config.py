# SPDX-License-Identifier: Apache-2.0
"""From a host's name and ~/.ssh/config to where SSH goes."""

import getpass
import subprocess

import pytest

from osc_recover import errors
from osc_recover.gateways.ssh.config import SshConfig
from osc_recover.settings import HostAddress, SshSettings


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / '.ssh').mkdir()
    return tmp_path


@pytest.fixture
def target(home):
    """Where to go for a host, with this text in ~/.ssh/config."""

    def found(host, text='', **settings):
        (home / '.ssh/config').write_text(text)
        return SshConfig(SshSettings(**settings)).target(host)

    return found


def test_without_any_configuration_a_host_is_dialled_by_its_name(home):
    found = SshConfig(SshSettings()).target('cmp1')
    assert (found.address, found.port) == ('cmp1', 22)
    assert found.user == getpass.getuser()
    assert found.at == found.known_as == 'cmp1'
    assert found.known_hosts == (
        f'{home}/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts',
    )  # fmt: skip
    assert found.identities == ()


TEXT = """
Host cmp1
    HostName 10.0.0.11
    Port 2222
    User nova
    IdentityFile "~/.ssh/a key"
    IdentityFile ~/.ssh/other
    IdentitiesOnly yes
    UserKnownHostsFile ~/.ssh/one ~/.ssh/two
    GlobalKnownHostsFile none
"""


def test_what_ssh_config_says_counts(target, home):
    found = target('cmp1', TEXT)
    assert (found.address, found.port) == ('10.0.0.11', 2222)
    assert (found.user, found.identities_only) == ('nova', True)
    folder = f'{home}/.ssh'
    assert found.identities == (f'{folder}/a key', f'{folder}/other')
    assert found.known_hosts == (f'{folder}/one', f'{folder}/two')
    assert found.known_as == '[10.0.0.11]:2222'


def test_our_settings_go_before_it(target, home):
    found = target(
        'cmp1', TEXT, user='root', identity_file='~/k',
        known_hosts=home / 'known',
        hosts=(HostAddress('cmp1', 'cmp1', 22),),
    )  # fmt: skip
    assert (found.user, found.port) == ('root', 22)
    assert found.identities[0] == f'{home}/k'
    assert found.known_hosts == (f'{home}/known',)


def test_the_address_of_a_host_is_looked_up_in_it(target):
    hosts = (HostAddress('nova-1', 'cmp1', user='one'),)
    found = target('nova-1', TEXT, hosts=hosts, user='all')
    assert (found.address, found.user) == ('10.0.0.11', 'one')
    assert found.host == 'nova-1'


def test_a_host_may_need_sudo_when_others_do_not():
    hosts = (HostAddress('a', sudo=True), HostAddress('b', sudo=False))
    plain = SshConfig(SshSettings(hosts=hosts))
    assert (plain.sudo('a'), plain.sudo('c')) == (True, False)
    sudo = SshConfig(SshSettings(hosts=hosts, sudo=True))
    assert (sudo.sudo('b'), sudo.sudo('c')) == (False, True)


def test_keys_that_are_there_are_tried_when_none_is_named(target, home):
    (home / '.ssh/id_rsa').touch()
    assert target('cmp1').identities == (f'{home}/.ssh/id_rsa',)


def test_a_name_for_host_keys_is_used_as_it_is(target):
    found = target('cmp1', 'Host *\nHostKeyAlias pool\nPort 23')
    assert found.known_as == 'pool'


JUMPS = """
Host cmp*
    ProxyJump ops@outer:2022,inner
Host outer
    HostName 192.0.2.1
Host inner
    HostName 10.0.0.1
    User hop
"""


def test_hops_are_reached_one_through_the_other(target):
    found = target('cmp1', JUMPS, user='root')
    inner, outer = found.via, found.via.via
    assert (inner.address, inner.user) == ('10.0.0.1', 'hop')
    hop = (outer.address, outer.port, outer.user)
    assert hop == ('192.0.2.1', 2022, 'ops')
    assert outer.via is None
    assert outer.at == 'jump host 192.0.2.1 port 2022'
    assert (inner.host, outer.host) == ('cmp1', 'cmp1')


def test_a_hop_may_have_a_hop_of_its_own(target):
    text = 'Host cmp1\nProxyJump b\nHost b\nProxyJump a\n'
    found = target('cmp1', text)
    assert (found.via.address, found.via.via.address) == ('b', 'a')


def test_a_jump_host_is_not_reached_through_itself(target):
    found = target('cmp1', 'Host *\nProxyJump jump\n')
    assert found.via.address == 'jump'
    assert found.via.via is None


def test_hops_in_a_circle_are_an_error(target):
    text = 'Host a\nProxyJump b\nHost b\nProxyJump a\n'
    with pytest.raises(errors.BadSshConfig, match='in a circle'):
        target('a', text)


@pytest.mark.parametrize(
    'spec, address, port, user',
    [
        ('jump', 'jump', 22, None),
        ('me@jump:23', 'jump', 23, 'me'),
        ('ssh://me@jump:23', 'jump', 23, 'me'),
        ('[2001:db8::1]:23', '2001:db8::1', 23, None),
    ],
)
def test_a_hop_is_read_as_ssh_reads_it(target, spec, address, port, user):
    via = target('cmp1', f'Host cmp1\nProxyJump {spec}').via
    assert (via.address, via.port) == (address, port)
    assert via.user == user or getpass.getuser()


def test_no_jump_and_no_command_are_none(target):
    found = target('cmp1', 'Host *\nProxyJump none\nProxyCommand none\n')
    assert (found.via, found.proxy_command) == (None, '')


def test_a_proxy_command_is_filled_in(target):
    text = 'Host cmp1\nHostName 10.0.0.1\nProxyCommand nc %h %p\n'
    found = target('cmp1', text)
    assert found.proxy_command == 'nc 10.0.0.1 22'
    assert found.at == '10.0.0.1 through its ProxyCommand'


def test_what_is_included_counts_where_it_stands(target, home):
    (home / '.ssh/more').mkdir()
    (home / '.ssh/more/a').write_text('Host cmp1\nPort 23\n')
    (home / '.ssh/more/b').write_text('Host cmp2\nPort 24\n')
    text = 'Include more/*\nUser all\nHost cmp1\nPort 99\nHostName 10.0.0.1'
    first, other = target('cmp1', text), target('cmp9', text)
    assert (first.address, first.port) == ('10.0.0.1', 23)
    assert (first.user, other.user) == ('all', 'all')


def test_what_is_included_under_a_host_is_for_that_host(target, home):
    (home / '.ssh/user').write_text('User nova\n')
    text = 'Host cmp1\nInclude ~/.ssh/user\nPort 23\n'
    assert target('cmp1', text).user == 'nova'
    assert target('cmp1', text).port == 23
    assert target('cmp2', text).user == getpass.getuser()


@pytest.mark.parametrize(
    'text, words',
    [
        ('Host cmp1\nPort ssh\n', 'Port is not understood'),
        ('Host cmp1\nPort 70000\n', 'Port is not understood'),
        ('Host cmp1\nProxyJump a:b:c\n', 'ProxyJump is not understood'),
        ('Match nonsense\n', 'cannot be used'),
        ('Host cmp1\nUser $(id)\n', 'no name of a user'),
        ('Include loop\n', 'too deep'),
        ('Host x\nInclude block\n', 'Include of'),
        ('Nonsense\n', 'cannot be used'),
    ],
)
def test_a_configuration_that_cannot_be_used_is_an_error(
    target, home, text, words
):
    (home / '.ssh/loop').write_text('Include loop\n')
    (home / '.ssh/block').write_text('Host cmp1\nPort 1\n')
    with pytest.raises(errors.BadSshConfig, match=words) as caught:
        target('cmp1', text)
    assert '~/.ssh/config' in caught.value.sentence


BAD = ['', '-oProxyCommand=x', 'a b', 'a\nb', 'a;id', '$(id)', '`id`', 'a/b',
       'a..b', '.a', 'x' * 64, '--', 'é', 'a\0', "a'b", '*']  # fmt: skip


@pytest.mark.parametrize('name', BAD)
def test_what_is_no_host_name_is_refused(target, name):
    with pytest.raises(errors.BadHostName) as caught:
        target(name)
    assert '\n' not in str(caught.value)
    assert '\0' not in str(caught.value)


@pytest.mark.parametrize('name', BAD[1:])
def test_a_bad_name_is_refused_though_it_has_an_address(target, name):
    with pytest.raises(errors.BadHostName):
        target(name, hosts=(HostAddress(name, '10.0.0.1'),))


def test_what_ssh_config_makes_of_a_name_is_checked(target):
    with pytest.raises(errors.BadHostName, match='cmp1'):
        target('cmp1', 'Host cmp1\nHostName %h;id\n')


@pytest.mark.parametrize('name', BAD[1:])
def test_what_is_no_address_is_refused(target, name):
    hosts = (HostAddress('cmp1', name),)
    with pytest.raises(errors.BadHostName, match='cmp1'):
        target('cmp1', hosts=hosts)


@pytest.mark.parametrize(
    'name', ['cmp-1.example.org', 'cmp_1', '10.0.0.1', '2001:db8::1', 'x' * 63]
)
def test_names_and_addresses_are_taken(target, name):
    assert target(name).address == name


def test_ssh_reads_the_same(target, home):
    found = target('cmp1', TEXT)
    printed = subprocess.run(
        ['ssh', '-F', home / '.ssh/config', '-G', 'cmp1'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = printed.stdout.splitlines()
    assert f'hostname {found.address}' in lines
    assert f'port {found.port}' in lines
    assert f'user {found.user}' in lines
