# SPDX-License-Identifier: Apache-2.0
"""Where the URLs of databases come from, and what goes before what."""

import pytest

from osc_recover import errors
from osc_recover.gateways.database.sources import Sources
from osc_recover.settings import DatabaseSettings, SshSettings
from tests.unit import sshd

CONF = """
[api_database]
connection = mysql+pymysql://nova:in%20file@db/from_file
[database]
connection = mysql+pymysql://nova:in%20file@db/local
"""


def sources(**told):
    return Sources(DatabaseSettings(**told), SshSettings())


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / 'nova.conf'
    path.write_text(CONF)
    return path


def test_a_file_tells_what_nothing_else_tells(conf):
    found = sources(nova_config=str(conf))
    assert found.nova_api().database == 'from_file'
    assert found.nova_api().password == 'in file'
    assert found.nova().endswith('/local')


def test_what_clouds_yaml_says_goes_before_the_file(conf):
    found = sources(
        nova_config=str(conf), nova_api='mysql://u@db/said', nova='mysql://x'
    )
    assert found.nova_api().database == 'said'
    assert found.nova() == 'mysql://x'


def test_the_environment_goes_before_all(conf, monkeypatch):
    monkeypatch.setenv('OS_API_DATABASE__CONNECTION', 'mysql://u@db/env')
    monkeypatch.setenv('OS_DATABASE__CONNECTION', 'mysql://u@db/own')
    found = sources(nova_config=str(conf), nova_api='mysql://u@db/said')
    assert found.nova_api().database == 'env'
    assert found.nova() == 'mysql://u@db/own'


def test_files_beside_the_one_that_is_named_count_as_for_nova(conf):
    more = conf.with_name('nova.conf.d')
    more.mkdir()
    (more / 'db.conf').write_text(
        '[api_database]\nconnection = mysql://u@db/beside\n'
    )
    assert sources(nova_config=str(conf)).nova_api().database == 'beside'


def test_the_parameters_of_a_connection_are_appended(conf):
    with open(conf, 'a') as file:
        print('[api_database]\nconnection_parameters = ssl_ca=/ca', file=file)
    found = sources(nova_config=str(conf)).nova_api()
    assert found.options['ssl'] == {'ca': '/ca'}


def test_files_of_this_machine_are_not_read_unasked(conf):
    assert not sources().configured
    for ask in (sources().nova_api, sources().nova, sources().cinder):
        with pytest.raises(errors.DatabaseUnset, match='nothing says'):
            ask()


@pytest.mark.parametrize(
    'text, problem',
    [
        (None, 'cannot be read: No such file'),
        ('[database]\nconnection = mysql://u:secret@db/x', 'no connection in'),
        ('[api_database]\nsecret', 'line 2 is not understood'),
        ('[api_database]\nconnection = $secretword', 'is not known'),
    ],
)
def test_a_file_that_does_not_tell_is_named(tmp_path, text, problem):
    path = tmp_path / 'nova.conf'
    if text is not None:
        path.write_text(text)
    with pytest.raises(errors.DatabaseUnset, match=problem) as caught:
        sources(nova_config=str(path)).nova_api()
    assert caught.value.database == 'nova_api'
    assert 'this machine' in caught.value.problem
    assert 'secret@' not in str(caught.value)


def test_cinder_has_a_file_of_its_own(tmp_path):
    path = tmp_path / 'cinder.conf'
    path.write_text('[database]\nconnection = mysql://u@db/cinder\n')
    found = sources(cinder_config=str(path))
    assert found.has_cinder()
    assert found.cinder().database == 'cinder'


# On a controller, over SSH


@pytest.fixture
def controller(tmp_path, monkeypatch):
    """This machine, by a name of its own."""
    home = tmp_path / 'home'
    home.mkdir()
    monkeypatch.setenv('HOME', str(home))
    with sshd.running(tmp_path / 'sshd') as machine:
        yield machine.settings('ctl1')


def test_a_controller_tells_what_is_in_its_file(controller, conf):
    told = DatabaseSettings(controller='ctl1', nova_config=str(conf))
    found = Sources(told, controller)
    assert found.nova_api().database == 'from_file'
    assert found.has_cinder()


def test_a_controller_is_asked_once_for_all_of_nova(controller, conf):
    told = DatabaseSettings(controller='ctl1', nova_config=str(conf))
    found = Sources(told, controller)
    found.nova_api()
    conf.unlink()
    assert found.nova().endswith('/local')


def test_what_a_controller_lacks_is_told_with_its_name(controller):
    told = DatabaseSettings(controller='ctl1', nova_config='/nowhere.conf')
    with pytest.raises(errors.DatabaseUnset, match='ctl1') as caught:
        Sources(told, controller).nova_api()
    assert '/nowhere.conf cannot be read' in caught.value.problem


def test_a_controller_that_is_not_reached_is_no_other_kind_of_error(
    controller,
):
    told = DatabaseSettings(controller='ctl2.invalid')
    with pytest.raises(errors.DatabaseUnset) as caught:
        Sources(told, controller).nova_api()
    assert caught.value.database == 'nova_api'
    assert 'recover: hosts' in caught.value.way_out
