# SPDX-License-Identifier: Apache-2.0
"""The databases of a real nova and cinder, and who may see their URLs."""

import json
import subprocess
import types

import openstack
import pymysql
import pytest
import yaml

from osc_recover import errors
from osc_recover.agent import databases as agent
from osc_recover.agent import services
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.database import templates
from osc_recover.gateways.database.databases import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.recovery import Recovery
from osc_recover.settings import DatabaseSettings, SshSettings
from tests import practice as lib
from tests.cloud import lab, paths, ports
from tests.unit import sshd
from tests.unit.database import test_templates

pytestmark = pytest.mark.functional

ROWS = ['database nova_api', "database cell 'cell1'", 'database cinder']
READER = 'recover-reader'
PASSWORD = 'pass @word'
ENCODED = 'pass%20%40word'


def rows(clouds, *words):
    done = lib.recover(clouds, 'setup', 'check', *words)
    assert 'Traceback' not in done.stderr
    found = {row['Check']: row for row in done.rows}
    return {check: found.get(check) for check in ROWS}


def url(database):
    return (
        f'mysql+pymysql://{READER}:{ENCODED}@127.0.0.1:'
        f'{ports.port("mariadb")}/{database}'
    )


def root():
    """Who may grant rights."""
    return pymysql.connect(
        host='127.0.0.1', port=ports.port('mariadb'), user='root'
    )


@pytest.fixture(scope='module')
def reader(practice):
    """An account with the rights that the manual grants to one who reads."""
    account = f"'{READER}'@'127.0.0.1'"
    with root() as link, link.cursor() as cursor:
        cursor.execute(f'DROP USER IF EXISTS {account}')
        cursor.execute(f"CREATE USER {account} IDENTIFIED BY '{PASSWORD}'")
        for name in ('nova_api', 'nova', 'cinder'):
            cursor.execute(f'GRANT SELECT ON {name}.* TO {account}')
    yield {
        'nova_api': url('nova_api'),
        'cinder': url('cinder'),
        'cells': [{'name': 'cell1', 'url': url('nova')}],
    }
    with root() as link, link.cursor() as cursor:
        cursor.execute(f'DROP USER {account}')


def test_an_account_that_may_only_read_is_enough_to_look(reader, tmp_path):
    found = rows(lib.write_clouds(tmp_path, database=reader))
    assert {row['State'] for row in found.values()} == {'ok'}
    cell = found["database cell 'cell1'"]
    assert 'may be read only: ' in cell['Detail']
    assert 'command denied' in cell['Detail']
    assert 'GRANT' in cell['Fix']


def test_the_account_of_nova_may_write_in_its_cell(practice, tmp_path):
    urls = lib.database_urls()
    found = rows(lib.write_clouds(tmp_path, database=urls))
    cell = found["database cell 'cell1'"]
    assert cell['Detail'].endswith('may be read and written')


