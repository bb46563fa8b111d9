# SPDX-License-Identifier: Apache-2.0
"""The recover: section of clouds.yaml, as people write it."""

import pathlib

import pytest

from osc_recover import errors, settings
from osc_recover.settings import FenceDevice

DEVICE = {'host': 'cmp1', 'agent': 'fence_ipmilan'}


def test_nothing_written_down_gives_the_defaults():
    found = settings.read({})
    assert found == settings.Settings()
    assert (found.workers, found.shared_storage) == (32, None)


def test_numbers_may_be_text_as_the_sdk_makes_them():
    found = settings.read(
        {'workers': '4', 'timeout': '600', 'fence_timeout': '9.5'}
    )
    assert [found.workers, found.timeout, found.fence_timeout] == [4, 600, 9.5]


@pytest.mark.parametrize(
    'key', ['workers', 'timeout', 'request_timeout', 'fence_timeout']
)
@pytest.mark.parametrize(
    'value', ['many', None, [], 0, -1, '1e9', 'nan', 'inf', True]
)
def test_what_is_no_usable_number_is_refused(key, value):
    with pytest.raises(errors.BadSettings, match=key):
        settings.read({key: value})


@pytest.mark.parametrize('key', ['workers', 'timeout'])
def test_some_numbers_are_whole(key):
    with pytest.raises(errors.BadSettings, match=key):
        settings.read({key: '1.5'})
    found = getattr(settings.read({key: '2.0'}), key)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize(
    'value, shared, hosts',
    [
        (True, True, ()),
        ('True', True, ()),
        ('yes', True, ()),
        (False, False, ()),
        ('off', False, ()),
        (None, None, ()),
        ('', None, ()),
        (['cmp1', 2], None, ('cmp1', '2')),
    ],
)
def test_shared_storage_is_what_is_asserted(value, shared, hosts):
    found = settings.read({'shared_storage': value})
    assert (found.shared_storage, found.shared_hosts) == (shared, hosts)


@pytest.mark.parametrize('value', ['maybe', 'cmp1,cmp2', 2, {'cmp1': True}])
def test_shared_storage_is_never_guessed(value):
    with pytest.raises(errors.BadSettings, match='shared_storage'):
        settings.read({'shared_storage': value})


def test_fence_options_are_text_and_empty_ones_are_left_out():
    device = {**DEVICE, 'options': {'ip': '10.1.0.11', 'port': 6, 'x': None}}
    assert settings.read({'fence': [device]}).fence == (
        FenceDevice('cmp1', 'fence_ipmilan', {'ip': '10.1.0.11', 'port': '6'}),
    )


@pytest.mark.parametrize(
    'value, problem',
    [
        ('fence_ipmilan', 'no list'),
        ({'cmp1': DEVICE}, 'no list'),
        (['cmp1'], 'without a host'),
        ([{'agent': 'x'}], 'without a host'),
        ([{'host': 'cmp1'}], 'no agent'),
        ([{**DEVICE, 'options': 'ip=1'}], 'no map'),
        ([DEVICE, DEVICE], 'twice'),
    ],
)
def test_a_fence_device_that_cannot_be_used_is_refused(value, problem):
    with pytest.raises(errors.BadSettings, match=problem):
        settings.read({'fence': value})


def test_no_password_is_in_an_error_or_in_the_settings_text():
    options = {'password': 'correct horse'}
    with pytest.raises(errors.BadSettings) as caught:
        settings.read({'fence': [{'agent': 'x', 'options': options}]})
    found = settings.read({'fence': [{**DEVICE, 'options': options}]})
    assert 'horse' not in f'{caught.value} {caught.value!r} {found!r}'


@pytest.mark.parametrize('section', [True, 'x', ['workers'], 3])
def test_a_section_that_is_no_map_is_refused(section):
    with pytest.raises(errors.BadSettings):
        settings.read(section)


