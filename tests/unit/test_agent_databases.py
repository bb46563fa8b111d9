# SPDX-License-Identifier: Apache-2.0
"""What a controller tells of databases: what oslo.config would, no more."""

import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from osc_recover import errors as our_errors
from osc_recover.agent import databases, errors, novaconf, services
from osc_recover.gateways.ssh import link
from tests.unit import local_agent

NOVA = [['api_database', 'connection'], ['database', 'connection']]
BOTH = """\
[DEFAULT]
transport_url = rabbit://secret@mq
[api_database]
connection = mysql+pymysql://nova:%40%24$$@db/nova_api
[database]
connection: "mysql+pymysql://nova@db/nova_cell0"
"""
CELL = '[database]\nconnection = mysql://nova@db/cell\n'


def read(path='', project='nova', options=NOVA):
    args = {'project': project, 'path': str(path), 'options': options}
    return databases.read(args, lambda event: None)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A controller on which nothing runs and nothing is."""
    monkeypatch.setattr(services, 'running', lambda program: [])
    monkeypatch.setattr(databases, '_FOLDERS', (f'{tmp_path}/etc/{{0}}',))
    monkeypatch.setattr(databases, '_DIST', f'{tmp_path}/dist/{{0}}.conf')
    monkeypatch.setattr(databases, '_KOLLA', f'{tmp_path}/kolla/{{1}}/{{0}}')
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_only_the_options_that_are_asked_for_are_told(tmp_path):
    path = write(tmp_path / 'nova.conf', BOTH)
    assert read(path) == {
        'values': {
            'api_database.connection': 'mysql+pymysql://nova:%40%24$@db/'
            'nova_api',
            'database.connection': 'mysql+pymysql://nova@db/nova_cell0',
        },
        'where': str(path),
    }


@pytest.mark.parametrize('version', local_agent.VERSIONS)
def test_every_python_reads_the_same(tmp_path, version):
    python = local_agent.interpreter(version)
    assert python, local_agent.HOW.format(version)
    path = write(tmp_path / 'nova.conf', BOTH)
    process = local_agent.start(python)
    try:
        agent = link.Link(local_agent.WHO, process)
        args = {'project': 'nova', 'path': str(path), 'options': NOVA}
        assert agent.ask('databases.read', args, timeout=60) == read(path)
        args['path'] = '/nowhere'
        with pytest.raises(our_errors.OperationRefused, match='/nowhere'):
            agent.ask('databases.read', args, timeout=60)
    finally:
        process.end()


def test_the_usual_files_count_in_the_order_of_oslo_config(host):
    write(host / 'dist/nova.conf', '[database]\nconnection = dist')
    write(host / 'etc/nova/nova.conf', BOTH)
    more = write(host / 'etc/nova/nova.conf.d/db.conf', CELL)
    found = read()
    assert found['values']['database.connection'].endswith('/cell')
    assert found['where'].endswith(f', {more}')


def test_kollas_file_is_the_last_resort(host):
    write(host / 'kolla/nova-conductor/nova', CELL)
    path = write(host / 'kolla/nova-api/nova', BOTH)
    assert read()['where'] == str(path)
    write(host / 'etc/nova/nova.conf', CELL)
    assert read()['where'] == f'{host}/etc/nova/nova.conf'


def test_cinder_has_files_of_its_own(host):
    write(host / 'etc/cinder/cinder.conf', CELL)
    assert read(project='cinder')['values']['database.connection']
    with pytest.raises(errors.Refused, match='nova-api') as caught:
        read()
    assert 'nova_config' in caught.value.fields['advice']


def test_what_was_read_is_told_where_nothing_is_in_it(host):
    path = write(host / 'etc/nova/nova.conf', '[DEFAULT]\n')
    assert read() == {'values': {}, 'where': str(path)}


@pytest.fixture
def run(host, monkeypatch):
    """Starts processes that are called like services."""
    started = []

    def running(program):
        names = [p for p in started if p.args[1].endswith(program)]
        return [(p.pid, tuple(p.args)) for p in names]

    def start(program, conf, **env):
        script = write(host / program, 'import time; time.sleep(60)')
        words = [sys.executable, str(script), '--config-file', str(conf)]
        process = subprocess.Popen(words, env=env)
        started.append(process)
        # For a moment it has neither words nor an environment.
        path = pathlib.Path(f'/proc/{process.pid}/cmdline')
        local_agent.wait_for('its command line', path.read_bytes)

    monkeypatch.setattr(services, 'running', running)
    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_service_that_runs_knows_its_own_files_and_environment(host, run):
    run(
        'nova-api',
        write(host / 'own.conf', BOTH),
        OS_DATABASE__CONNECTION='mysql://env@db/x',
    )
    found = read()
    assert found['values']['database.connection'] == 'mysql://env@db/x'
    assert 'nova-api' in found['where']


def test_the_conductor_of_a_cell_is_not_asked_for_the_apis_database(host, run):
    run('nova-conductor', write(host / 'cell.conf', CELL))
    write(host / 'etc/nova/nova.conf', BOTH)
    assert len(read()['values']) == 2
    assert read()['where'] == f'{host}/etc/nova/nova.conf'


def test_services_of_several_clouds_are_not_taken_for_one(host, run):
    run('nova-api', write(host / 'one.conf', BOTH))
    run('nova-scheduler', write(host / 'two.conf', BOTH))
    assert read()['values']
    other = BOTH.replace('/nova_api', '/other').replace('nova:', 'secret:')
    run('nova-conductor', write(host / 'other.conf', other))
    with pytest.raises(errors.Refused, match='different') as caught:
        read()
    assert 'nova-api' in caught.value.text
    assert 'nova-conductor' in caught.value.text
    assert 'secret' not in caught.value.text
    assert 'nova_config' in caught.value.fields['advice']


def test_what_runs_goes_before_a_file_that_was_left(host, run):
    run('nova-api', write(host / 'own.conf', BOTH))
    write(host / 'etc/nova/nova.conf', BOTH.replace('/nova_api', '/old'))
    values = read()['values']
    assert values['api_database.connection'].endswith('/nova_api')


def test_a_service_that_ends_meanwhile_is_passed_by(host, monkeypatch):
    ended = 2**22 + 1  # above the highest number of a process
    monkeypatch.setattr(services, 'running', lambda _: [(ended, ('x',))])
    path = write(host / 'etc/nova/nova.conf', BOTH)
    assert read()['where'] == str(path)


# oslo.config itself

LINES = st.text(
    st.sampled_from('ab1 \t:=$\\{}"\'%#;.@/[]'), max_size=14
)  # fmt: skip


def by_oslo(path):
    """What oslo.config has; None where it has nothing."""
    conf = cfg.ConfigOpts()
    known = [cfg.StrOpt('connection'), cfg.StrOpt('b')]
    conf.register_opts(known, 'database')
    conf.register_opts([cfg.StrOpt('a')])
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    return conf.database.connection


@pytest.mark.parametrize(
    'text',
    [
        'connection = mysql://u:p%25$$@db/x',
        'connection = mysql://u:p\\$word@db/x',
        "connection = 'mysql://u@db/x '",
        'connection: mysql://u@db/x',
        'connection : mysql://u@db/x?a=b',
        'connection = mysql://u@db/x\n  ?a=b',
        'connection = mysql://u:$a@db/${a}',
        'connection = ${a}/${database.b}$b',
        'connection = first\nconnection = last',
        'connection = x\n[DATABASE]\nconnection = upper',
        'connection = $a.b',
        'connection = $1 $ ${ ${} $$$$ \\\\$a',
        'connection =',
        'b = $a\nconnection = $b',
        '# connection = no\n;connection = no\n\nconnection = "a""',
    ],
)
def test_each_form_of_a_value_is_read_as_oslo_config_reads_it(tmp_path, text):
    check(tmp_path, f'[DEFAULT]\na = A\n[database]\nb = B\n{text}\n')


@settings(max_examples=300, deadline=None)
@given(LINES, LINES)
def test_any_value_is_read_as_oslo_config_reads_it(
    tmp_path_factory, first, second
):
    folder = tmp_path_factory.getbasetemp()
    text = f'[DEFAULT]\na = {first}\n[database]\nb = B\nconnection={second}\n'
    check(folder, text)


def check(folder, text):
    path = write(folder / 'nova.conf', text)
    try:
        theirs = by_oslo(path) or ''
    except (cfg.Error, RecursionError):
        with pytest.raises(errors.Refused):
            read(path)
        return
    found = read(path, options=[['database', 'connection']])
    assert found['values'].get('database.connection', '') == theirs
    assert os.fspath(path) == found['where']
    assert novaconf.parse(text)
