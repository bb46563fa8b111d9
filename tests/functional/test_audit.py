# SPDX-License-Identifier: Apache-2.0
"""Contradictions planted in the practice cloud: found, mended, found no more.

Everything there is young, so that the tests ask for every age; a row waits
until the services' own clocks have passed what was planted.
"""

import uuid

import pytest

from tests import practice as lib
from tests.functional import planted_rows

pytestmark = pytest.mark.functional

NOBODY = '7c1de6a2-92f6-4c06-9f0e-1fbd0a7a3f55'
ROOM = {'resources': {'VCPU': 1, 'MEMORY_MB': 64}}
DAY = 'UTC_TIMESTAMP() - INTERVAL 1 DAY'


class Bed:
    """The cloud, its servers web and db, and the volume of db."""

    def __init__(self, cloud, clouds):
        self.cloud, self.clouds = cloud, clouds
        self.web = booted(cloud, 'web', 'cmp1')
        self.db = booted(cloud, 'db', 'cmp2')
        self.volume = cloud.add_volume(self.db, 'data')
        self.nodes = {
            p.name: p.id for p in cloud.sdk.placement.resource_providers()
        }

    def recover(self, *words):
        return lib.recover(self.clouds, *words)

    def audit(self, *words):
        words = ('audit', '--min-age', '0', *words)
        done = self.recover(*words)
        assert done.status in (0, 1), done
        return done

    def found(self):
        """(state, id) of every row."""
        done = self.audit()
        rows = {(row['State'], row['ID']) for row in done.rows}
        assert bool(rows) == bool(done.status), done
        return rows

    def until_found(self, *wanted):
        self.cloud.until(lambda: self.found() == set(wanted), f'{wanted}')

    def fix(self, code):
        done = self.audit('--fix', code, '--yes')
        assert done.status == 0, done
        assert {row['State'] for row in done.rows} == {'done'}
        return done

    # Straight to the services

    def held(self, consumer):
        placement = self.cloud.sdk.placement
        return placement.get(f'/allocations/{consumer}', microversion='1.28')

    def hold(self, consumer, allocations):
        """Have a consumer hold exactly this."""
        now = self.held(consumer).json()
        body = {
            'allocations': allocations,
            'project_id': now.get('project_id', NOBODY),
            'user_id': now.get('user_id', NOBODY),
            'consumer_generation': now.get('consumer_generation'),
        }
        answer = self.cloud.sdk.placement.put(
            f'/allocations/{consumer}', json=body, microversion='1.28'
        )
        assert answer.status_code == 204, answer.text

    def port(self):
        return next(self.cloud.sdk.network.ports(device_id=self.web))

    def reserve(self, volume, server):
        """An attachment of cinder's that nova does not know."""
        body = {'volume_uuid': volume, 'instance_uuid': server}
        answer = self.cloud.sdk.block_storage.post(
            '/attachments', json={'attachment': body}, microversion='3.44'
        )
        assert answer.status_code == 200, answer.text
        return answer.json()['attachment']['id']

    def made(self, name):
        """A volume that nobody has."""
        storage = self.cloud.sdk.block_storage
        made = storage.create_volume(size=1, name=name)
        storage.wait_for_status(made, 'available', interval=0.3)
        return made.id


def booted(cloud, name, host, tries=5):
    """A server; a nova-compute that has just started builds none.

    It reports before it has looked for its own provider in placement.
    """
    while True:
        try:
            return cloud.boot([name], host)[0]
        except AssertionError:
            tries -= 1
            if not tries:
                raise
        for server in cloud.servers():
            if server['name'] == name:
                cloud.call('DELETE', f'/servers/{server["id"]}')


def sql(database, statement, **args):
    with lib.database(database) as found, found.cursor() as cursor:
        assert cursor.execute(statement, args), statement


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    folder = tmp_path_factory.mktemp('audit')
    return Bed(clean, lib.write_clouds(folder))


@pytest.fixture(autouse=True)
def well(bed):
    """After each test nothing is wrong any more."""
    yield
    bed.until_found()


