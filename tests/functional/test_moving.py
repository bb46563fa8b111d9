# SPDX-License-Identifier: Apache-2.0
"""Servers of a dead host are moved in nova's own database, and by nova then
used as any other.
"""

import pytest

from tests import practice as lib
from tests.cloud import keys, lab
from tests.functional.test_host import check_allocations

pytestmark = pytest.mark.functional

HOST, THERE = 'cmp1', 'cmp2'
EVIDENCE = ('--fenced', 'a test ended it', '--yes')
BY_HAND = ('--method', 'database', '--no-agent', '--target', THERE)


def fleet(practice):
    """One of each kind; name -> id."""
    image, stopped, data = practice.boot(['image', 'stopped', 'data'], HOST)
    [volume] = practice.boot(['volume'], HOST, volume=True)
    practice.add_volume(data, 'data')
    practice.add_volume(volume, 'more')
    net = practice.sdk.network.find_network('practice-net').id
    body = {'interfaceAttachment': {'net_id': net}}
    practice.call('POST', f'/servers/{image}/os-interface', body)
    practice.stop(stopped)
    return {
        'image': image,
        'stopped': stopped,
        'data': data,
        'volume': volume,
    }


def known_to_storage(practice, host):
    """cinder has on record how a host is let in, as it has in any cloud."""
    [server] = practice.boot(['before'], host, volume=True)
    practice.call('DELETE', f'/servers/{server}')


def fresh(host):
    """A nova-compute that has the hypervisor of this tree."""
    lab.fail(host, keep_power=True)
    lab.revive(host)


@pytest.fixture(scope='module')
def story(clean, tmp_path_factory):
    """One move, from the failure to the table."""
    folder = tmp_path_factory.mktemp('moving')
    clouds = lib.write_clouds(folder, database=lib.database_urls())
    fresh(THERE)
    clean.heal(THERE)
    known_to_storage(clean, THERE)
    with lib.shared_disks():
        servers = fleet(clean)
        lab.fail(HOST)
        clean.put_service(HOST, forced_down=True)
        done = lib.recover(clouds, 'host', HOST, *BY_HAND, *EVIDENCE)
        yield clouds, servers, done


def test_every_server_is_moved(story):
    _, servers, done = story
    assert done.status == 0, done.stdout + done.stderr
    assert {row['Server'] for row in done.rows} == set(servers.values())
    assert {row['State'] for row in done.rows} == {'recovered'}
    assert {row['Verdict'] for row in done.rows} == {'database'}
    assert {row['Destination'] for row in done.rows} == {THERE}


def test_what_ran_runs_and_what_was_stopped_is_stopped(story, clean):
    _, servers, _ = story
    for name, server in servers.items():
        now = clean.server(server)
        assert now['OS-EXT-SRV-ATTR:host'] == THERE
        assert now['status'] == ('SHUTOFF' if name == 'stopped' else 'ACTIVE')
        assert not now['locked']


def test_the_guests_run_where_nova_has_them(story):
    _, servers, _ = story
    there = lab.guests()[THERE]
    running = {key for key, guest in there.items() if guest['power'] == 1}
    assert running >= {servers[n] for n in ('image', 'data', 'volume')}
    assert not lab.twice()


def test_no_disk_was_made_anew(story):
    _, servers, _ = story
    assert servers['image'] in lab.disks(HOST)
    assert (
        lab.disks(HOST)[servers['image']] == lab.disks(THERE)[servers['image']]
    )


def test_volumes_let_in_their_new_host_alone(story, clean):
    _, servers, _ = story
    for name in ('data', 'volume'):
        now = clean.server(servers[name])
        volumes = now['os-extended-volumes:volumes_attached']
        assert volumes
        for volume in volumes:
            assert lab.volume_access()[volume['id']] == [THERE]
            found = clean.sdk.block_storage.get_volume(volume['id'])
            assert found.status == 'in-use'
            assert len(found.attachments) == 1


def test_ports_are_wired_on_their_new_host(story, clean):
    _, servers, _ = story
    ports = list(clean.sdk.network.ports(device_id=servers['image']))
    assert len(ports) == 2
    assert {port.binding_host_id for port in ports} == {THERE}
    assert {port.binding_vif_type for port in ports} == {'ovs'}


def test_room_is_held_on_the_new_host_alone(story, clean):
    _, servers, _ = story
    check_allocations(clean, servers.values())


def test_nova_has_one_evacuation_of_each(story, clean):
    _, servers, _ = story
    records = [
        record['instance_uuid']
        for record in clean.evacuations(HOST)
        if record['instance_uuid'] in servers.values()
    ]
    assert sorted(records) == sorted(servers.values())


def test_no_database_url_is_in_the_journal(story):
    clouds, _, _ = story
    files = list(clouds.parent.glob('journal.sqlite*'))
    assert files
    # The password alone is the name of the cloud as well.
    account = f'practice:{keys.PASSWORD}'.encode()
    for file in files:
        if file.is_file():
            assert account not in file.read_bytes()
            assert b'mysql' not in file.read_bytes()


