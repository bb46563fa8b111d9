# SPDX-License-Identifier: Apache-2.0
"""What nova's rows say of a move, read from whatever is in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.facts import BlockDevice, moving
from osc_recover.gateways.database import mappings, moving_claims
from osc_recover.gateways.database.moving_guards import claimed

EXTRA = dict.fromkeys(
    ('numa_topology', 'pci_requests', 'resources', 'migration_context')
)
ROW = {
    'id': 7, 'server': 's', 'volume_id': 'v', 'attachment_id': 'a',
    'device_name': '/dev/vdb', 'boot_index': None, 'connection_info': None,
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ['data', 'multipath_id', 'driver_volume_type', 'cur',
             'extra_specs', 'nova_object.data', 'multiattach']
        ),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.parametrize('nothing', [None, 'null', '[]', '{}'])
def test_nothing_in_a_column_is_no_claim(nothing):
    row = {**EXTRA, 'pci_requests': nothing}
    assert claimed(row) == ()


def test_what_cannot_be_read_is_a_claim():
    row = {**EXTRA, 'numa_topology': '{"cells'}
    assert claimed(row) == ('numa_topology',)
    (claim,) = moving_claims.extra_claims([row])
    assert claim.code == moving.NUMA


def test_devices_of_old_servers_are_in_system_metadata():
    rows = [{'key': 'pci_requests', 'value': '[{"count": 1}]'}]
    (claim,) = moving_claims.system_claims(rows)
    assert claim.code == moving.PCI_REQUEST
    rows = [{'key': 'pci_requests', 'value': '[]'}]
    assert list(moving_claims.system_claims(rows)) == []


@given(JSON)
def test_any_flavor_can_be_read(flavor):
    found = moving_claims.extra_specs([{'flavor': json.dumps(flavor)}])
    assert all(isinstance(key, str) for key in found)


def test_a_flavor_that_is_none_has_no_extra_specs():
    assert moving_claims.extra_specs([{'flavor': '{'}]) == {}
    assert moving_claims.extra_specs([{'flavor': None}]) == {}
    assert moving_claims.extra_specs([]) == {}


@given(JSON)
def test_any_connection_can_be_read(info):
    row = {**ROW, 'connection_info': json.dumps(info)}
    found = mappings.device(row)
    assert (found.id, found.volume, found.attachment) == (7, 'v', 'a')


@pytest.mark.parametrize('text', [None, '', '{', '[]', '{}'])
def test_a_mapping_without_a_connection_says_so(text):
    assert mappings.device({**ROW, 'connection_info': text}).driver == ''


def test_what_kind_a_connection_is_is_told():
    info = {'driver_volume_type': 'rbd', 'multiattach': True, 'data': {}}
    found = mappings.device({**ROW, 'connection_info': json.dumps(info)})
    assert (found.driver, found.multiattach) == ('rbd', True)


def answer(**connection):
    return {
        'id': 'new', 'status': 'attaching', 'instance': 's',
        'volume_id': 'v', 'attached_at': 't', 'detached_at': '',
        'attach_mode': 'rw', 'connection_info': connection,
    }  # fmt: skip


def test_a_connection_is_as_nova_keeps_it():
    given = answer(driver_volume_type='nfs', attachment_id='new', export='e')
    assert mappings.connection(given, BlockDevice(7, 's', 'v')) == {
        'driver_volume_type': 'nfs', 'data': {'export': 'e'},
        'status': 'reserved', 'instance': 's', 'attached_at': '',
        'detached_at': '', 'volume_id': 'v', 'serial': 'v',
    }  # fmt: skip
    # The answer is cinder's, and may be used again.
    assert given['connection_info']['driver_volume_type'] == 'nfs'


def test_what_nova_adds_to_a_connection_is_kept():
    device = BlockDevice(7, 's', 'v', multiattach=True, multipath='36a')
    stored = mappings.connection(answer(driver_volume_type='iscsi'), device)
    assert stored['multiattach'] is True
    assert stored['data'] == {'multipath_id': '36a'}
