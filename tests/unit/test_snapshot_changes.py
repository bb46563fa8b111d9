# SPDX-License-Identifier: Apache-2.0
"""What changed between two snapshots, in words, each change of its kind."""

import dataclasses

import pytest

from osc_recover.checks.snapshots import changes, not_compared
from osc_recover.facts import Allocation, Domain, Service
from osc_recover.facts.audit import Gap, StorageService
from osc_recover.facts.snapshot import (
    Copy,
    Firewall,
    KeptMount,
    SessionDevice,
    Snapshot,
    Target,
)
from tests.unit.snapshot_facts import (
    ATTACHMENT,
    HOST,
    IQN,
    PORTAL,
    SERVER,
    SESSION,
    of_host,
    snapshot,
    with_gap,
)


def replaced(record, **changed):
    return (dataclasses.replace(record, **changed),)


def only(after, before=None):
    [change] = changes(before or snapshot(), after)
    return change


def test_nothing_changes_by_itself():
    assert changes(snapshot(), snapshot()) == ()
    assert changes(Snapshot(), Snapshot()) == ()


# Every part of it: (what it is now, kind, code, what, before, after)
FILE = snapshot()
CHANGED = [
    (
        {'servers': replaced(SERVER, host='cmp2')},
        ('change', 'server-host', 'server web: is on another host'),
        ('cmp1', 'cmp2'),
    ),
    (
        {'servers': replaced(SERVER, power_state=4)},
        ('change', 'server-power-state', 'server web: its power is another'),
        ('running', 'shut down'),
    ),
    (
        {'servers': replaced(SERVER, task_state='rebooting')},
        (
            'change',
            'server-task-state',
            'server web: what nova does with it is another',
        ),
        ('', 'rebooting'),
    ),
    (
        {'servers': replaced(SERVER, updated='2026-11-21T00:00:00Z')},
        ('time', 'server-updated', 'server web: was updated'),
        ('2026-11-20T12:00:00Z', '2026-11-21T00:00:00Z'),
    ),
    (
        {'ports': replaced(FILE.ports[0], status='DOWN')},
        ('change', 'port-status', 'port p1 of web: its status is another'),
        ('ACTIVE', 'DOWN'),
    ),
    (
        {'volumes': replaced(FILE.volumes[0], status='error')},
        ('change', 'volume-status', 'volume data: its status is another'),
        ('in-use', 'error'),
    ),
    (
        {'attachments': replaced(ATTACHMENT, id='a2')},
        (
            'id',
            'attachment-id',
            'volume data of web: its attachment has another id',
        ),
        ('a1', 'a2'),
    ),
    (
        {'attachments': replaced(ATTACHMENT, attached_at='later')},
        ('time', 'attachment-attached-at', 'volume data of web: was attached '
         'anew'),
        ('2026-11-20T11:00:00', 'later'),
    ),
    (
        {'attachments': replaced(ATTACHMENT, device='/dev/vdc')},
        (
            'change',
            'attachment-device',
            'volume data of web: is another device',
        ),
        ('/dev/vdb', '/dev/vdc'),
    ),
    (
        {
            'attachments': replaced(
                ATTACHMENT, target=Target('iscsi', IQN, (PORTAL,), (2,))
            )
        },
        ('change', 'attachment-target', 'volume data of web: is found '
         'elsewhere'),
        (f'iscsi {IQN} {PORTAL} LUN 1', f'iscsi {IQN} {PORTAL} LUN 2'),
    ),
    (
        {'attachments': replaced(ATTACHMENT, sides=('nova',))},
        ('change', 'attachment-sides', 'volume data of web: is known to '
         'others of nova and cinder'),
        ('nova, cinder', 'nova'),
    ),
    (
        {'mappings': replaced(FILE.mappings[0], attachment='a2')},
        (
            'id',
            'mapping-attachment',
            "nova's row of volume data of web: names another attachment",
        ),
        ('a1', 'a2'),
    ),
    (
        {'copies': (Copy('backup', 'k2', 'v1'),)},
        ('change', 'backup-id', 'the newest backup of volume data: is another '
         'one'),
        ('k1', 'k2'),
    ),
    (
        {'allocations': (Allocation('s1', 'r1', {'VCPU': 2}),)},
        (
            'change',
            'allocation-resources',
            'what web holds of cmp1: is another amount',
        ),
        ('VCPU=1', 'VCPU=2'),
    ),
    (
        {'services': (Service('n1', 'cmp1', up=False),)},
        ('change', 'service-up', 'nova-compute on cmp1: is up or down '
         'otherwise'),
        ('yes', 'no'),
    ),
    (
        {'storage': (StorageService('ctl@lvm', up=False),)},
        ('change', 'storage-service-up', 'cinder-volume on ctl@lvm: is up or '
         'down otherwise'),
        ('yes', 'no'),
    ),
]  # fmt: skip


@pytest.mark.parametrize('now, words, values', CHANGED)
def test_a_change_is_said_in_words(now, words, values):
    found = only(snapshot(**now))
    assert (found.kind, found.code, found.what) == words
    assert (found.before, found.after) == values


@pytest.mark.parametrize(
    'part, code',
    [
        ('servers', 'server'),
        ('services', 'service'),
        ('ports', 'port'),
        ('volumes', 'volume'),
        ('attachments', 'attachment'),
        ('copies', 'backup'),
        ('mappings', 'mapping'),
        ('allocations', 'allocation'),
        ('storage', 'storage-service'),
        ('hosts', 'host'),
    ],
)
def test_what_is_gone_or_new_is_said(part, code):
    lost = only(snapshot(**{part: ()}))
    found = only(snapshot(), snapshot(**{part: ()}))
    assert (lost.kind, lost.code) == ('change', f'{code}-gone')
    assert (found.kind, found.code) == ('change', f'{code}-new')
    assert lost.what.endswith(' is gone')
    assert lost.before == found.after != ''


