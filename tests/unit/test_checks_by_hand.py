# SPDX-License-Identifier: Apache-2.0
"""May a server be moved in the database, and where to?"""

import dataclasses

import pytest

from osc_recover import checks, facts
from osc_recover.checks import places_by_hand
from osc_recover.checks.view import View
from osc_recover.facts import moving
from tests.unit import by_hand_facts as given
from tests.unit import situations

FAILED, THERE, OTHER = given.FAILED, given.THERE, given.OTHER


def refusals(*servers, hand=None, request=None, **changes):
    """The codes of all that is refused about the first server."""
    found = given.cloud(*servers, hand=hand, **changes)
    view = View(found, given.asked(**(request or {})))
    about = checks.of_server(view, view.servers[0])
    return [f.code for f in about if f.weight == 'refuse']


def place(*servers, hand=None, request=None, **changes):
    """Where the first server goes."""
    found = given.cloud(*servers, hand=hand, **changes)
    view = View(found, given.asked(**(request or {})))
    return places_by_hand.choose(view, view.servers)[view.servers[0].id]


def claimed(*claims, **changes):
    fields = {'claims': tuple(moving.Claim(code, 'x') for code in claims)}
    return dataclasses.replace(given.of_image(), movable={**fields, **changes})


def test_a_plain_server_is_moved():
    assert refusals(given.of_image()) == []
    assert place(given.of_image()).host == THERE


@pytest.mark.parametrize(
    'code',
    [
        moving.NUMA,
        moving.PCI_REQUEST,
        moving.PCI_DEVICE,
        moving.RESOURCES,
        moving.ENCRYPTED,
        moving.SHARE,
        moving.VTPM,
    ],
)
def test_what_only_nova_can_claim_is_refused(code):
    assert refusals(claimed(code)) == ['host-claims']


@pytest.mark.parametrize('code', [moving.CONTEXT, moving.MIGRATION])
def test_what_is_in_flight_is_refused(code):
    assert refusals(claimed(code)) == ['in-flight']


@pytest.mark.parametrize(
    'changes',
    [
        {'extra_specs': {'resources:VGPU': '1'}},
        {'extra_specs': {'accel:device_profile': 'fpga'}},
        {'extra_specs': {'pci_passthrough:alias': 'a:1'}},
        {'extra_specs': {'hw:tpm_version': '2.0'}},
        {'image_properties': {'hw_tpm_version': '2.0'}},
    ],
)
def test_devices_of_flavor_and_image_are_refused(changes):
    assert refusals(claimed(**changes)) == ['host-flavor']


def test_records_that_nobody_could_read_are_refused():
    one = given.of_image()
    hand = given.by_hand(one, movables=(), unread={'s1': 'it is down'})
    assert refusals(one, hand=hand) == ['records-unread']


@pytest.mark.parametrize('state', ['active', 'stopped', 'error', 'paused'])
def test_states_that_are_moved(state):
    assert refusals(given.of_image(vm_state=state)) == []


@pytest.mark.parametrize(
    'state, code',
    [
        ('rescued', 'rescued'),
        ('resized', 'resized'),
        ('shelved', 'shelved'),
        ('building', 'building'),
        ('soft-delete', 'soft-deleted'),
        ('odd', 'unknown-state'),
    ],
)
def test_states_that_are_not_moved(state, code):
    assert refusals(given.of_image(vm_state=state)) == [code]


@pytest.mark.parametrize(
    'port',
    [
        {'vnic_type': 'direct'},
        {'resource_request': True},
        {'device_profile': 'fpga'},
    ],
)
def test_ports_with_a_claim_are_refused(port):
    one = given.of_image(ports=('p1',))
    ports = (facts.Port('p1', 's1', FAILED, 'ovs', **port),)
    assert refusals(one, ports=ports) == ['host-port']


def with_port(**changes):
    port = given.of_image(ports=('p1',)).ports[0]
    return dataclasses.replace(
        given.of_image(), ports=(dataclasses.replace(port, **changes),)
    )


def test_a_port_that_is_half_migrated_is_refused():
    assert refusals(with_port(profile=('migrating_to',))) == ['host-port']


def test_a_port_on_a_third_host_is_refused():
    assert refusals(with_port(host='elsewhere')) == ['port-elsewhere']
    assert refusals(with_port(host=THERE)) == []


