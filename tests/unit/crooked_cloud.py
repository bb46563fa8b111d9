# SPDX-License-Identifier: Apache-2.0
"""A whole cloud on loopback in which records contradict each other.

It answers as the services do, as far as an audit reads and mends: with
generations, revisions, and cinder's own idea of a volume's status.
"""

import contextlib
import re
import threading
from collections import Counter

from tests.unit import keystone_double, service_double
from tests.unit.service_double import Answer

CATALOG = {
    'compute': '/compute/v2.1',
    'placement': '/placement',
    'network': '/network',
    'block-storage': '/volume/v3',
}
NOW, OLD = '2026-11-23T12:00:00.000000', '2026-11-20T12:00:00Z'
HOSTS = ('cmp1', 'cmp2')
ROOM = {'resources': {'VCPU': 1, 'MEMORY_MB': 64}}


def uuid(number):
    return f'00000000-0000-4000-8000-{number:012}'


WEB, DB, GONE, DOUBLE, DRAINED = (uuid(n) for n in range(1, 6))
NODES = {host: uuid(100 + n) for n, host in enumerate(HOSTS)}
PORT, DATA, STUCK, FREE, LEFT, RESERVED, OK = (
    uuid(n) for n in range(200, 207)
)


class Crooked:
    """The cloud; what it was asked to change is counted by path.

    :ivar asked: writes that were carried out
    """

    def __init__(self):
        self.asked = Counter()
        self.reasons = {}  # why a host is disabled
        self.down = ()  # the first words of paths that answer 503
        self._lock = threading.RLock()
        self.store = {
            'host': 'ctl@lab',
            'binary': 'cinder-volume',
            'state': 'up',
            'updated_at': NOW,
        }
        self.servers = {
            WEB: server(WEB, 'web', 'cmp1', task='powering-off'),
            DB: server(DB, 'db', 'cmp2', volumes=(STUCK, DATA)),
            DOUBLE: server(DOUBLE, 'double', 'cmp1'),
            DRAINED: server(DRAINED, 'drained', 'cmp2'),
        }
        self.held = {
            WEB: {NODES['cmp1']: ROOM},
            DB: {NODES['cmp2']: ROOM},
            DOUBLE: dict.fromkeys(NODES.values(), ROOM),
            DRAINED: {NODES['cmp2']: ROOM},
            GONE: {NODES['cmp2']: ROOM},
        }
        self.generations = dict.fromkeys(self.held, 1)
        self.ports = {
            PORT: {
                'id': PORT,
                'device_id': DRAINED,
                'device_owner': 'compute:nova',
                'binding:host_id': 'cmp1',
                'binding:vif_type': 'ovs',
                'binding:vnic_type': 'normal',
                'binding:profile': {},
                'revision_number': 4,
                'updated_at': OLD,
            }
        }
        self.volumes = {
            DATA: volume(DATA, 'data', 'in-use'),
            STUCK: volume(STUCK, 'stuck', 'detaching'),
            FREE: volume(FREE, 'free', 'attaching'),
        }
        self.attachments = {
            OK: attachment(OK, DATA, DB),
            uuid(207): attachment(uuid(207), STUCK, DB),
            LEFT: attachment(LEFT, DATA, GONE),
            RESERVED: attachment(RESERVED, DATA, DRAINED, 'reserved'),
        }

    def answer(self, request):
        path = request.path
        if path.startswith(self.down):
            return Answer(503, {'message': 'overloaded'})
        with self._lock:
            for pattern, method, reply in _ROUTES:
                found = re.fullmatch(pattern, path)
                if found and method == request.method:
                    if method != 'GET':
                        self.asked[f'{method} {path}'] += 1
                    try:
                        told = reply(self, request, *found.groups())
                    except KeyError:
                        break
                    return told if isinstance(told, Answer) else _ok(told)
        return Answer(404, {'itemNotFound': {'message': f'{path}?'}})

    # nova

    def _services(self, request):
        hosts = request.query.get('host', HOSTS)
        return {
            'services': [
                {
                    'id': f'service-{host}',
                    'host': host,
                    'binary': 'nova-compute',
                    'zone': 'nova',
                    'status': 'enabled',
                    'state': 'up',
                    'disabled_reason': self.reasons.get(host),
                    'updated_at': NOW,
                }
                for host in hosts
            ]
        }

    def _hypervisors(self, request):
        return {
            'hypervisors': [
                {
                    'id': node,
                    'hypervisor_hostname': host,
                    'hypervisor_type': 'QEMU',
                    'service': {'host': host},
                }
                for host, node in NODES.items()
            ]
        }

    def _servers(self, request):
        return {'servers': list(self.servers.values())}

    def _server(self, request, name):
        return {'server': self.servers[name]}

    def _actions(self, request, name):
        return {'instanceActions': []}

    def _reset(self, request, name):
        state = request.body['os-resetState']['state']
        self.servers[name] |= {
            'OS-EXT-STS:vm_state': state,
            'OS-EXT-STS:task_state': None,
            'updated': '2026-11-23T12:00:01Z',
        }
        return Answer(202)

    def _migrations(self, request):
        return {'migrations': []}

    # placement

    def _providers(self, request):
        return {
            'resource_providers': [
                {'uuid': node, 'name': host, 'root_provider_uuid': node}
                for host, node in NODES.items()
            ]
        }

    def _of_provider(self, request, provider):
        return {
            'allocations': {
                consumer: held[provider]
                for consumer, held in self.held.items()
                if provider in held
            }
        }

    def _of_consumer(self, request, consumer):
        if not self.held.get(consumer):
            return {'allocations': {}}
        return {
            'allocations': self.held[consumer],
            'project_id': 'p',
            'user_id': 'u',
            'consumer_generation': self.generations[consumer],
        }

    def _hold(self, request, consumer):
        body = request.body
        if body['consumer_generation'] != self.generations[consumer]:
            told = {'code': 'placement.concurrent_update', 'detail': 'no'}
            return Answer(409, {'errors': [told]})
        self.held[consumer] = body['allocations']
        self.generations[consumer] += 1
        return Answer(204, b'')

    # neutron

    def _ports(self, request):
        return {'ports': list(self.ports.values())}

    def _port(self, request, name):
        return {'port': self.ports[name]}

    def _bind(self, request, name):
        port = self.ports[name]
        wanted = f'revision_number={port["revision_number"]}'
        if request.headers.get('if-match') != wanted:
            return Answer(412, {'NeutronError': {'message': 'revision'}})
        port |= request.body['port']
        port['revision_number'] += 1
        return {'port': port}

    def _agents(self, request):
        return {
            'agents': [
                {
                    'id': f'agent-{host}',
                    'agent_type': 'Open vSwitch agent',
                    'host': host,
                    'alive': True,
                    'heartbeat_timestamp': '2026-11-23 12:00:00',
                }
                for host in HOSTS
            ]
        }

    # cinder

    def _volumes(self, request):
        return {'volumes': list(self.volumes.values())}

    def _volume(self, request, name):
        return {'volume': self.volumes[name]}

    def _act(self, request, name):
        now = self.volumes[name]
        if 'os-roll_detaching' in request.body:
            if now['status'] == 'detaching':
                now['status'] = 'in-use'
        else:
            now['status'] = request.body['os-reset_status']['status']
        return Answer(202)

    def _attachments(self, request):
        wanted = request.query.get('volume_id')
        return {
            'attachments': [
                one
                for one in self.attachments.values()
                if not wanted or one['volume_id'] in wanted
            ]
        }

    def _attachment(self, request, name):
        return {'attachment': self.attachments[name]}

    def _end(self, request, name):
        del self.attachments[name]
        return {'attachments': []}

    def _storage(self, request):
        return {'services': [self.store]}