# Hosts


def session(**changed):
    return {'sessions': replaced(SESSION, **changed)}


@pytest.mark.parametrize(
    'now, kind, code, values',
    [
        ({'boot_id': 'boot-2'}, 'id', 'host-boot-id', ('boot-1', 'boot-2')),
        ({'absent': ()}, 'change', 'host-absent', ('nft', '')),
        (session(number=7), 'id', 'session-number', ('3', '7')),
        (
            session(state='FAILED'),
            'change',
            'session-state',
            ('LOGGED_IN', 'FAILED'),
        ),
        (
            session(devices=(SessionDevice(1, 'sdc'),)),
            'id',
            'session-disks',
            ('sdb', 'sdc'),
        ),
        (session(devices=()), 'change', 'session-luns', ('LUN 1', '')),
        (
            {'sessions': ()},
            'change',
            'session-gone',
            ('session 3, LOGGED_IN', ''),
        ),
        ({'nodes': ()}, 'change', 'node-gone', ('manual', '')),
        (
            {
                'mounts': (
                    KeptMount('/var/lib/nova', 'xfs', '/dev/x', ('rw',)),
                )
            },
            'change',
            'mount-source',
            ('/dev/vdb1', '/dev/x'),
        ),
        (
            {
                'domains': (
                    Domain('cmp1', 's1', 'instance-1', 'shut off', True),
                )
            },
            'change',
            'domain-state',
            ('running', 'shut off'),
        ),
        (
            {'firewalls': (Firewall('iptables', ()),)},
            'change',
            'rule-gone',
            ('filter: -A INPUT -j DROP', ''),
        ),
    ],
)
def test_a_change_of_a_host_is_said(now, kind, code, values):
    found = only(of_host(**now))
    assert (found.kind, found.code, found.name) == (kind, code, 'cmp1')
    assert (found.before, found.after) == values


def test_a_rule_that_comes_and_one_that_goes_are_two_rows():
    after = of_host(firewalls=(Firewall('iptables', ('filter: -A X',)),))
    found = changes(snapshot(), after)
    assert [one.code for one in found] == ['rule-gone', 'rule-new']


def test_rules_in_another_order_are_a_change():
    rules = ('a: 1', 'a: 2')
    before = of_host(firewalls=(Firewall('nft', rules),))
    after = of_host(firewalls=(Firewall('nft', rules[::-1]),))
    assert only(after, before).code == 'rule-order'


def test_a_part_that_a_host_could_not_tell_is_compared_with_nothing():
    after = of_host(sessions=(), problems={'sessions': 'odd'})
    assert changes(snapshot(), after) == ()
    assert changes(after, snapshot()) == ()


def test_a_host_that_is_silent_is_compared_with_nothing():
    silent = dataclasses.replace(
        HOST, boot_id='', sessions=(), domains=(), problem='it is silent'
    )
    assert changes(snapshot(), snapshot(hosts=(silent,))) == ()


# What is given anew


def test_after_a_recovery_only_ids_and_times_differ():
    after = snapshot(
        servers=replaced(SERVER, updated='later'),
        attachments=replaced(
            ATTACHMENT, id='a2', mapping='b2', attached_at='later'
        ),
        mappings=replaced(FILE.mappings[0], id='b2', attachment='a2'),
        hosts=replaced(
            HOST, boot_id='boot-2', sessions=replaced(SESSION, number=1)
        ),
    )
    kinds = [one.kind for one in changes(snapshot(), after)]
    assert kinds == ['id'] * 6 + ['time'] * 2


def test_the_worst_comes_first():
    after = snapshot(
        servers=replaced(SERVER, updated='later', status='ERROR'),
        attachments=replaced(ATTACHMENT, id='a2'),
        gaps=(Gap('ports', 'overloaded', 'wait'),),
        unseen=('ports',),
    )
    found = [one.kind for one in changes(snapshot(), after)]
    assert found == ['change', 'unknown', 'id', 'time']


def test_a_second_attachment_of_a_volume_is_new():
    after = snapshot(
        attachments=(*replaced(ATTACHMENT, id='a0'), ATTACHMENT),
    )
    found = only(after)
    assert (found.code, found.kind) == ('attachment-new', 'change')


# What is not known


@pytest.mark.parametrize(
    'part', ['ports', 'volumes', 'attachments', 'allocations', 'mappings']
)
def test_nothing_is_concluded_from_what_could_not_be_asked(part):
    found = only(with_gap(part))
    assert (found.kind, found.code) == ('unknown', 'not-compared')
    assert found.what == f'{part}: not known after'
    assert found.note == 'overloaded; wait'
    assert only(snapshot(), with_gap(part)).what == f'{part}: not known before'


def test_volumes_of_a_server_that_nova_was_mute_on_are_not_compared():
    after = snapshot(attachments=(), unasked=('s1',))
    assert changes(snapshot(), after) == ()


def test_what_was_left_out_is_no_change_and_is_named():
    after = snapshot(hosts=(), left_out={'hosts': '--no-agent was given'})
    assert changes(snapshot(), after) == ()
    assert not_compared(snapshot(), after) == {'hosts': '--no-agent was given'}
