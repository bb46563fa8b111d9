# SPDX-License-Identifier: Apache-2.0
"""Checks about disks and volumes, in detail."""

import pytest

from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    findings,
    of_first,
    of_image,
    server,
    volume,
)


def loss(situation, **request):
    return findings('server', 'data-loss', situation, asked(**request))


def test_a_server_on_volumes_alone_loses_nothing():
    assert loss(cloud(server())) == []


@pytest.mark.parametrize(
    'storage', [{}, {'shared_storage': False}, {'shared_hosts': ('cmp-2',)}]
)
def test_storage_that_is_not_asserted_as_shared_counts_as_lost(storage):
    (found,) = loss(cloud(of_image()), **storage)
    assert (found.weight, found.flag) == ('refuse', '--accept-data-loss')
    assert '--accept-data-loss s1' in found.way_out
    assert 'shared_storage' in found.way_out


@pytest.mark.parametrize(
    'storage', [{'shared_storage': True}, {'shared_hosts': (HOST,)}]
)
def test_on_shared_storage_nothing_is_lost(storage):
    assert loss(cloud(of_image(ephemeral_gb=5)), **storage) == []


@pytest.mark.parametrize('accepted', ['all', 's1', 'web-s1'])
def test_an_accepted_loss_is_said(accepted):
    (found,) = loss(cloud(of_image()), accept_data_loss=(accepted,))
    assert (found.weight, found.loss) == ('warn', 'its root disk')


def test_a_loss_accepted_for_another_server_is_not_accepted():
    (found,) = loss(cloud(of_image()), accept_data_loss=('s2',))
    assert found.weight == 'refuse'


def test_an_ephemeral_disk_beside_a_volume_is_all_that_is_lost():
    one = server(ephemeral_gb=20)
    (found,) = loss(cloud(one), accept_data_loss=('s1',))
    assert found.loss == 'its ephemeral disk of 20 GB'


def test_swap_alone_is_only_a_note():
    (found,) = of_first(cloud(server(swap_mb=512)))
    assert (found.code, found.weight) == ('swap-loss', 'note')


@pytest.mark.parametrize(
    'backend, is_here',
    [
        ('cmp-1@lvm#LVM', True),
        ('cmp-1.example.org@lvm', True),
        ('cmp-1', True),
        ('cmp-10@lvm#LVM', False),
        ('cmp-2@cmp-1#cmp-1', False),
        ('', False),
    ],
)
def test_whose_backend_it_is(backend, is_here):
    situation = cloud(volumes=(volume(host=backend),))
    for scope in ('host', 'server'):
        found = findings(scope, 'volume-backend-on-host', situation, asked())
        assert bool(found) is is_here


def test_many_volumes_are_counted_and_not_all_listed():
    several = tuple(volume(f'v{n}', host='cmp-1@lvm') for n in range(9))
    (found,) = findings(
        'host', 'volume-backend-on-host', cloud(volumes=several), asked()
    )
    assert found.evidence == 'v0, v1, v2 and 6 more'


def test_a_volume_in_error_names_its_repair():
    situation = cloud(volumes=(volume(status='error_extending'),))
    (found,) = of_first(situation)
    assert 'openstack volume set --state in-use v-s1' in found.way_out


def test_an_encrypted_volume_only_warns():
    (found,) = of_first(cloud(volumes=(volume(encrypted=True),)))
    assert found.weight == 'warn'
    assert 'Barbican' in found.way_out
