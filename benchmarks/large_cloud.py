# SPDX-License-Identifier: Apache-2.0
"""The lists of a cloud of thousands of servers, over HTTP, each call slow.

Every server has a root volume and as many data volumes as it is told; the
records have the fields of those recorded in the practice cloud.
"""

import contextlib
import copy
import time
from collections.abc import Iterator
from typing import Any

from tests.unit import cloud_double, keystone_double, service_double
from tests.unit.service_double import Answer, Request

PAGE = 1000  # of nova and cinder, as they are installed
WHEN = '2026-11-20T12:00:00.000000'
Record = dict[str, Any]


def uid(kind: int, number: int) -> str:
    return f'{kind:08x}-0000-4000-8000-{number:012x}'


SERVER, VOLUME, ATTACHMENT, PORT, NODE, SERVICE = range(1, 7)


class LargeCloud:
    """Answers to what a snapshot and a plan read.

    :param servers: their number
    :param each: volumes of a server
    :param hosts: compute hosts
    :param delay: seconds added to each call
    """

    def __init__(
        self, servers: int, each: int, hosts: int, delay: float
    ) -> None:
        self.servers, self.each, self.hosts = servers, each, hosts
        self._delay = delay
        answers = cloud_double.recorded()
        prefix = '/compute/v2.1'
        self._server = answers[f'{prefix}/servers/detail']['servers'][0]
        self._port = answers['/network/v2.0/ports']['ports'][0]
        self._volume = answers['/volume/v3/volumes/detail']['volumes'][0]
        self._root = answers[f'{prefix}/']
        self._lists = {
            f'{prefix}/os-services': ('services', self._services()),
            f'{prefix}/servers/detail': ('servers', self._all_servers()),
            '/network/v2.0/ports': ('ports', self._ports()),
            '/volume/v3/volumes/detail': ('volumes', self._volumes()),
            '/volume/v3/attachments/detail': (
                'attachments', self._attachments(),
            ),
            '/volume/v3/backups/detail': ('backups', []),
            '/volume/v3/snapshots/detail': ('snapshots', []),
            '/volume/v3/os-services': ('services', []),
            '/placement/resource_providers': (
                'resource_providers', self._providers(),
            ),
        }  # fmt: skip

    def answer(self, request: Request) -> Answer:
        """Answer, after the delay."""
        time.sleep(self._delay)
        path = request.path
        if path == '/compute/v2.1/':
            return Answer(body=self._root)
        if path in self._lists:
            return Answer(body=self._page(request, *self._lists[path]))
        part = path.split('/')
        if path.endswith('/os-volume_attachments'):
            return Answer(body={'volumeAttachments': self._of(part[-2])})
        if path.endswith('/allocations'):
            return Answer(body=self._held(part[-2]))
        return Answer(404, {'itemNotFound': {'message': f'{path}?'}})

    def _page(self, request: Request, key: str, whole: list[Record]) -> Record:
        after = request.query.get('marker', [''])[0]
        start = 0
        if after:
            at = (n for n, one in enumerate(whole) if one['id'] == after)
            start = next(at) + 1
        page = whole[start : start + PAGE]
        body: Record = {key: page}
        if start + PAGE < len(whole):
            link = f'http://cloud{request.path}?marker={page[-1]["id"]}'
            body[f'{key}_links'] = [{'rel': 'next', 'href': link}]
        return body

    def _volumes_of(self, server: int) -> range:
        return range(server * self.each, (server + 1) * self.each)

    def _host(self, server: int) -> str:
        return f'cmp{server % self.hosts}'

    def _services(self) -> list[Record]:
        return [
            {
                'id': uid(SERVICE, number),
                'host': f'cmp{number}',
                'binary': 'nova-compute',
                'zone': 'nova',
                'status': 'enabled',
                'state': 'up',
                'forced_down': False,
                'disabled_reason': None,
                'updated_at': WHEN,
            }
            for number in range(self.hosts)
        ]

    def _all_servers(self) -> list[Record]:
        return [self._one_server(number) for number in range(self.servers)]

    def _one_server(self, number: int) -> Record:
        attributes = 'OS-EXT-SRV-ATTR:'
        volumes = [{'id': uid(VOLUME, n)} for n in self._volumes_of(number)]
        return copy.deepcopy(self._server) | {
            'id': uid(SERVER, number),
            'name': f's{number}',
            'image': '',
            f'{attributes}host': self._host(number),
            f'{attributes}hypervisor_hostname': self._host(number),
            'os-extended-volumes:volumes_attached': volumes,
        }

    def _ports(self) -> list[Record]:
        return [
            copy.deepcopy(self._port)
            | {
                'id': uid(PORT, number),
                'device_id': uid(SERVER, number),
                'binding:host_id': self._host(number),
            }
            for number in range(self.servers)
        ]

    def _volumes(self) -> list[Record]:
        return [
            copy.deepcopy(self._volume)
            | {
                'id': uid(VOLUME, number),
                'attachments': [self._held_by(number)],
            }
            for number in range(self.servers * self.each)
        ]

    def _held_by(self, volume: int) -> Record:
        server = volume // self.each
        return {
            'id': uid(VOLUME, volume),
            'attachment_id': uid(ATTACHMENT, volume),
            'attached_at': WHEN,
            'device': self._device(volume),
            'host_name': self._host(server),
            'server_id': uid(SERVER, server),
            'volume_id': uid(VOLUME, volume),
        }

    def _device(self, volume: int) -> str:
        return f'/dev/vd{"abcdefghijklmnop"[volume % self.each]}'

    def _attachments(self) -> list[Record]:
        return [
            {
                'id': uid(ATTACHMENT, number),
                'volume_id': uid(VOLUME, number),
                'instance': uid(SERVER, number // self.each),
                'status': 'attached',
                'attach_mode': 'rw',
                'attached_at': WHEN,
                'detached_at': '',
                'connection_info': {
                    'driver_volume_type': 'iscsi',
                    'target_iqn': f'iqn.2010-10.org.openstack:{number}',
                    'target_portal': '10.0.0.1:3260',
                    'target_lun': 1,
                },
            }
            for number in range(self.servers * self.each)
        ]

    def _of(self, server: str) -> list[Record]:
        number = int(server.rpartition('-')[2], 16)
        return [
            {
                'volumeId': uid(VOLUME, volume),
                'serverId': server,
                'device': self._device(volume),
                'attachment_id': uid(ATTACHMENT, volume),
                'bdm_uuid': uid(ATTACHMENT, volume),
                'tag': None,
                'delete_on_termination': False,
            }
            for volume in self._volumes_of(number)
        ]

    def _providers(self) -> list[Record]:
        return [
            {
                'uuid': uid(NODE, number),
                'name': f'cmp{number}',
                'root_provider_uuid': uid(NODE, number),
            }
            for number in range(self.hosts)
        ]

    def _held(self, node: str) -> Record:
        host = int(node.rpartition('-')[2], 16)
        room = {'resources': {'VCPU': 1, 'MEMORY_MB': 64}}
        mine = range(host, self.servers, self.hosts)
        return {
            'allocations': {uid(SERVER, number): room for number in mine},
            'resource_provider_generation': 1,
        }


@contextlib.contextmanager
def serving(large: LargeCloud) -> Iterator[service_double.Service]:
    """It, and its keystone, on loopback."""
    keystone = keystone_double.Keystone(large.answer, cloud_double.CATALOG)
    with service_double.serving(keystone) as double:
        keystone.url = double.url
        yield double
