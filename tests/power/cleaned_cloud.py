# SPDX-License-Identifier: Apache-2.0
"""A cloud that lost its power, as its data volumes are cleaned.

nova has mappings of its own, and drops them in a reboot alone; cinder
recomputes a volume from its attachments, as both do.
"""

from collections import Counter

from osc_recover.facts.snapshot import KeptMapping
from osc_recover.gateways.database import Cell
from tests.power.powerless_cloud import STOPPED, Powerless
from tests.unit.crooked_cloud import DB, WEB, attachment, uuid, volume
from tests.unit.service_double import Answer

ROOT, SHARED = uuid(310), uuid(311)
DEVICES = ('/dev/vdb', '/dev/vdc', '/dev/vdd', '/dev/vde')


class Cleaned(Powerless):
    """WEB boots from a volume; two others share one.

    :ivar mappings: server -> volume -> what nova has of it
    :ivar given: server and volume -> how often nova was asked to attach it
    """

    sharers = (DB, STOPPED)
    drops = True  # its reboots drop mappings, as from nova 28

    def __init__(self):
        super().__init__()
        self.mappings = {name: {} for name in self.servers}
        self.given, self.ended = Counter(), Counter()
        for one in self.attachments.values():
            name = one['instance']
            self._map(name, one['volume_id'], one['id'])
        self.servers[WEB] |= {
            'image': '', 'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
        }  # fmt: skip
        self._add(WEB, ROOT, uuid(500), device='/dev/vda')
        for number, name in enumerate(self.sharers):
            self._add(name, SHARED, uuid(510 + number), tag='shared')
        self.volumes[SHARED]['multiattach'] = True

    def _add(self, name, of, made, **more):
        if of not in self.volumes:
            self.volumes[of] = volume(of, of, 'available')
        self.attachments[made] = attachment(made, of, name)
        self._settle(of)
        self._map(name, of, made, **more)

    def _map(self, name, of, made, **more):
        mine = self.mappings[name]
        mine[of] = {
            'volumeId': of, 'serverId': name, 'attachment_id': made,
            'bdm_uuid': made, 'device': DEVICES[len(mine)], 'tag': None,
            'delete_on_termination': False, **more,
        }  # fmt: skip
        self._tell(name)

    def _tell(self, name):
        self.servers[name]['os-extended-volumes:volumes_attached'] = [
            {'id': one} for one in self.mappings[name]
        ]

    def _settle(self, of):
        held = [a for a in self.attachments.values() if a['volume_id'] == of]
        self.volumes[of]['status'] = 'in-use' if held else 'available'
        self.volumes[of]['attachments'] = [
            {
                'id': of,
                'attachment_id': one['id'],
                'server_id': one['instance'],
                'host_name': self.servers[one['instance']][
                    'OS-EXT-SRV-ATTR:host'
                ],
                'device': '/dev/vdb',
            }
            for one in held
        ]

    def answer(self, request):
        if request.path.endswith('/os-volume_attachments') and (
            request.method == 'POST'
        ):
            return self._attach_anew(request.path.split('/')[-2], request)
        if request.method == 'DELETE' and '/attachments/' in request.path:
            with self._lock:
                self._ended(request.path.split('/')[-1])
            return Answer(body={'attachments': []})
        if 'os-reset_status' in (request.body or {}):
            return self._reset_volume(request.path.split('/')[-2])
        return super().answer(request)

    def _given(self, path):
        return list(self.mappings[path.split('/')[-2]].values())

    def _attach_anew(self, name, request):
        asked = request.body['volumeAttachment']
        of = asked['volumeId']
        with self._lock:
            now = self.volumes[of]
            free = now['status'] == 'available' or now['multiattach']
            if of in self.mappings[name] or not free:
                return Answer(400, {'badRequest': {'message': 'in use'}})
            self.given[name, of] += 1
            kept = ('tag', 'delete_on_termination')
            more = {key: asked[key] for key in kept if key in asked}
            self._add(name, of, uuid(600 + self.given.total()), **more)
        return Answer(body={'volumeAttachment': {**asked, 'id': of}})

    def _ended(self, name):
        of = self.attachments.pop(name)['volume_id']
        self.ended[name] += 1
        self._settle(of)

    def _reset_volume(self, of):
        with self._lock:
            for one in [*self.attachments.values()]:
                if one['volume_id'] == of:
                    self._ended(one['id'])
            self._settle(of)
        return Answer(202)

    def _asked(self, name, action):
        """A reboot drops what cinder has not (_delete_dangling_bdms)."""
        with self._lock:
            if action == 'reboot' and self.drops:
                self.mappings[name] = {
                    of: one
                    for of, one in self.mappings[name].items()
                    if one['attachment_id'] in self.attachments
                }
                self._tell(name)
            return super()._asked(name, action)

    def whole(self):
        """Server -> its volumes in their order, with what they are kept by;
        each mapping has the one attachment of its volume to the server.
        """
        for name, mine in self.mappings.items():
            held = {
                (one['volume_id'], one['id'])
                for one in self.attachments.values()
                if one['instance'] == name
            }
            assert held == {
                (of, one['attachment_id']) for of, one in mine.items()
            }
        return {
            name: [(of, one['device'], one['tag']) for of, one in mine.items()]
            for name, mine in self.mappings.items()
        }


class Databases:
    """The databases of such a cloud, as those who clean volumes use them.

    :param power: is asked before and after each COMMIT
    """

    def __init__(self, world, power):
        self._world, self._power = world, power
        self.cinder = self

    def cells(self):
        """The one cell, whose database this is, too."""
        return (Cell('c1', 'cell1', self),)

    def read(self, sql, args):
        assert 'block_device_mapping' in sql
        return [one for one in self._mapped() if one[-1] == args['mapping']]

    def transact(self, body):
        self._power()
        body(self)
        self._power()

    def rows(self, sql, args):
        if 'FROM instances' in sql:
            return [{'task_state': None}]
        if 'FROM volumes' in sql:
            status = self._world.volumes[args['volume']]['status']
            return [{'status': status, 'attach_status': 'attached'}]
        assert 'FROM volume_attachment' in sql
        return []

    def change(self, sql, args):
        """The world works out the rest of what cinder keeps by itself."""
        world = self._world
        if 'UPDATE volume_attachment' in sql:
            world._ended(args['attachment'])
        elif 'UPDATE block_device_mapping' in sql:
            [(server, volume, _)] = self.read(sql, args)
            assert (server, volume) == (args['server'], args['volume'])
            del world.mappings[server][volume]
            world._tell(server)
        return 1

    def _mapped(self):
        return [
            (server, volume, one['bdm_uuid'])
            for server, mine in self._world.mappings.items()
            for volume, one in mine.items()
        ]

    def kept(self):
        """The mappings, as a snapshot has them."""
        return tuple(
            KeptMapping(
                uuid, server, 'cell1', volume,
                self._world.mappings[server][volume]['attachment_id'],
            )
            for server, volume, uuid in self._mapped()
        )  # fmt: skip
