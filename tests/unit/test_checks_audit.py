# SPDX-License-Identifier: Apache-2.0
"""What an audit finds, and what it must not find."""

import dataclasses

import pytest

from osc_recover import facts
from osc_recover.checks import audit
from osc_recover.checks.audit import ages
from osc_recover.checks.audit.rows import rows
from osc_recover.facts.audit import Gap, StorageService
from tests.unit.audit_facts import (
    DB,
    GONE,
    HOUR_AGO,
    JUST_NOW,
    LONG_AGO,
    NOW,
    WEB,
    attachment,
    domain,
    domains,
    everything,
    finding,
    found,
    held,
    look,
    mapping,
    port,
    refused,
    row,
    server,
    service,
    volume,
)

DB_SERVER = server(DB, 'cmp2', volumes=('v1',))


def db(**more):
    """Both servers, the second one changed."""
    return (server(), dataclasses.replace(DB_SERVER, **more))


def web(**more):
    """Both servers, the first one changed."""
    return (dataclasses.replace(server(), **more), DB_SERVER)


def test_a_cloud_that_is_well_has_no_findings():
    assert found() == []
    assert found(domains=domains(domain(), domain(DB, 'cmp2'))) == []


# An address that the first host has not.
WRONG = facts.Setting('10.0.0.12', ('10.0.0.12',), '/etc/nova/nova.conf', 8)

# Each of these makes a finding of that code in a cloud that is well.
FIRES = {
    'two-places': {
        'domains': domains(domain(), domain(host='cmp2'), domain(DB, 'cmp2'))
    },
    'runs-elsewhere': {
        'domains': domains(domain(host='cmp2'), domain(DB, 'cmp2'))
    },
    'stale': {
        'domains': domains(
            domain(), domain(host='cmp2', state='shut off'), domain(DB, 'cmp2')
        )
    },
    'stranger': {
        'domains': domains(domain(), domain(DB, 'cmp2'), domain(GONE)),
        'gone': (GONE,),
    },
    'not-running': {'domains': domains(domain(DB, 'cmp2'))},
    'guest-on': {
        'servers': web(vm_state='stopped', power_state=4),
        'domains': domains(domain(), domain(DB, 'cmp2')),
    },
    'name-taken': {
        'servers': web(instance_name='instance-0000002a'),
        'domains': domains(domain('x-id'), domain(DB, 'cmp2')),
    },
    'undefined': {
        'servers': web(vm_state='stopped', power_state=4),
        'domains': domains(domain(DB, 'cmp2')),
    },
    'evacuated-back': {'migrations': (row(),)},
    'evacuation-open': {'migrations': (row(status='done', source='cmp2'),)},
    'stale-migration': {'migrations': (row(source='cmp2'),)},
    'rootless': {'servers': (*db(), server('b-id', 'cmp1', image=None))},
    'mapping-dropped': {
        'servers': db(volumes=()),
        'attachments': (),
        'mappings': (mapping('a1', dropped=True),),
    },
    'volume-gone': {'servers': web(volumes=('v9',))},
    'attachment-missing': {'attachments': ()},
    'attachment-differs': {'mappings': (mapping('a9'),)},
    'volume-wedged': {'volumes': (volume(status='detaching'),)},
    'volume-error': {'volumes': (volume(status='error'),)},
    'volume-status': {'volumes': (volume(status='available'),)},
    'volume-unknown-host': {'volumes': (volume(host='old@lab#pool'),)},
    'attachment-of-nobody': {
        'attachments': (attachment(), attachment('a2', to=GONE)),
        'gone': (GONE,),
    },
    'attachment-reserved': {
        'attachments': (
            attachment(),
            attachment('a2', to=WEB, status='reserved'),
        )
    },
    'attachment-failed': {
        'attachments': (
            attachment(),
            attachment('a2', to=WEB, status='error_attaching'),
        )
    },
    'attachment-unknown': {
        'attachments': (attachment(), attachment('a2', to=WEB))
    },
    'attachment-twice': {'attachments': (attachment(), attachment('a2'))},
    'attachment-elsewhere': {'attachments': (attachment(host='cmp1'),)},
    'unknown-host': {'services': (service('cmp2'),)},
    'no-host': {'servers': web(host=''), 'allocations': (held(DB, 'cmp2'),)},
    'states-disagree': {'servers': web(power_state=4)},
    'wedged-task': {'servers': web(task_state='deleting')},
    'port-elsewhere': {'ports': (port(host='cmp2'),)},
    'port-unbound': {'ports': (port(vif_type='unbound'),)},
    'orphan-port': {'ports': (port(of=GONE),), 'gone': (GONE,)},
    'double-allocation': {
        'allocations': (*everything().allocations, held(WEB, 'cmp2'))
    },
    'missing-allocation': {'allocations': (held(DB, 'cmp2'),)},
    'allocation-left': {'servers': web(host='', vm_state='shelved_offloaded')},
    'orphan-allocation': {
        'allocations': (*everything().allocations, held(GONE, 'cmp2')),
        'gone': (GONE,),
    },
    'bad-xml': {'looks': look(problem='it has a document type')},
    'no-conf': {'looks': look(settings_problem='line 3 is odd')},
    'dhcp-server': {
        'looks': look(facts.Definition(dhcp_servers=('10.0.0.12',)))
    },
    'filter-missing': {'looks': look(facts.Definition(filters=('clean',)))},
    'listen': {
        'looks': look(
            facts.Definition((facts.Console('vnc', ('10.0.0.99',)),))
        )
    },
    'conf-listen': {'looks': look(settings={'vnc.server_listen': WRONG})},
    'conf-client': {
        'looks': look(settings={'vnc.server_proxyclient_address': WRONG})
    },
}


