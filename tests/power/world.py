# SPDX-License-Identifier: Apache-2.0
"""A small cloud in memory, and a fuse that ends the process's power.

It plays the gateways that the operations talk to, keeps what was asked of it,
and lets an evacuation go on a little with each look at it.
"""

import dataclasses
import threading
from collections import Counter

from osc_recover import errors, facts
from osc_recover.gateways.api import Reply
from osc_recover.journal import Journal


class PowerLoss(BaseException):
    """The machine that the tool runs on has lost its power."""


class Fuse:
    """Blows at the given point; after that, nothing works any more."""

    def __init__(self, point=0):
        self.point, self.count, self.blown = point, 0, False
        self._lock = threading.Lock()

    def __call__(self):
        with self._lock:
            self.count += 1
            if self.count == self.point:
                self.blown = True
            if self.blown:
                raise PowerLoss


class FusedJournal(Journal):
    """A journal whose every write has a point before and one after it."""

    fuse = staticmethod(lambda: None)

    def _write(self, sql, values):
        self.fuse()
        super()._write(sql, values)
        self.fuse()


class World:
    """nova, neutron, cinder and the power switch of one failed host."""

    timeout = 0.02
    steps = ('accepted', 'pre-migrating', 'done')

    def __init__(self, situation):
        self.fuse = Fuse()
        self.asked = Counter()
        self.together = []  # servers under way, at each request
        self.on = dict.fromkeys(situation.hosts, True)
        self._lock = threading.RLock()
        self._services = {s.host: s for s in situation.services}
        self._servers = {s.id: s for s in situation.servers}
        self._ports = list(situation.ports)
        self._volumes = {v.id: v for v in situation.volumes}
        self._records, self._actions = [], Counter()
        self._clock = self._ticks = 0

    def _effect(self, name, target, change):
        self.fuse()
        with self._lock:
            self.asked[f'{name}:{target}'] += 1
            change()
        self.fuse()
        return Reply({}, f'req-{name}-{target}')

    # the power switch

    def off(self, host):
        self._effect('off', host, lambda: self.on.update({host: False}))

    def is_off(self, host):
        return not self.on[host]

    def knows(self, host):
        return host in self.on

    # nova

    def services(self):
        return tuple(self._services.values())

    def compute_service(self, host):
        return self._services.get(host)

    def update_service(self, service, *, enabled, reason, forced_down):
        name = next(s.host for s in self.services() if s.id == service)

        def change():
            self._clock += 1
            self._services[name] = dataclasses.replace(
                self._services[name],
                enabled=enabled,
                disabled_reason=reason,
                forced_down=forced_down,
                up=not forced_down,
                updated_at=f'T{self._clock}',
            )

        return self._effect('update', name, change)

    def servers(self, host):
        with self._lock:
            return tuple(s for s in self._servers.values() if s.host == host)

    def server(self, name):
        with self._lock:
            if name not in self._servers:
                raise errors.Gone('nova', f'GET {name}', 'not found', 404)
            return self._servers[name]

    def servers_changed(self, since):
        with self._lock:
            every = self._servers.values()
            return tuple(s for s in every if s.updated >= since)

    def evacuate_actions(self, server):
        return tuple(f'req-{n}' for n in range(self._actions[server], 0, -1))

    def evacuations_since(self, source, after, page):
        with self._lock:
            self._records = [self._on(r) for r in self._records]
            mine = [r for r in self._records if r.source == source]
            return tuple(r for r in mine[::-1] if r.id > after)

    def _on(self, record):
        if record.status not in self.steps[:-1]:
            return record
        status = self.steps[self.steps.index(record.status) + 1]
        if status == 'done':
            self._arrive(record)
        return dataclasses.replace(record, status=status)

    def _arrive(self, record):
        server = self._servers[record.server]
        stays_off = server.vm_state == 'stopped'
        self._set(
            record.server,
            host=record.destination,
            task_state=None,
            vm_state='stopped' if stays_off else 'active',
            power_state=4 if stays_off else 1,
        )
        self._ports = [
            dataclasses.replace(p, host=record.destination)
            if p.server == record.server
            else p
            for p in self._ports
        ]
        for volume in server.volumes:
            self._attach(volume, record.server, record.destination)

    def _attach(self, volume, server, host):
        kept = [
            a for a in self._volumes[volume].attachments if a.server != server
        ]
        kept.append(facts.Attachment(f'new-{host}', volume, server, host))
        self._volumes[volume] = dataclasses.replace(
            self._volumes[volume], attachments=tuple(kept)
        )

    def _set(self, server, **values):
        self._ticks += 1
        minutes, seconds = divmod(self._ticks, 60)
        values.setdefault(
            'updated', f'2027-01-01T00:{minutes:02}:{seconds:02}Z'
        )
        self._servers[server] = dataclasses.replace(
            self._servers[server], **values
        )

    def evacuate(self, server, host, microversion):
        source = self._servers[server].host

        def change():
            self._actions[server] += 1
            number = len(self._records) + 1
            self._records.append(
                facts.Migration(
                    number,
                    f'm{number}',
                    server,
                    'evacuation',
                    'accepted',
                    source,
                    host or 'cmp2',
                )
            )
            self._set(server, task_state='rebuilding')
            self.together.append(
                {r.server for r in self._records if r.status != 'done'}
            )

        return self._effect('evacuate', server, change)

    def reset_state(self, server, state):
        return self._effect(
            'reset',
            server,
            lambda: self._set(server, vm_state=state, task_state=None),
        )

    def stop(self, server):
        return self._effect(
            'stop',
            server,
            lambda: self._set(server, vm_state='stopped', power_state=4),
        )

    # neutron, cinder

    def ports(self, servers):
        return tuple(p for p in self._ports if p.server in servers)

    def volumes(self, names):
        return tuple(self._volumes[name] for name in names)
