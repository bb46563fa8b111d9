# SPDX-License-Identifier: Apache-2.0
"""Checks about zones and room, in detail."""

from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    findings,
    held,
    offer,
    server,
)


def fleet(*vcpus, offers, **request):
    """Ids of those that find no room, and why."""
    servers = [server(f's{n}') for n in range(len(vcpus))]
    situation = cloud(
        *servers,
        allocations=tuple(held(f's{n}', vcpus=v) for n, v in enumerate(vcpus)),
        candidates={f'VCPU:{v}': tuple(offers) for v in vcpus},
    )
    found = findings('fleet', 'no-capacity', situation, asked(**request))
    return {finding.about: finding.what for finding in found}


def test_room_that_one_takes_is_gone_for_the_next():
    missing = fleet(2, 2, 2, offers=[offer('cmp-2', 4)])
    assert missing == {'s2': 'the servers before it take all the room'}


def test_a_smaller_one_behind_may_still_fit():
    missing = fleet(3, 3, 1, offers=[offer('cmp-2', 4)])
    assert list(missing) == ['s1']


def test_the_tightest_place_is_filled_first():
    offers = [offer('cmp-2', 8), offer('cmp-3', 2)]
    assert fleet(2, 8, offers=offers) == {}


def test_room_elsewhere_does_not_help_a_target():
    offers = [offer('cmp-2', 2), offer('cmp-3', 8)]
    assert list(fleet(2, 2, offers=offers, target='cmp-2')) == ['s1']


def test_room_on_an_unusable_host_is_no_room():
    missing = fleet(2, offers=[offer(HOST, 8), offer('cmp-9', 8)])
    assert missing == {
        's0': 'placement offers no usable host with room for it'
    }


def test_what_placement_was_not_asked_is_only_noted():
    situation = cloud(server(), server('s2'), allocations=(held('s1'),))
    assert not findings('fleet', 'no-capacity', situation, asked())
    (found,) = findings('fleet', 'capacity-unknown', situation, asked())
    assert (found.weight, found.about) == ('note', '')
    assert '2 of 2 servers' in found.what


def test_room_held_on_another_host_is_not_needed_twice():
    both = (held('s1'), held('s1', 'cmp-2'))
    offers = {'VCPU:2': (offer('cmp-3', 2),)}
    situation = cloud(allocations=both, candidates=offers)
    assert not findings('fleet', 'no-capacity', situation, asked())
    assert not findings('fleet', 'capacity-unknown', situation, asked())


def test_a_class_that_a_provider_lacks_is_shared():
    allocation = held('s1')
    bigger = type(allocation)(
        's1', allocation.provider, {'VCPU': 2, 'DISK_GB': 10}
    )
    offers = {'DISK_GB:10,VCPU:2': (offer('cmp-2', 2),)}
    situation = cloud(allocations=(bigger,), candidates=offers)
    assert not findings('fleet', 'no-capacity', situation, asked())


def test_a_target_outside_the_zone_is_named():
    services = computes(compute(HOST, up=False), compute('x', zone='az-2'))
    situation = cloud(server(pinned_zone='az-2'), services=services)
    assert not findings('server', 'zone-pinned', situation, asked())
    (found,) = findings(
        'server', 'zone-pinned', situation, asked(target='cmp-2')
    )
    assert '--target cmp-2 is not there' in found.what
    assert 'leave out --target' in found.way_out


def test_a_zone_binds_the_room_too():
    services = computes(compute(HOST, up=False), compute('x', zone='az-2'))
    situation = cloud(
        server(pinned_zone='az-2'),
        services=services,
        allocations=(held('s1'),),
        candidates={'VCPU:2': (offer('cmp-2', 8),)},
    )
    assert findings('fleet', 'no-capacity', situation, asked())


def test_zones_that_nova_does_not_tell_are_a_warning():
    lone = computes(compute(HOST, up=False, zone='az-2'))
    situation = cloud(services=lone, compute_max='2.95')
    (found,) = findings('host', 'zone-unknown', situation, asked())
    assert (found.weight, 'az-2' in found.what) == ('warn', True)
