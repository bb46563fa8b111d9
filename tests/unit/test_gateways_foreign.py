# SPDX-License-Identifier: Apache-2.0
"""Foreign JSON is read, or refused with a clear error; nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import errors
from osc_recover.gateways import (
    compute,
    image,
    masakari,
    network,
    placement,
    volume,
)
from osc_recover.gateways.foreign import Foreign

READERS = {
    'service': compute.service_from,
    'hypervisor': compute.hypervisor_from,
    'server': compute.server_from,
    'migration': compute.migration_from,
    'group': compute.group_from,
    'candidates': placement.candidates_from,
    'port': network.port_from,
    'agent': network.agent_from,
    'volume': volume.volume_from,
    'attachment': lambda data: volume.attachment_from(data, 'v'),
    'image': image.image_from,
    'masakari host': lambda data: masakari.host_from(data, data),
}
KEYS = [
    *('id', 'uuid', 'name', 'host', 'binary', 'status', 'state', 'service'),
    *('zone', 'flavor', 'image', 'metadata', 'tags', 'fault', 'rules'),
    *('OS-EXT-STS:power_state', 'os-extended-volumes:volumes_attached'),
    *('attachments', 'resources', 'allocations', 'allocation_requests'),
    *('provider_summaries', 'binding:profile', 'resource_request', 'alive'),
    *('policy', 'members', 'instance_uuid', 'hypervisor_hostname', 'VCPU'),
]
odd_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize('kind', sorted(READERS))
@given(data=odd_json)
def test_any_json_is_read_or_refused(kind, data):
    try:
        found = READERS[kind](data)
    except errors.ApiError as exc:
        found = str(exc)
    assert not isinstance(found, str) or 'not understood' in found


def of(**data):
    return Foreign.of('nova', 'a server', data)


def test_an_error_names_service_thing_and_key():
    with pytest.raises(errors.ApiError) as caught:
        of(host=[]).text('host')
    assert caught.value.sentence == (
        'nova: a server: the answer is not understood: it says that '
        'host is a list, not text'
    )


def test_null_is_missing():
    assert of(host=None).text('host', '') == ''
    with pytest.raises(errors.ApiError, match='has no host'):
        of(host=None).text('host')


def test_a_flag_is_no_number():
    with pytest.raises(errors.ApiError, match='id is a flag'):
        of(id=True).number('id')


def test_words_take_what_is_text_at_heart():
    record = of(properties={'a': 'x', 'b': True, 'c': 2, 'd': {}, 'e': None})
    assert record.words('properties') == {'a': 'x', 'b': 'true', 'c': '2'}
