# SPDX-License-Identifier: Apache-2.0
"""Servers in the databases of the practice cloud, whatever they are called.

nova's own databases are read where they are.  For what must be wrong with
them there is a copy of nova_api, whose cells may be anywhere, as nova would
miss its own.
"""

import contextlib
import json
import re

import pymysql
import pytest

from tests import practice as lib
from tests.cloud import keys, lab, ports

pytestmark = pytest.mark.functional

HOST, OTHER = 'cmp1', 'cmp2'
NOBODY = '00000000-0000-4000-8000-000000000000'
COPY = 'practice_copy'


def url(name='nova_api', user='practice', password=keys.PASSWORD, port=None):
    port = port or ports.port('mariadb')
    return f'mysql+pymysql://{user}:{password}@127.0.0.1:{port}/{name}'


def sql(*statements, args=(), link=None):
    with contextlib.closing(link or lib.database('nova')) as link:
        with link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, args)
            return cursor.fetchall()


def root():
    """Who may grant rights."""
    return pymysql.connect(
        host='127.0.0.1', port=ports.port('mariadb'), user='root'
    )


@pytest.fixture
def clouds(tmp_path):
    return lib.write_clouds(tmp_path, database={'nova_api': url()})


@pytest.fixture(scope='module')
def servers(clean):
    """Two servers on one host, one stopped on another; name -> id."""
    names = ['inst-1', 'inst-2']
    made = dict(zip(names, clean.boot(names, HOST), strict=True))
    [made['inst-3']] = clean.boot(['inst-3'], OTHER, volume=True)
    clean.stop(made['inst-3'])
    return made


def show(clouds, *words):
    return lib.recover(clouds, 'instance', 'show', *words)


def fields(done):
    return {row['Field']: row['Value'] for row in done.rows}


def numbers(server):
    [(number,)] = sql('SELECT id FROM instances WHERE uuid = %s',
                      args=[server])  # fmt: skip
    [(ec2,)] = sql('SELECT id FROM instance_id_mappings WHERE uuid = %s',
                   args=[server])  # fmt: skip
    return number, ec2


def test_a_server_is_shown_by_whatever_it_is_called(clouds, servers):
    server = servers['inst-1']
    number, ec2 = numbers(server)
    names = [server, 'inst-1', f'i-{ec2:08x}', f'instance-{number:08x}']
    for name in names:
        done = show(clouds, name)
        assert done.status == 0, done
        told = fields(done)
        assert (told['uuid'], told['cell']) == (server, 'cell1')
    assert (told['vm_state'], told['power_state']) == ('active', 1)
    assert (told['host'], told['launched_on']) == (HOST, HOST)
    assert told['task_state'] is None
    text = lib.recover(clouds, 'instance', 'show', 'inst-1', json_rows=False)
    assert re.search(r'\| power_state +\| 1 +\| ok +\| RUNNING', text.stdout)
    assert re.search(r'\| task_state +\| NULL +\|', text.stdout)


def test_the_row_has_every_column_of_the_table(clouds, servers):
    columns = [name for name, *_ in sql('SHOW COLUMNS FROM instances')]
    told = [row['Field'] for row in show(clouds, 'inst-1').rows]
    assert told == ['cell', *(c for c in columns if c != 'user_data')]


@contextlib.contextmanager
def swapped(one, two):
    """The EC2 ids of two servers, changed with each other."""
    (_, first), (_, second) = numbers(one), numbers(two)
    set_ = 'UPDATE instance_id_mappings SET uuid = %s WHERE id = %s'
    sql(set_, args=[two, first])
    sql(set_, args=[one, second])
    try:
        yield
    finally:
        sql(set_, args=[one, first])
        sql(set_, args=[two, second])


def test_a_number_that_may_be_two_servers_is_listed(clouds, servers):
    one, two = servers['inst-1'], servers['inst-2']
    number, _ = numbers(one)
    both = show(clouds, f'{number:x}')
    assert (both.status, fields(both)['uuid']) == (0, one)
    assert 'is the EC2 id and instances.id of' in both.stderr
    with swapped(one, two):
        done = show(clouds, f'{number:x}')
        ec2 = show(clouds, f'i-{number:08x}')
    assert done.status == 1
    assert {row['Value'] for row in done.rows} == {one, two}
    assert {row['State'] for row in done.rows} == {'several'}
    assert f'instance show {two}' in str(done.rows)
    assert (ec2.status, fields(ec2)['uuid']) == (0, two)