def test_every_registered_check_has_its_case():
    assert tuple(FIRES) == audit.codes()


@pytest.mark.parametrize('code', FIRES)
def test_a_check_fires_and_says_what_and_the_way_out(code):
    told = audit.findings(everything(**FIRES[code]))
    mine = [finding for finding in told if finding.code == code]
    assert len(mine) == 1
    assert mine[0].what
    assert mine[0].what[0].islower() or mine[0].what[0] == '['
    assert not mine[0].text.endswith('.')
    assert mine[0].way_out
    assert mine[0].subject.id == mine[0].about


def test_every_fix_is_of_a_code_that_is_found():
    assert set(audit.FIXES) <= set(audit.codes())


def test_the_most_serious_comes_first():
    told = found(
        domains=domains(domain(), domain(host='cmp2'), domain(DB, 'cmp2')),
        allocations=(held(WEB, 'cmp1'),),
    )
    assert told == [('two-places', WEB), ('missing-allocation', DB)]


# Whatever goes on, or was changed just now, is not a finding

PASSING = [
    {'task_state': 'resize_prep', 'updated': HOUR_AGO},
    {'vm_state': 'resized'},
    {'vm_state': 'building', 'launched': False},
    {'status': 'UNKNOWN', 'vm_state': 'unknown'},
    {'updated': JUST_NOW},
]


@pytest.mark.parametrize('state', PASSING, ids=str)
def test_what_nova_is_at_is_no_finding(state):
    told = found(
        servers=web(**state),
        allocations=(held(WEB, 'cmp2'), held(DB, 'cmp2')),
        ports=(port(host='cmp2'),),
        attachments=(attachment(), attachment('a2', to=WEB)),
    )
    assert told == []


def test_a_server_that_is_moved_is_no_finding():
    going = row(status='running', type='live-migration', updated_at=JUST_NOW)
    told = found(
        servers=web(task_state='migrating', updated=JUST_NOW),
        migrations=(going,),
        domains=domains(domain(host='cmp2'), domain(DB, 'cmp2')),
        allocations=(held(WEB, 'cmp2'), held('row-id', 'cmp1'),
                     held(DB, 'cmp2')),
        ports=(port(host='cmp2'),),
    )  # fmt: skip
    assert told == []


