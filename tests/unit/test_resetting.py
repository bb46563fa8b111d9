# SPDX-License-Identifier: Apache-2.0
"""Which attachments are ended, which are not, and why not."""

import dataclasses

import pytest

from osc_recover.checks.request import VolumeReset
from osc_recover.facts.cleaning import Means, may_be_cleaned
from osc_recover.facts.disaster import DisasterSeen
from osc_recover.facts.resetting import ResetSeen
from osc_recover.facts.snapshot import KeptVolume
from osc_recover.procedures.resetting import reset
from tests.unit.snapshot_facts import ATTACHMENT, HOST, SERVER, snapshot

SERVER = dataclasses.replace(SERVER, image='i1')
ATTACHED = dataclasses.replace(ATTACHMENT, status='attached')
DOMAIN = HOST.domains[0]
OFF = dataclasses.replace(
    HOST, domains=(dataclasses.replace(DOMAIN, state='shut off'),)
)
VOLUME = KeptVolume('v1', 'data')
NEW = Means(newest='2.96')


def verdict(
    *attachments, host=OFF, volume=VOLUME, means=NEW, mappings=(),
    deleted=(), hidden=(), servers=(), off='', **changed,
):  # fmt: skip
    """What becomes of the one volume."""
    now = snapshot(
        servers=(dataclasses.replace(SERVER, **changed),),
        hosts=(host,) if host else (),
        attachments=attachments or (ATTACHED,),
        volumes=(volume,),
        mappings=mappings,
    )
    seen = DisasterSeen(now, None, '', {}, means)
    facts = ResetSeen(seen, deleted, hidden)
    [row] = reset(facts, VolumeReset(('v1',), servers, off)).verdicts
    return row


def of(server, name='a2', **changed):
    return dataclasses.replace(
        ATTACHED, id=name, server=server, sides=('cinder',), **changed
    )


STATUSES = (
    'creating', 'downloading', 'uploading', 'managing', 'error_managing',
    'deleting', 'error_deleting', 'backing-up', 'restoring-backup',
    'error_backing-up', 'error_restoring', 'extending', 'error_extending',
    'retyping', 'maintenance', 'awaiting-transfer',
)  # fmt: skip


@pytest.mark.parametrize('status', STATUSES)
def test_what_cinder_is_at_is_never_cleaned(status):
    assert not may_be_cleaned(status, '', named=True)
    row = verdict(volume=dataclasses.replace(VOLUME, status=status))
    assert (row.act, row.code) == (False, 'not-cleanable')
    assert status in row.reason


@pytest.mark.parametrize(
    'status', ['in-use', 'available', 'attaching', 'detaching', 'reserved']
)
def test_what_is_stalled_is_cleaned(status):
    row = verdict(volume=dataclasses.replace(VOLUME, status=status))
    assert (row.act, row.code) == (True, 'reset')
    assert may_be_cleaned(status, '')


@pytest.mark.parametrize(
    ('migration', 'cleaned'),
    [
        ('', True), ('none', True), ('success', True), ('error', True),
        ('deleting', True), ('starting', False), ('migrating', False),
        ('completing', False), ('target:v2', False),
    ],
)  # fmt: skip
def test_a_volume_that_migrates_is_left(migration, cleaned):
    row = verdict(
        volume=dataclasses.replace(VOLUME, migration_status=migration)
    )
    assert row.act == cleaned


def test_one_in_error_is_cleaned_when_it_is_named_and_attached():
    broken = dataclasses.replace(VOLUME, status='error')
    assert verdict(volume=broken).act
    assert not may_be_cleaned('error', '')
    reserved = dataclasses.replace(ATTACHED, status='error_attaching')
    row = verdict(reserved, volume=broken)
    assert (row.act, row.code) == (False, 'not-cleanable')


def test_a_guest_must_be_off():
    assert verdict(host=HOST).code == 'guest-runs'
    assert verdict(host=HOST, off='I saw it').code == 'guest-runs'
    assert verdict(host=None).code == 'not-proven-off'
    assert verdict(host=None, off='I saw it').act
    deleted = {'deleted': ('s9',)}
    runs = dataclasses.replace(
        HOST, domains=(dataclasses.replace(DOMAIN, uuid='s9'),)
    )
    assert verdict(of('s9'), **deleted).act
    assert verdict(of('s9'), host=runs, **deleted).code == 'guest-runs'


@pytest.mark.parametrize(
    'silent',
    [
        {'problem': 'it is down'},
        {'problems': {'domains': 'libvirtd is down'}},
        {'absent': ('libvirt',)},
        {'host': 'another'},
    ],
)
def test_a_deleted_server_may_run_where_its_host_does_not_tell(silent):
    """nova deletes one at once whose host it does not reach."""
    deleted = {'deleted': ('s9',)}
    mute = dataclasses.replace(HOST, domains=(), **silent)
    there = of('s9', host='cmp1')
    row = verdict(there, host=mute, **deleted)
    assert (row.act, row.code) == (False, 'not-proven-off')
    assert '--guest-off' in row.way_out
    assert verdict(there, host=mute, off='it is burnt', **deleted).act
    assert verdict(there, host=OFF, **deleted).act
    # What no host was told of is used by none.
    assert verdict(of('s9', host=''), host=mute, **deleted).act


def test_a_root_is_never_cleaned():
    mapped = dataclasses.replace(ATTACHED, boot_index=0)
    assert verdict(mapped, image=None).code == 'root-volume'
    # Which of its volumes it boots from is not known.
    assert verdict(image=None).code == 'root-volume'
    root = dataclasses.replace(
        ATTACHED, id='a0', volume='v0', boot_index=0, device='/dev/vda'
    )
    assert verdict(root, ATTACHED, image=None).act


def test_what_is_not_nova_s_is_left():
    assert verdict(of('')).code == 'not-of-nova'
    assert verdict(of('zun')).code == 'not-of-nova'
    assert verdict(of('s9'), hidden=('s9',)).code == 'server-hidden'


@pytest.mark.parametrize(
    ('changed', 'code'),
    [
        ({'task_state': 'rebooting'}, 'under-way'),
        ({'vm_state': 'shelved_offloaded'}, 'server-state'),
        ({'vm_state': 'building'}, 'server-state'),
    ],
)
def test_a_server_that_is_kept_or_under_way_keeps_its_volumes(changed, code):
    assert verdict(**changed).code == code


def test_of_several_one_is_ended_where_there_is_a_way():
    both = (ATTACHED, of('s9'))
    deleted = {'deleted': ('s9',)}
    assert verdict(*both, **deleted).code == 'no-way'
    assert verdict(*both, servers=('s9',), **deleted).act
    for means in (
        dataclasses.replace(NEW, token=True),
        dataclasses.replace(NEW, cinder=True),
    ):
        assert verdict(*both, means=means, **deleted).act
    assert verdict(servers=('s8',)).code == 'ok'


def test_an_older_nova_keeps_mappings_that_only_its_database_drops():
    old = Means(newest='2.95')
    assert verdict(means=old).code == 'no-database'
    assert verdict(means=old, mappings=snapshot().mappings).act


def test_a_volume_that_was_given_twice_is_reset_once():
    now = snapshot(
        servers=(SERVER,), hosts=(OFF,), attachments=(ATTACHED,),
        volumes=(VOLUME,),
    )  # fmt: skip
    facts = ResetSeen(DisasterSeen(now, None, '', {}, NEW))
    plan = reset(facts, VolumeReset(('v1', 'v1')))
    assert [v.server for v in plan.verdicts] == ['v1']
    names = [step.name for step in plan.steps()]
    assert len(names) == len({*names}) == 2
