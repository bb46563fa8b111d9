# SPDX-License-Identifier: Apache-2.0
"""What a server holds in placement, cinder and neutron, read and rewritten."""

import logging

import pytest

from osc_recover import errors, facts
from osc_recover.gateways.allocations import Allocations
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.port_bindings import PortBindings
from tests.unit import service_double
from tests.unit.service_double import Answer

SERVER = 'c48133c0-0d92-4524-8802-a73293e346a3'
HELD = {
    'allocations': {'node-a': {'generation': 7, 'resources': {'VCPU': 2}}},
    'project_id': 'p',
    'user_id': 'u',
    'consumer_generation': 3,
}
SECRET = 'chap secret'
ATTACHMENT = {
    'id': 'a1',
    'volume_id': 'v1',
    'instance': SERVER,
    'status': 'attached',
    'attach_mode': 'rw',
    'attached_at': '2026-11-01T00:00:00.000000',
    'connection_info': {
        'driver_volume_type': 'iscsi',
        'auth_password': SECRET,
    },
}
PORT = {
    'id': 'p1',
    'device_id': SERVER,
    'device_owner': 'compute:nova',
    'revision_number': 5,
    'binding:host_id': 'cmp1',
    'binding:vif_type': 'ovs',
    'binding:vnic_type': 'normal',
    'binding:profile': {'migrating_to': 'cmp2'},
}


def serving(answers):
    return service_double.serving(service_double.by_path(answers))


def placement(service):
    made = service_double.api(
        service.url, name='placement', service='placement'
    )
    return Allocations(made)


def cinder(service):
    made = service_double.api(
        service.url, name='cinder', service='block-storage'
    )
    return Attachments(made)


def neutron(service):
    made = service_double.api(service.url, name='neutron', service='network')
    return PortBindings(made)


# placement


def test_what_a_consumer_holds_has_its_generation():
    with serving({'/allocations/1': HELD}) as service:
        held = placement(service).of('1')
    assert held == facts.Holdings('1', {'node-a': {'VCPU': 2}}, 'p', 'u', 3)
    (request,) = service.requests
    assert request.headers['openstack-api-version'] == 'placement 1.28'


def test_a_consumer_that_is_unknown_holds_nothing():
    with serving({'/allocations/1': {'allocations': {}}}) as service:
        assert placement(service).of('1') == facts.Holdings('1')


def test_allocations_are_written_with_the_generation_that_was_read():
    with serving({'/allocations/1': Answer(204, b'')}) as service:
        wanted = facts.Holdings('1', {'node-b': {'VCPU': 2}}, 'p', 'u', 3)
        placement(service).put(wanted)
    (request,) = service.requests
    assert request.body == {
        'allocations': {'node-b': {'resources': {'VCPU': 2}}},
        'project_id': 'p',
        'user_id': 'u',
        'consumer_generation': 3,
    }


def conflict(code, detail):
    told = {'status': 409, 'title': 'Conflict', 'detail': detail}
    return Answer(409, {'errors': [{**told, **code}]})


@pytest.mark.parametrize(
    ('answer', 'kind'),
    [
        (
            conflict({'code': 'placement.concurrent_update'}, 'moved'),
            errors.ChangedMeanwhile,
        ),
        (
            conflict({}, 'consumer generation conflict - expected 4'),
            errors.ChangedMeanwhile,
        ),
        (
            conflict(
                {'code': 'placement.undefined_code'},
                'Unable to allocate inventory for VCPU',
            ),
            errors.NoRoom,
        ),
    ],
)
def test_the_kinds_of_conflict_are_told_apart(answer, kind):
    with serving({'/allocations/1': answer}) as service:
        with pytest.raises(kind):
            placement(service).put(facts.Holdings('1', generation=3))
        assert len(service.requests) == 1


def test_another_refusal_of_placement_stays_what_it_is():
    with (
        serving({'/allocations/1': Answer(400, {'errors': []})}) as service,
        pytest.raises(errors.ApiRefused) as caught,
    ):
        placement(service).put(facts.Holdings('1', generation=3))
    assert type(caught.value) is errors.ApiRefused


# cinder


def test_the_attachments_of_a_server_are_those_of_all_projects():
    others = {**ATTACHMENT, 'id': 'a2', 'instance': 'another'}
    answers = {'/attachments/detail': {'attachments': [ATTACHMENT, others]}}
    with serving(answers) as service:
        (found,) = cinder(service).of_server(SERVER)
    assert (found.id, found.driver, found.status) == (
        'a1',
        'iscsi',
        'attached',
    )
    (request,) = service.requests
    assert request.query == {'all_tenants': ['1'], 'instance_id': [SERVER]}