def test_a_younger_age_may_be_asked_for():
    young = {
        'servers': web(updated=JUST_NOW),
        'allocations': (held(DB, 'cmp2'),),
    }
    assert found(**young) == []
    assert found(min_age=10, **young) == [('missing-allocation', WEB)]


def test_ages_are_told_by_the_service_and_not_by_us():
    later = {'nova': '2030-01-01T00:00:00Z', 'neutron': NOW, 'cinder': NOW}
    young = port(host='cmp2', updated_at=JUST_NOW)
    assert found(ports=(young,), now=later) == []
    assert found(ports=(young,), now={**later, 'neutron': ''}) == [
        ('port-elsewhere', 'p1')
    ]


# Allocations


def test_room_that_is_held_elsewhere_is_given_back():
    both = (held(WEB, 'cmp1'), held(WEB, 'cmp2'), held(DB, 'cmp2'))
    one = finding(allocations=both)
    assert (one.code, one.about) == ('double-allocation', WEB)
    assert one.remedy.args == {
        'server': WEB,
        'host': 'cmp1',
        'providers': ['node-cmp2'],
    }
    assert one.subject.hosts == ('cmp1', 'cmp2')
    assert '64 MEMORY_MB, 1 VCPU' in one.evidence


def test_room_on_the_source_of_an_evacuation_is_meant():
    told = found(
        services=(service('cmp1', up=False), service('cmp2')),
        servers=web(host='cmp2'),
        migrations=(row(status='done'),),
        allocations=(held(WEB, 'cmp1'), held(WEB, 'cmp2'), held(DB, 'cmp2')),
        ports=(),
    )
    assert told == []


def test_room_on_another_host_only_is_not_taken_away():
    allocations = (held(WEB, 'cmp2'), held(DB, 'cmp2'))
    told = audit.findings(everything(allocations=allocations))
    assert [f.code for f in told] == [
        'double-allocation',
        'missing-allocation',
    ]
    assert [f.remedy for f in told] == [None, None]
    assert all('heal_allocations' in f.way_out for f in told)


def test_without_placement_nothing_is_concluded():
    assert found(allocations=(), unseen=('allocations',)) == []


def test_room_of_nobody_is_given_back():
    one = finding(
        allocations=(*everything().allocations, held(GONE, 'cmp2')),
        gone=(GONE,),
    )
    assert (one.code, one.about) == ('orphan-allocation', GONE)
    assert one.remedy.args['providers'] == []


def test_room_of_a_server_that_lists_lack_is_not_of_nobody():
    # A soft-deleted server is in no list of nova.
    told = found(
        allocations=(*everything().allocations, held('soft', 'cmp2')),
        known=(server('soft', 'cmp2', vm_state='soft-delete'),),
    )
    assert told == []


def test_room_of_very_many_is_more_often_a_lost_database():
    names = tuple(f'gone-{n}' for n in range(4))
    orphans = tuple(held(name, 'cmp1') for name in names)
    told = audit.findings(
        everything(
            allocations=(*everything().allocations, *orphans), gone=names
        )
    )
    assert {f.code for f in told} == {'orphan-allocation'}
    assert not any(f.remedy for f in told)
    assert 'restored from an old backup' in told[0].way_out


def test_room_of_a_guest_that_runs_is_not_given_back():
    told = audit.findings(
        everything(
            allocations=(*everything().allocations, held(GONE, 'cmp2')),
            gone=(GONE,),
            domains=domains(
                domain(), domain(DB, 'cmp2'), domain(GONE, 'cmp2')
            ),
        )
    )
    assert [f.code for f in told] == ['stranger', 'orphan-allocation']
    assert told[1].remedy is None


def test_room_on_bare_metal_is_left_to_ironic():
    metal = facts.Hypervisor('node-cmp1', 'cmp1', 'n1', type='ironic')
    told = found(hypervisors=(metal, everything().hypervisors[1]),
                 allocations=(held(DB, 'cmp2'),),
                 ports=(port(host='n1'),))  # fmt: skip
    assert told == []


# Ports