def holding(**resources):
    held = facts.Holdings('s1', resources, 'p', 'u', 1)
    return given.by_hand(given.of_image(), holdings=(held,))


def test_what_is_held_in_placement_must_be_known():
    hand = given.by_hand(given.of_image(), holdings=())
    assert refusals(given.of_image(), hand=hand) == ['no-allocation']
    assert refusals(given.of_image(), allocations=()) == ['no-allocation']


def test_an_inner_provider_is_refused():
    hand = holding(**{f'node-{FAILED}': given.HELD, 'gpu': {'VGPU': 1}})
    assert refusals(given.of_image(), hand=hand) == ['nested-allocation']


def test_room_on_a_third_host_is_refused():
    both = {f'node-{FAILED}': given.HELD, f'node-{OTHER}': given.HELD}
    asked = {'target': THERE}
    hand = holding(**both)
    assert refusals(given.of_image(), hand=hand) == []
    found = refusals(given.of_image(), hand=hand, request=asked)
    assert found == ['room-elsewhere']


def test_a_mapping_whose_attachment_is_lost_is_refused():
    one = given.of_volumes('s1', 'v1')
    hand = given.by_hand(one, attachments=())
    assert refusals(one, hand=hand) == ['lost-attachment']


def test_nova_s_scheduler_has_no_say():
    one = given.of_image()
    group = situations.group('s1', policy='affinity')
    assert refusals(one, groups=(group,)) == []
    assert place(one, groups=(group,)).host == THERE


def test_an_evacuation_that_is_under_way_is_refused():
    row = situations.row(8, status='pre-migrating')
    assert refusals(given.of_image(), migrations=(row,)) == ['under-way']


def test_an_evacuation_that_was_left_behind_is_taken_over():
    row = situations.row(8)
    left = moving.EvacuationRow(8, 'm-8', 'accepted', FAILED)
    one = dataclasses.replace(
        given.of_image(), movable={'evacuations': (left,)}
    )
    assert refusals(one, migrations=(row,)) == []
    plan = given.plan(given.cloud(one, migrations=(row,)))
    assert 'migration 8' in plan.verdicts[0].reason


# Destinations


def hand_of(one, **changes):
    return given.by_hand(one, **changes)


def test_the_host_with_the_most_room_is_taken_and_then_the_next():
    servers = [given.of_image(f's{n}') for n in range(3)]
    offers = {
        facts.request_key(given.HELD): (
            situations.offer(THERE, 5),
            situations.offer(OTHER, 4),
        )
    }
    found = given.cloud(*servers, candidates=offers)
    view = View(found, given.asked())
    places = places_by_hand.choose(view, view.servers)
    assert [places[f's{n}'].host for n in range(3)] == [THERE, OTHER, THERE]


def test_without_room_a_server_is_left():
    offers = {facts.request_key(given.HELD): (situations.offer(THERE, 1),)}
    assert 'room' in place(given.of_image(), candidates=offers).problem


@pytest.mark.parametrize(
    'changes, reason',
    [
        ({'cells': {FAILED: 'one', THERE: 'two'}}, 'another cell'),
        ({'cells': {FAILED: 'one'}}, 'which cell'),
        ({'computes': (given.node(FAILED),)}, '0 compute nodes'),
        (
            {
                'computes': (
                    given.node(FAILED),
                    given.node(THERE, hypervisor_type='VMware'),
                )
            },
            'hypervisor is VMware',
        ),
    ],
)
def test_a_host_that_records_speak_against_is_not_taken(changes, reason):
    one = given.of_image()
    asked = {'target': THERE}
    found = place(one, hand=hand_of(one, **changes), request=asked)
    assert not found.host
    assert reason in found.problem


def test_a_host_in_another_zone_is_taken_only_by_name():
    services = situations.computes(
        situations.compute(FAILED, up=False),
        *(situations.compute(h, zone='az2') for h in ('cmp-2', 'cmp-3')),
        situations.compute('cmp-4', zone='az2'),
    )
    one = given.of_image()
    assert 'zone az2' in place(one, services=services).problem
    named = {'target': THERE}
    assert place(one, services=services, request=named).host == THERE
    bound = given.of_image(pinned_zone='nova')
    found = place(bound, services=services, request=named)
    assert 'bound to zone nova' in found.problem