def test_the_attachments_of_one_volume():
    others = {**ATTACHMENT, 'id': 'a2', 'volume_id': 'v2'}
    answers = {'/attachments/detail': {'attachments': [ATTACHMENT, others]}}
    with serving(answers) as service:
        found = cinder(service).of_volume(SERVER, 'v1')
    assert [one.id for one in found] == ['a1']


def test_an_attachment_is_made_updated_and_completed():
    fresh = {**ATTACHMENT, 'status': 'reserved', 'connection_info': None}
    answers = {
        '/attachments': {'attachment': fresh},
        '/attachments/a1': {'attachment': ATTACHMENT},
        '/attachments/a1/action': Answer(204, b''),
    }
    with serving(answers) as service:
        gateway = cinder(service)
        made, _ = gateway.create('v1', SERVER)
        told, _ = gateway.update(made.id, {'host': 'cmp2'})
        gateway.complete(made.id)
    assert (made.driver, told.driver) == ('', 'iscsi')
    assert [(r.method, r.body) for r in service.requests] == [
        (
            'POST',
            {
                'attachment': {
                    'volume_uuid': 'v1',
                    'instance_uuid': SERVER,
                    'connector': None,
                }
            },
        ),
        ('PUT', {'attachment': {'connector': {'host': 'cmp2'}}}),
        ('POST', {'os-complete': None}),
    ]


def test_an_attachment_that_nova_uses_is_not_deleted():
    told = {'conflictingRequest': {'message': 'Detach volume from instance'}}
    with (
        serving({'/attachments/a1': Answer(409, told)}) as service,
        pytest.raises(errors.StillUsed, match='Detach volume'),
    ):
        cinder(service).delete('a1')


def test_a_password_of_the_storage_is_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    answers = {
        '/attachments/a1': {'attachment': ATTACHMENT},
        '/attachments/detail': {'attachments': [ATTACHMENT]},
    }
    with serving(answers) as service:
        gateway = cinder(service)
        seen = [
            gateway.attachment('a1'),
            gateway.update('a1', {'host': 'cmp2'})[0],
            *gateway.of_server(SERVER),
        ]
    assert all(one.connection['auth_password'] == SECRET for one in seen)
    assert SECRET not in caplog.text
    assert SECRET not in repr(seen)


# neutron


def test_ports_have_their_revision_and_what_is_in_their_profile():
    with serving({'/ports': {'ports': [PORT]}}) as service:
        (port,) = neutron(service).of_server(SERVER)
    assert (port.host, port.revision) == ('cmp1', 5)
    assert (port.owner, port.profile) == ('compute:nova', ('migrating_to',))
    assert port.bound


def test_a_port_is_bound_at_the_revision_that_was_read():
    answers = {'/ports/p1': {'port': PORT}}
    with serving(answers) as service:
        gateway = neutron(service)
        gateway.bind(gateway.port('p1'), 'cmp2', 'compute:az2')
    request = service.requests[-1]
    assert request.headers['if-match'] == 'revision_number=5'
    assert request.body == {
        'port': {'binding:host_id': 'cmp2', 'device_owner': 'compute:az2'}
    }


def test_a_port_that_was_changed_meanwhile_is_left_alone():
    told = {'NeutronError': {'type': 'RevisionNumberConstraintFailed'}}
    answers = {'/ports/p1': Answer(412, told)}
    port = facts.BoundPort('p1', SERVER, 'cmp1', 'ovs', 'normal', 'x', 4)
    with (
        serving(answers) as service,
        pytest.raises(errors.ChangedMeanwhile) as caught,
    ):
        neutron(service).bind(port, 'cmp2', 'x')
    assert caught.value.kind == 'RevisionNumberConstraintFailed'


@pytest.mark.parametrize('vif_type', ['', 'unbound', 'binding_failed'])
def test_a_port_without_a_way_to_be_wired_is_not_bound(vif_type):
    port = facts.BoundPort('p1', SERVER, 'cmp1', vif_type, 'normal', 'x', 4)
    assert not port.bound


def test_the_bindings_of_a_port():
    second = {'host': 'cmp2', 'status': 'INACTIVE', 'vif_type': 'unbound'}
    first = {'host': 'cmp1', 'status': 'ACTIVE', 'vif_type': 'ovs'}
    answers = {'/ports/p1/bindings': {'bindings': [first, second]}}
    with serving(answers) as service:
        found = neutron(service).bindings('p1')
    assert [(one.host, one.active) for one in found] == [
        ('cmp1', True),
        ('cmp2', False),
    ]
