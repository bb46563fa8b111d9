# SPDX-License-Identifier: Apache-2.0
"""``recover setup check``: each row is well, and says so when it is not."""

import concurrent.futures
import contextlib
import json
import pathlib

import pytest
import yaml

from tests import practice as lib
from tests.cloud import lab
from tests.unit import service_double, sshd

pytestmark = pytest.mark.functional

COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)
CLOSED = 'http://127.0.0.1:9'
NO_DATABASE = 'mysql+pymysql://nova:secret@127.0.0.1:9/nova'


def away(service):
    """Lead the requests to a service to a port where nobody listens."""
    return {f'{service}_endpoint_override': CLOSED}


def failing(state):
    """A fence device whose agent answers as told."""
    options = {'plug': 'nosuch', 'state': str(lab.state_dir())}
    agent = {'answers': lab.fence_agent(), 'absent': '/nowhere/fence'}[state]
    return [{'host': 'cmp1', 'agent': str(agent), 'options': options}]


# name: (the cloud, changes to it, changes to its recover: section,
#        the row that says so, its state, what it says, the way out)
BROKEN = {
    'keystone is away': (
        'practice',
        {'auth': {'auth_url': f'{CLOSED}/v3'}},
        {},
        'token',
        'broken',
        'connection to http://127.0.0.1:9',
        'openstack token issue',
    ),
    'wrong password': (
        'practice',
        {'auth': {'password': 'wrong'}},
        {},
        'token',
        'broken',
        'HTTP 401',
        'clouds.yaml',
    ),
    'no project': (
        'practice',
        {
            'auth': {
                'project_name': None,
                'project_domain_id': None,
                'system_scope': 'all',
            }
        },
        {},
        'token',
        'broken',
        'not scoped to a project',
        'project_name',
    ),
    'no admin': (
        'practice-member',
        {},
        {},
        'token',
        'broken',
        'roles in project practice-member: member, reader',
        'an account with that role',
    ),
    'nova is away': (
        'practice',
        away('compute'),
        {},
        'compute API',
        'broken',
        'nova: GET /: connection refused',
        'nova is up',
    ),
    'no right to see services': (
        'practice-member',
        {},
        {},
        'compute rights',
        'broken',
        'policy os_compute_api:os-services:list does not allow it',
        'admin role',
    ),
    'placement is away': (
        'practice',
        away('placement'),
        {},
        'placement API',
        'broken',
        'connection refused',
        'placement is up',
    ),
    'no right to placement': (
        'practice-member',
        {},
        {},
        'placement API',
        'broken',
        'policy placement:resource_providers:list does not allow it',
        'admin role',
    ),
    'neutron is away': (
        'practice',
        away('network'),
        {},
        'network API',
        'broken',
        'connection refused',
        'neutron is up',
    ),
    'cinder is away': (
        'practice',
        away('block_storage'),
        {},
        'volume API',
        'broken',
        'connection refused',
        'cinder is up',
    ),
    'glance is away': (
        'practice',
        away('image'),
        {},
        'image API',
        'broken',
        'connection refused',
        'glance is up',
    ),
    'masakari is away': (
        'practice',
        away('instance_ha'),
        {},
        'masakari',
        'broken',
        'connection refused',
        'masakari is up',
    ),
    'no journal': (
        'practice',
        {},
        {'journal': '/dev/null/journal.sqlite'},
        'journal',
        'broken',
        '/dev/null/journal.sqlite cannot be used',
        'recover: journal',
    ),
    'nothing said about disks': (
        'practice',
        {},
        {'shared_storage': None},
        'shared storage',
        'unknown',
        'count as lost',
        'shared_storage: true',
    ),
    'no fence device': (
        'practice',
        {},
        {'fence': []},
        'fence',
        'unused',
        'no device is configured',
        'recover: fence',
    ),
    'a device for some hosts only': (
        'practice',
        {},
        {'fence': 'some'},
        'fence',
        'unknown',
        'there is no device for cmp2, cmp3, cmp4',
        'recover: fence',
    ),
    'a fence agent that fails': (
        'practice',
        {},
        {'fence': 'answers'},
        'fence cmp1',
        'broken',
        "no host 'nosuch'",
        'recover: fence',
    ),
    'a device for a host that is not there': (
        'practice',
        {},
        {'fence': 'misspelt'},
        'fence cpm1',
        'broken',
        'nova has no compute host of that name',
        'did you mean cmp1?',
    ),
    'a fence agent that is not there': (
        'practice',
        {},
        {'fence': 'absent'},
        'fence cmp1',
        'broken',
        '/nowhere/fence',
        'recover: fence',
    ),
    'a setting that cannot be used': (
        'practice',
        {},
        {'workers': 'lots'},
        'settings',
        'broken',
        "is no number: 'lots'",
        'clouds.yaml',
    ),
    'a host that is not reached': (
        'practice',
        {},
        {'hosts': []},
        'ssh cmp1',
        'broken',
        'cmp1 has no address',
        'recover: hosts',
    ),
    'a host without python3': (
        'practice',
        {},
        {'reach': 'without python3'},
        'ssh cmp1',
        'broken',
        'there is no python3 on the PATH',
        'install python3 there',
    ),
    'a sudo that asks for a password': (
        'practice',
        {},
        {'reach': 'sudo that asks'},
        'ssh cmp1',
        'broken',
        'for a password',
        'NOPASSWD',
    ),
    'a host without sudo': (
        'practice',
        {},
        {'reach': 'without sudo'},
        'ssh cmp1',
        'broken',
        'there is no sudo',
        'log in as root',
    ),
    'nova_api is away': (
        'practice',
        {},
        {'database': lib.database_urls(nova_api=NO_DATABASE)},
        'database nova_api',
        'broken',
        'Connection refused',
        'database server is up',
    ),
    'a cell is away': (
        'practice',
        {},
        {
            'database': {
                **lib.database_urls(),
                'cells': [{'name': 'cell1', 'url': NO_DATABASE}],
            }
        },
        "database cell 'cell1'",
        'broken',
        'Connection refused',
        'database server is up',
    ),
    'not the database of cinder': (
        'practice',
        {},
        {
            'database': lib.database_urls(
                cinder=lib.database_urls()['nova_api']
            )
        },
        'database cinder',
        'broken',
        "Table 'nova_api.volumes' doesn't exist",
        'names the database of the service',
    ),
    'a misspelt setting': (
        'practice',
        {},
        {'shard_storage': True},
        'settings',
        'unknown',
        'shard_storage',
        'shared_storage',
    ),
}
# These break several rows.
WIDE = (
    'keystone is away',
    'wrong password',
    'no project',
    'no admin',
    'nova is away',
    'no right to see services',
    'no right to placement',
    'a setting that cannot be used',
    'nova_api is away',
)


