# SPDX-License-Identifier: Apache-2.0
"""What must not be moved in the database is refused, and nothing is written.

Each case is a real row of the practice cloud, changed for the test and put
back: what only nova's own claims can make for another host, a server or a
destination in the wrong state, or somebody who was quicker.
"""

import contextlib
import datetime
import json
import re
import uuid

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional import twins
from tests.functional.planted_rows import added, changed, one
from tests.oracle import reading
from tests.oracle.shares import Index

pytestmark = pytest.mark.functional

SOURCE, TARGET, THIRD = 'cmp1', 'cmp2', 'cmp3'
WORDS = ('--method', 'database', '--target', TARGET, '--many-down')
WORDS += ('--fenced', 'its power was seen off', '--no-agent')
# placement tells of no row without a time.
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)
KIND = twins.Kind('refused', data=1)
# Of this one cinder knows how the target is let in to volumes.
THERE = twins.Kind('there', data=1, host=TARGET)


@pytest.fixture(scope='module')
def stage(clean, tmp_path_factory):
    """A server on a dead host, and a way to ask for its move."""
    clouds = lib.write_clouds(
        tmp_path_factory.mktemp('refusals'), database=lib.database_urls()
    )

    def recover(*words):
        return lib.recover(clouds, *words)

    with lib.shared_disks():
        made = twins.boot(clean, [KIND, THERE], ['one'])
        twins.fail(clean)
        server = made['one'][KIND.name]
        # What its boot has set going is to change nothing any more.
        twins.settled(clean, [server])
        yield recover, server


@contextlib.contextmanager
def extra(server, **values):
    with changed('nova.instance_extra', {'instance_uuid': server}, **values):
        yield


@contextlib.contextmanager
def flavor(server, **specs):
    """Its flavor, as nova keeps a copy of it for each server."""
    row = one('nova.instance_extra', instance_uuid=server)
    kept = json.loads(row['flavor'])
    kept['cur']['nova_object.data']['extra_specs'] = specs
    with extra(server, flavor=json.dumps(kept)):
        yield


def state(server, **values):
    return changed('nova.instances', {'uuid': server}, **values)


def metadata(server, key, value):
    return added(
        'nova.instance_system_metadata', instance_uuid=server, key=key,
        value=value, deleted=0,
    )  # fmt: skip


def migration(server, kind, status, source=SOURCE):
    return added(
        'nova.migrations', uuid=str(uuid.uuid4()), instance_uuid=server,
        source_compute=source, source_node=source, dest_compute=THIRD,
        status=status, migration_type=kind, deleted=0, hidden=0,
    )  # fmt: skip


@contextlib.contextmanager
def device(server):
    node = one('nova.compute_nodes', host=SOURCE, deleted=0)
    with added(
        'nova.pci_devices', compute_node_id=node['id'], address='0000:81:00.1',
        product_id='10ed', vendor_id='8086', dev_type='type-VF',
        dev_id='pci_0000_81_00_1', label='label_8086_10ed',
        status='allocated', instance_uuid=server, request_id='x', deleted=0,
    ):  # fmt: skip
        yield


def share(server):
    return added(
        'nova.share_mapping', uuid=str(uuid.uuid4()), instance_uuid=server,
        share_id=str(uuid.uuid4()), status='active', tag='x',
        export_location='x', share_proto='NFS',
    )  # fmt: skip


def mapping(server, **values):
    """Of its data volume."""
    of = {
        'instance_uuid': server, 'deleted': 0, 'destination_type': 'volume',
    }  # fmt: skip
    return changed('nova.block_device_mapping', of, **values)


def port(server, **values):
    row = one('neutron.ports', device_id=server)
    return changed(
        'neutron.ml2_port_bindings', {'port_id': row['id']}, **values
    )


@contextlib.contextmanager
def room(server, host):
    """An allocation on one more provider."""
    provider = one('placement.resource_providers', name=host)
    with added(
        'placement.allocations', consumer_id=server, used=1, created_at=NOW,
        resource_provider_id=provider['id'], resource_class_id=0,
    ):  # fmt: skip
        yield


@contextlib.contextmanager
def nested(server):
    """A provider inside the host's, with something of the server's."""
    root = one('placement.resource_providers', name=SOURCE)
    name = f'{SOURCE}_inner'
    with added(
        'placement.resource_providers', uuid=str(uuid.uuid4()), name=name,
        created_at=NOW, generation=0, root_provider_id=root['id'],
        parent_provider_id=root['id'],
    ), room(server, name):  # fmt: skip
        yield


@contextlib.contextmanager
def second_node(host):
    """Another row of a host, as a former name of its hypervisor leaves."""
    row = one('nova.compute_nodes', host=host, deleted=0)
    values = {name: value for name, value in row.items() if value is not None}
    del values['id']
    name = f'{host}-second'
    values |= {'uuid': str(uuid.uuid4()), 'hypervisor_hostname': name}
    with added('nova.compute_nodes', **values):
        yield


