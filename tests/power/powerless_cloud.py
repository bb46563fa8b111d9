# SPDX-License-Identifier: Apache-2.0
"""A cloud on loopback whose power has gone, and what its hosts tell.

nova does what it is asked in the time between two looks at a server, and
counts what it was asked.
"""

import dataclasses
import types

from osc_recover.errors import HostSilent
from osc_recover.gateways.host_states import states
from osc_recover.observe.snapshot import snapshot
from tests.unit.crooked_cloud import (
    DB,
    DOUBLE,
    DRAINED,
    WEB,
    Crooked,
    attachment,
    server,
    uuid,
    volume,
)
from tests.unit.service_double import Answer

VOLUMES = {DB: (uuid(300), uuid(301)), DRAINED: (uuid(302),)}
STOPPED = DOUBLE
GONE_AT, BOOTED_AT = '2026-11-23T11:00:00', '2026-11-23T11:30:00'
_TASKS = {'os-start': 'powering-on', 'reboot': 'reboot_started_hard'}
_NAMES = {'os-start': 'start', 'reboot': 'reboot'}


class Powerless(Crooked):
    """Three servers that ran and one that did not; libvirt is on cmp1.

    :ivar starts: server -> what nova was asked that starts it
    :ivar ids: cinder's id of an attachment -> the one that nova has of it
    :ivar guests: server -> whether its guest runs
    :ivar libvirt: hosts whose libvirt answers
    """

    libvirt = ('cmp1',)

    def __init__(self):
        super().__init__()
        self.servers = {
            WEB: server(WEB, 'web', 'cmp1'),
            DB: server(DB, 'db', 'cmp1', volumes=VOLUMES[DB]),
            DRAINED: server(DRAINED, 'far', 'cmp2', volumes=VOLUMES[DRAINED]),
            STOPPED: server(STOPPED, 'off', 'cmp1'),
        }
        self.volumes, self.attachments, self.ports = {}, {}, {}
        for number, (name, of) in enumerate(VOLUMES.items()):
            for place, one in enumerate(of):
                self._attach(uuid(400 + 10 * number + place), one, name)
        self.starts = {name: [] for name in self.servers}
        self.ids = {}
        self.guests = dict.fromkeys(self.servers, True)
        self.boots = {'cmp1': 'b1', 'cmp2': 'b2'}
        self.actions = {
            name: [
                _action('reboot', f'old-{name}'),
                _action('create', f'req-{name}'),
            ]
            for name in self.servers
        }
        self._off(STOPPED, 'u1', GONE_AT)

    def _attach(self, made, one, to):
        host = self.servers[to]['OS-EXT-SRV-ATTR:host']
        told = {
            'id': one, 'attachment_id': made, 'server_id': to,
            'host_name': host, 'device': '/dev/vdb',
        }  # fmt: skip
        self.volumes[one] = volume(one, one, 'in-use')
        self.volumes[one]['attachments'] = [told]
        self.attachments[made] = attachment(made, one, to)

    def _off(self, name, user, at):
        self.guests[name] = False
        self.servers[name] |= {
            'OS-EXT-STS:vm_state': 'stopped',
            'OS-EXT-STS:power_state': 4,
        }
        self.actions[name].insert(0, _action('stop', f'stop-{name}', user, at))

    def lose_power(self):
        """All guests are off; nova has noticed one of them by now."""
        self.guests = dict.fromkeys(self.guests, False)
        self.boots = {host: f'{boot}-anew' for host, boot in
                      self.boots.items()}  # fmt: skip
        self._off(DB, None, '2026-11-23T11:40:00')

    def answer(self, request):
        path = request.path
        if path.endswith('/attachments/detail'):
            return Answer(body=self._attachments(request))
        if path.endswith('/os-volume_attachments'):
            return Answer(body={'volumeAttachments': self._given(path)})
        if path.endswith('/os-instance-actions'):
            told = self.actions[path.split('/')[-2]]
            return Answer(body={'instanceActions': told})
        if path.endswith('/action') and '/servers/' in path:
            return self._asked(path.split('/')[-2], next(iter(request.body)))
        told = super().answer(request)
        if '/servers/' in path and request.method == 'GET':
            self._go_on(path.split('/')[-1])
        return told

    def _given(self, path):
        name = path.split('/')[-2]
        return [
            {
                'volumeId': one['volume_id'],
                'serverId': name,
                'attachment_id': self.ids.get(one['id'], one['id']),
                'bdm_uuid': one['id'],
                'device': '/dev/vdb',
            }
            for one in self.attachments.values()
            if one['instance'] == name
        ]

    def _asked(self, name, action):
        with self._lock:
            self.starts[name].append(_NAMES[action])
            made = _action(_NAMES[action], f'req-{len(self.starts[name])}')
            self.actions[name].insert(0, made)
            self.servers[name]['OS-EXT-STS:task_state'] = _TASKS[action]
        return Answer(202)

    def _go_on(self, name):
        with self._lock:
            if self.servers.get(name, {}).get('OS-EXT-STS:task_state'):
                self.guests[name] = True
                self.servers[name] |= {
                    'OS-EXT-STS:task_state': None,
                    'OS-EXT-STS:vm_state': 'active',
                    'OS-EXT-STS:power_state': 1,
                }

    # As hosts tell

    def each(self, names, op, args, *, timeout, tell=None):
        """What the agent answers, as the gateway of hosts asks it."""
        for name in names:
            if op == 'domains.list' and name not in self.libvirt:
                why = HostSilent(name, 'it has no libvirt', 'start it there')
                yield name, why
                continue
            told = {'domains': self._domains(name)}
            if op == 'state.show':
                told |= _state(self.boots.get(name, ''))
                told['absent'] = [] if name in self.libvirt else ['libvirt']
            yield name, told

    def _domains(self, host):
        return {
            name: {
                'name': one['name'],
                'state': 'running' if self.guests[name] else 'shut off',
                'persistent': True,
            }
            for name, one in self.servers.items()
            if host in self.libvirt and host == one['OS-EXT-SRV-ATTR:host']
        }

    def look(self, cloud, *, each=True, mappings=()):
        """A snapshot of now; ``mappings`` are what nova's database has."""
        databases = _Databases(mappings) if mappings else None
        found = snapshot(
            cloud, lambda names: states(self, names), databases, each=each
        )
        return dataclasses.replace(found, gaps=())


class _Databases:
    """A cell whose database has these mappings."""

    def __init__(self, mappings):
        self._mappings = mappings

    def cells(self):
        return [types.SimpleNamespace(name='cell1', uuid='', database=self)]

    def read(self, sql):
        return [
            {
                'uuid': row.id, 'instance_uuid': row.server,
                'volume_id': row.volume, 'attachment_id': row.attachment,
                'boot_index': None, 'volume_size': 1,
                'delete_on_termination': 0,
                **dict.fromkeys(
                    (
                        'device_name', 'source_type', 'destination_type',
                        'disk_bus', 'device_type', 'tag', 'image_id',
                        'guest_format',
                    )
                ),
            }
            for row in self._mappings
        ]  # fmt: skip


def _state(boot):
    return {
        'boot_id': boot,
        'booted_at': BOOTED_AT,
        'sessions': [],
        'nodes': [],
        'mounts': [],
        'firewalls': [{'tool': 'iptables', 'rules': ['filter: -A INPUT']}],
        'problems': {},
    }


def _action(name, request, user='u1', at='2026-11-20T12:00:00'):
    return {
        'action': name,
        'request_id': request,
        'user_id': user,
        'start_time': f'{at}.000000',
    }
