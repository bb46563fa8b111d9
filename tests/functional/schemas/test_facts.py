# SPDX-License-Identifier: Apache-2.0
"""What the databases of each release say about moving servers."""

from osc_recover.facts import moving as kinds
from osc_recover.gateways.database import movables
from tests.schemas.cell import (
    DEAD,
    PROJECT,
    USER,
)


def test_a_server_with_nothing_of_its_host_has_no_claims(cell, database):
    server = cell.boot()
    found = movables.movables(database, [server, 'nobody'])
    assert list(found) == [server]
    assert found[server].claims == ()
    assert found[server].extra_specs == {'hw:a': 'b'}
    assert (found[server].user, found[server].project) == (USER, PROJECT)


def test_every_claim_is_read(cell, database):
    server, free = cell.boot(), cell.boot()
    cell.run(
        'UPDATE instance_extra SET numa_topology = "{\\"cells\\": []}", '
        'pci_requests = "[{}]", migration_context = "{\\"a\\": 1}", '
        'resources = "{\\"a\\": 1}" WHERE instance_uuid = %s', server,
    )  # fmt: skip
    cell.insert(
        'pci_devices', instance_uuid=server, address='0000:09:01.1',
        compute_node_id=1, vendor_id='8086', product_id='1', label='l',
        dev_type='type-VF', status='allocated', deleted=0,
    )  # fmt: skip
    cell.evacuation(server, migration_type='resize', status='migrating')
    for key, value in (
        ('image_hw_tpm_version', '2.0'),
        ('vtpm_secret_uuid', 'x'),
    ):
        cell.insert(
            'instance_system_metadata', instance_uuid=server, key=key,
            value=value, deleted=0,
        )  # fmt: skip
    cell.volume(server, encrypted=1)
    wanted = {
        kinds.NUMA, kinds.PCI_REQUEST, kinds.CONTEXT, kinds.RESOURCES,
        kinds.PCI_DEVICE, kinds.MIGRATION, kinds.VTPM, kinds.ENCRYPTED,
    }  # fmt: skip
    if (
        cell.has('share_mapping', 'share_id')
        if cell.release == '34'
        else False
    ):
        cell.insert(
            'share_mapping', instance_uuid=server, share_id='s', status='a',
            tag='t',
        )  # fmt: skip
        wanted.add(kinds.SHARE)
    found = movables.movables(database, [server, free])
    assert {claim.code for claim in found[server].claims} == wanted
    assert found[server].image_properties == {'hw_tpm_version': '2.0'}
    assert found[free].claims == ()


def test_standing_evacuations_are_told_oldest_first(cell, database):
    server = cell.boot()
    first = cell.evacuation(server, status='done')
    second = cell.evacuation(server, dest_compute='cmp3')
    cell.evacuation(server, status='error')
    cell.evacuation(server, status='done', source_compute='cmp7')
    found = movables.movables(database, [server])[server]
    assert [row.uuid for row in found.evacuations] == [first, second]
    assert found.evacuations[1].destination == 'cmp3'
    assert found.claims == ()


def test_an_evacuation_off_another_host_is_under_way(cell, database):
    server = cell.boot()
    cell.evacuation(server, source_compute='cmp7')
    found = movables.movables(database, [server])[server]
    assert [claim.code for claim in found.claims] == [kinds.MIGRATION]
    assert found.evacuations == ()


def test_hosts_and_servers_are_found_in_their_cells(cell):
    api = cell.open('nova_api')
    server = cell.boot()
    with cell.server.open() as cursor:
        cursor.execute(f'USE {cell.api_name}')
        cursor.execute(
            'INSERT INTO cell_mappings (uuid, name, transport_url, '
            "database_connection, disabled) VALUES ('c-1', 'one', '', '', 0)"
        )
        number = cursor.lastrowid
        cursor.execute(
            'INSERT INTO host_mappings (cell_id, host) VALUES (%s, %s)',
            (number, DEAD),
        )
        cursor.execute(
            'INSERT INTO instance_mappings (instance_uuid, cell_id, '
            'project_id) VALUES (%s, %s, %s)', (server, number, PROJECT),
        )  # fmt: skip
    assert movables.cells_of_hosts(api, [DEAD, 'cmp9']) == {DEAD: 'c-1'}
    assert movables.cells_of_servers(api, [server]) == {server: 'c-1'}
    api.close()