def test_where_all_agree_long_says_so(clouds, servers):
    for name in ('inst-1', 'inst-3'):
        done = show(clouds, '--long', name)
        assert [r for r in done.rows if r['State'] != 'ok'] == []
        assert done.status == 0
        told = {row['Field']: row['Reason'] for row in done.rows}
        assert told['placement'] == told['cinder'] == 'nothing disagrees'


def test_long_tells_what_disagrees(clouds, clean, servers):
    server = servers['inst-3']
    sql('UPDATE instances SET host = %s WHERE uuid = %s', args=[HOST, server])
    try:
        done = show(clouds, '--long', server)
    finally:
        # nova-compute of the one may have looked for the guest meanwhile.
        sql('UPDATE instances SET host = %s, power_state = 4 WHERE uuid = %s',
            args=[OTHER, server])  # fmt: skip
    told = {row['State']: row for row in done.rows}
    assert done.status == 1
    assert f'it is bound to {OTHER}' in told['port-elsewhere']['Reason']
    reason = told['attachment-elsewhere']['Reason']
    assert f'on {OTHER}, not on {HOST}' in reason


# What may be typed, and what may be wrong


@pytest.mark.parametrize(
    'name, told',
    [
        (NOBODY, 'no enabled cell has'),
        ('no-such-server', 'no enabled cell has'),
        ('i-ffffffffff', 'no id of nova is larger'),
        ('80000000', 'no id of nova is larger'),
        ("x' OR '1'='1", 'no enabled cell has'),
        ('inst-1"; DROP TABLE instances; --', 'no enabled cell has'),
        ('%(name)s%%\\', 'no enabled cell has'),
        ('INST-1', 'no enabled cell has'),
        ('inst-_', 'no enabled cell has'),
        ('🐍', 'no enabled cell has'),
        ('', 'no server was named'),
    ],
)
def test_what_is_no_server_is_refused(clouds, servers, name, told):
    done = lib.recover(
        clouds, 'instance', 'show', '-f', 'json', '--', name, json_rows=False
    )
    [row] = done.rows
    assert (done.status, row['State']) == (3, 'refused')
    assert told in row['Reason']
    assert row['Way out']
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    'where, code, told',
    [
        (url(port=9), 'unreachable', '127.0.0.1:9'),
        (url(password='sesame-open'), 'login', 'Access denied'),
        (url('placement'), 'version', "doesn't exist"),
        ('', 'unset', 'nothing says where it is'),
    ],
    ids=['down', 'password', 'version', 'unset'],
)
def test_a_database_that_is_no_help_is_refused(tmp_path, where, code, told):
    known = {'database': {'nova_api': where}} if where else {}
    clouds = lib.write_clouds(tmp_path, **known)
    for words in (('show', NOBODY), ('set', NOBODY, '--vm-state', 'error')):
        done = lib.recover(clouds, 'instance', *words)
        [row] = done.rows
        assert done.status == 3, done
        assert told in str(row)
        assert 'sesame' not in done.stdout + done.stderr


@pytest.fixture
def cells(clean):
    """A copy of nova_api with a further cell that is away; its URL."""
    sql(
        f'CREATE OR REPLACE DATABASE {COPY}',
        f'CREATE TABLE {COPY}.cell_mappings AS '
        'SELECT * FROM nova_api.cell_mappings',
        f'CREATE TABLE {COPY}.instance_mappings AS '
        'SELECT * FROM nova_api.instance_mappings',
    )
    sql(
        f'INSERT INTO {COPY}.cell_mappings (uuid, name, database_connection, '
        "disabled) VALUES ('gone', 'cell9', %s, 0)",
        args=[url('nova', password='sesame-open', port=9)],
    )
    yield url(COPY)
    sql(f'DROP DATABASE {COPY}')


