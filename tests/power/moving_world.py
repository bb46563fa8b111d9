# SPDX-License-Identifier: Apache-2.0
"""The small cloud with what moves by hand touch: placement, ports one by one,
cinder's attachments and nova's rows.  Every effect has a point before and one
after it.
"""

import dataclasses

from osc_recover import errors, facts
from tests.power.world import World

PASSWORD = 'chap-secret'


class MovingWorld(World):
    """A cloud in memory, of which a test compares what is left."""

    def __init__(self, situation):
        super().__init__(situation)
        hand = situation.by_hand
        self.holdings = {one.consumer: one for one in hand.holdings}
        self.bound = {port.id: port for port in hand.ports}
        self.attached = {one.id: one for one in hand.attachments}
        self.hosts = {one.id: situation.hosts[0] for one in hand.attachments}
        self.rows = {one.row.server: one.row for one in hand.movables}
        self.mappings = {
            mapping.id: mapping
            for one in hand.movables
            for mapping in one.mappings
        }
        self.records = {}
        self.did = {}
        self.numbers = 0
        for one in hand.attachments:
            self._connect(one.id, situation.hosts[0])

    # nova's API

    def server(self, name):
        server = super().server(name)
        row = self.rows[name]
        return dataclasses.replace(
            server,
            host=row.host,
            vm_state=row.vm_state,
            task_state=row.task_state,
            power_state=row.power_state,
        )

    def servers_changed(self, since):
        return ()

    def servers(self, host):
        seen = (self.server(key) for key in self.rows)
        return tuple(one for one in seen if one.host == host)

    def migrations(self, **which):
        return ()

    def actions(self, server):
        return tuple(reversed(self.did.get(server, [])))

    def lock(self, server, reason):
        return self._effect(
            'lock',
            server,
            lambda: self._acted(
                server, 'lock', locked=True, locked_reason=reason
            ),
        )

    def unlock(self, server):
        return self._effect(
            'unlock',
            server,
            lambda: self._acted(
                server, 'unlock', locked=False, locked_reason=''
            ),
        )

    def _acted(self, server, action, **values):
        self.did.setdefault(server, []).append((action, f'req-{action}'))
        self._set(server, **values)

    def start(self, server):
        def change():
            for mapping in self.mappings.values():
                # What nova would start without, or with another's LUN.
                if mapping.server == server:
                    self._check_connected(mapping)
            self.did.setdefault(server, []).append(('start', 'req-start'))
            self.rows[server] = dataclasses.replace(
                self.rows[server], vm_state='active', power_state=1
            )

        return self._effect('start', server, change)

    def _check_connected(self, mapping):
        host = self.rows[mapping.server].host
        assert mapping.driver
        assert self.attached[mapping.attachment].status == 'attached'
        assert self.hosts[mapping.attachment] == host

    # placement

    def of(self, consumer):
        return self.holdings[consumer]

    def put(self, wanted):
        now = self.holdings[wanted.consumer]
        assert wanted.generation == now.generation

        def change():
            self.holdings[wanted.consumer] = dataclasses.replace(
                wanted, generation=now.generation + 1
            )

        return self._effect('put', wanted.consumer, change)

    # neutron

    def port(self, key):
        return self.bound[key]

    def bind(self, port, host, owner):
        def change():
            dead = host in self.on
            self.bound[port.id] = dataclasses.replace(
                port,
                host=host,
                owner=owner,
                vif_type='binding_failed' if dead else 'ovs',
                revision=port.revision + 1,
            )

        return self._effect('bind', port.id, change)

    def bindings(self, key):
        return ()

    def ports(self, servers):
        return tuple(
            facts.Port(one.id, one.server, one.host, one.vif_type)
            for one in self.bound.values()
            if one.server in servers
        )

    # cinder

    def of_volume(self, server, volume):
        return tuple(
            one
            for one in self.attached.values()
            if (one.server, one.volume) == (server, volume)
        )

    def attachment(self, key):
        return self.attached[key]

    def create(self, volume, server):
        self.numbers += 1
        made = facts.VolumeAttachment(
            f'made-{self.numbers}', volume, server, 'reserved'
        )
        # As cinder does, whose volume is attaching then.
        assert 'attaching' not in {
            one.status
            for one in self.attached.values()
            if one.volume == volume
        }

        def change():
            self.attached[made.id] = made

        return made, self._effect('create', volume, change)

    def delete(self, key):
        volume = self.attached[key].volume
        named = {m.attachment for m in self.mappings.values()}
        # As cinder does, which asks nova.
        assert key not in named

        def change():
            del self.attached[key]

        return self._effect('delete', volume, change)

    def update(self, key, connector):
        volume = self.attached[key].volume
        same = [
            one.id
            for one in self.attached.values()
            if one.volume == volume and self.hosts.get(one.id)
        ]
        # Two connectors of one volume and server are one too many.
        assert not same

        def change():
            self._connect(key, connector['host'])

        reply = self._effect('update', volume, change)
        return self.attached[key], reply

    def _connect(self, key, host):
        self.hosts[key] = host
        self.attached[key] = dataclasses.replace(
            self.attached[key],
            status=(
                'attaching'
                if self.attached[key].status == 'reserved'
                else 'attached'
            ),
            connection={
                'driver_volume_type': 'iscsi',
                'auth_password': PASSWORD,
                'target_iqn': f'iqn.{host}',
            },
        )

    def complete(self, key):
        def change():
            self.attached[key] = dataclasses.replace(
                self.attached[key], status='attached'
            )

        return self._effect('complete', self.attached[key].volume, change)

    def volumes(self, names):
        return tuple(
            facts.Volume(
                name,
                attachments=tuple(
                    facts.Attachment(
                        one.id, name, one.server, self.hosts.get(one.id, '')
                    )
                    for one in self.attached.values()
                    if one.volume == name
                ),
            )
            for name in names
        )