def clouds(folder, changes, recover):
    """A clouds.yaml with changes."""
    folder.mkdir()
    recover = dict(recover)
    match recover.get('fence'):
        case 'some':
            recover['fence'] = lib.fence_devices()[:1]
        case 'misspelt':
            recover['fence'] = [{**lib.fence_devices()[0], 'host': 'cpm1'}]
        case str(state):
            recover['fence'] = failing(state)
    path = lib.write_clouds(folder, **recover)
    known = yaml.safe_load(path.read_text())
    for entry in known['clouds'].values():
        for key, value in changes.items():
            if isinstance(value, dict):
                entry[key] = {
                    k: v for k, v in {**entry[key], **value}.items() if v
                }
            else:
                entry[key] = value
    path.write_text(yaml.safe_dump(known))
    return path


def check(path, cloud='practice'):
    done = lib.recover(path, 'setup', 'check', cloud=cloud)
    assert 'Traceback' not in done.stderr
    assert all(list(row) == COLUMNS['setup check'] for row in done.rows)
    return done


@pytest.fixture(scope='module')
def machine(tmp_path_factory):
    """This machine, which plays every compute host."""
    with sshd.running(tmp_path_factory.mktemp('sshd')) as one:
        yield one


SUDO = {
    'sudo that runs': 'while [ "$1" != python3 ]; do shift; done\n'
    'SUDO_UID=1000 exec "$@"',
    'sudo that asks': 'echo "sudo: a password is required" >&2; exit 1',
}


@pytest.fixture(scope='module')
def reaches(machine, tmp_path_factory):
    """By what is special there: recover: ssh and hosts of a machine."""
    base = tmp_path_factory.mktemp('reaches')
    paths = {'without python3': '/nowhere', 'without sudo': f'{base}/env'}
    (base / 'env').mkdir()
    (base / 'env/env').symlink_to('/usr/bin/env')
    for name, script in SUDO.items():
        program = base / name.replace(' ', '-') / 'sudo'
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\n{script}\n')
        program.chmod(0o755)
        paths[name] = f'{program.parent}:/usr/bin:/bin'
    found = {'well': machine.section(lab.HOSTS)}
    with contextlib.ExitStack() as running:
        for number, (name, path) in enumerate(paths.items()):
            one = running.enter_context(
                sshd.running(base / str(number), PATH=path)
            )
            found[name] = one.section(lab.HOSTS, sudo='sudo' in name)
        yield found


