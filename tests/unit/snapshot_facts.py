# SPDX-License-Identifier: Apache-2.0
"""A small cloud as a snapshot has it, with a record of every kind."""

import dataclasses

from osc_recover.facts import Allocation, Domain, Server, Service
from osc_recover.facts.audit import Gap, Provider, StorageService
from osc_recover.facts.snapshot import (
    Copy,
    Firewall,
    HostState,
    KeptAttachment,
    KeptMapping,
    KeptMount,
    KeptPort,
    KeptSession,
    KeptVolume,
    NodeRecord,
    SessionDevice,
    Snapshot,
    Target,
)

IQN = 'iqn.2010-10.org.openstack:volume-v1'
PORTAL = '10.0.0.9:3260'

SERVER = Server('s1', 'web', 'cmp1', updated='2026-11-20T12:00:00Z')
ATTACHMENT = KeptAttachment(
    'a1',
    'v1',
    's1',
    device='/dev/vdb',
    order=1,
    tag='data',
    delete_on_termination=False,
    mapping='b1',
    target=Target('iscsi', IQN, (PORTAL,), (1,)),
    attached_at='2026-11-20T11:00:00',
)
SESSION = KeptSession(
    3, IQN, PORTAL, 'default', 'LOGGED_IN', (SessionDevice(1, 'sdb'),)
)
HOST = HostState(
    'cmp1',
    'boot-1',
    (SESSION,),
    (NodeRecord(IQN, PORTAL, 'default', {'node.startup': 'manual'}),),
    (KeptMount('/var/lib/nova', 'xfs', '/dev/vdb1', ('rw',)),),
    (Domain('cmp1', 's1', 'instance-1', 'running', True),),
    (Firewall('iptables', ('filter: -A INPUT -j DROP',)),),
    ('nft',),
    {},
)


def snapshot(**changed):
    """The snapshot, with some of its parts changed."""
    whole = Snapshot(
        servers=(SERVER,),
        services=(Service('n1', 'cmp1'),),
        ports=(KeptPort('p1', 's1', 'cmp1', 'ACTIVE', 'ovs'),),
        volumes=(KeptVolume('v1', 'data'),),
        attachments=(ATTACHMENT,),
        copies=(Copy('backup', 'k1', 'v1', 'nightly', '2026-11-19'),),
        mappings=(KeptMapping('b1', 's1', 'cell1', 'v1', 'a1', '/dev/vdb'),),
        providers=(Provider('r1', 'cmp1', 'r1'),),
        allocations=(Allocation('s1', 'r1', {'VCPU': 1}),),
        storage=(StorageService('ctl@lvm'),),
        hosts=(HOST,),
    )
    return dataclasses.replace(whole, **changed)


def of_host(**changed):
    """The snapshot, with some of what its host tells changed."""
    return snapshot(hosts=(dataclasses.replace(HOST, **changed),))


def with_gap(what):
    """The snapshot without a part that was not told."""
    return snapshot(
        gaps=(Gap(what, 'overloaded', 'wait'),), unseen=(what,), **{what: ()}
    )
