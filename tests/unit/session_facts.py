# SPDX-License-Identifier: Apache-2.0
"""Sessions as facts: host cmp1 with a session to a volume of web."""

import dataclasses

from osc_recover.facts import Server
from osc_recover.facts.audit import StorageService
from osc_recover.facts.sessions import SessionsSeen
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptSession,
    KeptVolume,
    Layer,
    SessionDevice,
    Target,
)

P1, P2 = '10.77.0.11:3260', '10.77.0.12:3260'
A, B, SAN = 'iqn.2010-10.x:vol-a', 'iqn.2010-10.x:vol-b', 'iqn.2010-10.san:all'
WEB, DB = 'web-id', 'db-id'
MPATH = Layer('mpatha', 'dm-0', 'mpath')
LVM = Layer('cinder--volumes-data', 'dm-1', 'lvm')


def session(number, target=A, portal=P1, *, over=(), lun=1, **more):
    name = f'sd{chr(96 + number)}'
    device = SessionDevice(lun, name, state='running', over=over)
    return KeptSession(
        number, target, portal, 'default', 'LOGGED_IN', (device,), **more
    )


def attachment(volume, server, target, *, portals=(P1,), lun=1, **more):
    led = Target('iscsi', target, portals, (lun,), **more)
    return KeptAttachment(f'att-{volume}', volume, server, target=led)


def server(id, host='cmp1', **more):
    return Server(id, id.removesuffix('-id'), host, **more)


def seen(*sessions, host='cmp1', **more):
    """What was seen of one host, unless ``hosts`` has others."""
    state = HostState(host, 'boot-1', tuple(sessions))
    told = {
        'hosts': (state,),
        'computes': ('cmp1', 'cmp2'),
        'servers': (server(WEB), server(DB, 'cmp2')),
        'volumes': (KeptVolume('vol-a', 'root'),),
        'attachments': (attachment('vol-a', WEB, A),),
        'storage': (StorageService('san@lvm'),),
    }
    return SessionsSeen(**{**told, **more})


def with_state(facts, **more):
    """The same, with the one host changed."""
    [state] = facts.hosts
    return dataclasses.replace(
        facts, hosts=(dataclasses.replace(state, **more),)
    )
