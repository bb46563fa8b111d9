# SPDX-License-Identifier: Apache-2.0
"""When hosts are asked, and who."""

import contextlib
import pathlib
import socket
import threading

import pytest

from osc_recover.recovery import asking
from osc_recover.settings import HostAddress, SshSettings
from tests.unit import sshd
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    node,
    of_image,
    server,
)

CONFIGURED = SshSettings(
    user='root',
    identity_file='/nowhere/key',
    config_file=pathlib.Path('/dev/null'),
    known_hosts=pathlib.Path('/dev/null'),
)


@pytest.fixture
def dialled(monkeypatch):
    """Whose storage is asked for, and of which servers."""
    found = []
    monkeypatch.setattr(
        asking,
        'storage',
        lambda settings, hosts, servers: found.append((hosts, servers)) or (),
    )
    return found


def ask(*servers, settings=CONFIGURED, request=None, **changes):
    situation = cloud(*servers, **changes)
    return asking.with_storage(situation, request or asked(), settings)


def test_every_host_that_may_take_a_server_is_asked_for_what_has_a_disk(
    dialled,
):
    busy = compute('cmp-4', enabled=False)
    services = computes(compute(HOST, up=False), busy)
    ask(of_image('s1'), server('s2'), services=services)
    assert dialled == [(['cmp-2', 'cmp-3'], ['s1'])]


def test_an_ephemeral_disk_beside_a_volume_is_asked_for(dialled):
    ask(server('s1', ephemeral_gb=5))
    assert [servers for _, servers in dialled] == [['s1']]


def test_a_single_target_has_the_others_as_witnesses(dialled):
    ask(of_image(), request=asked(target='cmp-3'))
    assert [hosts for hosts, _ in dialled] == [['cmp-2', 'cmp-3', 'cmp-4']]


def test_of_the_servers_only_those_in_question_are_asked_for(dialled):
    ask(of_image('s1'), of_image('s2'), request=asked(servers=('s2',)))
    assert [servers for _, servers in dialled] == [['s2']]


@pytest.mark.parametrize(
    'how',
    [
        {'settings': SshSettings()},
        {'request': asked(agent=False)},
        {'request': asked(fenced='')},
        {'services': computes()},
        {'hypervisors': (node(HOST, type='ironic'),)},
    ],
    ids=['no ssh', 'no agent', 'no evidence', 'host is up', 'ironic'],
)
def test_nobody_is_asked(dialled, how):
    ask(of_image(), **how)
    assert dialled == []


def test_nobody_is_asked_for_servers_without_local_disks(dialled):
    ask(server())
    assert dialled == []


def test_an_address_alone_says_how_hosts_are_reached(dialled):
    ask(of_image(), settings=SshSettings(hosts=(HostAddress('cmp-2'),)))
    assert len(dialled) == 1


def test_a_host_that_returns_is_not_asked_without_a_word_about_ssh():
    situation = cloud()
    found = asking.with_returned(situation, HOST, None, SshSettings())
    assert found is situation


def test_a_host_that_returns_and_is_away_is_dialled_once(tmp_path):
    with sshd.running(tmp_path / 'sshd', 'MaxSessions 0') as machine:
        settings = machine.settings(HOST)
        told = asking.with_returned(cloud(), HOST, None, settings).returned
        assert machine.logins() == 1
    parts = (told.domains, told.storage, told.sessions, *told.accounts)
    assert {part.host for part in parts} == {HOST}
    assert len({part.problem for part in parts}) == 1
    assert 'start of a program' in told.domains.problem


def test_hosts_that_are_silent_say_so_and_are_asked_side_by_side(tmp_path):
    hosts = [f'cmp-{n}' for n in (2, 3, 4)]
    with silence(len(hosts)) as (port, together):
        settings = SshSettings(
            user='root',
            config_file=CONFIGURED.config_file,
            known_hosts=CONFIGURED.known_hosts,
            connect_timeout=2.0,
            hosts=tuple(HostAddress(h, '127.0.0.1', port) for h in hosts),
        )
        found = ask(of_image(), settings=settings).storage
    assert {told.host for told in found} == set(hosts)
    assert all('no answer within 2 s' in told.problem for told in found)
    assert together == [len(hosts)]


@contextlib.contextmanager
def silence(count):
    """A port that says nothing, and how many wait when the last has come."""
    together, several = [], []

    def accept():
        several.extend(listening.accept()[0] for _ in range(count))
        for one in several:
            # What a client says before it waits.
            one.recv(100)
        together.append(sum(map(waits, several)))

    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        listening.listen(count)
        listening.settimeout(60)
        thread = threading.Thread(target=accept)
        thread.start()
        yield listening.getsockname()[1], together
        thread.join()
    for one in several:
        one.close()


def waits(connection):
    """Whether the other side is still there."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
