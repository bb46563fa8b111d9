# SPDX-License-Identifier: Apache-2.0
"""A cell's database with a release's schema, and rows as nova leaves them."""

import contextlib
import datetime
import itertools
import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pymysql

from osc_recover.facts import ComputeRow, Destination, EvacuationRow, Move
from osc_recover.gateways.database import Database, movables, url
from tests import mariadb, schemas

WHEN = datetime.datetime(2026, 1, 1)
USER, PROJECT = 'u' * 32, 'p' * 32
DEAD, ALIVE = 'cmp1', 'cmp2'
NEWER = ('28', '30', '34')  # that have compute_id
GRANTS = 'SELECT, INSERT, UPDATE, DELETE'  # what the manual asks for
_FLAVOR = {
    'cur': {
        'nova_object.name': 'Flavor',
        'nova_object.data': {'name': 'm1', 'extra_specs': {'hw:a': 'b'}},
    },
    'old': None,
    'new': None,
}


class Cell:
    """The two databases of one release on a private server."""

    def __init__(self, server: mariadb.Server, release: str) -> None:
        self.server = server
        self.release = release
        self.name = f'nova_{release}'
        self.api_name = f'nova_api_{release}'
        self._kept = threading.local()

    @classmethod
    def made(cls, server: mariadb.Server, release: str) -> 'Cell':
        """Its schemas loaded, and two hosts in them."""
        cell = cls(server, release)
        for name, kind in zip(
            (cell.name, cell.api_name), schemas.KINDS, strict=True
        ):
            server.admin(f'CREATE DATABASE {name}')
            _load(server, name, schemas.path(release, kind).read_text())
        cell.host(DEAD, forced_down=1)
        cell.host(ALIVE)
        return cell

    def open(self, kind: str = 'nova', **more: Any) -> Database:
        """One of its databases, as the tool uses it."""
        name = self.name if kind == 'nova' else self.api_name
        grants = more.pop('grants', GRANTS)
        user = 'tool' if grants == GRANTS else 'reader'
        account = self.server.account(user, f'{grants} ON `{name}`.*')
        text = self.server.url(account, name, **more)
        return Database(name, lambda: url.parse(name, text))

    def run(self, sql: str, *args: Any) -> int:
        """A statement of somebody else's, committed; rows it matched."""
        with self.cursor() as cursor:
            return int(cursor.execute(sql, args))

    def rows(self, table: str, where: str = '1') -> list[dict[str, Any]]:
        """Rows of a table, in order."""
        with self.cursor() as cursor:
            cursor.execute(f'SELECT * FROM {table} WHERE {where} ORDER BY id')
            names = [column[0] for column in cursor.description]
            return [
                dict(zip(names, row, strict=True)) for row in cursor.fetchall()
            ]

    def server_row(self, server: str) -> dict[str, Any]:
        """A server's row."""
        (row,) = self.rows('instances', f"uuid = '{server}'")
        return row

    def of(self, table: str, server: str) -> list[dict[str, Any]]:
        """A table's rows of a server."""
        return self.rows(table, f"instance_uuid = '{server}'")

    @contextlib.contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor of root's that commits each statement."""
        # One a thread is kept: a test makes many rows.
        if not hasattr(self._kept, 'link'):
            self._kept.link = pymysql.connect(
                unix_socket=str(self.server.socket), user='root',
                database=self.name, autocommit=True,
            )  # fmt: skip
        with self._kept.link.cursor() as cursor:
            yield cursor

    def insert(self, table: str, **values: Any) -> int:
        """A row; returns its id."""
        values = {'created_at': WHEN, **values}
        columns = ', '.join(f'`{column}`' for column in values)
        marks = ', '.join(f'%({column})s' for column in values)
        with self.cursor() as cursor:
            cursor.execute(
                f'INSERT INTO {table} ({columns}) VALUES ({marks})', values
            )
            return int(cursor.lastrowid)

    def has(self, table: str, column: str) -> bool:
        """Whether the release has a column."""
        with self.cursor() as cursor:
            found = cursor.execute(
                f'SHOW COLUMNS FROM {table} LIKE %s', (column,)
            )
            return bool(found)

    def host(self, name: str, forced_down: int = 0) -> int:
        """A compute service and its node; returns the node's id."""
        self.insert(
            'services', host=name, binary='nova-compute', topic='compute',
            report_count=1, disabled=forced_down, deleted=0, version=60,
            forced_down=forced_down, uuid=str(uuid.uuid4()),
        )  # fmt: skip
        return self.insert(
            'compute_nodes', host=name, hypervisor_hostname=f'{name}.node',
            uuid=str(uuid.uuid4()), deleted=0, vcpus=8, memory_mb=8192,
            local_gb=100, vcpus_used=0, memory_mb_used=0, local_gb_used=0,
            hypervisor_type='QEMU', hypervisor_version=8000000, cpu_info='{}',
            host_ip='10.0.0.1',
        )  # fmt: skip

    def boot(self, host: str = DEAD, **values: Any) -> str:
        """A server that runs on a host; returns its ID."""
        server = str(uuid.uuid4())
        node = self.rows('compute_nodes', f"host = '{host}'")[0]
        if self.has('instances', 'compute_id'):
            values = {'compute_id': node['id'], **values}
        self.insert('instances', **{
            'uuid': server, 'deleted': 0, 'host': host,
            'node': node['hypervisor_hostname'], 'vm_state': 'active',
            'power_state': 1, 'task_state': None, 'launched_on': host,
            'availability_zone': 'az1', 'user_id': USER, 'hidden': 0,
            'project_id': PROJECT, 'display_name': 'web', 'locked': 0,
            'launched_at': WHEN, 'updated_at': WHEN, 'cleaned': 0, **values,
        })  # fmt: skip
        self.insert(
            'instance_extra', instance_uuid=server, deleted=0,
            pci_requests='[]', flavor=json.dumps(_FLAVOR),
        )  # fmt: skip
        self.insert(
            'instance_actions', instance_uuid=server, action='create',
            request_id=f'req-{uuid.uuid4()}', start_time=WHEN, deleted=0,
        )  # fmt: skip
        return server

    def token(self, server: str) -> None:
        """A console that somebody has open."""
        self.insert(
            'console_auth_tokens', instance_uuid=server, host=DEAD, port=5900,
            token_hash=uuid.uuid4().hex, console_type='novnc', expires=1,
        )  # fmt: skip

    def evacuation(self, server: str, **values: Any) -> str:
        """A record of an evacuation off the dead host; returns its uuid."""
        name = str(uuid.uuid4())
        self.insert('migrations', **{
            'uuid': name, 'deleted': 0, 'hidden': 0, 'instance_uuid': server,
            'source_compute': DEAD, 'source_node': f'{DEAD}.node',
            'status': 'accepted', 'migration_type': 'evacuation',
            'cross_cell_move': 0, **values,
        })  # fmt: skip
        return name

    def volume(self, server: str, **values: Any) -> int:
        """A volume's mapping; returns its id."""
        info = {
            'driver_volume_type': 'iscsi', 'serial': 'v',
            'data': {'auth_password': 'secret', 'multipath_id': '36a'},
        }  # fmt: skip
        return self.insert('block_device_mapping', **{
            'instance_uuid': server, 'deleted': 0, 'volume_id': 'v',
            'attachment_id': 'old', 'device_name': '/dev/vdb',
            'source_type': 'volume', 'destination_type': 'volume',
            'uuid': str(uuid.uuid4()), 'connection_info': json.dumps(info),
            **values,
        })  # fmt: skip


