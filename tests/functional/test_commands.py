# SPDX-License-Identifier: Apache-2.0
"""The commands as scripts use them: refusals, plans, options, the journal.

Two hosts die here, one after the other; the tests of each go in order.
"""

import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess

import pytest
import yaml

from osc_recover.journal import Journal
from tests import practice as lib
from tests.cloud import lab, ports
from tests.functional.proxy import OVERRIDES, Proxy

pytestmark = pytest.mark.functional

HOST, UP, OTHER = 'cmp1', 'cmp2', 'cmp4'
COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)
YES = ('--fence', '--yes')
CLOSED = 'http://127.0.0.1:9/closed'


def standing(cloud):
    """All that a refused command must leave as it is."""
    services = cloud.call('GET', '/os-services')['services']
    told = ('host', 'binary', 'status', 'forced_down', 'disabled_reason')
    return {
        'services': [[s[key] for key in told] for s in services],
        'servers': sorted(
            (s['id'], s['status'], s['OS-EXT-STS:task_state'], s['updated'])
            for s in cloud.servers()
        ),
        'migrations': cloud.call('GET', '/os-migrations')['migrations'],
        'power': [lab.powered(host) for host in lab.HOSTS],
        'switched': [c for c in lab.fence_calls() if c['action'] == 'off'],
    }


@contextlib.contextmanager
def unchanged(cloud):
    before = standing(cloud)
    yield
    assert standing(cloud) == before


def altered(folder, cloud=None, **recover):
    """A clouds.yaml with another recover: section, or other entries."""
    folder.mkdir(exist_ok=True)
    path = lib.write_clouds(folder, **recover)
    known = yaml.safe_load(path.read_text())
    for entry in known['clouds'].values():
        for key, value in (cloud or {}).items():
            if isinstance(value, dict):
                entry[key].update(value)
            else:
                entry[key] = value
    path.write_text(yaml.safe_dump(known))
    return path


def check_columns(command, done):
    """Every row has the columns that scripts rely on, in their order."""
    assert 'Traceback' not in done.stderr
    for row in done.rows:
        assert list(row) == COLUMNS[command]


def run_of(done):
    """The run that a command named on stderr."""
    return re.search(r'(?:run|start|plan) ([0-9a-f]{8})', done.stderr).group(1)


# A dead host: what is refused


@pytest.fixture(scope='module')
def fleet(clean):
    """Servers of many kinds on a dead host, one elsewhere; name -> id."""
    with lib.shared_disks():
        names = ['plain-1', 'prio-1', 'prio-2', 'doomed-1', 'twin', 'twin']
        names += ['stopped-1', 'paused-1', 'error-1']
        made = clean.boot(names, HOST, port=False)
        keys = ['twin-2' if n in names[:i] else n for i, n in enumerate(names)]
        servers = dict(zip(keys, made, strict=True))
        servers['volume-1'] = clean.boot(['volume-1'], HOST, volume=True)[0]
        servers['other-1'] = clean.boot(['other-1'], UP, port=False)[0]
        for name, rank in (('prio-1', '5'), ('prio-2', '30')):
            path = f'/servers/{servers[name]}/metadata'
            clean.call('POST', path, {'metadata': {'rank': rank}})
        clean.stop(servers['stopped-1'])
        clean.action(servers['paused-1'], pause=None)
        clean.wait(servers['paused-1'], 'PAUSED')
        clean.action(
            servers['error-1'], **{'os-resetState': {'state': 'error'}}
        )
        lab.fail(HOST)
        clean.until(
            lambda: clean.service(HOST)['state'] == 'down', f'{HOST} down'
        )
        yield servers


HOST_WORDS = ('host', HOST, *YES)

