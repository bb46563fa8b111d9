# SPDX-License-Identifier: Apache-2.0
"""The oracle itself: twins that nova evacuated are equal in every database.

And whatever is wrong in one of them is seen.
"""

import pytest

from tests import practice as lib
from tests.functional import twins
from tests.oracle import planting, reading
from tests.oracle.comparing import compare
from tests.oracle.shares import Index, cut_down, touched

pytestmark = pytest.mark.functional

NAMES = ('one', 'other')
# The cache of a server's network is saved anew by each network-changed event
# of neutron (nova/compute/manager.py, external_instance_event), of which one
# may come late, or together with another.
OF_EVENTS = {'nova.instance_info_caches.updated_at'}
KINDS = [kind.name for kind in twins.KINDS]


@pytest.fixture(scope='module')
def story(clean, tmp_path_factory):
    """Twins on a host that dies, each evacuated, and the host's return."""
    clouds = lib.write_clouds(tmp_path_factory.mktemp('oracle'))
    with twins.story(clean, NAMES) as told:
        for servers in told.servers.values():
            twins.move(clouds, twins.KINDS, servers)
        told.come_back()
        yield told


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('when', twins.WHEN)
def test_what_nova_did_twice_is_equal(story, when, kind):
    found = compare(*story.pair(when, kind, *NAMES))
    assert not found, '\n'.join(map(str, found))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('then', ['moved', 'returned'])
def test_what_nova_did_twice_touched_the_same_columns(story, then, kind):
    """Which shows a name or an id that has become another one, too."""
    one, other = (
        touched(*story.past(name, kind, 'before', then)) for name in NAMES
    )
    assert one - OF_EVENTS == other - OF_EVENTS


@pytest.mark.parametrize('kind', KINDS)
def test_every_part_of_a_move_is_in_the_comparison(story, kind):
    found = {
        f'{d.table}.{d.column}'
        for d in compare(*story.past('one', kind, 'before', 'moved'))
    }
    wanted = {
        'nova.instances.host',
        'nova.instances.node',
        'nova.instances.compute_id',
        'nova.migrations.(row)',
        'nova.instance_actions.(row)',
        'neutron.ml2_port_bindings.host',
        'placement.allocations.(row)',
    }
    if kind in ('volume', 'data', 'stopped'):
        wanted |= {
            'cinder.volume_attachment.(row)',
            'nova.block_device_mapping.connection_info.data.host',
        }
    if kind != 'zone':
        wanted.add('nova.instances.availability_zone')
    assert wanted <= found, sorted(wanted - found)


@pytest.mark.parametrize('kind', KINDS)
def test_a_wrong_value_in_any_column_is_seen(story, kind):
    one, other = story.pair('moved', kind, *NAMES)
    small = cut_down([one, other])
    missed = [
        str(planted)
        for planted in planting.every(other)
        if not differs(planted.world(small), one, other)
    ]
    assert not missed


def test_a_wrong_value_written_to_the_database_is_seen(story):
    """As MariaDB gives it back; rolled back each time."""
    one, other = story.pair('returned', 'data', *NAMES)
    small = cut_down([one, other])
    with reading.planting() as plant:
        written = [(p, plant(p)) for p in planting.every(other)]
    assert sum(row is not None for _, row in written) > 300
    missed = [
        str(planted)
        for planted, row in written
        if row is not None
        and not differs(
            small.with_row(planted.table.name, planted.row, row), one, other
        )
    ]
    assert not missed


def differs(world, one, other):
    """Whether the comparison sees that something is wrong in this world."""
    index = Index(world)
    return compare(index.share(one.server), index.share(other.server))
