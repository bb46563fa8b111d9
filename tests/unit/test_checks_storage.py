# SPDX-License-Identifier: Apache-2.0
"""Checks about disks and volumes, in detail."""

import dataclasses

import pytest

from osc_recover.checks.view import View
from osc_recover.facts import Folder, HostStorage
from osc_recover.procedures import verdicts
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    findings,
    of_first,
    of_image,
    server,
    storage,
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


# What the destinations say

LOCAL = {'network': False, 'share': '', 'kind': 'xfs'}
THREE = ('cmp-2', 'cmp-3', 'cmp-4')
SHUT = (Folder('s1', ('disk',), writable=False),)
NONE = storage('cmp-4', folder=None)


def codes(*told, one=None, **request):
    """The codes of what is found about a server, but for what is only said."""
    situation = cloud(one or of_image(), storage=told)
    found = of_first(situation, **request)
    return [f.code for f in found if f.weight != 'note']


def test_a_disk_that_all_destinations_share_needs_no_assertion():
    assert codes(*storage(*THREE)) == []
    situation = cloud(of_image(), storage=storage(*THREE))
    [seen] = [f for f in of_first(situation) if f.code == 'disk-seen']
    assert 'cmp-2, cmp-3, cmp-4 can see its disk' in seen.what
    view = View(situation, asked())
    assert 'shared disk' in verdicts.kind(view, view.servers[0])


@pytest.mark.parametrize(
    'told, sight',
    [
        (storage('cmp-2'), 'whether on cmp-2, cmp-3, cmp-4 is not'),
        (storage('cmp-2', 'cmp-3'), 'whether on cmp-4 is not known'),
        ((*storage('cmp-2', 'cmp-3'), *NONE), 'not on cmp-4'),
        (storage(*THREE, folder=None), 'not on cmp-2, cmp-3, cmp-4'),
        (
            storage(*THREE, folder=['disk.info']),
            'not in its directory on cmp-2',
        ),
        (storage(*THREE, folders=SHUT), 'nova may not write'),
        (storage(*THREE, backend='rbd'), 'is not known'),
        (storage(*THREE, problem='silent'), 'is not known'),
    ],
)
def test_what_is_less_than_proven_still_counts_as_lost(told, sight):
    assert codes(*told) == ['data-loss']
    (found,) = loss(cloud(of_image(), storage=told))
    assert sight in found.evidence


def test_hosts_are_named_in_order_however_nova_lists_them():
    told = cloud(of_image(), storage=storage(*THREE, folder=None))
    turned = dataclasses.replace(told, services=told.services[::-1])
    (found,) = loss(turned)
    assert 'not on cmp-2, cmp-3, cmp-4' in found.evidence


def test_two_file_systems_with_the_disk_prove_nothing():
    told = (*storage('cmp-2', 'cmp-3'), *storage('cmp-4', share='cmp-4'))
    assert codes(*told) == ['data-loss']


def test_only_where_the_server_may_go_does_it_matter():
    told = (*storage('cmp-2', 'cmp-3'), *NONE)
    assert codes(*told, target='cmp-2') == []
    assert codes(*told, target='cmp-4') == ['data-loss']


@pytest.mark.parametrize(
    'told',
    [
        (*storage('cmp-2', 'cmp-3'), *NONE),
        storage(*THREE, folder=['disk.info']),
        storage(*THREE, folders=SHUT),
    ],
)
def test_an_assertion_that_a_destination_contradicts_is_refused(told):
    assert codes(*told, shared_storage=True) == ['disk-not-seen']
    situation = cloud(of_image(), storage=told)
    [found] = [
        f
        for f in of_first(situation, shared_storage=True)
        if f.weight != 'note'
    ]
    assert 'its root disk' in found.what
    for way in ('--disable cmp-', '--target', 'ownership check'):
        assert way in found.way_out
    [given_up] = findings(
        'server', 'disk-not-seen', situation,
        asked(shared_storage=True, accept_data_loss=('s1',)),
    )  # fmt: skip
    assert (given_up.weight, given_up.loss) == ('warn', 'its root disk')


@pytest.mark.parametrize(
    'told',
    [
        (),
        storage('cmp-2'),
        storage(*THREE, problem='silent'),
        storage(*THREE, backend='rbd', folder=None),
        storage(*THREE, backend='rbd', **LOCAL),
    ],
)
def test_where_nobody_contradicts_the_assertion_counts_as_before(told):
    assert codes(*told, shared_storage=True) == []


@pytest.mark.parametrize('request_', [{}, {'accept_data_loss': ('all',)}])
@pytest.mark.parametrize('shared', [True, False, None])
def test_a_stale_directory_is_refused_whatever_is_said(shared, request_):
    told = (*storage('cmp-2', 'cmp-3'), *storage('cmp-4', **LOCAL))
    found = codes(*told, shared_storage=shared, **request_)
    assert found[0] == 'stale-directory'


def test_a_stale_directory_is_named_with_what_moves_it_away():
    told = storage('cmp-4', **LOCAL)
    situation = cloud(of_image(), storage=told)
    [found] = findings('server', 'stale-directory', situation, asked())
    assert 'cmp-4' in found.what
    assert 'mv /srv/instances/s1 /srv/instances/s1.old' in found.way_out


def test_a_stale_directory_matters_only_where_the_server_may_go():
    told = (*storage('cmp-2', 'cmp-3'), *storage('cmp-4', **LOCAL))
    assert codes(*told, target='cmp-2') == []


@pytest.mark.parametrize(
    'files, found', [(['disk.eph0'], []), (['disk.config'], ['data-loss'])]
)
def test_beside_a_volume_the_ephemeral_disk_is_what_counts(files, found):
    one = server(ephemeral_gb=5)
    assert codes(*storage(*THREE, folder=files), one=one) == found


def test_silent_hosts_are_counted_and_the_first_way_out_is_named():
    told = tuple(
        HostStorage(f'h{n}', problem=f'h{n}: away', way_out='see h0')
        for n in range(5)
    )
    situation = cloud(storage=told)
    [found] = findings('cloud', 'silent-destinations', situation, asked())
    assert 'h0, h1, h2 and 2 more' in found.what
    assert found.evidence == 'h0: away; h1: away; h2: away and 2 more'
    assert found.way_out == 'see h0'


@pytest.mark.parametrize(
    'told, way',
    [
        ((*storage('cmp-2', 'cmp-3'), *NONE), '--target a host that can see'),
        (storage(*THREE, folder=None), 'mount it there'),
        (storage('cmp-2', 'cmp-3'), 'shared_storage in clouds.yaml'),
    ],
)
def test_the_way_out_of_a_loss_is_one_that_leads_out(told, way):
    (found,) = loss(cloud(of_image(), storage=told))
    assert way in found.way_out
    assert found.way_out.startswith('--accept-data-loss s1; or, ')