@contextlib.contextmanager
def other_cell(_):
    row = one('nova_api.cell_mappings', name='cell0')
    with changed(
        'nova_api.host_mappings', {'host': TARGET}, cell_id=row['id']
    ):
        yield


def hypervisor(_):
    return changed(
        'nova.compute_nodes', {'host': TARGET, 'deleted': 0},
        hypervisor_type='QEMU',
    )  # fmt: skip


def service(**values):
    """The nova-compute of the destination."""
    of = {'host': TARGET, 'binary': 'nova-compute', 'deleted': 0}
    return lambda _: changed('nova.services', of, **values)


def vm_state(value, **more):
    return lambda server: state(server, vm_state=value, **more)


# Of a port's resource request: the group, and the provider it is taken from.
GROUP = {str(uuid.uuid4()): str(uuid.uuid4())}
PCI = '[{"count": 1, "spec": [{"vendor_id": "8086"}], "request_id": "x"}]'
# What is planted, and the verdict that it must have.
# nova rewrites an older form when it reads it (nova/objects/instance_numa.py,
# obj_from_db_obj).
NUMA = json.dumps(
    {
        'nova_object.name': 'InstanceNUMATopology',
        'nova_object.namespace': 'nova',
        'nova_object.version': '1.3',
        'nova_object.data': {'cells': []},
    }
)

CASES = {
    'numa': (lambda s: extra(s, numa_topology=NUMA), 'host-claims'),
    'pci request': (lambda s: extra(s, pci_requests=PCI), 'host-claims'),
    'pci device': (device, 'host-claims'),
    'vpmem': (lambda s: extra(s, resources='{"x": 1}'), 'host-claims'),
    'migration context': (
        lambda s: extra(s, migration_context='{"x": 1}'),
        'in-flight',
    ),
    'vgpu flavor': (
        lambda s: flavor(s, **{'resources:VGPU': '1'}),
        'host-flavor',
    ),
    'accelerator flavor': (
        lambda s: flavor(s, **{'accel:device_profile': 'x'}),
        'host-flavor',
    ),
    'vtpm flavor': (lambda s: flavor(s, **{'hw:tpm_version': '2.0'}), 'vtpm'),
    'vtpm image': (
        lambda s: metadata(s, 'image_hw_tpm_version', '2.0'),
        'host-flavor',
    ),
    'vtpm secret': (
        lambda s: metadata(s, 'vtpm_secret_uuid', str(uuid.uuid4())),
        'host-claims',
    ),
    'encrypted disk': (lambda s: mapping(s, encrypted=1), 'host-claims'),
    'share': (share, 'host-claims'),
    'cold migration': (
        lambda s: migration(s, 'migration', 'migrating'),
        'cold-migrating',
    ),
    'live migration': (
        lambda s: migration(s, 'live-migration', 'running'),
        'live-migrating',
    ),
    'direct port': (lambda s: port(s, vnic_type='direct'), 'host-port'),
    # What nova has put there on placement's word (neutron/plugins/ml2/
    # plugin.py, _process_port_binding).
    'port with an allocation': (
        lambda s: port(s, profile=json.dumps({'allocation': GROUP})),
        'host-port',
    ),
    'port elsewhere': (lambda s: port(s, host=THIRD), 'port-elsewhere'),
    'port of a migration': (
        lambda s: port(s, profile='{"migrating_to": "cmp3"}'),
        'host-port',
    ),
    'nested allocation': (nested, 'nested-allocation'),
    'room on a third host': (lambda s: room(s, THIRD), 'room-elsewhere'),
    'lost attachment': (
        lambda s: mapping(s, attachment_id=str(uuid.uuid4())),
        'lost-attachment',
    ),
    'rescued': (vm_state('rescued'), 'rescued'),
    'resized': (vm_state('resized'), 'resized'),
    'shelved': (vm_state('shelved'), 'shelved'),
    'building': (vm_state('building'), 'building'),
    'deleting': (lambda s: state(s, task_state='deleting'), 'deleting'),
    'another cell': (other_cell, 'no-place'),
    'another hypervisor': (hypervisor, 'no-place'),
    'second node of the failed host': (
        lambda _: second_node(SOURCE),
        'several-nodes',
    ),
    'destination disabled': (service(disabled=1), 'bad-target'),
    'destination forced down': (service(forced_down=1), 'bad-target'),
}


@pytest.mark.parametrize('name', CASES)
def test_it_is_refused_and_nothing_is_written(stage, name):
    plant, verdict = CASES[name]
    with plant(stage[1]):
        row = refused(*stage)
    assert row['Verdict'] == verdict, row


def refused(recover, server):
    """The row of a move that is refused and writes nothing."""
    before = written(server)
    done = recover('server', server, *WORDS, '--yes')
    after = written(server)
    assert done.status == 3, done
    [row] = done.rows
    assert row['Reason']
    assert row['Way out']
    assert after == before
    return row