def test_misspelt_keys_are_kept_for_the_setup_check():
    found = settings.read({'workres': 3, 'ssh': {}, 'workers': 2})
    assert (found.unknown, found.workers) == (('workres',), 2)


def test_the_journal_lies_where_it_is_said_to(monkeypatch):
    monkeypatch.setenv('HOME', '/home/op')
    found = settings.read({'journal': '~/j.sqlite'})
    assert found.journal_path == pathlib.Path('/home/op/j.sqlite')


def test_a_journal_that_depends_on_the_folder_one_is_in_is_refused():
    with pytest.raises(errors.BadSettings, match='journal'):
        settings.read({'journal': 'journal.sqlite'})


@pytest.mark.parametrize(
    'state, folder',
    [
        ('/var/state', '/var/state'),
        ('relative', '/home/op/.local/state'),
        ('', '/home/op/.local/state'),
    ],
)
def test_the_default_journal_is_in_the_state_folder(
    monkeypatch, state, folder
):
    monkeypatch.setenv('HOME', '/home/op')
    monkeypatch.setenv('XDG_STATE_HOME', state)
    wanted = pathlib.Path(folder) / 'osc-recover/journal.sqlite'
    assert settings.read({}).journal_path == wanted


SSH = {
    'user': 'operator',
    'sudo': 'true',
    'identity_file': '~/.ssh/recover',
    'config_file': '/etc/recover/ssh_config',
    'known_hosts': '/etc/recover/known_hosts',
    'connect_timeout': '2.5',
}


def test_how_hosts_are_reached_is_read_from_text():
    found = settings.read({'ssh': SSH}).ssh
    assert (found.user, found.sudo) == ('operator', True)
    assert found.identity_file == '~/.ssh/recover'
    assert found.config_file == pathlib.Path('/etc/recover/ssh_config')
    assert found.known_hosts == pathlib.Path('/etc/recover/known_hosts')
    assert found.connect_timeout == 2.5


def test_a_host_has_an_address_and_what_differs_there():
    entry = {'name': 'cmp-1', 'address': '10.0.0.11', 'port': '2222'}
    [found] = settings.read({'hosts': [entry]}).ssh.hosts
    assert (found.name, found.address, found.port) == (
        'cmp-1',
        '10.0.0.11',
        2222,
    )
    assert (found.user, found.sudo) == ('', None)


@pytest.mark.parametrize(
    'section, where',
    [
        ({'ssh': 'root'}, 'ssh'),
        ({'ssh': {'sudo': 'maybe'}}, 'sudo'),
        ({'ssh': {'user': ''}}, 'user'),
        ({'ssh': {'user': True}}, 'user'),
        ({'ssh': {'connect_timeout': 'soon'}}, 'connect_timeout'),
        ({'ssh': {'known_hosts': 'known_hosts'}}, 'known_hosts'),
        ({'hosts': {'cmp-1': '10.0.0.1'}}, 'hosts'),
        ({'hosts': ['cmp-1']}, 'entry 1'),
        ({'hosts': [{'address': '10.0.0.1'}]}, 'no name'),
        ({'hosts': [{'name': 'a', 'port': 70000}]}, 'port'),
        ({'hosts': [{'name': 'a'}, {'name': 'a'}]}, 'twice'),
    ],
)
def test_what_cannot_be_meant_about_hosts_is_refused(section, where):
    with pytest.raises(errors.BadSettings, match=where):
        settings.read(section)


def test_misspelt_keys_about_hosts_are_told_and_stop_nothing():
    found = settings.read(
        {'ssh': {'usr': 'root'}, 'hosts': [{'name': 'a', 'adress': 'b'}]}
    )
    assert found.unknown == ('ssh: usr', 'hosts: adress')


URL = 'mysql+pymysql://nova:correct horse@db/nova_api'


