# SPDX-License-Identifier: Apache-2.0
"""A host dies, its servers are recovered, it comes back."""

import subprocess
import time

import pytest

from tests import practice as lib
from tests.cloud import lab

HOST = 'cmp1'


@pytest.fixture(scope='module')
def story(clean, tmp_path_factory):
    """One recovery, from the failure to the table."""
    folder = tmp_path_factory.mktemp('story')
    clouds = lib.write_clouds(folder)
    with lib.shared_disks():
        servers = lib.fleet(clean, HOST)
        lab.fail(HOST)
        done = lib.recover(clouds, 'host', HOST, '--fence', '--yes')
        yield clouds, servers, done


def test_every_server_is_recovered(story):
    _, servers, done = story
    assert done.status == 0, done.stderr
    assert {row['Server'] for row in done.rows} == set(servers.values())
    assert {row['State'] for row in done.rows} == {'recovered'}


def test_what_ran_runs_and_what_was_stopped_is_stopped(story, clean):
    _, servers, done = story
    places = {row['Server']: row['Destination'] for row in done.rows}
    for name, server in servers.items():
        now = clean.server(server)
        wanted = 'SHUTOFF' if name == 'stopped-1' else 'ACTIVE'
        assert now['status'] == wanted, name
        assert now['OS-EXT-SRV-ATTR:host'] == places[server] != HOST


def test_nova_has_one_evacuation_of_each_server(story, clean):
    _, servers, _ = story
    records = [m['instance_uuid'] for m in clean.evacuations(HOST)]
    mine = [r for r in records if r in servers.values()]
    assert sorted(mine) == sorted(servers.values())


def test_no_disk_was_rebuilt(story):
    _, servers, _ = story
    spawns = [
        record
        for host in lab.HOSTS[1:]
        for record in lab.did(host)
        if record['what'] == 'spawn' and record['uuid'] in servers.values()
    ]
    assert len(spawns) == len(servers)
    assert {s['disk'] for s in spawns} == {'reused', 'volume'}


def test_volumes_are_connected_where_their_server_is(story, clean):
    _, servers, _ = story
    for name in ('volume-1', 'data-1'):
        now = clean.server(servers[name])
        for volume in now['os-extended-volumes:volumes_attached']:
            hosts = lab.volume_access()[volume['id']]
            assert hosts == [now['OS-EXT-SRV-ATTR:host']]


def test_no_guest_runs_twice(story):
    assert not lab.twice()


def test_the_report_has_every_server_and_its_request(story):
    clouds, servers, _ = story
    [run] = lib.recover(clouds, 'run', 'list').rows
    assert run['State'] == 'finished'
    rows = lib.recover(clouds, 'run', 'report', run['Run']).rows
    assert {row['Server'] for row in rows} == set(servers.values())
    assert all(row['Total'] > 0 for row in rows)
    assert all(row['Request ID'].startswith('req-') for row in rows)


def test_a_finished_run_is_not_done_again(story, clean):
    clouds, _, _ = story
    before = len(clean.evacuations(HOST))
    [run] = lib.recover(clouds, 'run', 'list').rows
    again = lib.recover(clouds, 'run', 'resume', run['Run'])
    assert again.status == 0
    assert {row['State'] for row in again.rows} == {'recovered'}
    assert len(clean.evacuations(HOST)) == before


def test_a_host_with_nothing_left_is_an_empty_array(story):
    clouds, _, _ = story
    done = lib.recover(clouds, 'host', HOST, '--fence', '--yes')
    assert (done.status, done.rows) == (0, [])
    assert f'no servers on {HOST}' in done.stderr


def test_the_host_comes_back(story, clean):
    clouds, servers, _ = story
    early = lib.recover(clouds, 'return', HOST, '--yes')
    assert early.status == 3
    open_rows = [row for row in early.rows if row['Verdict'] == 'open']
    told = ' '.join(row['Reason'] for row in open_rows)
    assert all(server in told for server in servers.values())
    lab.revive(HOST)
    clean.until(lambda: not clean.open_records(HOST), 'records completed')
    done = lib.recover(clouds, 'return', HOST, '--yes')
    assert done.status == 0, done.stdout
    assert done.rows[-1]['State'] == 'returned'
    service = clean.service(HOST)
    assert (service['state'], service['status']) == ('up', 'enabled')
    assert not lab.guests()[HOST]
    assert not lab.twice()
    check_allocations(clean, servers.values())