class Rows:
    """nova's databases, of the same world."""

    def __init__(self, world):
        self._world = world

    def _effect(self, name, target, change):
        return self._world._effect(name, target, change)

    def move(self, cell, what):
        world = self._world
        if world.rows[what.server] != what.before:
            raise errors.RowsDiffer(
                what.server, 'instances', 'host', what.before.host, 'another'
            )
        held = world.holdings[what.server].resources
        assert len(held) == 2

        def change():
            world.rows[what.server] = facts.ServerRow(
                what.server,
                what.to.host,
                what.to.node,
                what.to.compute_id,
                'stopped',
                None,
                4,
                what.to.zone,
            )
            world.records[what.migration] = 'done'
            world.did.setdefault(what.server, []).append(
                ('evacuate', what.request)
            )

        self._effect('move', what.server, change)

    def moved(self, cell, what):
        return self._world.rows[what.server].host == what.to.host

    def take_back(self, cell, what):
        world = self._world
        row = world.rows[what.server]
        if row.vm_state != 'stopped':
            raise errors.AlreadyStarted(what.server, row.host, row.vm_state)

        def change():
            world.rows[what.server] = what.before
            world.records[what.migration] = 'failed'

        self._effect('take-back', what.server, change)

    def taken_back(self, cell, what):
        world = self._world
        here = world.rows[what.server].host == what.before.host
        return here and world.records.get(what.migration) != 'done'

    def mapping(self, cell, planned):
        return self._world.mappings[planned.id]

    def _change(self, planned, attachment, driver, name):
        world = self._world
        now = world.mappings[planned.id]

        def change():
            world.mappings[planned.id] = dataclasses.replace(
                now, attachment=attachment, driver=driver
            )

        self._effect(name, planned.volume, change)

    def renew(self, cell, planned, attachment, host):
        assert self._world.rows[planned.server].host == host
        now = self._world.mappings[planned.id]
        assert now.attachment == planned.attachment
        self._change(planned, attachment, '', 'renew')

    def fill(self, cell, planned, host, attachment):
        assert self._world.rows[planned.server].host == host
        self._change(planned, attachment.id, attachment.driver, 'fill')

    def restore(self, cell, planned, host, attachment):
        assert self._world.rows[planned.server].host == host
        self._change(planned, attachment.id, attachment.driver, 'restore')
