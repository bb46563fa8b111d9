# SPDX-License-Identifier: Apache-2.0
"""A small cloud in which cmp-1 has died, to be varied by tests."""

import functools
from typing import Any

from osc_recover import checks, facts
from osc_recover.checks import registry
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import Request, Return
from osc_recover.checks.view import View

HOST = 'cmp-1'

asked = functools.partial(Request, (HOST,), fenced='seen in the BMC')
returned = functools.partial(Return, HOST, alive=True)


def compute(host: str, **changes: Any) -> facts.Service:
    return facts.Service(f'id-{host}', host, **{'zone': 'nova', **changes})


def node(host: str, **changes: Any) -> facts.Hypervisor:
    return facts.Hypervisor(f'node-{host}', host, host, **changes)


def server(key: str = 's1', **changes: Any) -> facts.Server:
    """A server on cmp-1 that boots from a volume and lacks nothing."""
    fields = {'name': f'web-{key}', 'host': HOST, 'volumes': (f'v-{key}',)}
    return facts.Server(key, **{**fields, **changes})


def of_image(key: str = 's1', **changes: Any) -> facts.Server:
    return server(key, **{'image': 'i1', 'volumes': (), **changes})


def volume(key: str = 'v-s1', **changes: Any) -> facts.Volume:
    return facts.Volume(key, **{'host': 'ceph@rbd#pool', **changes})


def row(number: int = 7, **changes: Any) -> facts.Migration:
    fields = {
        'uuid': f'm-{number}',
        'server': 's1',
        'type': 'evacuation',
        'status': 'accepted',
        'source': HOST,
    }
    return facts.Migration(number, **{**fields, **changes})


def group(*members: str, **changes: Any) -> facts.Group:
    """A group whose members are on cmp-1 unless it is said otherwise."""
    fields = {
        'policy': 'anti-affinity',
        'members': members,
        'member_hosts': dict.fromkeys(members, HOST),
    }
    return facts.Group('g1', 'web', **{**fields, **changes})


def held(consumer: str, host: str = HOST, vcpus: int = 2) -> facts.Allocation:
    return facts.Allocation(consumer, f'node-{host}', {'VCPU': vcpus})


def offer(host: str, vcpus: int) -> facts.Candidate:
    return facts.Candidate(f'node-{host}', host, {'VCPU': vcpus})


def cloud(*servers: facts.Server, **changes: Any) -> facts.Situation:
    """Three computes that are well, and cmp-1, which is down."""
    fields = {
        'compute_max': '2.96',
        'services': computes(compute(HOST, up=False)),
        'hypervisors': tuple(node(f'cmp-{n}') for n in range(1, 5)),
        'servers': servers or (server(),),
    }
    return facts.Situation((HOST,), **{**fields, **changes})


def storage(
    *hosts: str, folder: Any = ('disk',), **changes: Any
) -> tuple[facts.HostStorage, ...]:
    """Hosts on one NFS that see the disk of s1, or have its directory so."""
    folders = () if folder is None else (facts.Folder('s1', tuple(folder)),)
    fields = {
        'path': '/srv/instances',
        'kind': 'nfs4',
        'network': True,
        'folders': folders,
        'share': hosts[0] if len(hosts) > 1 else '',
    }
    return tuple(facts.HostStorage(h, **{**fields, **changes}) for h in hosts)


def domain(uuid: str = 's9', **changes: Any) -> facts.Domain:
    fields = {'name': f'instance-{uuid}', 'state': 'running'}
    return facts.Domain(
        HOST, uuid, **{**fields, 'persistent': True, **changes}
    )


def told(**changes: Any) -> facts.Returned:
    """What cmp-1 says when it returns; s9 is on cmp-2 now."""
    fields = {
        'domains': facts.HostDomains(HOST),
        'storage': facts.HostStorage(HOST, '/srv/instances', kind='ext4'),
        'sessions': facts.HostSessions(HOST),
        'accounts': (numbers(HOST), numbers('cmp-2')),
        'homes': {'s9': 'cmp-2'},
    }
    return facts.Returned(**{**fields, **changes})


def numbers(
    host: str, nova: int = 64060, **changes: Any
) -> facts.HostAccounts:
    account = facts.Account('user', 'nova', nova)
    return facts.HostAccounts(host, (account,), uids=(nova,), **changes)


def computes(*others: facts.Service) -> tuple[facts.Service, ...]:
    """The four computes, some of them as given."""
    given = {service.host: service for service in others}
    names = dict.fromkeys(['cmp-1', 'cmp-2', 'cmp-3', 'cmp-4', *given])
    return tuple(given.get(name) or compute(name) for name in names)


def findings(
    scope: registry.Scope, code: str, situation: facts.Situation, request: Any
) -> list[Finding]:
    """What one check finds, whatever its scope."""
    check = registry.REGISTRY[scope, code]
    if scope == 'return':
        return list(check.findings(situation, request, about=request.host))
    view = View(situation, request)
    subjects: dict[str, list[tuple[Any, ...]]] = {
        'cloud': [()],
        'host': [(host,) for host in view.hosts],
        'server': [(one,) for one in view.servers],
        'fleet': [(view.servers,)],
        'by-hand': [(one,) for one in view.servers],
        'fleet-by-hand': [(view.servers,)],
    }
    return [
        finding
        for subject in subjects[scope]
        for finding in check.findings(view, *subject)
    ]


def of_first(situation: facts.Situation, **request: Any) -> list[Finding]:
    """Everything that is found about the first server by itself."""
    view = View(situation, asked(**request))
    return checks.of_server(view, view.servers[0])