# name: (words, changes to clouds.yaml, verdict, what is told)
REFUSALS = {
    'unknown host': (
        ('host', 'cpm1', *YES),
        {},
        'unknown-host',
        'did you mean cmp1',
    ),
    'host that is up': (
        ('host', UP, '--fenced', 'seen', '--yes'),
        {},
        'host-up',
        '--fence',
    ),
    'server of a host that is up': (
        ('server', 'other-1', '--fenced', 'seen', '--yes'),
        {},
        'host-up',
        UP,
    ),
    'no evidence': (('host', HOST, '--yes'), {}, 'no-evidence', '--fenced'),
    'no fence device': (
        HOST_WORDS,
        {'fence': []},
        'no-fence-device',
        'recover: fence',
    ),
    'member': (HOST_WORDS, {}, 'forbidden', 'policy os_compute_api:'),
    'target that failed': (
        (*HOST_WORDS, '--target', HOST),
        {},
        'bad-target',
        'it is the failed host',
    ),
    'unknown target': (
        (*HOST_WORDS, '--target', 'cmp9'),
        {},
        'bad-target',
        'no compute there',
    ),
    'unknown server to recover': (
        (*HOST_WORDS, '--server', 'nosuch'),
        {},
        'not-on-host',
        "'nosuch'",
    ),
    'unknown server to exclude': (
        (*HOST_WORDS, '--exclude', 'nosuch'),
        {},
        'not-on-host',
        "'nosuch'",
    ),
    'two servers of one name': (
        (*HOST_WORDS, '--server', 'twin'),
        {},
        'unknown-server',
        'give the ID',
    ),
    'unknown server': (
        ('server', 'nosuch', *YES),
        {},
        'unknown-server',
        "'nosuch'",
    ),
    'nova out of reach': (
        HOST_WORDS,
        {'cloud': {'compute_endpoint_override': CLOSED}},
        'api-unreachable',
        'nova: GET /: connection refused',
    ),
    'unknown region': (
        HOST_WORDS,
        {'cloud': {'region_name': 'nowhere'}},
        'api-unreachable',
        'region nowhere',
    ),
    'keystone out of reach': (
        HOST_WORDS,
        {'cloud': {'auth': {'auth_url': f'{CLOSED}/v3'}}},
        'auth-failed',
        f'connection to {CLOSED}/v3',
    ),
    'wrong password': (
        HOST_WORDS,
        {'cloud': {'auth': {'password': 'wrong'}}},
        'auth-failed',
        'HTTP 401',
    ),
    'a number that is none': (
        HOST_WORDS,
        {'workers': 'lots'},
        'bad-settings',
        "workers in the configuration of the cloud is no number: 'lots'",
    ),
    'a section that is none': (
        HOST_WORDS,
        {'cloud': {'recover': 'yes'}},
        'bad-settings',
        'is no map',
    ),
    'no terminal and no --yes': (
        ('host', HOST, '--fence'),
        {},
        'not-approved',
        'openstack recover run start',
    ),
    'journal below a file': (
        HOST_WORDS,
        {'journal': '{folder}/clouds.yaml/journal.sqlite'},
        'journal-unusable',
        'recover: journal',
    ),
    'journal on a full disk': (
        HOST_WORDS,
        {'journal': '{full}/journal.sqlite'},
        'journal-unusable',
        'recover: journal',
    ),
    'journal that cannot be written': (
        HOST_WORDS,
        {'journal': '{readonly}/journal.sqlite'},
        'journal-unusable',
        'ead-only file system',
    ),
}
# The same by the other commands: they have no column for the verdict.
OTHERS = {
    'unknown run': (('run', 'show', 'beef'), 'run show', "no run 'beef'"),
    'unknown run to start': (
        ('run', 'start', 'beef', '--yes'),
        'run start',
        "no run 'beef'",
    ),
    'unknown run to report': (
        ('run', 'report', 'beef'),
        'run report',
        "no run 'beef'",
    ),
    'unknown run to settle': (
        ('step', 'settle', 'beef', 'x', '--done'),
        'step settle',
        "no run 'beef'",
    ),
    'unknown host to return': (
        ('return', 'cpm1', '--yes'),
        'return',
        'did you mean',
    ),
}