@pytest.fixture(scope='module')
def checked(clean, reaches, tmp_path_factory):
    """What the check says when one thing is broken, and when none is."""
    base = tmp_path_factory.mktemp('setup')
    reach = reaches['well']

    def run(name):
        cloud, changes, recover, *_ = BROKEN[name]
        folder = base / name.replace(' ', '-')
        more = dict(recover)
        by = reaches[more.pop('reach', 'well')]
        return check(clouds(folder, changes, {**all_told(by), **more}), cloud)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = dict(zip(BROKEN, pool.map(run, BROKEN), strict=True))
    done['well'] = check(clouds(base / 'well', {}, all_told(reach)))
    sudo = all_told(reaches['sudo that runs'])
    done['well by sudo'] = check(clouds(base / 'sudo', {}, sudo))
    return done


def all_told(reach):
    """A recover: section with everything that a row is about."""
    return {'database': lib.database_urls(), **reach}


def states(done):
    return {row['Check']: row['State'] for row in done.rows}


def test_where_all_is_well_the_check_says_so(checked):
    found = states(checked['well'])
    assert checked['well'].status == 0, checked['well'].stderr
    # The practice cloud has no masakari.
    assert found.pop('masakari') == 'unused'
    assert set(found.values()) == {'ok'}


def test_a_sudo_that_runs_our_program_is_well(checked):
    done = checked['well by sudo']
    assert states(done) == states(checked['well'])
    details = [r['Detail'] for r in done.rows if r['Check'][:4] == 'ssh ']
    assert all(detail.endswith('by sudo') for detail in details)
    assert len(details) == len(lab.HOSTS)


@pytest.mark.parametrize('name', BROKEN)
def test_what_is_broken_has_a_row_with_its_fix(name, checked):
    *_, row, state, detail, fix = BROKEN[name]
    done = checked[name]
    found = {one['Check']: one for one in done.rows}[row]
    assert found['State'] == state
    assert detail in found['Detail']
    assert fix in found['Fix']
    assert done.status == (1 if state == 'broken' else 0)


@pytest.mark.parametrize('name', [n for n in BROKEN if n not in WIDE])
def test_what_is_not_broken_stays_well(name, checked):
    row = BROKEN[name][3]
    found, well = states(checked[name]), states(checked['well'])
    others = {key for key in well if not key.startswith(('fence', 'ssh'))}
    others -= {row}
    assert {k: found[k] for k in others} == {k: well[k] for k in others}


def test_every_row_is_seen_in_both_states(checked):
    """A new row needs a case above."""
    broken = {case[3] for case in BROKEN.values()} | {'compute hosts'}
    rows = {row['Check'] for row in checked['well'].rows}
    # One device and one host stand for all.
    alike = {
        f'{row} {host}' for row in ('fence', 'ssh') for host in lab.HOSTS[1:]
    }
    assert rows - alike <= broken


def test_a_masakari_that_is_there_is_asked(clean, tmp_path):
    # The practice cloud has none.
    answers = service_double.by_path({'/v1/segments': {'segments': []}})
    with service_double.serving(answers) as masakari:
        there = {'instance_ha_endpoint_override': masakari.url}
        done = check(clouds(tmp_path / 'there', there, {}))
    assert states(done)['masakari'] == 'ok'
    assert masakari.seen() == ['GET /v1/segments']


def test_many_hosts_down_are_told(clean, tmp_path):
    for host in ('cmp3', 'cmp4'):
        clean.put_service(host, forced_down=True)
    try:
        done = check(clouds(tmp_path / 'down', {}, {}))
    finally:
        for host in ('cmp3', 'cmp4'):
            clean.heal(host)
    [row] = [r for r in done.rows if r['Check'] == 'compute hosts']
    assert (done.status, row['State']) == (1, 'broken')
    assert '2 of 4 are down: cmp3, cmp4' in row['Detail']
    assert 'message queue' in row['Fix']


def test_devices_are_not_called_complete_where_hosts_are_not_known(checked):
    assert states(checked['no admin'])['fence'] == 'unknown'


def test_a_check_changes_nothing(clean, checked):
    for host in lab.HOSTS:
        service = clean.service(host)
        assert (service['status'], service['state']) == ('enabled', 'up')
    assert not clean.servers()