def check_allocations(cloud, servers):
    """Each server holds room on its own host, and only there."""
    providers = {
        p.name: p.id for p in cloud.sdk.placement.resource_providers()
    }
    for server in servers:
        host = cloud.server(server)['OS-EXT-SRV-ATTR:host']
        held = cloud.sdk.placement.get(f'/allocations/{server}').json()
        assert list(held['allocations']) == [providers[host]]


# Two at once


@pytest.fixture
def slow(clean):
    """Four servers on a host that is dead, and slow spawns elsewhere."""
    clean.heal(HOST)
    with lib.shared_disks():
        for host in lab.HOSTS[1:]:
            lab.knob(host, spawn_delay=3)
        made = clean.boot([f'slow-{n}' for n in range(4)], HOST, port=False)
        lab.fail(HOST)
        yield made
    clean.heal(HOST)
    clean.delete_all()


def start(clouds, *words):
    """A command of ours that goes on while the test does."""
    return subprocess.Popen(
        lib.command(*words),
        env=lib.environment(clouds),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    return lib.Done(process.returncode, out, err)


def check_once(cloud, servers):
    """One evacuation of each, none left behind, none in two places."""
    records = [m['instance_uuid'] for m in cloud.evacuations(HOST)]
    assert sorted(r for r in records if r in servers) == sorted(servers)
    assert not cloud.servers(HOST)
    assert not lab.twice()


def wait_for_evacuation(cloud, servers, process):
    """Until nova has begun to evacuate some of these."""

    def begun():
        assert process.poll() is None, process.communicate()
        records = [m['instance_uuid'] for m in cloud.evacuations(HOST)]
        return set(records) & set(servers)

    cloud.until(begun, 'an evacuation begun')


def test_a_second_recovery_on_this_machine_is_refused(slow, clean, clouds):
    first = start(clouds, 'host', HOST, '--fence', '--yes')
    wait_for_evacuation(clean, slow, first)
    second = lib.recover(clouds, 'host', HOST, '--fence', '--yes')
    assert second.status == 3
    assert second.rows[0]['Verdict'] in ('host-locked', 'other-run')
    assert finish(first).status == 0
    check_once(clean, slow)


def test_a_second_recovery_from_elsewhere_is_refused(slow, clean, tmp_path):
    mine, theirs = tmp_path / 'mine', tmp_path / 'theirs'
    for folder in (mine, theirs):
        folder.mkdir()
    first = start(lib.write_clouds(mine), 'host', HOST, '--fence', '--yes')
    wait_for_evacuation(clean, slow, first)
    other = lib.write_clouds(theirs)
    second = lib.recover(other, 'host', HOST, '--fence', '--yes')
    assert second.status == 3
    assert second.rows[0]['Verdict'] == 'other-run'
    assert '--take-over' in second.rows[0]['Way out']
    assert finish(first).status == 0
    check_once(clean, slow)


def test_of_two_that_start_together_one_wins(slow, clean, tmp_path):
    both = []
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        clouds = lib.write_clouds(tmp_path / name)
        both.append(
            start(clouds, 'host', HOST, '--fence', '--yes', '--workers', '1')
        )
    done = [finish(process) for process in both]
    assert sorted(d.status for d in done) in ([0, 1], [0, 3], [1, 1], [1, 3])
    assert all(isinstance(d.rows, list) for d in done)
    records = [m['instance_uuid'] for m in clean.evacuations(HOST)]
    assert all(records.count(server) <= 1 for server in slow)


def test_a_dead_colleagues_run_is_taken_over(slow, clean, tmp_path):
    mine, theirs = tmp_path / 'mine', tmp_path / 'theirs'
    for folder in (mine, theirs):
        folder.mkdir()
    theirs_clouds = lib.write_clouds(theirs)
    dead = start(
        theirs_clouds, 'host', HOST, '--fence', '--yes', '--workers', '1'
    )
    wait_for_evacuation(clean, slow, dead)
    dead.kill()
    dead.wait()
    [run] = lib.recover(theirs_clouds, 'run', 'list').rows
    assert run['State'] == 'cut off'
    time.sleep(1)
    done = lib.recover(
        lib.write_clouds(mine),
        *('host', HOST, '--fence', '--yes', '--take-over', run['Run']),
    )
    clean.until(lambda: not clean.servers(HOST), 'all moved')
    assert done.status in (0, 1), done.stderr
    check_once(clean, slow)
    back = lib.recover(theirs_clouds, 'run', 'resume', run['Run'])
    assert back.status == 3
