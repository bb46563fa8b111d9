# SPDX-License-Identifier: Apache-2.0
"""nova's API as facts: what is asked, and what is made of the answer."""

import contextlib

import pytest

from osc_recover import errors
from osc_recover.gateways import compute
from tests.unit import cloud_double, keystone_double, service_double
from tests.unit.service_double import Answer

ROOT = '/compute/v2.1'
SERVER = 'c48133c0-0d92-4524-8802-a73293e346a3'
VOLUME_SERVER = '210328c7-d53a-4f3d-8be5-4a96abdf6294'
EVACUATIONS = ('req-0cc97faf-43e1-480f-a217-939d7ec151ee',)


@contextlib.contextmanager
def nova(answers=None):
    answers = answers or cloud_double.recorded()
    with cloud_double.cloud(answers) as service:
        yield (
            service,
            compute.Compute(keystone_double.cloud(service.url).compute),
        )


def only(service, path):
    """The one request for a path."""
    (found,) = [r for r in service.requests if r.path == ROOT + path]
    return found


def version_of(request):
    return request.headers['openstack-api-version']


def test_the_servers_of_a_host():
    with nova() as (service, api):
        server, other = api.servers('cmp1')
    request = only(service, '/servers/detail')
    assert request.query == {'all_tenants': ['1'], 'host': ['cmp1']}
    assert version_of(request) == 'compute 2.96'
    assert (server.id, server.name, server.host) == (SERVER, 's1', 'cmp1')
    assert (server.flavor, server.root_gb) == ('tiny', 1)
    assert (server.status, server.vm_state) == ('ACTIVE', 'active')
    assert (server.task_state, server.launched) == (None, True)
    assert (server.volumes, bool(server.image)) == ((), True)
    assert (len(other.volumes), other.image) == (1, None)
    assert other.metadata == {'recovery_priority': '10'}
    assert other.tags == ('db',)


def test_servers_of_other_hosts_are_left_out():
    # That is what nova sends where a policy forbids the filter.
    with nova() as (_, api):
        assert api.servers('cmp') == ()


def test_an_older_nova_is_asked_in_its_own_version():
    answers = cloud_double.recorded()
    answers[f'{ROOT}/']['version']['version'] = '2.93'
    with nova(answers) as (service, api):
        api.services()
        assert api.share_count(SERVER) == 0
    assert version_of(only(service, '/os-services')) == 'compute 2.93'


def test_services_say_whether_they_are_up():
    with nova() as (_, api):
        found = {s.host: s for s in api.services() if s.zone == 'nova'}
    assert sorted(found) == ['cmp1', 'cmp2', 'cmp3', 'cmp4']
    assert not found['cmp1'].enabled
    assert found['cmp1'].disabled_reason == 'recording'
    assert (found['cmp1'].up, found['cmp1'].forced_down) == (False, True)
    assert (found['cmp2'].up, found['cmp2'].forced_down) == (True, False)
    assert found['cmp1'].updated_at.startswith('2026-')


def test_a_service_of_a_lost_cell_is_down_and_has_no_id():
    service = compute.service_from(
        {'binary': 'nova-compute', 'host': 'cmp9', 'status': 'UNKNOWN'}
    )
    assert (service.id, service.up, service.updated_at) == ('', False, '')


def test_a_server_of_a_lost_cell_is_unknown():
    server = compute.server_from({'id': '1', 'status': 'UNKNOWN', 'links': []})
    assert (server.status, server.vm_state) == ('UNKNOWN', 'unknown')


def test_hypervisors_are_read_without_asking_the_computes():
    with nova() as (service, api):
        found = {h.host: h.node for h in api.hypervisors()}
    assert found['cmp1'] == 'cmp1'
    request = only(service, '/os-hypervisors/detail')
    assert version_of(request) == 'compute 2.87'


def test_a_server_is_found_by_id_or_name():
    answers = cloud_double.recorded()
    (first, *_) = answers[f'{ROOT}/servers/detail']['servers']
    answers[f'{ROOT}/servers/{SERVER}'] = {'server': first}
    with nova(answers) as (service, api):
        assert [s.id for s in api.find_servers(SERVER)] == [SERVER]
        assert [s.id for s in api.find_servers('s2')] == [VOLUME_SERVER]
        assert api.find_servers('s') == ()
    names = [r.query['name'] for r in service.requests if 'name' in r.query]
    assert names == [['^s2$'], ['^s$']]


def test_a_name_is_no_pattern():
    with nova() as (service, api):
        api.find_servers('a.b(c)')
    request = only(service, '/servers/detail')
    assert request.query['name'] == [r'^a\.b\(c\)$']


def test_a_name_may_look_like_an_id():
    with nova() as (_, api):
        assert api.find_servers('11111111-2222-3333-4444-555555555555') == ()


def test_changed_servers_are_asked_for_by_time():
    with nova() as (service, api):
        api.servers_changed('2026-11-23T11:20:09Z')
    request = only(service, '/servers/detail')
    assert request.query['changes-since'] == ['2026-11-23T11:20:09Z']


def test_migrations_are_filtered_by_nova():
    with nova() as (service, api):
        (found,) = api.migrations(source='cmp1', type='evacuation')
    assert only(service, '/os-migrations').query == {
        'source_compute': ['cmp1'],
        'migration_type': ['evacuation'],
    }
    assert (found.id, found.server, found.source) == (1, SERVER, 'cmp1')
    assert (found.destination, found.status) == ('cmp3', 'done')