def test_a_port_bound_elsewhere_is_bound_where_its_server_is():
    one = finding(ports=(port(host='cmp2'),))
    assert (one.code, one.about) == ('port-elsewhere', 'p1')
    assert one.remedy.args == {'server': WEB, 'host': 'cmp1', 'was': 'cmp2'}
    assert 'unchanged for 3 d' in one.text


@pytest.mark.parametrize('vif', ['binding_failed', 'unbound'])
def test_a_port_that_is_not_bound_is_bound(vif):
    one = finding(ports=(port(vif_type=vif),))
    assert (one.code, one.remedy.verb) == ('port-unbound', 'port.bind')


def test_a_neutron_without_bindings_tells_none():
    assert found(ports=(port(host='', vif_type=''),)) == []


def test_a_port_of_a_stopped_server_may_be_unbound():
    stopped = web(vm_state='stopped', power_state=4)
    assert found(servers=stopped, ports=(port(vif_type='unbound'),)) == []


def test_a_port_is_not_bound_where_no_agent_would_wire_it():
    dead = facts.Agent('a', 'Open vSwitch agent', 'cmp1', alive=False)
    ovn = facts.Agent('a', 'OVN Controller agent', 'cmp1')
    elsewhere = (port(host='cmp2'),)
    assert refused(ports=elsewhere, agents=(dead,))
    assert not refused(ports=elsewhere, agents=(ovn,))


def test_a_port_with_a_device_is_not_bound_by_us():
    assert refused(ports=(port(host='cmp2', vnic_type='direct'),))
    assert found(ports=(port(host='n', vnic_type='baremetal'),)) == []


def test_a_port_that_changes_is_no_finding():
    assert found(ports=(port(host='cmp2', updated_at=JUST_NOW),)) == []


def test_a_port_of_a_deleted_server_is_said():
    left = (port('p2', GONE),)
    one = finding(ports=left, gone=(GONE,))
    assert (one.code, one.about, one.remedy) == ('orphan-port', 'p2', None)
    assert 'openstack port delete p2' in one.way_out


def test_a_port_that_is_not_nova_s_is_no_finding():
    other = port('p2', GONE, owner='compute:kuryr')
    assert found(ports=(other,), gone=(GONE,)) == []


# Volumes and attachments


def test_a_volume_that_cinder_does_not_have_attached_is_said():
    one = finding(attachments=())
    assert (one.code, one.about) == ('attachment-missing', DB)
    assert 'do not reboot' in one.way_out
    assert 'volume v1 is in-use, unchanged for 3 d' in one.evidence


def test_a_volume_that_cinder_does_not_know_is_said():
    assert found(volumes=(), attachments=()) == [('volume-gone', DB)]


@pytest.mark.parametrize('unseen', ['volumes', 'attachments'])
def test_without_cinder_nothing_is_concluded(unseen):
    lost = {'volumes': (), 'attachments': (), 'unseen': (unseen,)}
    lost |= {} if unseen == 'volumes' else {'volumes': (volume(),)}
    assert found(**lost) == []


def test_a_server_without_its_root_is_said():
    bare = db(image=None, volumes=())
    told = found(servers=bare, attachments=(), volumes=())
    assert told == [('rootless', DB)]
    assert found(servers=db(image=None)) == []


def test_an_attachment_of_a_deleted_server_is_deleted():
    more = (attachment(), attachment('a2', to=GONE))
    one = finding(attachments=more, gone=(GONE,), deleted=(GONE,))
    assert (one.code, one.about) == ('attachment-of-nobody', 'a2')
    assert one.remedy.args == {
        'volume': 'v1',
        'server': GONE,
        'status': 'attached',
        'gone': True,
    }


def test_an_attachment_of_what_nova_never_knew_is_left():
    more = (attachment(), attachment('a2', to=GONE))
    assert refused(attachments=more, gone=(GONE,))


def test_an_attachment_of_a_guest_that_runs_is_left():
    told = audit.findings(
        everything(
            attachments=(attachment(), attachment('a2', to=GONE)),
            gone=(GONE,),
            deleted=(GONE,),
            domains=domains(domain(), domain(DB, 'cmp2'), domain(GONE)),
        )
    )
    one = next(f for f in told if f.code == 'attachment-of-nobody')
    assert one.remedy is None
    assert 'end it first' in one.way_out


