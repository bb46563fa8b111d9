# SPDX-License-Identifier: Apache-2.0
"""Do the databases answer, and may we do there what is to be done?

Tried, and nothing changed: that a statement may be run is what EXPLAIN tells,
which checks the rights of the account and runs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from osc_recover import errors
from osc_recover.facts import Probe
from osc_recover.gateways.database import Database, Databases, Transaction
from osc_recover.settings import DatabaseSettings

# What commands read.  nova: db/api/models.py, db/main/models.py; cinder:
# db/sqlalchemy/models.py; all of them since the oldest release in the manual.
NOVA_API = {
    'cell_mappings': ('uuid', 'name', 'database_connection', 'disabled'),
    'host_mappings': ('host', 'cell_id'),
    'instance_mappings': ('instance_uuid', 'cell_id'),
    'request_specs': ('instance_uuid', 'spec'),
}
CELL = {
    'instances': ('id', 'uuid', 'host', 'node', 'vm_state', 'power_state'),
    'instance_id_mappings': ('id', 'uuid'),
    'instance_extra': ('instance_uuid', 'numa_topology', 'pci_requests'),
    'instance_actions': ('instance_uuid', 'action', 'request_id'),
    'migrations': ('uuid', 'instance_uuid', 'status', 'migration_type'),
    'block_device_mapping': ('instance_uuid', 'volume_id', 'attachment_id'),
    'compute_nodes': ('id', 'host', 'hypervisor_hostname'),
    'services': ('host', 'binary', 'forced_down'),
    'pci_devices': ('instance_uuid', 'status'),
    'console_auth_tokens': ('instance_uuid',),
}
CINDER = {
    'volumes': ('id', 'status', 'attach_status'),
    'volume_attachment': ('id', 'volume_id', 'instance_uuid'),
}
# What commands that write in a cell do there.
WRITES = (
    'UPDATE instances SET host = host WHERE 1 = 0',
    'UPDATE migrations SET status = status WHERE 1 = 0',
    'UPDATE block_device_mapping SET attachment_id = NULL WHERE 1 = 0',
    'INSERT INTO migrations (uuid) VALUES (NULL)',
    'INSERT INTO instance_actions (action) VALUES (NULL)',
    'DELETE FROM console_auth_tokens WHERE 1 = 0',
)
# And those that end an attachment which cinder's API cannot end by itself.
CINDER_WRITES = (
    'UPDATE volumes SET status = status WHERE 1 = 0',
    'UPDATE volume_attachment SET volume_id = volume_id WHERE 1 = 0',
)
_SERVER = 'SELECT VERSION() AS version, @@read_only AS read_only'


def probes(
    databases: Databases, settings: DatabaseSettings, hosts: Sequence[str]
) -> Iterator[Probe]:
    """A record for each database; cells are known when nova_api answers.

    :param hosts: those that nova's API has, to see that it is one cloud
    """
    if not databases.configured:
        yield Probe(
            'databases',
            'unused',
            'none is asked; what only they know stays unknown',
            'say recover: database in clouds.yaml to have them asked',
        )
        return
    yield _of_cloud(databases.nova_api, hosts)
    try:
        cells = databases.cells()
    except errors.DatabaseError:
        cells = ()  # the row of nova_api says why
    for cell in cells:
        yield _probe(cell.database, CELL, WRITES)
    yield from _misnamed(databases, settings)
    if databases.cinder is not None:
        yield _probe(databases.cinder, CINDER, CINDER_WRITES)


def _of_cloud(nova_api: Database, hosts: Sequence[str]) -> Probe:
    found = _probe(nova_api, NOVA_API)
    if found.state != 'ok' or not hosts:
        return found
    try:
        rows = nova_api.read('SELECT host FROM host_mappings')
    except errors.DatabaseError as exc:
        return _broken(found.check, exc)
    # Some may not be mapped yet; all of them is another matter.
    if {row['host'] for row in rows} & set(hosts):
        return found
    return Probe(
        found.check,
        'broken',
        f"it knows none of the compute hosts of nova's API, such as "
        f'{hosts[0]}: it is the database of another cloud',
        'correct recover: database in clouds.yaml, or the name of the cloud',
    )


def _misnamed(
    databases: Databases, settings: DatabaseSettings
) -> Iterator[Probe]:
    """URLs that are said for cells which nova does not have."""
    try:
        known = databases.cells()
    except errors.DatabaseError:
        return
    names = {text for cell in known for text in (cell.uuid, cell.name)}
    odd = sorted(set(settings.cells) - names)
    if odd:
        cells = ', '.join(cell.name or cell.uuid for cell in known)
        yield Probe(
            'database cells',
            'unknown',
            f'recover: database: cells names {", ".join(odd)}; the enabled '
            f'cells of nova are {cells}',
            'correct the names; no entry is needed for a cell whose mapping '
            'can be used from here',
        )


def _probe(
    database: Database,
    needed: Mapping[str, Sequence[str]],
    writes: Sequence[str] = (),
) -> Probe:
    check = f'database {database.name}'
    try:
        [server] = database.read(_SERVER)
        for table, columns in needed.items():
            # Some have the name of a word of SQL, such as binary.
            names = ', '.join(f'`{name}`' for name in columns)
            database.read(f'SELECT {names} FROM {table} WHERE 1 = 0')  # noqa: S608
        limit, fix = _limit(database, server, writes)
    except errors.DatabaseError as exc:
        return _broken(check, exc)
    return Probe(check, 'ok', f'{server["version"]}, {limit}', fix)


def _limit(
    database: Database, server: Mapping[str, object], writes: Sequence[str]
) -> tuple[str, str]:
    """What may be done there, and what lets more be done."""
    if not writes:
        return 'may be read', ''
    if server['read_only']:
        return (
            'may be read only: the server takes no writes',
            'commands that write need the address of the primary',
        )

    def explained(transaction: Transaction) -> None:
        for sql in writes:
            transaction.rows(f'EXPLAIN {sql}')

    try:
        # Not as a read: in a transaction that only reads, none is explained.
        database.transact(explained)
    except errors.DatabaseDenied as exc:
        return f'may be read only: {exc.problem}', exc.way_out
    return 'may be read and written', ''


def _broken(check: str, exc: errors.DatabaseError) -> Probe:
    return Probe(check, 'broken', exc.sentence, exc.way_out)
