# SPDX-License-Identifier: Apache-2.0
"""The gateways and the situation against the practice cloud."""

import collections
import contextlib
import time
import uuid

import pytest
from openstack.config import OpenStackConfig

from osc_recover import errors
from osc_recover.facts import request_key
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.placement import Placement
from osc_recover.gateways.volume import Volumes
from osc_recover.observe.situation import situation
from tests.cloud import lab

HOST = 'cmp1'
DEADLINE = 180


def connect(name='practice'):
    config = OpenStackConfig(config_files=[str(lab.clouds_yaml())])
    return Cloud(config.get_one(name))


@pytest.fixture(scope='module')
def cloud(clean):
    return connect()


@pytest.fixture(scope='module')
def nova(cloud):
    return Compute(cloud.compute)


def until(question):
    end = time.monotonic() + DEADLINE
    while not (answer := question()):
        assert time.monotonic() < end, f'not in {DEADLINE} s'
        time.sleep(0.3)
    return answer


def image_of(cloud):
    page = cloud.image.get('/images', params={'name': 'practice'})
    return page['images'][0]['id']


def root_volume(cloud):
    return {
        'boot_index': 0,
        'uuid': image_of(cloud),
        'source_type': 'image',
        'destination_type': 'volume',
        'volume_size': 1,
        'delete_on_termination': True,
    }


def boot(cloud, name, root, group, host=HOST):
    network = cloud.network.get('/networks', params={'name': 'practice-net'})
    flavors = cloud.compute.get('/flavors')['flavors']
    body = {
        'server': {
            'name': name,
            'host': host,
            'flavorRef': next(f['id'] for f in flavors if f['name'] == 'tiny'),
            'networks': [{'uuid': network['networks'][0]['id']}],
            'metadata': {'test': 'observe'},
            **root,
        },
        'os:scheduler_hints': {'group': group},
    }
    reply = cloud.compute.write('POST', '/servers', body, microversion='2.74')
    return reply.body['server']['id']


@pytest.fixture(scope='module')
def fleet(cloud, nova):
    """Two servers on the host and one elsewhere, all in one group."""
    made = []
    body = {
        'server_group': {'name': 'observe', 'policy': 'soft-anti-affinity'}
    }
    group = cloud.compute.write(
        'POST', '/os-server-groups', body, microversion='2.64'
    ).body['server_group']['id']
    name = f'observe-{uuid.uuid4().hex[:8]}'
    volume = {'block_device_mapping_v2': [root_volume(cloud)]}
    image = {'imageRef': image_of(cloud)}
    try:
        made.append(boot(cloud, f'{name}-image', image, group))
        made.append(boot(cloud, f'{name}-volume', volume, group))
        made.append(boot(cloud, f'{name}-other', image, group, 'cmp2'))
        for server in made:
            until(lambda server=server: nova.server(server).launched)
        yield made
    finally:
        for server in made:
            with contextlib.suppress(errors.Gone):
                cloud.compute.write('DELETE', f'/servers/{server}')
            until(lambda server=server: gone(nova, server))
        cloud.compute.write('DELETE', f'/os-server-groups/{group}')


def gone(nova, server):
    try:
        nova.server(server)
    except errors.Gone:
        return True
    return False


def test_the_situation_is_complete(cloud, fleet):
    seen = situation(cloud, [HOST])
    assert seen.gaps == ()
    servers = {s.id: s for s in seen.servers}
    on_image, on_volume = servers[fleet[0]], servers[fleet[1]]
    assert fleet[2] not in servers
    assert (on_image.host, on_image.flavor) == (HOST, 'tiny')
    assert on_image.image in {image.id for image in seen.images}
    assert on_image.metadata == {'test': 'observe'}
    assert on_volume.image is None
    assert {port.server for port in seen.ports} >= set(fleet[:2])
    assert {port.host for port in seen.ports} == {HOST}
    held = {a.consumer: a for a in seen.allocations}
    for server in fleet[:2]:
        key = request_key(held[server].resources)
        offered = {c.host for c in seen.candidates[key]}
        assert offered
        assert HOST not in offered


def test_volumes_and_attachments(cloud, fleet):
    seen = situation(cloud, [HOST])
    server = next(s for s in seen.servers if s.id == fleet[1])
    volume = next(v for v in seen.volumes if v.id in server.volumes)
    assert (volume.status, volume.bootable) == ('in-use', True)
    (attachment,) = volume.attachments
    assert (attachment.server, attachment.host) == (fleet[1], HOST)