def test_a_healthy_cloud_has_no_row(bed):
    done = bed.recover('audit')
    assert (done.status, done.rows) == (0, [])
    assert 'nothing is inconsistent; compared: ' in done.stderr


def test_room_held_twice_is_given_back(bed):
    own = bed.held(bed.web).json()['allocations']
    bed.hold(bed.web, {**own, bed.nodes['cmp3']: ROOM})
    bed.until_found(('double-allocation', bed.web))
    [row] = bed.audit('--host', 'cmp3').rows
    assert (row['Name'], row['Hosts']) == ('web', 'cmp1, cmp3')
    assert bed.audit('--host', 'cmp2').rows == []
    bed.fix('double-allocation')
    assert list(bed.held(bed.web).json()['allocations']) == list(own)


def test_a_dry_run_changes_nothing(bed):
    own = bed.held(bed.web).json()['allocations']
    bed.hold(bed.web, {**own, bed.nodes['cmp3']: ROOM})
    bed.until_found(('double-allocation', bed.web))
    done = bed.audit('--fix', 'double-allocation', '--dry-run')
    assert (done.status, done.rows[0]['State']) == (0, 'planned')
    assert len(bed.held(bed.web).json()['allocations']) == 2
    run = bed.recover('run', 'list').rows[0]['Run']
    started = bed.recover('run', 'start', run, '--yes')
    assert started.status == 0, started
    assert list(bed.held(bed.web).json()['allocations']) == list(own)


def test_room_of_nobody_is_given_back(bed):
    consumer = str(uuid.uuid4())
    bed.hold(consumer, {bed.nodes['cmp3']: ROOM})
    bed.until_found(('orphan-allocation', consumer))
    bed.fix('orphan-allocation')


def test_room_that_is_missing_is_said(bed):
    own = bed.held(bed.db).json()['allocations']
    kept = {node: {'resources': h['resources']} for node, h in own.items()}
    bed.hold(bed.db, {})
    try:
        bed.until_found(('missing-allocation', bed.db))
        [row] = bed.audit().rows
        assert 'heal_allocations' in row['Way out']
    finally:
        bed.hold(bed.db, kept)


def test_a_port_bound_elsewhere_is_bound_back(bed):
    port = bed.port().id
    bed.cloud.sdk.network.update_port(port, binding_host_id='cmp3')
    bed.until_found(('port-elsewhere', port))
    bed.fix('port-elsewhere')
    now = bed.port()
    assert (now.binding_host_id, now.binding_vif_type) == ('cmp1', 'ovs')


def test_a_port_that_could_not_be_bound_is_bound(bed):
    port = bed.port().id
    sql('neutron', "UPDATE ml2_port_bindings SET vif_type='binding_failed' "
        'WHERE port_id=%(port)s', port=port)  # fmt: skip
    bed.until_found(('port-unbound', port))
    bed.fix('port-unbound')
    assert bed.port().binding_vif_type == 'ovs'


def test_a_port_of_nobody_is_said(bed):
    network = bed.cloud.sdk.network
    where = network.find_network('practice-net').id
    port = network.create_port(
        network_id=where, device_id=NOBODY, device_owner='compute:nova'
    )
    try:
        bed.until_found(('orphan-port', port.id))
    finally:
        network.delete_port(port)


def test_an_attachment_of_a_deleted_server_is_deleted(bed):
    [server] = bed.cloud.boot(['short'], 'cmp1', port=False)
    bed.cloud.call('DELETE', f'/servers/{server}')
    bed.cloud.until(lambda: len(bed.cloud.servers()) == 2, 'deleted')
    attachment = bed.reserve(bed.made('left'), server)
    bed.until_found(('attachment-of-nobody', attachment))
    bed.fix('attachment-of-nobody')


def test_a_reservation_that_nova_does_not_know_is_deleted(bed):
    volume = bed.made('reserved')
    attachment = bed.reserve(volume, bed.web)
    bed.until_found(('attachment-reserved', attachment))
    bed.fix('attachment-reserved')
    now = bed.cloud.sdk.block_storage.get_volume(volume)
    assert now.status == 'available'


