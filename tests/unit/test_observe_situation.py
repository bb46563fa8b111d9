# SPDX-License-Identifier: Apache-2.0
"""The situation around failed hosts: complete, cheap, and honest on gaps."""

import contextlib

import pytest

from osc_recover import errors, records
from osc_recover.facts import Situation
from osc_recover.observe.situation import situation
from tests.unit import cloud_double, keystone_double
from tests.unit.service_double import Answer

ROOT = '/compute/v2.1'
SERVER = 'c48133c0-0d92-4524-8802-a73293e346a3'
ELSEWHERE = '80676549-babb-474d-9fd6-4b86fbcc4a7b'
EVACUATIONS = ('req-0cc97faf-43e1-480f-a217-939d7ec151ee',)
OPTIONAL = {
    '/placement': 'allocations',
    '/network/v2.0/ports': 'ports',
    '/network/v2.0/agents': 'network agents',
    '/volume': 'volumes',
    '/image': 'images',
    '/ha': 'masakari hosts',
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr('osc_recover.gateways.api.RETRY_DELAY', 0.01)


@contextlib.contextmanager
def observed(answers=None, catalog=cloud_double.CATALOG, **how):
    answers = answers or cloud_double.recorded()
    with cloud_double.cloud(answers, catalog) as service:
        cloud = keystone_double.cloud(service.url)
        yield service, situation(cloud, ['cmp1'], **how)


def failing(prefix, answer):
    answers = cloud_double.recorded()
    return {p: answer if p.startswith(prefix) else answers[p] for p in answers}


def test_everything_is_observed():
    with observed() as (_, seen):
        pass
    assert seen.gaps == ()
    assert seen.compute_max == '2.104'
    assert [s.name for s in seen.servers] == ['s2', 's1']
    assert seen.servers[1].evacuations == EVACUATIONS
    assert (len(seen.hypervisors), len(seen.services)) == (4, 6)
    assert len(seen.volumes) == len(seen.images) == 1
    assert {port.server for port in seen.ports} == {s.id for s in seen.servers}
    assert (len(seen.allocations), len(seen.migrations)) == (2, 1)
    assert seen.masakari[0].host == 'cmp1'


def test_the_requests_are_few():
    with observed() as (service, _):
        pass
    assert service.seen() == sorted(
        [
            'POST /identity/v3/auth/tokens',
            f'GET {ROOT}/',
            f'GET {ROOT}/os-hypervisors/detail',
            f'GET {ROOT}/os-migrations',
            f'GET {ROOT}/os-migrations',
            f'GET {ROOT}/os-server-groups',
            f'GET {ROOT}/os-server-groups',
            f'GET {ROOT}/os-services',
            f'GET {ROOT}/servers/detail',
            f'GET {ROOT}/servers/{ELSEWHERE}',
            *(
                f'GET {ROOT}/servers/{server["id"]}/os-instance-actions'
                for server in cloud_double.recorded()[
                    f'{ROOT}/servers/detail'
                ]['servers']
            ),
            'GET /network/v2.0/agents',
            'GET /network/v2.0/ports',
            'GET /volume/v3/volumes/detail',
            'GET /image/v2/images',
            'GET /placement/allocation_candidates',
            'GET /placement/allocation_candidates',
            *(p for p in held_paths()),
            'GET /ha/v1/segments',
            *(p for p in segment_paths()),
        ]
    )


def held_paths():
    paths = cloud_double.recorded()
    return [f'GET {p}' for p in paths if '/resource_providers/' in p]


def segment_paths():
    return [f'GET {p}' for p in cloud_double.recorded() if '/segments/' in p]


def test_candidates_are_named_and_exclude_the_failed_host():
    with observed() as (_, seen):
        pass
    assert sorted(seen.candidates) == [
        'DISK_GB:1,MEMORY_MB:64,VCPU:1',
        'MEMORY_MB:64,VCPU:1',
    ]
    for offered in seen.candidates.values():
        assert sorted(c.host for c in offered) == ['cmp2', 'cmp3', 'cmp4']


def test_the_members_of_groups_have_their_hosts():
    with observed() as (_, seen):
        (group,) = seen.groups
    assert group.member_hosts == {SERVER: 'cmp1', ELSEWHERE: 'cmp2'}


def test_a_member_that_was_deleted_meanwhile_has_no_host():
    answers = cloud_double.recorded()
    del answers[f'{ROOT}/servers/{ELSEWHERE}']
    with observed(answers) as (_, seen):
        assert seen.groups[0].member_hosts == {SERVER: 'cmp1'}


def test_named_servers_are_observed_wherever_they_are():
    answers = cloud_double.recorded()
    path = f'{ROOT}/servers/{ELSEWHERE}'
    answers[f'{path}/os-instance-actions'] = {'instanceActions': []}
    with observed(answers, servers=[ELSEWHERE]) as (service, seen):
        assert {s.host for s in seen.servers} == {'cmp1', 'cmp2'}
    asked = [path for path in service.seen() if 'os-instance-actions' in path]
    assert asked == [f'GET {path}/os-instance-actions']


@pytest.mark.parametrize('prefix', sorted(OPTIONAL))
@pytest.mark.parametrize(
    'answer',
    [
        Answer(403, {'forbidden': {'message': 'no'}}),
        Answer(404, 'no'),
        Answer(500),
        Answer(503),
        Answer(cut=True),
        Answer(body={'odd': 1}),
    ],
    ids=['403', '404', '500', '503', 'cut', 'odd'],
)
def test_a_service_we_can_do_without_leaves_a_gap(prefix, answer):
    with observed(failing(prefix, answer)) as (_, seen):
        assert len(seen.servers) == 2
    (gap,) = seen.gaps
    assert gap.startswith(f'{OPTIONAL[prefix]}: ')


@pytest.mark.parametrize('service', sorted(set(cloud_double.CATALOG)))
def test_a_service_that_is_not_in_the_catalog(service):
    catalog = {k: v for k, v in cloud_double.CATALOG.items() if k != service}
    if service == 'compute':
        with pytest.raises(errors.ApiUnreachable), observed(catalog=catalog):
            pass
        return
    with observed(catalog=catalog) as (_, seen):
        # Most clouds have no masakari.
        assert bool(seen.gaps) is (service != 'instance-ha')


@pytest.mark.parametrize(
    'path', ['servers/detail', 'os-services', 'os-migrations', '']
)
def test_nova_must_answer(path):
    answers = failing(f'{ROOT}/{path}', Answer(403, 'no'))
    with pytest.raises(errors.Forbidden), observed(answers):
        pass


def test_a_cell_without_its_database_is_a_gap():
    answers = cloud_double.recorded()
    lost = {'binary': 'nova-compute', 'host': 'cmp9', 'status': 'UNKNOWN'}
    answers[f'{ROOT}/os-services']['services'].append(lost)
    with observed(answers) as (_, seen):
        (gap,) = seen.gaps
    assert 'cmp9' in gap
    assert not seen.service('cmp9').up


def test_a_server_that_was_deleted_meanwhile():
    answers = cloud_double.recorded()
    del answers[f'{ROOT}/servers/{SERVER}/os-instance-actions']
    with observed(answers) as (_, seen):
        assert all(s.evacuations == () for s in seen.servers)


def test_shares_are_asked_for_where_there_is_manila():
    answers = cloud_double.recorded()
    shares = {'shares': [{'share_id': 'x'}]}
    for server in answers[f'{ROOT}/servers/detail']['servers']:
        answers[f'{ROOT}/servers/{server["id"]}/shares'] = shares
    catalog = {**cloud_double.CATALOG, 'sharev2': '/share/v2'}
    with observed(answers, catalog) as (_, seen):
        assert [s.shares for s in seen.servers] == [1, 1]


def test_a_host_without_servers_needs_little():
    answers = cloud_double.recorded()
    answers[f'{ROOT}/servers/detail'] = {'servers': []}
    with observed(answers) as (service, seen):
        assert (seen.servers, seen.ports, seen.candidates) == ((), (), {})
    assert not any('/ports' in path for path in service.seen())


def test_a_situation_can_be_stored():
    with observed() as (_, seen):
        assert records.load(Situation, records.dump(seen)) == seen