def test_a_reservation_that_nova_does_not_know_is_deleted():
    more = (attachment(), attachment('a2', to=WEB, status='reserved'))
    one = finding(attachments=more)
    assert (one.code, one.about) == ('attachment-reserved', 'a2')
    assert one.remedy.args['gone'] is False


def test_what_nova_has_dropped_and_may_be_in_use_is_left():
    more = (attachment(), attachment('a2', to=WEB))
    one = finding(attachments=more)
    assert (one.code, one.remedy) == ('attachment-unknown', None)


def test_cinder_s_own_attachments_are_no_finding():
    assert found(attachments=(attachment(), attachment('a2', to=''))) == []


def test_an_attachment_of_a_young_volume_is_no_finding():
    young = (volume(updated_at=JUST_NOW),)
    more = (attachment(), attachment('a2', to=WEB, status='reserved'))
    assert found(volumes=young, attachments=more) == []


@pytest.mark.parametrize(
    'mine', [{'attachment': ''}, {'dropped': True}, {'volume': 'v9'}], ids=str
)
def test_a_mapping_that_tells_nothing_is_no_finding(mine):
    told = dataclasses.replace(mapping('a9'), **mine)
    assert found(mappings=(told,)) == []
    assert found(mappings=(mapping('a1'),)) == []


def test_a_database_tells_what_the_root_was():
    root = dataclasses.replace(mapping('a0'), root=True, dropped=True)
    one = finding(
        servers=db(image=None, volumes=()),
        attachments=(),
        mappings=(root,),
    )
    assert one.code == 'rootless'
    assert 'volume v1 was its root' in one.evidence


def test_a_root_is_missed_though_there_are_other_volumes():
    gone = dataclasses.replace(
        mapping('a0'), volume='v0', root=True, dropped=True
    )
    free = volume('v0', status='available')
    roots = {'servers': db(image=None), 'volumes': (volume(), free)}
    data = mapping('a1')
    one = finding(mappings=(gone, data), **roots)
    assert (one.code, one.subject.volumes) == ('rootless', ('v0',))
    assert 'nova has dropped that one' in one.text
    # It has another one; or nova's list is newer than its database.
    newer = dataclasses.replace(data, root=True)
    for mappings in ((gone, newer), (gone,), (data,)):
        assert found(mappings=mappings, **roots) == []


def test_an_attachment_that_nova_has_dropped_is_the_one_left_over():
    one = finding(
        attachments=(attachment(), attachment('a2')),
        mappings=(mapping('a1'), mapping('a2', dropped=True)),
    )
    assert 'volume attachment delete a2' in one.way_out


def test_a_database_tells_which_attachment_is_left_over():
    one = finding(
        attachments=(attachment(), attachment('a2')),
        mappings=(mapping('a1'),),
    )
    assert 'volume attachment delete a2' in one.way_out
    assert 'delete a1' not in one.way_out
    assert one.remedy is None  # Its end may end the export of the other.


def test_a_second_attachment_for_another_host_is_deleted():
    more = attachment('a2', host='cmp9')
    one = finding(attachments=(attachment(), more), mappings=(mapping('a1'),))
    assert (one.code, one.about) == ('attachment-twice', 'a2')
    assert one.remedy.args['second']
    assert not one.remedy.args['gone']


def test_a_second_attachment_that_came_to_no_connection_is_deleted():
    for status in ('reserved', 'error_attaching'):
        more = attachment('a2', status=status)
        one = finding(
            attachments=(attachment(), more), mappings=(mapping('a1'),)
        )
        assert (one.code, one.about) == ('attachment-twice', 'a2')
        assert one.remedy


def test_two_attachments_of_a_volume_to_a_server_are_said():
    one = finding(attachments=(attachment(), attachment('a2')))
    assert (one.code, one.remedy) == ('attachment-twice', None)
    assert 'a1, a2' in one.evidence