def test_evacuations_that_fit_into_a_page_are_one_request():
    with nova() as (service, api):
        (found,) = api.evacuations_since('cmp1', 0, 70)
    asked = only(service, '/os-migrations').query
    assert asked['limit'] == ['70']
    assert asked['source_compute'] == ['cmp1']
    assert (found.id, found.status) == (1, 'done')


@pytest.mark.parametrize(
    'after, ids, markers',
    [
        (0, [5, 4, 3, 2, 1], [None, 'm4', 'm2']),
        (2, [5, 4, 3], [None, 'm4']),
        (3, [5, 4], [None, 'm4']),
        (4, [5], [None]),
        (9, [], [None]),
    ],
)
def test_evacuations_are_read_back_to_an_older_one(after, ids, markers):
    def page(request):
        [marker] = request.query.get('marker', ['m6'])
        rest = range(int(marker[1:]) - 1, 0, -1)
        return Answer(
            body={'migrations': [_record(number) for number in rest[:2]]}
        )

    path = ROOT + '/os-migrations'
    with nova(cloud_double.recorded() | {path: page}) as (service, api):
        found = api.evacuations_since('cmp1', after, 2)
    asked = [r for r in service.requests if r.path == path]
    assert [record.id for record in found] == ids
    assert [r.query.get('marker', [None])[0] for r in asked] == markers


def test_a_page_of_evacuations_may_be_smaller_than_what_was_asked_for():
    """As nova's api.max_limit has it; it links the next one."""
    path = ROOT + '/os-migrations'

    def page(request):
        number = int(request.query.get('marker', ['m3'])[0][1:]) - 1
        links = [{'rel': 'next', 'href': '/'}] if number > 1 else []
        return Answer(
            body={
                'migrations': [_record(number)],
                'migrations_links': links,
            }
        )

    with nova(cloud_double.recorded() | {path: page}) as (_, api):
        found = api.evacuations_since('cmp1', 0, 70)
    assert [record.id for record in found] == [2, 1]


def _record(number):
    return {
        'id': number,
        'uuid': f'm{number}',
        'instance_uuid': SERVER,
        'status': 'done',
    }


def test_the_compute_service_of_a_host_is_asked_for_by_name():
    with nova() as (service, api):
        found = api.compute_service('cmp1')
    asked = only(service, '/os-services').query
    assert asked == {'host': ['cmp1'], 'binary': ['nova-compute']}
    assert (found.host, found.binary) == ('cmp1', 'nova-compute')


def test_groups_are_read_until_nothing_new_comes():
    with nova() as (service, api):
        (group,) = api.groups()
    asked = [r.query for r in service.requests if 'offset' in r.query]
    assert [query['offset'] for query in asked] == [['0'], ['1']]
    assert all('all_projects' in query for query in asked)
    assert (group.policy, group.max_per_host) == ('anti-affinity', 2)


def test_groups_end_where_offsets_are_not_heeded():
    page = cloud_double.recorded()[f'{ROOT}/os-server-groups']
    always = service_double.always(body=page)
    with service_double.serving(always) as service:
        api = service_double.api(service.url)
        api.newest = '2.93'
        assert len(compute.Compute(api).groups()) == 1
    assert len(service.requests) == 2


def test_evacuations_come_newest_first():
    with nova() as (_, api):
        assert api.evacuate_actions(SERVER) == EVACUATIONS


def test_shares_are_counted():
    answers = cloud_double.recorded()
    answers[f'{ROOT}/servers/1/shares'] = {'shares': [{'share_id': 'x'}]}
    with nova(answers) as (service, api):
        assert api.share_count('1') == 1
    assert version_of(only(service, '/servers/1/shares')) == 'compute 2.97'


WRITES = {
    'evacuate to': (
        lambda api: api.evacuate('1', 'cmp2', '2.94'),
        ('POST', '/servers/1/action', {'evacuate': {'host': 'cmp2'}}, '2.94'),
    ),
    'evacuate': (
        lambda api: api.evacuate('1', None, '2.68'),
        ('POST', '/servers/1/action', {'evacuate': {}}, '2.68'),
    ),
    'reset': (
        lambda api: api.reset_state('1'),
        (
            'POST',
            '/servers/1/action',
            {'os-resetState': {'state': 'error'}},
            '2.68',
        ),
    ),
    'stop': (
        lambda api: api.stop('1'),
        ('POST', '/servers/1/action', {'os-stop': None}, '2.68'),
    ),
    'service': (
        lambda api: api.update_service(
            '7', enabled=False, reason='r' * 300, forced_down=True
        ),
        (
            'PUT',
            '/os-services/7',
            {
                'status': 'disabled',
                'disabled_reason': 'r' * 255,
                'forced_down': True,
            },
            '2.68',
        ),
    ),
    'service up': (
        lambda api: api.update_service('7', enabled=True, reason='not sent'),
        ('PUT', '/os-services/7', {'status': 'enabled'}, '2.68'),
    ),
}


@pytest.mark.parametrize('case', sorted(WRITES))
def test_a_write_is_one_request(case):
    write, (method, path, body, version) = WRITES[case]
    answer = Answer(202, b'', {'x-openstack-request-id': 'req-1'})
    with service_double.serving(lambda request: answer) as service:
        api = compute.Compute(service_double.api(service.url))
        assert write(api).request_id == 'req-1'
    (request,) = service.requests
    assert (request.method, request.path, request.body) == (method, path, body)
    assert version_of(request) == f'compute {version}'


def test_a_server_that_is_gone():
    with nova() as (_, api), pytest.raises(errors.Gone):
        api.server(SERVER)