@pytest.mark.parametrize(
    'agents, reason',
    [
        ((), 'no network agent'),
        ((given.agent(THERE, alive=False),), 'no network agent'),
        ((given.agent(OTHER),), ''),
        ((given.agent(THERE),), ''),
    ],
)
def test_ports_need_a_live_agent(agents, reason):
    found = place(given.of_image(ports=('p1',)), agents=agents)
    assert (not found.host) is bool(reason)
    assert reason in found.problem


def test_a_server_without_ports_needs_no_agent():
    assert place(given.of_image(), agents=()).host


LOOKS = {'agent': True, 'shared_storage': None}


def test_a_disk_that_hosts_prove_to_share_is_enough():
    told = situations.storage(THERE, OTHER)
    found = place(given.of_image(), storage=told, request=LOOKS)
    assert found.host == THERE


@pytest.mark.parametrize(
    'told, reason',
    [
        ((), 'not known'),
        (situations.storage(THERE, OTHER, folder=None), 'not there'),
        (situations.storage(THERE, OTHER, folder=()), 'has no disk'),
        (
            situations.storage(THERE, network=False, share=''),
            'not the shared one',
        ),
        (
            situations.storage(THERE, share=''),
            'no other host shows that the disk it sees is the shared one',
        ),
    ],
)
def test_a_disk_that_is_not_seen_is_refused(told, reason):
    asked = {**LOOKS, 'target': THERE, 'shared_storage': True}
    found = place(given.of_image(), storage=told, request=asked)
    assert reason in found.problem
    assert '--no-agent' in found.way_out


def test_without_a_look_the_word_of_the_configuration_is_needed():
    asked = {'shared_storage': None}
    found = place(given.of_image(), request=asked)
    assert 'whether it sees the disk is not known' in found.problem
    assert 'shared_storage' in found.way_out


def test_a_domain_that_is_left_there_is_refused():
    one = given.of_volumes('s1', 'v1')
    domain = facts.Domain(THERE, 's1', 'instance-1', 'shut off', True)
    hand = hand_of(one, domains=(facts.HostDomains(THERE, (domain,)),))
    asked = {'agent': True, 'target': THERE}
    found = place(one, hand=hand, request=asked)
    assert 'has domain instance-1' in found.problem


@pytest.mark.parametrize(
    'domains',
    [(), (facts.HostDomains(THERE, problem='cmp-2: no libvirt'),)],
)
def test_domains_that_are_not_known_are_refused(domains):
    one = given.of_volumes('s1', 'v1')
    asked = {'agent': True, 'target': THERE}
    found = place(one, hand=hand_of(one, domains=domains), request=asked)
    assert 'whether it has a domain of it is not known' in found.problem


def test_volumes_of_one_host_need_the_connector_of_the_other():
    one = given.of_volumes('s1', 'v1')
    told = (facts.Connector(THERE, problem='nobody knows'),)
    hand = hand_of(one, connectors=told)
    found = place(one, hand=hand, request={'target': THERE})
    assert 'let in to volumes is not known (nobody knows)' in found.problem


def test_volumes_that_are_reached_from_everywhere_need_none():
    one = given.of_volumes('s1', 'v1')
    mapping = dataclasses.replace(one.mappings[0], driver='rbd')
    one = dataclasses.replace(one, mappings=(mapping,))
    hand = hand_of(one, connectors=())
    assert place(one, hand=hand).host == THERE
    plan = given.plan(given.cloud(one, hand=hand))
    verbs = {step.verb for step in plan.steps()}
    assert 'attachment.create' not in verbs


def test_members_of_an_anti_affinity_group_go_apart():
    servers = [given.of_image(f's{n}') for n in range(2)]
    group = situations.group('s0', 's1')
    found = given.cloud(*servers, groups=(group,))
    view = View(found, given.asked())
    places = places_by_hand.choose(view, view.servers)
    assert {one.host for one in places.values()} == {THERE, OTHER}


def test_members_of_an_affinity_group_go_together():
    servers = [given.of_image(f's{n}') for n in range(2)]
    group = situations.group('s0', 's1', policy='affinity')
    offers = {
        facts.request_key(given.HELD): (
            situations.offer(THERE, 4),
            situations.offer(OTHER, 3),
        )
    }
    found = given.cloud(*servers, groups=(group,), candidates=offers)
    view = View(found, given.asked())
    places = places_by_hand.choose(view, view.servers)
    assert {one.host for one in places.values()} == {THERE}