def test_a_cell_that_is_away_is_a_row_and_the_others_answer(
    tmp_path, servers, cells
):
    clouds = lib.write_clouds(tmp_path, database={'nova_api': cells})
    done = show(clouds, 'inst-1')
    assert done.status == 1
    assert fields(done)['uuid'] == servers['inst-1']
    [gap] = [row for row in done.rows if row['State'] != 'ok']
    assert (gap['Field'], gap['Value'], gap['State']) == (
        'cell', 'cell9', 'unknown'
    )  # fmt: skip
    nobody = show(clouds, NOBODY)
    assert (nobody.status, len(nobody.rows)) == (1, 1)
    assert 'one that did not answer may have it' in nobody.stderr
    listed = lib.recover(clouds, 'instance', 'list', '--host', HOST)
    assert listed.status == 1
    told = {row['Name']: row['State'] for row in listed.rows}
    assert told == {'inst-1': 'ok', 'inst-2': 'ok', '': 'unknown'}
    refused = lib.recover(
        clouds, 'instance', 'set', 'inst-1', '--power-state', '4'
    )
    assert (refused.status, refused.rows[0]['Verdict']) == (3, 'cell-silent')
    assert 'sesame' not in str((done, nobody, listed, refused))


@pytest.fixture
def reader():
    """An account that may only look; its URL."""
    sql(
        "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'look'",
        "GRANT SELECT ON nova_api.* TO reader@'127.0.0.1'",
        "GRANT SELECT ON nova.* TO reader@'127.0.0.1'",
        f"GRANT SELECT ON {COPY}.* TO reader@'127.0.0.1'",
        link=root(),
    )
    yield
    sql("DROP USER reader@'127.0.0.1'", link=root())


def test_an_account_that_may_only_look_can_look(
    tmp_path, servers, cells, reader
):
    sql(f"DELETE FROM {COPY}.cell_mappings WHERE name = 'cell9'")
    sql(
        f'UPDATE {COPY}.cell_mappings SET database_connection = %s '
        "WHERE name = 'cell1'",
        args=[url('nova', 'reader', 'look')],
    )
    told = {'nova_api': url(COPY, 'reader', 'look')}
    clouds = lib.write_clouds(tmp_path, database=told)
    assert show(clouds, '--long', 'inst-1').status == 0
    listed = lib.recover(clouds, 'instance', 'list', '--host', HOST)
    assert listed.status == 0, listed
    before = fields(show(clouds, 'inst-1'))
    done = lib.recover(
        clouds, 'instance', 'set', 'inst-1', '--power-state', '0', '--yes'
    )
    [row] = done.rows
    assert (done.status, row['State']) == (1, 'failed')
    assert 'denied' in row['Reason']
    assert fields(show(clouds, 'inst-1')) == before


# What is on a host


def test_database_and_api_are_listed_side_by_side(clouds, servers):
    done = lib.recover(
        clouds, 'instance', 'list', '--host', HOST, '--host', OTHER
    )
    assert done.status == 0, done
    told = [(r['Name'], r['Host'], r['Database'], r['API'], r['Libvirt'])
            for r in done.rows]  # fmt: skip
    up, off = 'active, RUNNING', 'stopped, SHUTDOWN'
    assert told == [
        ('inst-1', HOST, up, up, '?'),
        ('inst-2', HOST, up, up, '?'),
        ('inst-3', OTHER, off, off, '?'),
    ]
    assert 'libvirt is not asked' in done.stderr


def test_a_host_that_is_silent_is_a_row(tmp_path, servers):
    clouds = lib.write_clouds(
        tmp_path, database={'nova_api': url()},
        ssh={'user': 'root', 'connect_timeout': 2},
        hosts=[{'name': HOST, 'address': '127.0.0.1', 'port': 9}],
    )  # fmt: skip
    done = lib.recover(clouds, 'instance', 'list', '--host', HOST)
    assert done.status == 1
    assert [row['State'] for row in done.rows] == ['ok', 'ok', 'unknown']
    assert done.rows[2]['Libvirt'] == '?'


def test_without_databases_the_api_still_answers(tmp_path, servers):
    clouds = lib.write_clouds(tmp_path, database={'nova_api': url(port=9)})
    done = lib.recover(clouds, 'instance', 'list', '--host', HOST)
    assert done.status == 1
    names = {row['Name'] for row in done.rows}
    assert names == {'inst-1', 'inst-2', ''}
    assert {row['State'] for row in done.rows} == {'unknown'}