def test_a_volume_that_does_not_end_to_detach_is_in_use_again():
    one = finding(volumes=(volume(status='detaching'),))
    assert (one.code, one.about) == ('volume-wedged', 'v1')
    assert one.remedy.args == {
        'was': 'detaching',
        'to': 'in-use',
        'servers': [DB],
    }


@pytest.mark.parametrize('status', ['reserved', 'attaching', 'detaching'])
def test_a_volume_that_nobody_has_is_available_again(status):
    more = (volume(), volume('v2', status=status))
    assert finding(volumes=more).remedy.args['to'] == 'available'


@pytest.mark.parametrize('status', ['reserved', 'attaching'])
def test_a_volume_that_nova_has_attached_is_in_use_again(status):
    one = finding(volumes=(volume(status=status),))
    assert (one.code, one.about) == ('volume-wedged', 'v1')
    assert one.remedy.args['to'] == 'in-use'


@pytest.mark.parametrize('status', ['reserved', 'attaching', 'detaching'])
def test_a_volume_is_not_wedged_at_once(status):
    assert found(volumes=(volume(status=status, updated_at=JUST_NOW),)) == []


def test_a_volume_whose_server_nova_is_at_is_not_wedged():
    servers = db(task_state='shelving', updated=HOUR_AGO)
    assert found(servers=servers, volumes=(volume(status='detaching'),)) == []


def test_a_volume_that_cinder_itself_attaches_is_not_wedged():
    more = (volume(), volume('v2', status='attaching'))
    own = (attachment(), attachment('a2', of='v2', to=''))
    assert found(volumes=more, attachments=own) == []


def test_a_volume_that_is_attached_is_in_use_again():
    one = finding(volumes=(volume(status='available'),))
    assert (one.code, one.remedy.args['to']) == ('volume-status', 'in-use')
    assert one.remedy.args['servers'] == [DB]


def test_a_volume_that_is_in_use_by_nobody_is_said_and_left():
    more = (volume(), volume('v2'))
    one = finding(volumes=more)
    assert (one.code, one.about, one.remedy) == ('volume-status', 'v2', None)
    assert found(volumes=more, unseen=('attachments',)) == []


def test_a_volume_on_a_host_that_does_not_exist_is_said():
    lost = (volume(), volume('v2', status='available', host='old@lab#p'))
    assert found(volumes=lost) == [('volume-unknown-host', 'v2')]
    assert found(volumes=lost, storage=()) == []
    made = (volume(), volume('v2', status='error', host='old@lab#p'))
    assert found(volumes=made) == []


def test_a_volume_of_a_cluster_is_served_by_others():
    lost = (volume(), volume('v2', status='available', host='old@lab#p'))
    one = StorageService('ctl@lab', cluster='all@lab')
    assert found(volumes=lost, storage=(one,)) == []


def test_a_storage_service_that_is_down_is_a_service():
    down = StorageService('ctl@lab', up=False)
    assert found(storage=(down,)) == []


# Migrations


@pytest.mark.parametrize('status', ['accepted', 'pre-migrating', 'done'])
def test_a_record_that_would_destroy_the_guest_is_said(status):
    one = finding(migrations=(row(status=status),))
    assert (one.code, one.about) == ('evacuated-back', 'row-id')
    assert 'do not start or restart nova-compute on cmp1' in one.way_out


def test_an_evacuation_whose_source_never_went_is_said():
    moved = web(host='cmp2')
    room = (held(WEB, 'cmp2'), held(DB, 'cmp2'))
    seen = {'servers': moved, 'allocations': room, 'ports': ()}
    done = (row(status='done'),)
    assert found(**seen, migrations=done) == [('evacuation-open', 'row-id')]
    for away in ({'up': False}, {'forced_down': True}):
        services = (service('cmp1', **away), service('cmp2'))
        assert found(**seen, migrations=done, services=services) == []


def test_an_evacuation_of_a_deleted_server_is_never_completed():
    assert found(migrations=(row(GONE, 'done'),), gone=(GONE,)) == []


@pytest.mark.parametrize('status', ['accepted', 'running', 'finished'])
def test_a_record_that_nobody_is_at_is_said(status):
    told = found(migrations=(row(status=status, type='resize'),))
    assert told == [('stale-migration', 'row-id')]