def test_a_run_whose_servers_were_started_is_not_taken_back(story, clean):
    clouds, servers, _ = story
    [run] = lib.recover(clouds, 'run', 'list').rows
    done = lib.recover(clouds, 'run', 'undo', run['Run'], '--dry-run')
    rows = {row['Server']: row for row in done.rows}
    assert rows[servers['image']]['Verdict'] == 'already-started'
    assert rows[servers['stopped']]['Verdict'] == 'undo'


def test_nova_uses_them_as_any_other(story, clean):
    _, servers, _ = story
    clean.action(servers['stopped'], **{'os-start': None})
    clean.wait(servers['stopped'], 'ACTIVE')
    clean.stop(servers['data'])
    clean.action(servers['data'], **{'os-start': None})
    clean.wait(servers['data'], 'ACTIVE')
    for name in ('image', 'data', 'volume'):
        clean.action(servers[name], reboot={'type': 'HARD'})
    for name in ('image', 'data', 'volume'):
        clean.wait(servers[name], 'ACTIVE')
    detached_and_attached(clean, servers['data'])


def detached_and_attached(practice, server):
    path = f'/servers/{server}/os-volume_attachments'
    [one] = practice.call('GET', path, version='2.88')['volumeAttachments']
    volume = one['volumeId']
    practice.call('DELETE', f'{path}/{volume}')
    storage = practice.sdk.block_storage
    practice.until(
        lambda: storage.get_volume(volume).status == 'available', 'detached'
    )
    practice.call('POST', path, {'volumeAttachment': {'volumeId': volume}})
    practice.until(
        lambda: storage.get_volume(volume).status == 'in-use', 'attached'
    )
    assert lab.volume_access()[volume] == [THERE]


def test_the_host_that_returns_destroys_what_it_has_left(story, clean):
    _, servers, _ = story
    assert set(lab.guests()[HOST]) >= set(servers.values())
    clean.heal(HOST)
    assert not set(lab.guests()[HOST]) & set(servers.values())
    assert set(lab.guests()[THERE]) >= set(servers.values())
    assert not lab.twice()
    check_allocations(clean, servers.values())


def test_nova_deletes_them(story, clean):
    _, servers, _ = story
    for server in servers.values():
        clean.call('DELETE', f'/servers/{server}')
    clean.until(lambda: not clean.servers(THERE), 'deleted')
    assert not set(lab.guests()[THERE]) & set(servers.values())


@pytest.fixture
def stuck(clean, tmp_path):
    """A server whose storage lets nobody in: its move stops half way."""
    known = lib.database_urls()
    # So long it is believed that cinder may still be at it.
    clouds = lib.write_clouds(tmp_path, database=known, request_timeout=10)
    clean.heal(HOST)
    known_to_storage(clean, THERE)
    with lib.shared_disks():
        [server] = clean.boot(['half'], HOST)
        volume = clean.add_volume(server, 'half')
        lab.fail(HOST)
        clean.put_service(HOST, forced_down=True)
        lab.volume_knob(connect_fail=[THERE])
        done = lib.recover(clouds, 'host', HOST, *BY_HAND, *EVIDENCE)
        yield clouds, server, volume, done
    clean.heal(HOST)
    clean.delete_all()


def test_a_move_that_stopped_half_way_is_resumed(stuck, clean):
    clouds, server, volume, done = stuck
    assert done.status == 1
    [row] = done.rows
    assert row['State'] == 'failed', row
    assert clean.server(server)['OS-EXT-SRV-ATTR:host'] == THERE
    lab.volume_knob(connect_fail=[])
    [run] = lib.recover(clouds, 'run', 'list').rows
    again = lib.recover(clouds, 'run', 'resume', run['Run'])
    assert again.status == 0, again.stdout + again.stderr
    assert clean.server(server)['status'] == 'ACTIVE'
    assert lab.volume_access()[volume] == [THERE]


def test_a_move_that_stopped_half_way_is_taken_back(stuck, clean):
    clouds, server, volume, _ = stuck
    before = clean.server(server)
    assert before['locked']
    [run] = lib.recover(clouds, 'run', 'list').rows
    done = lib.recover(clouds, 'run', 'undo', run['Run'], '--yes')
    assert done.status == 0, done.stdout + done.stderr
    now = clean.server(server)
    assert now['OS-EXT-SRV-ATTR:host'] == HOST
    assert (now['status'], now['locked']) == ('ACTIVE', False)
    assert lab.volume_access()[volume] == [HOST]
    check_allocations(clean, [server])
    refused = lib.recover(clouds, 'run', 'resume', run['Run'])
    assert refused.status == 3
    assert not clean.open_records(HOST)
    # And nova can do it now.
    lab.volume_knob(connect_fail=[])
    moved = lib.recover(clouds, 'host', HOST, *EVIDENCE)
    assert moved.status == 0, moved.stdout + moved.stderr
    assert clean.server(server)['status'] == 'ACTIVE'