@pytest.mark.parametrize('host', ['cpm1', "cmp1' OR '1'='1"])
def test_a_host_that_is_none_is_refused(clouds, host):
    done = lib.recover(clouds, 'instance', 'list', '--host', host)
    assert (done.status, done.rows[0]['State']) == (3, 'refused')
    assert 'no compute service' in done.rows[0]['Reason']


# States


def set_(clouds, *words):
    return lib.recover(clouds, 'instance', 'set', *words)


def told_states(cloud, server):
    now = cloud.server(server)
    return [now[f'OS-EXT-STS:{key}'] for key in ('vm_state', 'power_state',
                                                 'task_state')]  # fmt: skip


def test_what_the_api_can_do_goes_through_the_api(clouds, clean, servers):
    server = servers['inst-1']
    clean.action(server, **{'os-resetState': {'state': 'error'}})
    dry = set_(clouds, 'inst-1', '--vm-state', 'active', '--dry-run')
    assert (dry.status, dry.rows[0]['State']) == (0, 'planned')
    assert dry.rows[0]['Kind'] == 'vm_state error -> active'
    assert told_states(clean, server)[0] == 'error'
    [run] = re.findall(r'plan ([0-9a-f]+);', dry.stderr)
    done = lib.recover(clouds, 'run', 'start', run, '--yes')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    assert told_states(clean, server) == ['active', 1, None]
    path = f'/servers/{server}/os-instance-actions'
    actions = clean.call('GET', path)['instanceActions']
    assert actions[0]['action'] == 'resetState'
    again = set_(clouds, 'inst-1', '--vm-state', 'active')
    assert (again.status, again.rows[0]['Verdict']) == (3, 'nothing')


def test_the_guides_last_resort_on_a_dead_host(clouds, clean, servers):
    server = servers['inst-2']
    alive = set_(clouds, 'inst-2', '--vm-state', 'stopped', '--yes')
    assert (alive.status, alive.rows[0]['Verdict']) == (3, 'guest-runs')
    lab.fail(HOST)
    clean.until(lambda: clean.service(HOST)['state'] == 'down', 'it is down')
    sql("UPDATE instances SET task_state = 'rebooting' WHERE uuid = %s",
        args=[server])  # fmt: skip
    words = ('--vm-state', 'stopped', '--power-state', 'shutdown')
    done = set_(clouds, 'inst-2', *words, '--task-state', 'none', '--yes')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    assert told_states(clean, server) == ['stopped', 4, None]
    assert told_states(clean, servers['inst-1']) == ['active', 1, None]
    clean.heal(HOST)
    clean.call('POST', f'/servers/{server}/action', {'os-start': None})
    clean.wait(server, 'ACTIVE')


def test_a_row_that_moves_between_plan_and_run_is_left(clouds, clean, servers):
    server = servers['inst-3']
    dry = set_(clouds, server, '--power-state', '0', '--dry-run')
    [run] = re.findall(r'plan ([0-9a-f]+);', dry.stderr)
    sql("UPDATE instances SET vm_state = 'error' WHERE uuid = %s",
        args=[server])  # fmt: skip
    done = lib.recover(clouds, 'run', 'start', run, '--yes')
    assert done.status == 3, done
    assert 'vm_state' in json.dumps(done.rows)
    assert told_states(clean, server) == ['error', 4, None]
    back = set_(clouds, server, '--vm-state', 'stopped', '--yes')
    assert back.status == 0, back
    assert told_states(clean, server) == ['stopped', 4, None]


@pytest.mark.parametrize(
    'words, told',
    [
        ((), '--vm-state, --power-state or --task-state'),
        (('--vm-state', 'shutoff'), 'use --vm-state stopped'),
        (('--power-state', '5'), 'use --power-state 4'),
        (('--vm-state', 'deleted'), 'complete the deletion'),
        (('--vm-state', 'shelved_offloaded'), 'its disks are lost'),
        (('--task-state', 'deleting'), 'would delete it'),
        (('--vm-state', "active', deleted='1"), 'no such vm_state'),
    ],
)
def test_states_that_are_none_of_today_or_lose_are_refused(
    clouds, clean, servers, words, told
):
    before = told_states(clean, servers['inst-3'])
    done = set_(clouds, 'inst-3', *words, '--yes')
    [row] = done.rows
    assert (done.status, row['State']) == (3, 'refused')
    assert told in f'{row["Reason"]}; {row["Way out"]}'
    assert told_states(clean, servers['inst-3']) == before