def test_an_attachment_that_cinder_lost_is_said(bed):
    lost = (
        'UPDATE volume_attachment SET deleted=%(deleted)s '
        "WHERE volume_id=%(volume)s AND attach_status='attached'"
    )
    sql('cinder', lost, deleted=1, volume=bed.volume)
    try:
        bed.until_found(('attachment-missing', bed.db))
    finally:
        sql('cinder', lost, deleted=0, volume=bed.volume)


@pytest.mark.parametrize('status', ['reserved', 'attaching', 'detaching'])
def test_a_wedged_volume_of_nobody_is_available_again(bed, status):
    volume = bed.made(status)
    wedge(volume, status)
    bed.until_found(('volume-wedged', volume))
    bed.fix('volume-wedged')
    now = bed.cloud.sdk.block_storage.get_volume(volume)
    assert now.status == 'available'


def test_a_volume_that_does_not_end_to_detach_is_in_use_again(bed):
    wedge(bed.volume, 'detaching')
    bed.until_found(('volume-wedged', bed.volume))
    bed.fix('volume-wedged')
    now = bed.cloud.sdk.block_storage.get_volume(bed.volume)
    assert now.status == 'in-use'


def test_a_volume_that_is_attached_and_available_is_in_use_again(bed):
    wedge(bed.volume, 'available')
    bed.until_found(('volume-status', bed.volume))
    bed.fix('volume-status')
    now = bed.cloud.sdk.block_storage.get_volume(bed.volume)
    assert (now.status, len(now.attachments)) == ('in-use', 1)


def test_a_volume_that_is_attached_elsewhere_is_said(bed):
    with planted_rows.changed(
        'cinder.volume_attachment',
        {'volume_id': bed.volume, 'deleted': 0},
        attached_host='cmp3',
    ):
        [state] = {state for state, _ in until_any(bed)}
        assert state == 'attachment-elsewhere'
        [row] = bed.audit('--host', 'cmp3').rows
        assert 'on cmp3, not on cmp2' in row['Reason']


def test_a_server_whose_guest_is_off_for_nova_is_said(bed):
    with planted_rows.changed(
        'nova.instances', {'uuid': bed.web}, power_state=4
    ):
        bed.until_found(('states-disagree', bed.web))


def until_any(bed):
    """What is found, as soon as anything is."""
    bed.cloud.until(bed.found, 'anything')
    return bed.found()


def wedge(volume, status):
    sql('cinder', 'UPDATE volumes SET status=%(status)s WHERE id=%(volume)s',
        status=status, volume=volume)  # fmt: skip


def test_a_task_that_does_not_end_is_taken_away(bed):
    sql('nova', "UPDATE instances SET task_state='powering-off', "
        f'updated_at={DAY} WHERE uuid=%(server)s', server=bed.web)  # fmt: skip
    bed.until_found(('wedged-task', bed.web))
    bed.fix('wedged-task')
    now = bed.cloud.server(bed.web)
    assert (now['status'], now['OS-EXT-STS:task_state']) == ('ACTIVE', None)


@pytest.mark.parametrize(
    'status, source, code',
    [
        ('accepted', 'cmp3', 'stale-migration'),
        ('done', 'cmp1', 'evacuated-back'),
        ('done', 'cmp3', 'evacuation-open'),
    ],
)
def test_a_record_that_nobody_is_at_is_said(bed, status, source, code):
    name = str(uuid.uuid4())
    sql(
        'nova',
        'INSERT INTO migrations (uuid, instance_uuid, status, source_compute,'
        ' dest_compute, migration_type, created_at, updated_at, deleted,'
        ' hidden, cross_cell_move) VALUES (%(name)s, %(server)s, %(status)s,'
        f" %(source)s, 'cmp2', 'evacuation', {DAY}, {DAY}, 0, 0, 0)",
        name=name, server=bed.web, status=status, source=source,
    )  # fmt: skip
    try:
        bed.until_found((code, name))
        refused = bed.recover('audit', '--fix', code, '--yes')
        assert refused.status == 3
        assert refused.rows[0]['Verdict'] == 'not-fixable'
    finally:
        sql('nova', 'DELETE FROM migrations WHERE uuid=%(name)s', name=name)