@pytest.fixture(scope='module')
def disks(tmp_path_factory):
    """A full file system and a read-only one, or None."""
    folder = tmp_path_factory.mktemp('disks')
    full, readonly = folder / 'full', folder / 'readonly'
    mounted = []
    for path, option in ((full, 'size=1m'), (readonly, 'size=64k,ro')):
        path.mkdir()
        argv = ['mount', '-t', 'tmpfs', '-o', option, 'none', str(path)]
        if not subprocess.run(argv, capture_output=True).returncode:
            mounted.append(path)
    if len(mounted) == 2:
        with contextlib.suppress(OSError):
            (full / 'ballast').write_bytes(bytes(1 << 24))
    yield {'full': full, 'readonly': readonly} if len(mounted) == 2 else None
    for path in mounted:
        subprocess.run(['umount', str(path)], check=True)


@pytest.fixture(scope='module')
def refused(fleet, clean, disks, tmp_path_factory):
    """What every command that must be refused said, and that all stands."""
    base = tmp_path_factory.mktemp('refused')

    def run(name):
        words, changes, *_ = {**REFUSALS, **OTHERS}[name]
        changes = dict(changes) if isinstance(changes, dict) else {}
        folder = base / name.replace(' ', '-')
        if 'journal' in changes:
            places = {'folder': folder, **(disks or {})}
            changes['journal'] = changes['journal'].format(**places)
        cloud = 'practice-member' if name == 'member' else 'practice'
        clouds = altered(folder, **changes)
        return lib.recover(clouds, *words, cloud=cloud)

    names = [n for n in {**REFUSALS, **OTHERS} if disks or 'disk' not in n]
    before = standing(clean)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = dict(zip(names, pool.map(run, names), strict=True))
    return done, before, standing(clean)


@pytest.mark.parametrize('name', REFUSALS)
def test_a_refusal_is_one_row_with_a_reason_and_a_way_out(name, refused):
    if name not in refused[0]:
        pytest.skip('tmpfs cannot be mounted here')
    done = refused[0][name]
    _, _, verdict, told = REFUSALS[name]
    assert done.status == 3, done.stderr
    check_columns('host', done)
    [row] = done.rows
    assert (row['Verdict'], row['State']) == (verdict, 'refused')
    assert told in row['Reason'] + row['Way out']
    assert row['Way out']
    assert row['Reason'] in done.stderr


@pytest.mark.parametrize('name', OTHERS)
def test_every_command_has_a_row_for_its_refusal(name, refused):
    done = refused[0][name]
    _, command, told = OTHERS[name]
    assert done.status == 3, done.stderr
    check_columns(command, done)
    assert told in json.dumps(done.rows)


def test_no_refusal_has_changed_anything(refused):
    _, before, after = refused
    assert after == before


@pytest.mark.parametrize(
    'words',
    [
        ('host',),
        ('host', HOST, '--fence', '--fenced', 'seen'),
        ('host', HOST, '--workers', '0'),
        ('host', HOST, '--nosuch'),
        ('step', 'settle', 'beef', 'x'),
    ],
)
def test_wrong_arguments_are_told_with_the_usage(words, fleet, clouds):
    done = lib.recover(clouds, *words)
    assert (done.status, done.stdout) == (2, '')
    assert f'usage: openstack recover {words[0]}' in done.stderr


def test_many_hosts_down_are_refused_and_a_down_target_is_too(
    fleet, clean, clouds
):
    clean.put_service(OTHER, forced_down=True)
    try:
        with unchanged(clean):
            many = lib.recover(clouds, *HOST_WORDS)
            down = lib.recover(
                clouds, *HOST_WORDS, '--many-down', '--target', OTHER
            )
    finally:
        clean.put_service(OTHER, forced_down=False)
        clean.until(
            lambda: clean.service(OTHER)['state'] == 'up', f'{OTHER} up'
        )
    assert [many.status, down.status] == [3, 3]
    assert many.rows[0]['Verdict'] == 'many-down'
    assert '--many-down' in many.rows[0]['Way out']
    assert down.rows[0]['Verdict'] == 'bad-target'
    assert 'forced down' in down.rows[0]['Reason']