def planned(database: Database, server: str, host: str = ALIVE) -> Move:
    """A move of a server, as a plan has it after looking."""
    found = movables.movables(database, [server])[server]
    (node,) = movables.computes(database, [host])
    return Move(
        before=found.row,
        to=destination(node),
        migration=str(uuid.uuid4()),
        request=f'req-{uuid.uuid4()}',
        user=found.user,
        project=found.project,
        standing=standing(found.evacuations),
    )


def destination(node: ComputeRow) -> Destination:
    return Destination(node.host, node.node, node.id, node.ip, 'az2')


def standing(
    found: tuple[EvacuationRow, ...],
) -> tuple[EvacuationRow, ...]:
    assert list(found) == sorted(found, key=lambda row: row.id)
    return found


def _load(server: mariadb.Server, name: str, text: str) -> None:
    subprocess.run(
        [
            mariadb.program('mariadb'), '--no-defaults', '--user=root',
            f'--socket={server.socket}', name,
        ],
        input=text, text=True, check=True, capture_output=True,
    )  # fmt: skip


def tables(cell: Cell) -> dict[str, list[dict[str, Any]]]:
    """Everything that a move may touch, to be compared."""
    names = (
        'instances', 'migrations', 'console_auth_tokens', 'instance_actions',
        'instance_actions_events', 'block_device_mapping', 'instance_extra',
        'compute_nodes', 'services',
    )  # fmt: skip
    return {name: cell.rows(name) for name in names}


def apart(
    before: dict[str, Any], after: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The columns in which two rows differ, times of change aside."""
    return {
        key: (before[key], after[key])
        for key in itertools.chain(before)
        if before[key] != after[key] and key != 'updated_at'
    }
