# SPDX-License-Identifier: Apache-2.0
"""Small worlds with twin servers in them, as nova and others keep them."""

import dataclasses
import datetime
import json
import uuid

from tests.oracle.world import Table, World

NOW = datetime.datetime(2026, 11, 3, 4, 5, 6)
PROJECT = '00000000-0000-4000-8000-00000000aaaa'


def name(*what):
    """An id that is always the same for the same thing."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(map(str, what))))


@dataclasses.dataclass
class Twin:
    """One server with a volume and a port."""

    number: int
    host: str = 'cmp2'
    attached: tuple[int, ...] = (0, 1)  # attachments, the last one lives

    def __getattr__(self, what):
        return name(what, self.number)

    def attachment(self, turn):
        return name('attachment', turn, self.number)

    def rows(self):
        """By table, with the columns that the oracle goes by."""
        n, later = self.number, datetime.timedelta(seconds=self.number)
        return {
            'nova.instances': [
                {
                    'id': n,
                    'uuid': self.server,
                    'created_at': NOW + later,
                    'terminated_at': None,
                    'display_name': f'twin-{n}',
                    'hostname': f'twin-{n}',
                    'reservation_id': f'r-{n:08}',
                    'project_id': PROJECT,
                    'host': self.host,
                    'power_state': 1,
                    'deleted': 0,
                }
            ],
            'nova.instance_actions': [
                {
                    'id': 10 + n,
                    'instance_uuid': self.server,
                    'request_id': f'req-{self.request}',
                    'action': 'evacuate',
                }
            ],
            'nova.instance_actions_events': [
                {'id': 20 + n, 'action_id': 10 + n, 'result': 'Success'}
            ],
            'nova.migrations': [
                {
                    'id': 30 + n,
                    'uuid': self.migration,
                    'instance_uuid': self.server,
                    'status': 'done',
                }
            ],
            'nova.block_device_mapping': [
                {
                    'id': 40 + n,
                    'uuid': self.mapping,
                    'instance_uuid': self.server,
                    'device_name': '/dev/vdb',
                    'volume_id': self.volume,
                    'attachment_id': self.attachment(self.attached[-1]),
                    'connection_info': self.connection(),
                    'deleted': 0,
                }
            ],
            'nova.instance_info_caches': [
                {
                    'id': 50 + n,
                    'instance_uuid': self.server,
                    'network_info': json.dumps(
                        [
                            {
                                'id': self.port,
                                'devname': f'tap{self.port[:11]}',
                                'address': f'10.99.0.{n}',
                                'active': True,
                            }
                        ]
                    ),
                }
            ],
            'cinder.volumes': [
                {
                    'id': self.volume,
                    'display_name': f'data-{n}',
                    'project_id': PROJECT,
                    'status': 'in-use',
                }
            ],
            'cinder.volume_attachment': [
                {
                    'id': self.attachment(turn),
                    'volume_id': self.volume,
                    'instance_uuid': self.server,
                    'created_at': NOW + datetime.timedelta(seconds=turn),
                    'deleted': int(turn != self.attached[-1]),
                }
                for turn in self.attached
            ],
            'neutron.standardattributes': [
                {'id': 60 + n, 'revision_number': 4}
            ],
            'neutron.ports': [
                {
                    'id': self.port,
                    'device_id': self.server,
                    'mac_address': f'fa:16:3e:00:00:{n:02x}',
                    'standard_attr_id': 60 + n,
                }
            ],
            'neutron.ipallocations': [
                {
                    'port_id': self.port,
                    'ip_address': f'10.99.0.{n}',
                    'network_id': PROJECT,
                }
            ],
            'placement.allocations': [
                {
                    'id': 70 + n,
                    'consumer_id': self.server,
                    'resource_provider_id': 2,
                    'used': 64,
                }
            ],
        }

    def connection(self):
        return json.dumps(
            {
                'driver_volume_type': 'iscsi',
                'attached_at': '2026-11-03T04:05:06.000000',
                'data': {
                    'target_iqn': f'iqn.practice:{self.volume}:{self.host}',
                    'target_discovered': False,
                },
                'serial': self.volume,
            }
        )


REFERS = {
    'nova.instance_actions_events': {'action_id': 'nova.instance_actions.id'},
    'neutron.ports': {'standard_attr_id': 'neutron.standardattributes.id'},
    'placement.allocations': {
        'resource_provider_id': 'placement.resource_providers.id'
    },
}
# Of nobody in particular, and what it takes for others not to be drawn in.
OTHERS = {
    'placement.resource_providers': [
        {'id': 1, 'uuid': name('provider', 1), 'name': 'cmp1'},
        {'id': 2, 'uuid': name('provider', 2), 'name': 'cmp2'},
    ],
    'nova.services': [{'id': 1, 'host': 'cmp2', 'report_count': 7}],
}


def world(*twins):
    """A world of these servers."""
    rows = {table: list(found) for table, found in OTHERS.items()}
    for twin in twins:
        for table, found in twin.rows().items():
            rows.setdefault(table, []).extend(found)
    return World(
        Table(
            name=table,
            key=('port_id',) if 'ipallocations' in table else ('id',),
            counted=frozenset(
                {'id'} if isinstance(found[0].get('id'), int) else ()
            ),
            refers=REFERS.get(table, {}),
            rows=tuple(found),
        )
        for table, found in rows.items()
    )
