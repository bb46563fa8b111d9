# SPDX-License-Identifier: Apache-2.0
"""A cloud whose power has gone after somebody had cleaned its volumes.

nova's rows are kept apart from cinder's attachments; a start that would find
a volume without its connection is noted.
"""

import dataclasses
from collections import Counter

from osc_recover import errors
from osc_recover.facts import BlockDevice, Connector, Moved
from osc_recover.facts.audit import DiskMapping
from osc_recover.facts.mending import Mending
from osc_recover.observe.audit import everything
from tests.power.powerless_cloud import WEB, Powerless, _action
from tests.power.world import FusedJournal
from tests.unit.crooked_cloud import uuid
from tests.unit.service_double import Answer

ROOT = uuid(303)
CELL = 'cell-1'
_PLAIN = {'lock': 'lock', 'unlock': 'unlock', 'os-stop': 'stop'}


class Unmapped(Powerless):
    """web boots from a volume; db and far have volumes.

    :ivar asked_of: (server, action) -> how often nova was asked
    :ivar wasted: servers that were started without their volumes
    """

    def __init__(self):
        super().__init__()
        self.servers[WEB]['image'] = ''
        self._attach(uuid(430), ROOT, WEB)
        self.asked_of, self.wasted, self.dropped = Counter(), [], {}
        self.mappings = {
            number: BlockDevice(
                number, one['instance'], one['volume_id'], one['id'],
                '/dev/vda' if one['volume_id'] == ROOT else '/dev/vdb',
                boot_index=0 if one['volume_id'] == ROOT else None,
                driver='iscsi',
            )
            for number, one in enumerate(self.attachments.values(), 1)
        }  # fmt: skip
        self._told()

    def clean(self):
        """The guide's cleaning step, of two volumes, and a reboot of one.

        The other is left in a status that it does not stay in.
        """
        for volume, status in ((ROOT, 'available'), (uuid(300), 'in-use')):
            [name] = [
                key
                for key, one in self.attachments.items()
                if one['volume_id'] == volume
            ]
            del self.attachments[name]
            self.volumes[volume] |= {'status': status, 'attachments': []}
        [root] = [n for n, m in self.mappings.items() if m.volume == ROOT]
        self.dropped[root] = self.mappings.pop(root)
        self._told()

    def _told(self):
        """What nova says of servers' volumes, from its rows."""
        for name, server in self.servers.items():
            server['os-extended-volumes:volumes_attached'] = [
                {'id': one.volume}
                for one in self.mappings.values()
                if one.server == name
            ]

    # nova

    def _given(self, path):
        name = path.split('/')[-2]
        return [
            {
                'volumeId': one.volume,
                'serverId': name,
                'attachment_id': one.attachment,
                'bdm_uuid': str(one.id),
                'device': one.device,
            }
            for one in self.mappings.values()
            if one.server == name
        ]

    def answer(self, request):
        path, body = request.path, request.body
        if path.endswith('/action') and '/servers/' in path:
            [action] = body
            name = path.split('/')[-2]
            with self._lock:
                self.asked_of[name, action] += 1
                if action in _PLAIN:
                    return self._plain(name, action, body[action])
                self._check_connected(name)
        with self._lock:
            if '/attachments' in path and request.method in ('POST', 'PUT'):
                return self._attaching(path.split('/'), body)
        return super().answer(request)

    def _plain(self, name, action, told):
        made = _action(_PLAIN[action], f'req-{sum(self.asked_of.values())}')
        self.actions[name].insert(0, made)
        if action == 'os-stop':
            changed = {'OS-EXT-STS:vm_state': 'stopped',
                       'OS-EXT-STS:power_state': 4}  # fmt: skip
        else:
            reason = (told or {}).get('locked_reason')
            changed = {'locked': action == 'lock', 'locked_reason': reason}
        self.servers[name] |= changed
        return Answer(202)

    def _check_connected(self, name):
        for one in self.mappings.values():
            if one.server != name:
                continue
            held = self.attachments.get(one.attachment, {})
            if held.get('status') != 'attached' or not one.driver:
                self.wasted.append(name)

    # cinder

    def _attaching(self, words, body):
        if words[-1] == 'attachments':
            return self._reserved(body['attachment'])
        name = words[-2] if words[-1] == 'action' else words[-1]
        one = self.attachments[name]
        volume = self.volumes[one['volume_id']]
        if words[-1] == 'action':
            one['status'], volume['status'] = 'attached', 'in-use'
            volume['attachments'] = [
                {'id': volume['id'], 'attachment_id': name,
                 'server_id': one['instance'], 'host_name': 'cmp1',
                 'device': '/dev/vdb'}
            ]  # fmt: skip
            return Answer(204, b'')
        one |= {
            'status': 'attaching',
            'connection_info': {'driver_volume_type': 'iscsi'},
        }
        volume['status'] = 'attaching'
        return Answer(body={'attachment': one})

    def _reserved(self, wanted):
        volume = self.volumes[wanted['volume_uuid']]
        if volume['status'] != 'available':
            return Answer(400, {'badRequest': {'message': 'its status'}})
        volume['status'] = 'reserved'
        name = uuid(500 + len(self.attachments))
        self.attachments[name] = made = {
            'id': name,
            'volume_id': volume['id'],
            'instance': wanted['instance_uuid'],
            'status': 'reserved',
        }
        return Answer(body={'attachment': made})

    # What the plan is made from

    def audited(self, cloud):
        """What an audit sees, nova's database included."""
        rows = [
            DiskMapping(
                one.server, one.volume, one.attachment,
                root=one.boot_index == 0, dropped=one.id in self.dropped,
            )
            for one in (*self.mappings.values(), *self.dropped.values())
        ]  # fmt: skip
        seen = everything(cloud, lambda hosts: ())
        return dataclasses.replace(seen, mappings=tuple(rows))

    def mending(self, seen):
        """What is known of servers, beside an audit."""
        cells = dict.fromkeys(self.servers, CELL)
        records = Moved(
            servers=seen.servers,
            mappings=tuple(self.mappings.values()),
            connectors=(Connector('cmp1', {'host': 'cmp1'}),),
        )
        return Mending(
            cells,
            records,
            tuple(self.dropped.values()),
            holders={
                volume.id: tuple(
                    one.server
                    for one in seen.attachments
                    if one.volume == volume.id
                )
                for volume in seen.volumes
            },
            statuses={volume.id: volume.status for volume in seen.volumes},
        )


class Rows:
    """nova's database; every change has a point before and one after it."""

    def __init__(self, world):
        self._world = world

    def mapping(self, cell, planned):
        if planned.id not in self._world.mappings:
            raise errors.RowGone(planned.server, 'block_device_mapping')
        return self._world.mappings[planned.id]

    def revive(self, cell, planned, attachment, host):
        self._change(planned, self._world.dropped, attachment, '')

    def renew(self, cell, planned, attachment, host):
        self._change(planned, self._world.mappings, attachment, '')

    def fill(self, cell, planned, host, attachment):
        now = self._world.mappings
        self._change(planned, now, attachment.id, attachment.driver)

    def _change(self, planned, source, attachment, driver):
        FusedJournal.fuse()
        server = self._world.servers[planned.server]
        assert server['OS-EXT-STS:vm_state'] == 'stopped'
        self._world.mappings[planned.id] = dataclasses.replace(
            source.pop(planned.id), attachment=attachment, driver=driver
        )
        self._world._told()
        FusedJournal.fuse()
