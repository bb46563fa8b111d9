# SPDX-License-Identifier: Apache-2.0
"""placement, neutron, cinder, glance and masakari as facts."""

import contextlib
import itertools

import pytest

from osc_recover import errors
from osc_recover.gateways.chunks import chunks
from osc_recover.gateways.image import Images
from osc_recover.gateways.masakari import Masakari
from osc_recover.gateways.network import Network
from osc_recover.gateways.placement import Placement, candidates_from
from osc_recover.gateways.volume import Volumes
from tests.unit import cloud_double, keystone_double
from tests.unit.service_double import Answer

SERVER = 'c48133c0-0d92-4524-8802-a73293e346a3'
VOLUME = 'b9f5b747-4a67-4525-a54c-b0d3dd017dbf'
IMAGE = '02deda67-66cd-4ed6-bcba-68df55a44134'


@contextlib.contextmanager
def cloud(**changes):
    answers = cloud_double.recorded()
    answers |= changes.get('answers', {})
    with cloud_double.cloud(answers) as service:
        yield service, keystone_double.cloud(service.url)


def asked(service):
    return [r for r in service.requests if r.method == 'GET']


def test_ids_are_asked_for_in_urls_that_are_not_too_long():
    ids = [f'{n:036}' for n in range(250)]
    pieces = list(chunks([*ids, *ids]))
    assert [len(piece) for piece in pieces] == [100, 100, 50]
    assert [*itertools.chain(*pieces)] == ids


def test_the_ports_of_many_servers_are_one_request():
    with cloud() as (service, one):
        found = Network(one.network).ports([SERVER, 'other'])
    port = next(port for port in found if port.server == SERVER)
    (request,) = asked(service)
    assert request.query['device_id'] == [SERVER, 'other']
    assert port.host == 'cmp1'
    assert (port.vif_type, port.vnic_type) == ('ovs', 'normal')
    assert not port.resource_request


def test_agents():
    with cloud() as (_, one):
        found = Network(one.network).agents()
    assert {agent.host for agent in found} == {'cmp1', 'cmp2', 'cmp3', 'cmp4'}
    assert all(agent.enabled for agent in found)


def test_volumes_are_one_request():
    with cloud() as (service, one):
        (volume,) = Volumes(one.volume).volumes([VOLUME])
    (request,) = asked(service)
    assert request.query['id'] == [f"['{VOLUME}']"]
    assert request.headers['openstack-api-version'] == 'volume 3.44'
    assert (volume.bootable, volume.host) == (True, 'practice@lab#lab')
    (attachment,) = volume.attachments
    assert (attachment.host, attachment.device) == ('cmp1', '/dev/sda')
    assert volume.image_properties['image_name'] == 'practice'


@pytest.mark.parametrize(
    'listed', [Answer(400, {'badRequest': {'message': 'Invalid filters'}}), {}]
)
def test_volumes_that_the_list_did_not_bring_are_asked_for(listed):
    answers = cloud_double.recorded()
    (volume,) = answers['/volume/v3/volumes/detail']['volumes']
    changes = {
        '/volume/v3/volumes/detail': listed or {'volumes': []},
        f'/volume/v3/volumes/{VOLUME}': {'volume': volume},
    }
    with cloud(answers=changes) as (_, one):
        found = Volumes(one.volume).volumes([VOLUME, 'gone'])
    assert [volume.id for volume in found] == [VOLUME]


def test_volumes_of_others_are_left_out():
    # That is what a cinder sends which does not know the filter.
    with cloud() as (_, one):
        assert Volumes(one.volume).volumes(['gone']) == ()


def test_a_forbidden_list_of_volumes_is_not_asked_for_singly():
    changes = {'/volume/v3/volumes/detail': Answer(403, 'no')}
    with (
        cloud(answers=changes) as (service, one),
        pytest.raises(errors.Forbidden),
    ):
        Volumes(one.volume).volumes([VOLUME])
    assert len(asked(service)) == 1


def test_images_have_their_properties():
    recorded = cloud_double.recorded()['/image/v2/images']['images'][0]
    image = {**recorded, 'hw_vif_model': 'virtio', 'min_disk': 0}
    with cloud(answers={'/image/v2/images': {'images': [image]}}) as (_, one):
        (found,) = Images(one.image).images([IMAGE])
    assert found.properties == {'hw_vif_model': 'virtio'}


def test_hidden_images_are_asked_for_singly():
    changes = {
        '/image/v2/images': {'images': []},
        f'/image/v2/images/{IMAGE}': {'id': IMAGE, 'name': 'hidden'},
    }
    with cloud(answers=changes) as (_, one):
        (found,) = Images(one.image).images([IMAGE, 'gone'])
    assert found.name == 'hidden'


def test_allocations():
    answers = {
        '/placement/allocations/1': {
            'allocations': {'node': {'resources': {'VCPU': 2}}}
        },
    }
    with cloud(answers=answers) as (_, one):
        (held,) = Placement(one.placement).allocations_for('1')
    assert (held.consumer, held.provider) == ('1', 'node')
    assert held.resources == {'VCPU': 2}


def test_providers():
    page = {'resource_providers': [{'name': 'cmp1', 'uuid': 'u'}]}
    answers = {'/placement/resource_providers': page}
    with cloud(answers=answers) as (_, one):
        assert Placement(one.placement).providers() == {'cmp1': 'u'}


def test_candidates_have_what_is_free():
    with cloud() as (service, one):
        found = Placement(one.placement).candidates({'VCPU': 1, 'DISK_GB': 1})
    (request,) = asked(service)
    assert request.query['resources'] == ['DISK_GB:1,VCPU:1']
    assert len(found) == 4
    assert all(c.free['VCPU'] <= 64 for c in found)


def summary(root, **amounts):
    resources = {
        name: {'capacity': capacity, 'used': 1}
        for name, capacity in amounts.items()
    }
    return {'resources': resources, 'root_provider_uuid': root}


def test_a_candidate_may_take_from_a_tree_and_a_common_storage():
    data = {
        'provider_summaries': {
            'storage': summary('storage', DISK_GB=1000),
            'node': summary('node', VCPU=8, MEMORY_MB=64),
            'gpu': summary('node', VGPU=4),
        },
        'allocation_requests': [
            {
                'allocations': {
                    'storage': {'resources': {'DISK_GB': 1}},
                    'node': {'resources': {'VCPU': 1, 'MEMORY_MB': 1}},
                    'gpu': {'resources': {'VGPU': 1}},
                }
            }
        ],
    }
    (candidate,) = candidates_from(data)
    assert candidate.provider == 'node'
    assert candidate.free == {
        'DISK_GB': 999,
        'VCPU': 7,
        'MEMORY_MB': 63,
        'VGPU': 3,
    }


def test_masakari_hosts_have_their_segment():
    with cloud() as (_, one):
        (host,) = Masakari(one.instance_ha).hosts()
    assert (host.host, host.segment) == ('cmp1', 'rack')
    assert (host.recovery_method, host.on_maintenance) == ('auto', False)