def test_urls_in_secure_yaml_are_used_and_no_password_is_told(
    reader, tmp_path
):
    clouds = lib.write_clouds(tmp_path)
    secure = {'clouds': {lib.CLOUD: {'recover': {'database': reader}}}}
    (tmp_path / 'secure.yaml').write_text(yaml.safe_dump(secure))
    done = subprocess.run(
        [*lib.command('setup', 'check'), '-v', '-v', '--debug'],
        env={
            **lib.environment(clouds),
            'OS_CLIENT_SECURE_FILE': str(tmp_path / 'secure.yaml'),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    found = {row['Check']: row['State'] for row in json.loads(done.stdout)}
    assert [found[check] for check in ROWS] == ['ok', 'ok', 'ok']
    kept = b''.join(
        path.read_bytes() for path in tmp_path.glob('journal.sqlite*')
    ).decode(errors='replace')
    for told in (done.stdout, done.stderr, kept):
        for secret in (PASSWORD, ENCODED):
            assert secret not in told


def test_no_password_is_told_where_it_is_wrong(practice, tmp_path):
    wrong = url('nova_api').replace(ENCODED, 'not%20mine')
    clouds = lib.write_clouds(tmp_path, database={'nova_api': wrong})
    argv = [*lib.command('setup', 'check'), '-v', '-v', '--debug']
    done = subprocess.run(
        argv, env=lib.environment(clouds), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert f"Access denied for user '{READER}'" in done.stdout
    assert 'not mine' not in done.stdout + done.stderr
    assert 'not%20mine' not in done.stdout + done.stderr


# Where URLs come from


def configuration(name):
    return str(paths.state() / 'conf' / name)


def test_the_files_of_nova_and_cinder_tell_the_rest(practice):
    told = DatabaseSettings(
        nova_config=configuration('nova.conf'),
        cinder_config=configuration('cinder.conf'),
    )
    check_all(Databases(Sources(told, SshSettings())))


def test_a_controller_tells_what_is_in_its_files(practice, tmp_path):
    with sshd.running(tmp_path / 'sshd') as machine:
        told = DatabaseSettings(
            controller='ctl1',
            nova_config=configuration('nova.conf'),
            cinder_config=configuration('cinder.conf'),
        )
        check_all(Databases(Sources(told, machine.settings('ctl1'))))


@pytest.mark.parametrize(
    'project, option, database',
    [
        ('nova', ('api_database', 'connection'), 'nova_api'),
        ('cinder', ('database', 'connection'), 'cinder'),
    ],
)
def test_services_tell_what_they_were_started_with(
    practice, monkeypatch, project, option, database
):
    running = services.running

    def ours(program):
        # Other clouds may run on this machine.
        state = str(paths.state())
        return [one for one in running(program) if state in ' '.join(one[1])]

    monkeypatch.setattr(services, 'running', ours)
    args = {'project': project, 'path': '', 'options': [option]}
    told = agent.read(args, lambda event: None)
    assert told['values']['.'.join(option)].endswith(f'/{database}')
    assert told['where'].startswith('the configuration of ')


def check_all(databases):
    [cell] = databases.cells()
    assert cell.name == 'cell1'
    hosts = databases.nova_api.read('SELECT host FROM host_mappings')
    assert {row['host'] for row in hosts} >= set(lab.HOSTS)
    services = cell.database.read(
        "SELECT host FROM services WHERE `binary` = 'nova-compute'"
        ' AND deleted = 0'
    )
    assert {row['host'] for row in services} >= set(lab.HOSTS)
    assert 'attach_status' in databases.cinder.columns('volumes')
    databases.close()


def test_a_cell_whose_mapping_is_a_template_is_reached(practice, tmp_path):
    """Planted beside cell1, and taken away."""
    template = (
        '{scheme}://{username}:{password}@{hostname}:{port}/nova?{query}'
    )
    insert = (
        'INSERT INTO cell_mappings (uuid, name, transport_url,'
        " database_connection, disabled) VALUES (UUID(), 'planted', 'none:///',"
        ' %s, 0)'
    )
    told = DatabaseSettings(nova_config=configuration('nova.conf'))
    with lib.database('nova_api') as link, link.cursor() as cursor:
        cursor.execute(insert, template)
        try:
            cells = Databases(Sources(told, SshSettings())).cells()
        finally:
            cursor.execute("DELETE FROM cell_mappings WHERE name = 'planted'")
    assert [cell.name for cell in cells] == ['cell1', 'planted']
    for cell in cells:
        assert cell.database.columns('instances')


NOVA = """
import json, sys
from nova.objects.cell_mapping import CellMapping
found = []
for template, local in json.load(sys.stdin):
    try:
        found.append(CellMapping._format_url(template, local))
    except Exception:
        found.append(template)
print(json.dumps(found))
"""


def test_nova_itself_fills_templates_in_the_same_way(practice):
    cases = [case[:2] for case in test_templates.CASES]
    done = subprocess.run(
        [f'{paths.venv()}/bin/python', '-c', NOVA],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [templates.filled(*case) for case in cases]
    assert json.loads(done.stdout.splitlines()[-1]) == ours


# What cinder does for services only


def test_cinder_ends_an_attachment_that_nova_uses_for_a_service(
    clean, tmp_path
):
    [server] = clean.boot(['serviced'], 'cmp1', port=False)
    volume = clean.add_volume(server, 'serviced')
    alone = attachments_of(tmp_path)
    [found] = alone.of_volume(server, volume)
    with pytest.raises(errors.StillUsed, match='service_auth'):
        alone.delete(found.id)
    attachments_of(tmp_path, service_auth=lib.SERVICE).delete(found.id)
    assert not alone.of_volume(server, volume)


def attachments_of(folder, **recover):
    """cinder's attachments, as a command with this configuration has them."""
    clouds = lib.write_clouds(folder, **recover)
    config = openstack.config.OpenStackConfig(config_files=[str(clouds)])
    client = types.SimpleNamespace(
        sdk_connection=types.SimpleNamespace(config=config.get_one(lib.CLOUD))
    )
    return Attachments(Recovery.from_osc(client).cloud.volume)
