# SPDX-License-Identifier: Apache-2.0
"""A small cloud in which nothing is wrong, to put one thing wrong in."""

import dataclasses

from osc_recover import facts
from osc_recover.checks import audit
from osc_recover.facts.audit import (
    DiskMapping,
    Everything,
    ListedAttachment,
    ListedPort,
    ListedVolume,
    StorageService,
)

NOW = '2026-11-23T12:00:00.000000'
LONG_AGO = '2026-11-20T12:00:00Z'  # three days
HOUR_AGO = '2026-11-23T11:00:00Z'
JUST_NOW = '2026-11-23T11:59:30Z'
WEB, DB, GONE = 'web-id', 'db-id', 'gone-id'
ROOM = {'VCPU': 1, 'MEMORY_MB': 64}


def server(name=WEB, host='cmp1', **more):
    """A server that has been at rest for three days."""
    given = {'image': 'i1', 'updated': LONG_AGO, **more}
    return facts.Server(name, name.partition('-')[0], host, node=host, **given)


def service(host, **more):
    return facts.Service(
        f's-{host}', host, updated_at=NOW, zone='nova', **more
    )


def held(consumer, host):
    return facts.Allocation(consumer, f'node-{host}', ROOM)


def port(name='p1', of=WEB, host='cmp1', **more):
    given = {
        'vif_type': 'ovs',
        'owner': 'compute:nova',
        'updated_at': LONG_AGO,
        **more,
    }
    return ListedPort(name, of, host, **given)


def volume(name='v1', **more):
    given = {'host': 'ctl@lab#pool', 'updated_at': LONG_AGO, **more}
    return ListedVolume(name, f'data-{name}', **given)


def attachment(name='a1', of='v1', to=DB, **more):
    return ListedAttachment(name, of, to, **{'host': 'cmp2', **more})


def mapping(attachment, **more):
    """What nova's database has of the volume of db."""
    return DiskMapping(DB, 'v1', attachment, updated_at=LONG_AGO, **more)


def row(of=WEB, status='accepted', source='cmp1', **more):
    given = {
        'type': 'evacuation',
        'destination': 'cmp2',
        'updated_at': LONG_AGO,
        **more,
    }
    return facts.Migration(
        7, 'row-id', of, status=status, source=source, **given
    )


def domain(of=WEB, host='cmp1', state='running'):
    return facts.Domain(host, of, 'instance-0000002a', state, True)


def domains(*found, hosts=('cmp1', 'cmp2')):
    """What these hosts, and no other, tell of their domains."""
    return tuple(
        facts.HostDomains(host, tuple(d for d in found if d.host == host))
        for host in hosts
    )


def look(kept=None, problem='', **more):
    """The first host, and the domain of web on it, read in full."""
    own = facts.Setting('10.0.0.11', ('10.0.0.11',), '/etc/nova/nova.conf', 7)
    console = facts.Console('vnc', ('10.0.0.11',))
    detail = facts.DomainDetail(
        kept=kept or facts.Definition((console,)), problem=problem
    )
    settings = {'vnc.server_listen': own,
                'vnc.server_proxyclient_address': own}  # fmt: skip
    given = {
        'addresses': ('127.0.0.1', '10.0.0.11'),
        **more,
        'settings': {**settings, **more.get('settings', {})},
    }
    return (facts.HostLook('cmp1', (domain(),), {WEB: detail}, **given),)


def everything(**more):
    """The cloud, with some of its facts changed."""
    usual = Everything(
        services=(service('cmp1'), service('cmp2')),
        hypervisors=tuple(
            facts.Hypervisor(f'node-{host}', host, host)
            for host in ('cmp1', 'cmp2')
        ),
        servers=(server(), server(DB, 'cmp2', volumes=('v1',))),
        allocations=(held(WEB, 'cmp1'), held(DB, 'cmp2')),
        ports=(port(),),
        agents=tuple(
            facts.Agent(f'a-{host}', 'Open vSwitch agent', host)
            for host in ('cmp1', 'cmp2')
        ),
        volumes=(volume(),),
        attachments=(attachment(),),
        storage=(StorageService('ctl@lab', updated_at=NOW),),
        now={'nova': NOW, 'neutron': NOW, 'cinder': NOW},
    )
    return dataclasses.replace(usual, **more)


def found(min_age=600, **more):
    """What an audit finds: (code, about) in its order."""
    seen = everything(**more)
    return [(f.code, f.about) for f in audit.findings(seen, min_age)]


def finding(**more):
    """The only thing that an audit finds."""
    [one] = audit.findings(everything(**more))
    return one


def refused(**more):
    """Whether what is found is not mended from here."""
    return finding(**more).remedy is None
