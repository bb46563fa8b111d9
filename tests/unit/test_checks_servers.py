# SPDX-License-Identifier: Apache-2.0
"""Checks about the state of a server, in detail."""

import pytest

from osc_recover import facts
from osc_recover.checks.view import ran
from tests.unit.situations import (
    asked,
    cloud,
    findings,
    of_first,
    of_image,
    server,
    volume,
)


def codes(found):
    return [finding.code for finding in found]


@pytest.mark.parametrize('state', ['active', 'stopped', 'error'])
def test_nova_evacuates_three_states(state):
    assert of_first(cloud(server(vm_state=state))) == []


@pytest.mark.parametrize(
    'state, lost',
    [
        ('paused', 'its memory'),
        ('suspended', 'managed save'),
        ('rescued', 'rescue session'),
    ],
)
def test_what_a_reset_loses_is_said(state, lost):
    situation = cloud(server(vm_state=state))
    (refused,) = of_first(situation)
    (accepted,) = of_first(situation, reset_state=True)
    assert (refused.weight, refused.flag) == ('refuse', '--reset-state')
    assert lost in refused.way_out
    assert (accepted.weight, lost in accepted.loss) == ('warn', True)


def test_a_locked_or_busy_server_is_no_matter():
    assert of_first(cloud(server(task_state='powering-off'))) == []


def test_vtpm_is_seen_in_the_image():
    image = facts.Image('i1', properties={'hw_tpm_version': '2.0'})
    situation = cloud(of_image(), images=(image,))
    (found,) = of_first(situation, shared_storage=True)
    assert found.evidence == 'asked for by the image'


def test_vtpm_is_seen_in_the_volume_that_it_boots_from():
    asks = {'hw_tpm_version': '2.0'}
    root = volume(bootable=True, image_properties=asks)
    assert codes(of_first(cloud(volumes=(root,)))) == ['vtpm']


def test_a_data_volume_of_an_image_server_asks_for_no_tpm():
    asks = {'hw_tpm_version': '2.0'}
    data = volume('v-s1', bootable=True, image_properties=asks)
    one = of_image(volumes=('v-s1',))
    image = facts.Image('i1')
    situation = cloud(one, volumes=(data,), images=(image,))
    assert of_first(situation, shared_storage=True) == []


@pytest.mark.parametrize(
    'marks, owner',
    [
        ({'name': 'amphora-f00d'}, 'octavia'),
        ({'tags': ('octavia',)}, 'octavia'),
        ({'metadata': {'trove_instance_id': 'x'}}, 'trove'),
    ],
)
def test_a_service_vm_is_left_to_its_service_unless_named(marks, owner):
    situation = cloud(server(**marks))
    (found,) = of_first(situation)
    assert owner in found.what
    assert '--server s1' in found.way_out
    assert of_first(situation, servers=('s1',)) == []


def test_a_port_may_bring_a_device_profile():
    port = facts.Port('p', 's1', device_profile='fpga')
    (found,) = of_first(cloud(ports=(port,)))
    assert (found.weight, found.evidence) == ('warn', 'device profile fpga')


def test_a_server_without_a_launch_says_its_fault():
    one = server(vm_state='error', launched=False, fault='No valid host')
    (found,) = of_first(cloud(one))
    assert found.evidence == 'No valid host'


def test_names_and_ids_both_exclude():
    for name in ('s1', 'web-s1'):
        assert findings('server', 'excluded', cloud(), asked(exclude=(name,)))


@pytest.mark.parametrize(
    'state, power, was_running',
    [
        ('active', 1, True),
        ('active', 4, True),
        ('paused', 3, True),
        ('stopped', 4, False),
        ('stopped', 1, False),
        ('error', 1, True),
        ('error', 0, True),
        ('error', 4, False),
    ],
)
def test_whether_a_server_ran(state, power, was_running):
    assert ran(server(vm_state=state, power_state=power)) is was_running
