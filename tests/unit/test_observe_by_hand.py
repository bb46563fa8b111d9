# SPDX-License-Identifier: Apache-2.0
"""What is seen for moves in the database, and what a gap leaves out."""

import contextlib
import json

from osc_recover import errors
from osc_recover.gateways.database import Cell
from osc_recover.observe import by_hand
from tests.unit import by_hand_facts as given
from tests.unit import cloud_double, keystone_double
from tests.unit.service_double import Answer

SERVER = given.of_volumes('s1', 'v1').server
ATTACHMENT = {
    'id': 'a-v1',
    'volume_id': 'v1',
    'instance': 's1',
    'status': 'attached',
    'connection_info': {'auth_password': 'chap secret'},
}
PORT = {
    'id': 'p1',
    'device_id': 's1',
    'revision_number': 3,
    'binding:host_id': 'cmp-1',
    'binding:vif_type': 'ovs',
}
HELD = {'node-1': {'resources': {'VCPU': 2}}}
ANSWERS = {
    '/placement/allocations/s1': {
        'allocations': HELD,
        'consumer_generation': 4,
    },
    '/volume/v3/attachments/detail': {'attachments': [ATTACHMENT]},
    '/network/v2.0/ports': {'ports': [PORT]},
}


class Database:
    """Rows by the table that is asked for, or an error."""

    def __init__(self, tables):
        self._tables = tables

    def columns(self, table):
        return frozenset()

    def read(self, sql, args):
        if isinstance(self._tables, Exception):
            raise self._tables
        found = [
            t for t in self._tables if f'FROM {t}' in ' '.join(sql.split())
        ]
        return self._tables[found[0]] if found else []


class Databases:
    def __init__(self, cell, cinder=None):
        rows = [{'name': h, 'uuid': 'one'} for h in ('cmp-1', 'cmp-2')]
        self.nova_api = Database({'host_mappings': rows})
        self.cinder = cinder
        self._cell = cell

    def cells(self):
        return (Cell('one', 'cell1', self._cell),)


CELL = Database(
    {
        'instances': [
            {
                'server': 's1',
                'host': 'cmp-1',
                'node': 'cmp-1',
                'vm_state': 'active',
                'task_state': None,
                'power_state': 1,
                'availability_zone': 'nova',
                'user_id': 'u',
                'project_id': 'p',
                'launched_at': None,
            }
        ],
        'compute_nodes': [
            {
                'id': 2,
                'host': 'cmp-2',
                'hypervisor_hostname': 'cmp-2',
                'uuid': 'node-2',
                'host_ip': '192.0.2.2',
                'hypervisor_type': 'QEMU',
            }
        ],
    }
)
KEPT = Database(
    {'volume_attachment': [{'connector': json.dumps({'host': 'cmp-2'})}]}
)


@contextlib.contextmanager
def seen(databases, **changes):
    with cloud_double.cloud({**ANSWERS, **changes}) as service:
        cloud = keystone_double.cloud(service.url)
        asking = by_hand.Asking(cloud, databases)
        yield by_hand.by_hand(asking, [SERVER], ['cmp-2'])


def test_all_that_a_move_needs_is_seen():
    with seen(Databases(CELL, KEPT)) as found:
        pass
    assert found.cells == {'cmp-1': 'one', 'cmp-2': 'one'}
    assert [one.row.server for one in found.movables] == ['s1']
    assert [node.host for node in found.computes] == ['cmp-2']
    assert [held.generation for held in found.holdings] == [4]
    assert [port.revision for port in found.ports] == [3]
    assert [one.id for one in found.attachments] == ['a-v1']
    (told,) = found.connectors
    assert (told.host, told.source) == ('cmp-2', "cinder's records")
    assert not found.unread


def test_passwords_of_the_storage_are_left_where_they_are():
    with seen(Databases(CELL)) as found:
        assert [dict(one.connection) for one in found.attachments] == [{}]


def test_a_service_that_does_not_tell_leaves_a_gap():
    refused = Answer(500, 'broken')
    with seen(
        Databases(CELL), **{'/placement/allocations/s1': refused}
    ) as found:
        assert found.holdings == ()
        assert found.ports


def test_a_cell_that_does_not_answer_leaves_its_servers_unread():
    down = errors.DatabaseUnreachable("cell 'cell1'", 'no route')
    with seen(Databases(Database(down))) as found:
        assert found.movables == ()
        assert 'no route' in found.unread['s1']


def test_nobody_knows_how_a_host_is_let_in():
    with seen(Databases(CELL)) as found:
        (told,) = found.connectors
    assert 'nor is the database of cinder known' in told.problem
    assert 'recover: ssh' in told.way_out