# A dead host: plans that are kept


@pytest.fixture(scope='module')
def proxied(fleet, tmp_path_factory):
    """A clouds.yaml that leads through a proxy which records."""
    with Proxy({n: ports.url(n) for n in ('keystone', *OVERRIDES)}) as proxy:
        clouds = lib.write_clouds(tmp_path_factory.mktemp('proxied'))
        proxy.rewrite(clouds)
        yield proxy, clouds


def writes(proxy):
    """The kinds of calls that may have changed something."""
    return [
        call.kind
        for call in proxy.calls
        if call.kind.split()[1] not in ('GET', 'HEAD')
        and call.kind != 'keystone POST /auth/tokens'
    ]


@pytest.fixture(scope='module')
def stale(proxied, clean):
    """A dry run whose plan will not fit for long."""
    proxy, clouds = proxied
    proxy.clear()
    with unchanged(clean):
        return lib.recover(clouds, 'host', HOST, '--fence', '--dry-run')


def test_a_dry_run_sends_nothing_that_writes(stale, proxied):
    proxy, _ = proxied
    assert any(call.kind.startswith('nova GET') for call in proxy.calls)
    assert writes(proxy) == []


def test_a_dry_run_shows_every_server_and_keeps_the_plan(
    stale, proxied, fleet
):
    # The paused one needs a flag, so not all can be recovered as it is.
    assert stale.status == 1
    check_columns('host', stale)
    states = {row['Name']: row['State'] for row in stale.rows}
    assert states.pop('paused-1') == 'left'
    assert set(states.values()) == {'planned'}
    assert len(stale.rows) == 10
    [run] = lib.recover(proxied[1], 'run', 'list').rows
    assert (run['Run'], run['State']) == (run_of(stale), 'planned')


def test_a_plan_that_was_not_started_cannot_be_resumed(stale, proxied):
    done = lib.recover(proxied[1], 'run', 'resume', run_of(stale))
    assert done.status == 3
    assert 'run start' in done.rows[0]['Way out']


def test_a_plan_needs_approval_when_it_is_started(stale, proxied, clean):
    with unchanged(clean):
        done = lib.recover(proxied[1], 'run', 'start', run_of(stale))
    assert done.status == 3
    assert done.rows[0]['Verdict'] == 'not-approved'


def test_a_plan_does_not_start_once_the_facts_have_moved(
    stale, proxied, clean, fleet
):
    clean.call('DELETE', f'/servers/{fleet["doomed-1"]}')
    clean.until(
        lambda: all(s['name'] != 'doomed-1' for s in clean.servers()),
        'doomed-1 deleted',
    )
    with unchanged(clean):
        done = lib.recover(proxied[1], 'run', 'start', run_of(stale), '--yes')
    assert done.status == 3
    assert done.rows[0]['Verdict'] == 'facts-moved'
    assert 'doomed-1 is not there any more' in done.rows[0]['Reason']


def test_a_run_of_another_cloud_is_refused(stale, proxied):
    # The same words, and another keystone.
    _, clouds = proxied
    known = yaml.safe_load(clouds.read_text())
    for entry in known['clouds'].values():
        auth = entry['auth']
        auth['auth_url'] = auth['auth_url'].replace('127.0.0.1', 'localhost')
    other = clouds.with_name('other.yaml')
    other.write_text(yaml.safe_dump(known))
    for words in (('show',), ('start', '--yes'), ('resume',), ('report',)):
        done = lib.recover(other, 'run', words[0], run_of(stale), *words[1:])
        assert done.status == 3
        check_columns(f'run {words[0]}', done)
        assert 'belongs to the cloud' in done.stderr
        assert '//localhost:' in done.stderr
    assert lib.recover(other, 'run', 'list').rows == []