def _ok(body):
    return Answer(body=body)


_ID = '([0-9a-f-]{36})'
_NOVA, _PLACEMENT = '/compute/v2.1', '/placement'
_NEUTRON, _CINDER = '/network/v2.0', '/volume/v3'
_ROUTES = [
    (f'{_NOVA}/', 'GET', lambda *_: {'version': {'version': '2.104'}}),
    (f'{_NOVA}/os-services', 'GET', Crooked._services),
    (f'{_NOVA}/os-hypervisors/detail', 'GET', Crooked._hypervisors),
    (f'{_NOVA}/os-migrations', 'GET', Crooked._migrations),
    (f'{_NOVA}/servers/detail', 'GET', Crooked._servers),
    (f'{_NOVA}/servers/{_ID}', 'GET', Crooked._server),
    (f'{_NOVA}/servers/{_ID}/os-instance-actions', 'GET', Crooked._actions),
    (f'{_NOVA}/servers/{_ID}/action', 'POST', Crooked._reset),
    (f'{_PLACEMENT}/resource_providers', 'GET', Crooked._providers),
    (
        f'{_PLACEMENT}/resource_providers/{_ID}/allocations',
        'GET',
        Crooked._of_provider,
    ),
    (f'{_PLACEMENT}/allocations/{_ID}', 'GET', Crooked._of_consumer),
    (f'{_PLACEMENT}/allocations/{_ID}', 'PUT', Crooked._hold),
    (f'{_NEUTRON}/ports', 'GET', Crooked._ports),
    (f'{_NEUTRON}/ports/{_ID}', 'GET', Crooked._port),
    (f'{_NEUTRON}/ports/{_ID}', 'PUT', Crooked._bind),
    (f'{_NEUTRON}/agents', 'GET', Crooked._agents),
    (f'{_CINDER}/volumes/detail', 'GET', Crooked._volumes),
    (f'{_CINDER}/volumes/{_ID}', 'GET', Crooked._volume),
    (f'{_CINDER}/volumes/{_ID}/action', 'POST', Crooked._act),
    (f'{_CINDER}/attachments', 'GET', Crooked._attachments),
    (f'{_CINDER}/attachments/{_ID}', 'GET', Crooked._attachment),
    (f'{_CINDER}/attachments/{_ID}', 'DELETE', Crooked._end),
    (f'{_CINDER}/os-services', 'GET', Crooked._storage),
]


def server(name, called, host, task=None, volumes=()):
    return {
        'id': name,
        'name': called,
        'status': 'ACTIVE',
        'image': {'id': 'i1'},
        'updated': OLD,
        'OS-EXT-SRV-ATTR:host': host,
        'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
        'OS-EXT-AZ:availability_zone': 'nova',
        'OS-EXT-STS:vm_state': 'active',
        'OS-EXT-STS:task_state': task,
        'OS-EXT-STS:power_state': 1,
        'OS-SRV-USG:launched_at': OLD,
        'os-extended-volumes:volumes_attached': [{'id': v} for v in volumes],
    }


def volume(name, called, status):
    return {
        'id': name,
        'name': called,
        'status': status,
        'multiattach': False,
        'os-vol-host-attr:host': 'ctl@lab#pool',
        'updated_at': OLD,
        'attachments': [],
    }


def attachment(name, of, to, status='attached'):
    return {'id': name, 'volume_id': of, 'instance': to, 'status': status}


@contextlib.contextmanager
def cloud(crooked, catalog=CATALOG):
    """The service, and our own Cloud that talks to it."""
    keystone = keystone_double.Keystone(crooked.answer, catalog)
    with service_double.serving(keystone) as service:
        keystone.url = service.url
        yield service, keystone_double.cloud(service.url)