def test_where_databases_are_is_read():
    found = settings.read(
        {
            'database': {
                'nova_api': URL,
                'nova_config': '/etc/nova/nova.conf',
                'controller': 'ctl1',
                'cells': [{'name': 'cell1', 'url': URL}],
                'cinder': None,
            }
        }
    ).database
    assert (found.nova_api, found.cinder) == (URL, '')
    assert (found.nova_config, found.controller) == (
        '/etc/nova/nova.conf',
        'ctl1',
    )
    assert found.cells == {'cell1': URL}


@pytest.mark.parametrize(
    'section, where',
    [
        (URL, 'database'),
        ({'nova_api': 'correct horse'}, 'nova_api'),
        ({'cinder': {'url': URL}}, 'cinder'),
        ({'nova_config': 'nova.conf'}, 'nova_config'),
        ({'controller': True}, 'controller'),
        ({'cells': {'cell1': URL}}, 'cells'),
        ({'cells': [URL]}, 'entry 1'),
        ({'cells': [{'name': 'cell1'}]}, 'entry 1'),
        ({'cells': [{'name': 'a', 'url': URL}] * 2}, 'twice'),
    ],
)
def test_what_cannot_be_meant_about_databases_is_refused(section, where):
    with pytest.raises(errors.BadSettings, match=where) as caught:
        settings.read({'database': section})
    assert 'horse' not in f'{caught.value} {caught.value!r}'


def test_no_url_of_a_database_is_in_the_settings_text():
    section = {'nova_api': URL, 'cells': [{'name': 'c', 'url': URL}]}
    assert 'horse' not in repr(settings.read({'database': section}))


def test_misspelt_keys_about_databases_are_told_and_stop_nothing():
    cells = [{'name': 'c', 'url': URL, 'user': 'nova'}]
    found = settings.read({'database': {'nova_ap': URL, 'cells': cells}})
    assert found.unknown == ('database: nova_ap', 'database: cells: user')


def test_a_service_that_asks_cinder_has_what_a_login_has():
    given = {'username': 'nova', 'password': 12345, 'project_name': None}
    found = settings.read({'service_auth': {**given, 'passwort': 'x'}})
    assert found.service_auth == {'username': 'nova', 'password': '12345'}
    assert found.unknown == ('service_auth: passwort',)
    assert '12345' not in repr(found)


@pytest.mark.parametrize(
    'value',
    ['nova', ['nova'], {'username': 'nova'}, {'password': ['correct horse']}],
)
def test_a_service_that_cannot_log_in_is_refused(value):
    with pytest.raises(errors.BadSettings, match='service_auth') as caught:
        settings.read({'service_auth': value})
    assert 'horse' not in str(caught.value)


def test_snapshots_are_beside_the_journal_unless_it_is_said_where():
    beside = settings.read({'journal': '/var/j/journal.sqlite'})
    assert beside.snapshots_path == pathlib.Path('/var/j/snapshots')
    named = settings.read({'snapshots': '/srv/kept'})
    assert named.snapshots_path == pathlib.Path('/srv/kept')
    with pytest.raises(errors.BadSettings, match='snapshots'):
        settings.read({'snapshots': 'kept'})


def test_guests_are_reached_as_hosts_are_with_addresses_of_their_own():
    one = {'name': 'web-id', 'address': '192.0.2.7', 'port': '2222'}
    found = settings.read(
        {'guests': {'user': 'ubuntu', 'sudo': True, 'hosts': [one]}}
    )
    assert (found.guests.user, found.guests.sudo) == ('ubuntu', True)
    at = found.guests_at({'web-id': '10.0.0.1', 'db-id': '10.0.0.2'})
    assert [(h.name, h.address, h.port) for h in at.hosts] == [
        ('web-id', '192.0.2.7', 2222),
        ('db-id', '10.0.0.2', None),
    ]
    assert found.unknown == ()
    odd = settings.read(
        {'guests': {'usr': 'x', 'hosts': [{**one, 'adress': 'x'}]}}
    )
    assert odd.unknown == ('guests: usr', 'guests: hosts: adress')


def test_guests_that_are_no_map_are_refused():
    with pytest.raises(errors.BadSettings):
        settings.read({'guests': ['ubuntu']})