# A dead host: a plan is carried out, with options


@pytest.fixture(scope='module')
def carried(stale, proxied, fleet, clean):
    """A kept plan with many options, carried out one server at a time."""
    proxy, clouds = proxied
    options = ('--exclude', 'plain-1', '--workers', '1', '--reset-state')
    options += ('--priority-property', 'rank')
    dry = lib.recover(clouds, 'host', HOST, '--fence', '--dry-run', *options)
    proxy.clear()
    done = lib.recover(clouds, 'run', 'start', run_of(dry), '--yes')
    return dry, done, writes(proxy)


def test_a_plan_is_carried_out_as_it_was_shown(carried, fleet):
    dry, done, _ = carried
    assert (dry.status, done.status) == (0, 0), done.stderr
    check_columns('run start', done)
    told = ('Server', 'Name', 'Kind', 'Verdict', 'Loss')
    assert [[row[key] for key in told] for row in done.rows] == [
        [row[key] for key in told] for row in dry.rows
    ]
    states = {row['Name']: row['State'] for row in done.rows}
    assert states.pop('plain-1') == 'left'
    assert set(states.values()) == {'recovered'}


def test_each_effect_is_asked_for_once(carried):
    sent = [kind.partition('{id}')[2] for kind in carried[2]]
    assert sorted(sent) == sorted(
        [
            '',  # the service: down, disabled, and the marker
            '/action os-resetState',  # of the paused one
            *['/action evacuate'] * 8,
        ]
    )


def test_servers_are_as_they_were_before(carried, fleet, clean):
    for name, server in fleet.items():
        if name not in ('plain-1', 'doomed-1', 'other-1'):
            now = clean.server(server)
            wanted = 'SHUTOFF' if name == 'stopped-1' else 'ACTIVE'
            assert now['status'] == wanted, name
            assert now['OS-EXT-SRV-ATTR:host'] != HOST


def test_an_excluded_server_is_left_alone(carried, fleet, clean):
    now = clean.server(fleet['plain-1'])
    assert now['OS-EXT-SRV-ATTR:host'] == HOST
    records = [m['instance_uuid'] for m in clean.evacuations(HOST)]
    assert fleet['plain-1'] not in records


def test_larger_priorities_go_first(carried, proxied, fleet):
    rows = lib.recover(proxied[1], 'run', 'show', run_of(carried[0])).rows
    evacuated = [r['Target'] for r in rows if r['Verb'] == 'server.evacuate']
    assert evacuated[:2] == [fleet['prio-2'], fleet['prio-1']]
    records = Journal(proxied[1].with_name('journal.sqlite')).events(
        run_of(carried[0])
    )
    begun = [
        event.step.partition(':')[2]
        for event in records
        if event.step.startswith('evacuate:') and event.state == 'begun'
    ]
    assert begun == evacuated


def test_no_shared_disk_is_ever_rebuilt(carried, fleet):
    spawns = [
        record
        for host in lab.HOSTS
        if host != HOST
        for record in lab.did(host)
        if record['what'] == 'spawn'
        and record['uuid'] in fleet.values()
        and record['uuid'] != fleet['other-1']
    ]
    assert len(spawns) == 8
    assert {s['disk'] for s in spawns} == {'reused', 'volume'}


def test_the_journal_tells_about_the_run(carried, proxied, fleet):
    clouds, run = proxied[1], run_of(carried[0])
    told = {
        command: lib.recover(clouds, 'run', command, *words)
        for command, words in {
            'list': (),
            'show': (run,),
            'report': (run[:6],),
        }.items()
    }
    for command, done in told.items():
        assert done.status == 0, done.stderr
        check_columns(f'run {command}', done)
    states = {row['Run']: row['State'] for row in told['list'].rows}
    assert states[run] == 'finished'
    assert {row['State'] for row in told['show'].rows} == {'done'}
    for row in told['report'].rows:
        assert row['State'] == 'recovered'
        assert row['Total'] > 0
        assert row['Request ID'].startswith('req-')
    assert '8 of 8 recovered' in told['report'].stderr