def test_a_record_of_a_deleted_server_is_said():
    told = found(migrations=(row(GONE),), gone=(GONE,))
    assert told == [('stale-migration', 'row-id')]


def test_a_resize_waits_to_be_confirmed_as_long_as_it_likes():
    waiting = row(status='finished', type='resize')
    assert found(servers=web(vm_state='resized'), migrations=(waiting,)) == []


def test_a_record_that_was_written_just_now_is_no_finding():
    assert found(migrations=(row(updated_at=JUST_NOW),)) == []


# Servers


def test_a_server_on_a_host_without_a_service_is_said():
    told = found(services=(service('cmp2'),))
    assert told == [('unknown-host', WEB)]


def test_a_task_that_does_not_end_is_taken_away():
    one = finding(servers=web(task_state='powering-off'))
    assert (one.code, one.about) == ('wedged-task', WEB)
    assert one.remedy.args == {
        'task': 'powering-off',
        'state': 'active',
        'updated': LONG_AGO,
    }


@pytest.mark.parametrize(
    'state',
    [
        {'task_state': 'deleting'},
        {'task_state': 'spawning', 'vm_state': 'building'},
        {'task_state': 'powering-on', 'vm_state': 'stopped'},
        {'task_state': 'rebuilding'},
    ],
    ids=str,
)
def test_a_task_that_came_who_knows_how_far_is_left(state):
    assert refused(servers=web(**state))


def test_a_task_of_a_stopped_server_is_taken_away_in_the_database():
    one = finding(servers=web(task_state='powering-on', vm_state='stopped'))
    assert f'instance set {WEB} --task-state none' in one.way_out


def test_a_task_of_a_host_that_is_down_is_left_to_its_recovery():
    one = finding(
        servers=web(task_state='rebooting'),
        services=(service('cmp1', up=False), service('cmp2')),
    )
    assert one.remedy is None
    assert 'cmp1 is down' in one.text
    assert 'openstack recover host cmp1' in one.way_out


@pytest.mark.parametrize('task', ['image_uploading', 'migrating', 'spawning'])
def test_a_task_that_takes_long_may_take_an_hour(task):
    assert found(servers=web(task_state=task, updated=HOUR_AGO)) == []


def test_a_move_that_nobody_is_at_is_said_once():
    told = audit.findings(
        everything(
            servers=web(task_state='rebuilding'),
            migrations=(row(source='cmp3'),),
        )
    )
    assert [f.code for f in told] == ['wedged-task']
    assert told[0].remedy is None
    assert 'WHERE id=7' in told[0].way_out


def test_a_task_whose_record_moves_on_is_not_wedged():
    going = row(status='running', type='live-migration', updated_at=JUST_NOW)
    servers = web(task_state='migrating')
    assert found(servers=servers, migrations=(going,)) == []


# Guests


def test_a_guest_in_two_places_is_said():
    one = finding(
        domains=domains(domain(), domain(host='cmp2'), domain(DB, 'cmp2'))
    )
    assert (one.code, one.about) == ('two-places', WEB)
    assert 'virsh destroy' in one.way_out


def test_a_guest_that_runs_elsewhere_is_said():
    told = found(domains=domains(domain(host='cmp2'), domain(DB, 'cmp2')))
    assert told == [('runs-elsewhere', WEB)]


def test_a_guest_elsewhere_is_said_where_its_own_host_is_silent():
    silent = facts.HostDomains('cmp1', problem='no route')
    told = audit.findings(
        everything(
            domains=(
                silent,
                *domains(
                    domain(host='cmp2'),
                    domain(DB, 'cmp2'),
                    hosts=('cmp2',),
                ),
            )
        )
    )
    assert [f.code for f in told] == ['runs-elsewhere']
    assert 'which could not be asked' in told[0].what