def written(server):
    """All that the databases have of a server."""
    found = Index(reading.snapshot()).share(server)
    return {t.name: found.rows(t.name) for t in found.tables()}


def agent(host, **values):
    of = {'host': host, 'agent_type': 'Open vSwitch agent'}
    return changed('neutron.agents', of, **values)


# What is planted at the destination, and what is then said of it.
NO_PLACE = {
    'second node': (second_node, 'it has 2 compute nodes'),
    'agent disabled': (
        lambda host: agent(host, admin_state_up=0),
        'no network agent is alive there',
    ),
}


@pytest.mark.parametrize('name', NO_PLACE)
def test_a_destination_that_cannot_take_it_is_none(stage, name):
    plant, said = NO_PLACE[name]
    with plant(TARGET):
        row = refused(*stage)
    assert (row['Verdict'], said in row['Reason']) == ('no-place', True), row


def test_a_destination_whose_network_agent_is_dead_is_none(stage, clean):
    silence(clean, TARGET)
    try:
        with agent(TARGET, heartbeat_timestamp=NOW):
            row = refused(*stage)
    finally:
        lab.knob(TARGET, agent_silent=False)
    said = 'no network agent is alive there' in row['Reason']
    assert (row['Verdict'], said) == ('no-place', True), row


def silence(cloud, host):
    """Have its agent report no more; a report under way has come."""
    lab.knob(host, agent_silent=True)
    # All agents are one process, which reports of one host after the other.
    last = heartbeat(lab.HOSTS[-1])
    cloud.until(lambda: heartbeat(lab.HOSTS[-1]) != last, 'a round of reports')


def heartbeat(host):
    return one('neutron.agents', host=host)['heartbeat_timestamp']


@pytest.fixture
def bandwidth(stage, clean):
    """The server's port has so much of it guaranteed."""
    network = clean.sdk.network
    policy = network.create_qos_policy(name='guaranteed')
    network.create_qos_minimum_bandwidth_rule(
        policy, min_kbps=1000, direction='egress'
    )
    [port] = network.ports(device_id=stage[1])
    network.update_port(port, qos_policy_id=policy.id)
    yield
    network.update_port(port, qos_policy_id=None)
    network.delete_qos_policy(policy)


@pytest.mark.usefixtures('bandwidth')
def test_a_port_with_guaranteed_bandwidth_is_refused(stage):
    row = refused(*stage)
    assert row['Verdict'] == 'host-port', row


# Somebody is quicker


@pytest.fixture
def planned(stage, clean):
    """A server of its own with a plan to move it; the plan's id."""
    recover, _ = stage
    kind = twins.Kind('planned')
    clean.heal(SOURCE)
    server = twins.boot(clean, [kind], ['one'])['one'][kind.name]
    twins.fail(clean)
    twins.settled(clean, [server])
    done = recover('server', server, *WORDS, '--dry-run')
    assert done.status == 0, done
    yield server, re.search(r'run start (\w+)', done.stderr)[1]
    lab.knob(THIRD, spawn_delay=0)
    # nova never ends the record of a server that is deleted under way.
    clean.until(
        lambda: all(
            s['id'] != server or not s['OS-EXT-STS:task_state']
            for s in clean.servers()
        ),
        f'nothing is done with {server}',
    )


def evacuated(cloud, server):
    cloud.action(server, evacuate={'host': THIRD})
    cloud.until(
        lambda: any(
            r['instance_uuid'] == server and r['status'] == 'done'
            for r in cloud.evacuations(SOURCE)
        ),
        'evacuated',
    )


def being_evacuated(cloud, server):
    lab.knob(THIRD, spawn_delay=20)
    cloud.action(server, evacuate={'host': THIRD})


def deleted(cloud, server):
    cloud.call('DELETE', f'/servers/{server}')
    cloud.until(
        lambda: all(s['id'] != server for s in cloud.servers()), 'deleted'
    )


QUICKER = {f.__name__: f for f in (evacuated, being_evacuated, deleted)}


@pytest.mark.parametrize('what', QUICKER)
def test_a_plan_does_not_start_once_somebody_was_quicker(
    stage, planned, clean, what
):
    recover, _ = stage
    server, run = planned
    QUICKER[what](clean, server)
    before = written(server)
    done = recover('run', 'start', run, '--yes')
    assert done.status == 3, done
    assert done.rows[0]['Reason']
    assert done.rows[0]['Way out']
    if what != 'being_evacuated':
        assert written(server) == before
    assert len(recorded(clean, server)) == (what != 'deleted')


def test_a_migration_that_has_begun_stops_a_plan(stage, planned):
    recover, _ = stage
    server, run = planned
    with migration(server, 'live-migration', 'running'):
        before = written(server)
        done = recover('run', 'start', run, '--yes')
        after = written(server)
    assert done.status == 3, done
    assert after == before


def recorded(cloud, server):
    return [
        r for r in cloud.evacuations(SOURCE) if r['instance_uuid'] == server
    ]