def test_a_plan_starts_once(carried, proxied, clean):
    with unchanged(clean):
        done = lib.recover(
            proxied[1], 'run', 'start', run_of(carried[0]), '--yes'
        )
    assert done.status == 3
    assert done.rows[0]['Verdict'] == 'started'
    assert 'finished' in done.rows[0]['Reason']


def test_a_later_run_takes_what_was_left_and_leaves_it_stopped(
    carried, proxied, fleet, clean
):
    words = ('server', 'plain-1', *YES, '--leave-stopped', '--target', UP)
    done = lib.recover(proxied[1], *words)
    assert done.status == 0, done.stderr
    check_columns('server', done)
    [row] = done.rows
    assert (row['State'], row['Destination']) == ('recovered', UP)
    now = clean.server(fleet['plain-1'])
    assert now['status'] == 'SHUTOFF'
    assert now['OS-EXT-SRV-ATTR:host'] == UP


def test_an_empty_host_is_said_to_be_empty(carried, proxied, clean):
    with unchanged(clean):
        done = lib.recover(proxied[1], *HOST_WORDS)
    assert (done.status, done.rows) == (0, [])
    assert f'no servers on {HOST}' in done.stderr


# Another dead host: disks that are lost, failures, a step in doubt


@pytest.fixture(scope='module')
def local(fleet, clean, tmp_path_factory):
    """Three servers with local disks on a host that dies."""
    lab.reset_knobs()
    clean.delete_all()
    clean.heal(HOST)
    names = ['lost-1', 'lost-2', 'kept-1']
    made = clean.boot(names, OTHER, port=False)
    lab.fail(OTHER)
    clouds = lib.write_clouds(
        tmp_path_factory.mktemp('local'), shared_storage=None
    )
    return clouds, dict(zip(names, made, strict=True))


@pytest.fixture(scope='module')
def braked(local, clean):
    """The first of two fails, and that is as many as may fail."""
    clouds, _ = local
    with unchanged(clean):
        without = lib.recover(clouds, 'host', OTHER, *YES)
    for host in (HOST, UP, 'cmp3'):
        lab.knob(host, spawn_fail=True)
    words = ['host', OTHER, *YES, '--workers', '1', '--max-failures', '1']
    for name in ('lost-1', 'lost-2'):
        words += ['--accept-data-loss', name]
    done = lib.recover(clouds, *words)
    lab.reset_knobs()
    return without, done


def test_without_consent_no_local_disk_is_lost(braked):
    without, _ = braked
    assert without.status == 3
    assert 'nothing was changed' in without.stderr
    for row in without.rows:
        assert (row['Verdict'], row['State']) == ('data-loss', 'left')
        assert f'--accept-data-loss {row["Server"]}' in row['Way out']


def test_consent_is_for_the_named_servers(braked):
    rows = {row['Name']: row for row in braked[1].rows}
    assert rows['kept-1']['State'] == 'left'
    assert rows['kept-1']['Verdict'] == 'data-loss'
    assert 'disk' in rows['lost-1']['Loss']


def test_no_more_is_begun_than_may_fail(braked):
    done = braked[1]
    assert done.status == 1, done.stderr
    rows = {row['Name']: row for row in done.rows}
    assert rows['lost-1']['State'] == 'failed'
    assert 'migration' in rows['lost-1']['Reason']
    assert 'run resume' in rows['lost-1']['Way out']
    assert rows['lost-2']['State'] == 'not begun'
    assert '--max-failures' in rows['lost-2']['Reason']