def test_groups_know_where_their_members_are(cloud, fleet):
    seen = situation(cloud, [HOST])
    group = next(g for g in seen.groups if fleet[0] in g.members)
    assert group.policy == 'soft-anti-affinity'
    hosts = [group.member_hosts[server] for server in fleet]
    assert hosts == [HOST, HOST, 'cmp2']


def test_the_requests_are_as_few_as_promised(cloud, fleet):
    fresh = connect()
    sent = collections.Counter()
    session = fresh.session.session
    original = session.request

    def counting(method, url, **how):
        sent[method] += 1
        return original(method, url, **how)

    session.request = counting
    seen = situation(fresh, [HOST])
    strangers = sum(
        server not in {s.id for s in seen.servers}
        for group in seen.groups
        if any(s.id in group.members for s in seen.servers)
        for server in group.members
    )
    # Keystone's version document; then as situation.py lists them.
    nova, placement, others = 1 + 1 + 1 + 2 + 1 + 2, 1, 4
    each = len(seen.servers) + strangers + len(seen.candidates)
    assert sent == {'POST': 1, 'GET': 1 + nova + placement + others + each}


def test_volumes_are_found_by_one_list(cloud, fleet):
    seen = situation(cloud, [HOST])
    wanted = [volume.id for volume in seen.volumes]
    listed = list(Volumes(cloud.volume)._listed(set(wanted)))
    assert sorted(v.id for v in listed) == sorted(wanted)


def test_servers_are_found_by_name_and_id(nova, fleet):
    server = nova.server(fleet[0])
    assert [s.id for s in nova.find_servers(server.name)] == [fleet[0]]
    assert [s.id for s in nova.find_servers(fleet[0])] == [fleet[0]]
    assert nova.find_servers(server.name[:-1]) == ()
    assert nova.find_servers(f'{server.name[:-1]}.') == ()


def test_allocations_by_consumer_and_by_provider_agree(cloud, fleet):
    placement = Placement(cloud.placement)
    (held,) = placement.allocations_for(fleet[0])
    assert placement.providers()[HOST] == held.provider
    assert held in placement.allocations_of(held.provider)


def test_a_deleted_server_is_among_the_changed(cloud, nova, fleet):
    before = nova.server(fleet[0]).updated
    server = boot(
        cloud,
        'observe-deleted',
        {'imageRef': image_of(cloud)},
        group_of(nova, fleet),
    )
    until(lambda: nova.server(server).launched)
    cloud.compute.write('DELETE', f'/servers/{server}')
    until(lambda: gone(nova, server))
    changed = {s.id: s.status for s in nova.servers_changed(before)}
    assert changed[server] == 'DELETED'
    assert nova.evacuate_actions(server) == ()


def group_of(nova, fleet):
    return next(g.id for g in nova.groups() if fleet[0] in g.members)


def test_an_evacuation_is_refused_while_the_host_is_up(nova, fleet):
    assert next(s for s in nova.services() if s.host == HOST).up
    with pytest.raises(errors.ApiRefused) as caught:
        nova.evacuate(fleet[0], None, '2.94')
    assert caught.value.status == 400
    assert caught.value.request_id.startswith('req-')
    assert 'still in use' in caught.value.problem


def test_a_service_is_changed_in_one_request(nova):
    service = next(s for s in nova.services() if s.host == 'cmp4')
    try:
        nova.update_service(
            service.id, enabled=False, reason='a test', forced_down=True
        )
        now = next(s for s in nova.services() if s.host == 'cmp4')
        assert (now.enabled, now.forced_down, now.up) == (False, True, False)
        assert now.disabled_reason == 'a test'
    finally:
        nova.update_service(service.id, enabled=True, forced_down=False)


def test_a_member_is_told_which_policy_says_no():
    member = connect('practice-member')
    with pytest.raises(errors.Forbidden, match='os_compute_api:'):
        situation(member, [HOST])
    service = str(uuid.uuid4())
    with pytest.raises(errors.Forbidden, match='os-services:update'):
        Compute(member.compute).update_service(service, forced_down=True)


def test_an_unknown_server_is_gone(nova):
    with pytest.raises(errors.Gone):
        nova.evacuate(str(uuid.uuid4()), None, '2.94')
