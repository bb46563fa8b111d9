# SPDX-License-Identifier: Apache-2.0
"""What a host's nova.conf says of consoles, with the line that says it."""

import json

import pytest

from osc_recover.agent import compute, errors, run
from osc_recover.agent.domains import host

CONF = """\
[DEFAULT]
my_ip = 10.0.0.11
[vnc]
# server_listen = 1.2.3.4
server_listen = 10.0.0.12
server_listen = $my_ip
server_proxyclient_address: "$my_ip"
[database]
connection = mysql://nova:server_listen=x@db
"""


@pytest.fixture
def nova(tmp_path, monkeypatch):
    """A host on which no nova-compute runs, with files of its own."""
    (tmp_path / 'nova').mkdir()
    monkeypatch.setattr(compute, '_FOLDERS', (str(tmp_path / 'nova'),))
    monkeypatch.setattr(compute, 'KOLLA', str(tmp_path / 'kolla'))
    monkeypatch.setattr(compute, 'running', lambda: None)

    def write(text, name='nova.conf'):
        path = tmp_path / 'nova' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def test_a_value_comes_with_its_line_and_what_it_is_made_of(nova):
    path = nova(CONF)
    told = host.settings()
    assert told['problem'] == ''
    assert told['values']['vnc.server_listen'] == {
        'value': '10.0.0.11',
        'addresses': ['10.0.0.11'],
        'file': path,
        'line': 6,
    }
    client = told['values']['vnc.server_proxyclient_address']
    assert (client['value'], client['line']) == ('10.0.0.11', 7)


def test_a_folder_of_files_wins_over_the_file(nova):
    nova(CONF)
    path = nova('[VNC]\n\nserver_listen=::\n', 'nova.conf.d/50.conf')
    told = host.settings()['values']['vnc.server_listen']
    assert (told['value'], told['file'], told['line']) == ('::', path, 3)


def test_what_no_file_says_is_a_default_of_nova(nova):
    nova('[DEFAULT]\nstate_path = /srv/nova\n')
    values = host.settings()['values']
    assert values['instances_path']['value'] == '/srv/nova/instances'
    assert values['vnc.server_listen'] == {
        'value': '127.0.0.1',
        'addresses': ['127.0.0.1'],
        'file': '',
        'line': 0,
    }


def test_a_name_stands_for_its_addresses(nova):
    nova('[vnc]\nserver_listen = localhost\n')
    told = host.settings()['values']['vnc.server_listen']
    assert '127.0.0.1' in told['addresses']


def test_a_variable_that_nobody_knows_stays_as_it_is(nova):
    nova('[vnc]\nserver_listen = $no_such\n')
    told = host.settings()['values']['vnc.server_listen']
    assert (told['value'], told['addresses']) == ('$no_such', [])


@pytest.mark.parametrize(
    'text, problem',
    [('[vnc\n', 'line 1'), ('[vnc]\nsecret\n', 'line 2')],
)
def test_a_file_that_is_not_understood_is_told_without_its_words(
    nova, text, problem
):
    path = nova(text)
    told = host.settings()['problem']
    assert path in told
    assert problem in told
    assert 'secret' not in told


def test_a_host_without_nova_conf_says_so(nova, tmp_path):
    assert f'no {tmp_path}/nova/nova.conf' in host.settings()['problem']


def test_a_value_of_the_environment_is_of_no_line(nova, tmp_path):
    path = tmp_path / 'nova.conf'
    path.write_text(CONF)
    key = ('vnc', 'server_listen')
    files = [(str(path), 'nova.conf')]
    assert host.place(key, {key: '10.9.9.9'}, files) == host.Place(
        host.ENVIRONMENT
    )
    assert host.place(key, {key: '$my_ip'}, files) == host.Place(
        'nova.conf', 6
    )


def test_addresses_are_read_from_ip(monkeypatch):
    said = json.dumps(
        [
            {'addr_info': [{'local': '127.0.0.1'}, {'local': 'FE80::1'}]},
            {'addr_info': [{}]},
            {},
        ]
    )
    monkeypatch.setattr(
        run, 'run', lambda *_, **__: run.Done(0, said.encode(), b'')
    )
    assert host.addresses() == ['127.0.0.1', 'fe80::1']


@pytest.mark.parametrize(
    'said',
    [
        '',
        '1: lo: <LOOPBACK>',
        '{}x',
        '[1]',
        '[{"addr_info": [{"local": 3.5}]}]',
    ],
)
def test_addresses_that_are_not_understood_are_an_error(monkeypatch, said):
    monkeypatch.setattr(
        run, 'run', lambda *_, **__: run.Done(0, said.encode(), b'')
    )
    with pytest.raises(errors.Refused, match='ip address says'):
        host.addresses()