def test_a_stopped_domain_elsewhere_is_left_over_unless_it_is_resized():
    left = domain(host='cmp2', state='shut off')
    both = domains(domain(), left, domain(DB, 'cmp2'))
    assert found(domains=both) == [('stale', WEB)]
    assert found(servers=web(vm_state='resized'), domains=both) == []


def test_what_only_a_domain_check_says_is_no_finding_of_an_audit():
    elsewhere = facts.Definition((facts.Console('vnc', ('127.0.0.1',)),))
    assert found(looks=look(elsewhere)) == []
    assert found(servers=web(task_state='rebooting', updated=JUST_NOW)) == []


def test_a_server_that_runs_nowhere_is_said():
    told = found(domains=domains(domain(DB, 'cmp2')))
    assert told == [('not-running', WEB)]
    stopped = web(vm_state='stopped', power_state=4)
    told = found(servers=stopped, domains=domains(domain(DB, 'cmp2')))
    assert told == [('undefined', WEB)]
    shelved = web(vm_state='shelved_offloaded', power_state=4)
    assert found(servers=shelved, domains=domains(domain(DB, 'cmp2'))) == []


def test_a_domain_that_nova_does_not_know_is_said():
    told = found(
        domains=domains(domain(), domain(DB, 'cmp2'), domain(GONE, 'cmp2')),
        gone=(GONE,),
    )
    assert told == [('stranger', GONE)]


# Where it is not clear where a guest runs


@pytest.mark.parametrize(
    'doubt',
    [
        {'migrations': (row(status='done'),)},
        {'domains': domains(domain(host='cmp2'), domain(DB, 'cmp2'))},
    ],
    ids=['evacuated', 'seen'],
)
@pytest.mark.parametrize(
    'code, wrong',
    [
        ('port-elsewhere', {'ports': (port(host='cmp2'),)}),
        (
            'double-allocation',
            {'allocations': (*everything().allocations, held(WEB, 'cmp2'))},
        ),
        ('wedged-task', {'servers': web(task_state='rebooting')}),
    ],
)
def test_a_server_that_may_run_elsewhere_is_left(doubt, code, wrong):
    [clear] = [
        f for f in audit.findings(everything(**wrong)) if f.code == code
    ]
    assert clear.remedy
    [one] = [
        f
        for f in audit.findings(everything(**wrong, **doubt))
        if f.code == code
    ]
    assert one.remedy is None
    assert f'where the guest of {WEB} runs' in one.way_out


# Two looks, and rows


def test_what_is_seen_once_is_not_reported():
    first = audit.findings(everything(ports=(port(host='cmp2'),)))
    other = audit.findings(everything(ports=(port(host='cmp3'),)))
    later = audit.findings(
        everything(
            ports=(port(host='cmp2'),),
            now={'neutron': '2026-11-23T14:00:00Z'},
        )
    )
    assert audit.confirmed(first, []) == []
    assert audit.confirmed(first, other) == []
    assert audit.confirmed(first, later) == later


def test_a_host_has_what_touches_it():
    told = audit.findings(everything(ports=(port(host='cmp2'),)))
    assert audit.on_host(told, 'cmp2') == told
    assert audit.on_host(told, 'cmp1') == told
    assert audit.on_host(told, 'cmp3') == []


def test_rows_have_the_findings_and_the_gaps():
    told = audit.findings(everything(ports=(port(host='cmp2'),)))
    one, gap = rows(told, [Gap('volumes', 'cinder is down', 'start it')])
    assert (one.state, one.kind, one.fix) == ('port-elsewhere', 'port', 'yes')
    assert (one.hosts, one.since) == ('cmp2, cmp1', LONG_AGO)
    assert (gap.state, gap.name, gap.reason, gap.way_out) == (
        'unknown',
        'volumes',
        'cinder is down',
        'start it',
    )


@pytest.mark.parametrize('then', ['', 'yesterday', '2026-13-01T00:00:00Z'])
def test_a_time_that_is_none_has_no_age(then):
    assert ages.seconds(NOW, then) is None


def test_times_with_and_without_a_zone_are_both_utc():
    assert (
        ages.seconds('2026-11-23 12:00:00', '2026-11-23T11:59:00+00:00') == 60
    )