def test_a_step_in_doubt_is_settled_by_the_operator(braked, local, clean):
    clouds, servers = local
    run = run_of(braked[1])
    step = f'evacuate:{servers["lost-2"]}'
    with Journal(clouds.with_name('journal.sqlite')) as journal:
        journal.record(run, step, 'in-doubt', 'cut off; nobody can tell')
    rows = lib.recover(clouds, 'run', 'show', run).rows
    assert {'in-doubt'} == {r['State'] for r in rows if r['Step'] == step}
    with unchanged(clean):
        unknown = lib.recover(clouds, 'step', 'settle', run, 'x', '--done')
        failed = f'evacuate:{servers["lost-1"]}'
        sure = lib.recover(clouds, 'step', 'settle', run, failed, '--not-done')
        done = lib.recover(clouds, 'step', 'settle', run, step, '--not-done')
    assert [unknown.status, sure.status, done.status] == [3, 3, 0]
    for one in (unknown, sure, done):
        check_columns('step settle', one)
    assert "no step 'x'" in unknown.rows[0]['Note']
    assert 'not in doubt' in sure.rows[0]['Note']
    assert done.rows[0]['State'] == 'not-done'
    assert f'run resume {run}' in done.rows[0]['Note']


def test_a_resume_does_the_rest_and_no_more(braked, local, clean):
    clouds, servers = local
    done = lib.recover(clouds, 'run', 'resume', run_of(braked[1]))
    check_columns('run resume', done)
    states = {row['Name']: row['State'] for row in done.rows}
    assert states == {
        'lost-1': 'recovered',
        'lost-2': 'recovered',
        'kept-1': 'left',
    }
    assert done.status == 1  # for the one that was left
    assert '1 of 3 were left alone' in done.stderr
    assert clean.server(servers['kept-1'])['OS-EXT-SRV-ATTR:host'] == OTHER
    records = [m['instance_uuid'] for m in clean.evacuations(OTHER)]
    assert records.count(servers['lost-1']) == 2  # the first one failed
    assert records.count(servers['lost-2']) == 1
    assert records.count(servers['kept-1']) == 0


def test_an_accepted_loss_is_a_disk_made_anew(braked, local):
    _, servers = local
    spawns = {
        record['uuid']: record['disk']
        for host in (HOST, UP, 'cmp3')
        for record in lab.did(host)
        if record['what'] == 'spawn'
    }
    assert spawns[servers['lost-1']] == 'image'
    assert spawns[servers['lost-2']] == 'image'
    assert servers['kept-1'] not in spawns


def test_a_journal_that_fills_up_in_the_middle_stops_the_run(
    local, braked, clean, disks
):
    if not disks:
        pytest.skip('tmpfs cannot be mounted here')
    full = disks['full']
    ballast = full / 'ballast'
    ballast.unlink()
    made = clean.boot(['late-1', 'late-2'], UP, port=False)
    with (
        lib.shared_disks(),
        Proxy({n: ports.url(n) for n in ('keystone', *OVERRIDES)}) as proxy,
    ):
        clouds = lib.write_clouds(
            full.parent, journal=str(full / 'journal.sqlite')
        )
        proxy.rewrite(clouds)

        def fill(call):
            if call.kind.endswith('evacuate') and not ballast.exists():
                with contextlib.suppress(OSError):
                    ballast.write_bytes(bytes(1 << 24))

        proxy.on_call = fill
        words = ('host', UP, *YES, '--many-down', '--workers', '1')
        done = lib.recover(
            clouds, *words, '--server', made[0], '--server', made[1]
        )
        assert done.status == 1, done.stderr
        check_columns('host', done)
        assert 'the journal' in done.stderr
        assert [row['State'] for row in done.rows] == [
            'under way',
            'not begun',
        ]
        assert proxy.count('nova POST /servers/{id}/action evacuate') == 1
        proxy.on_call = lambda call: None
        ballast.unlink()
        again = lib.recover(clouds, 'run', 'resume', run_of(done))
        assert again.status == 0, again.stderr
        assert proxy.count('nova POST /servers/{id}/action evacuate') == 2
