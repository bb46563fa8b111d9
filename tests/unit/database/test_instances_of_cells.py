# SPDX-License-Identifier: Apache-2.0
"""Databases and services together; whoever is silent, the others answer."""

import contextlib

import pytest

from osc_recover import errors
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.recovery.instances import InstancesOfCells
from osc_recover.settings import DatabaseSettings, Settings, SshSettings
from tests.unit import cloud_double, keystone_double
from tests.unit.database import cells
from tests.unit.service_double import Answer

ONE = 'c48133c0-0d92-4524-8802-a73293e346a3'  # of the recorded cloud
SERVER = f'/compute/v2.1/servers/{ONE}'
BROKEN = Answer(503, {'computeFault': {'message': 'away'}})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr('osc_recover.gateways.api.RETRY_DELAY', 0.01)


@pytest.fixture
def nova(one_server):
    """Two cells with the recorded servers of cmp1."""
    account = cells.make(one_server)
    for number, server in enumerate(recorded_servers(), 1):
        states = 'OS-EXT-STS:'
        cells.put(
            one_server, 'cell1', server['id'], ec2=number, id=number,
            display_name=server['name'], host='cmp1', node='cmp1',
            vm_state=server[f'{states}vm_state'],
            power_state=server[f'{states}power_state'],
            task_state=server[f'{states}task_state'],
        )  # fmt: skip
    return one_server, account


def recorded_servers():
    found = cloud_double.recorded()['/compute/v2.1/servers/detail']
    key = 'OS-EXT-SRV-ATTR:host'
    return [s for s in found['servers'] if s[key] == 'cmp1']


@contextlib.contextmanager
def instances(server, account, *broken, nova_api=''):
    """What our commands talk to, with some answers broken."""
    answers = cloud_double.recorded()
    answers[SERVER] = {
        'server': next(s for s in recorded_servers() if s['id'] == ONE)
    }
    answers['/placement/resource_providers'] = {
        'resource_providers': [{'uuid': 'p1', 'name': 'cmp1'}]
    }
    answers[f'/placement/allocations/{ONE}'] = {
        'allocations': {'p1': {'resources': {'VCPU': 1}}}
    }
    known = {
        path: BROKEN if path.startswith(broken) and broken else answer
        for path, answer in answers.items()
    }
    url = nova_api or server.url(account, 'nova_api')
    databases = Databases(
        Sources(DatabaseSettings(nova_api=url), SshSettings())
    )
    with cloud_double.cloud(known) as service:
        cloud = keystone_double.cloud(service.url)
        yield InstancesOfCells(cloud, databases, Settings())
    databases.close()


def states(shown, *of):
    return {row.field: row.state for row in shown.rows if row.field in of}


def test_a_server_and_what_others_say_of_it(nova):
    with instances(*nova) as ours:
        shown = ours.show('s1', others=True)
    assert [row for row in shown.rows if row.state != 'ok'] == []
    told = states(shown, 'api', 'nova_api', 'placement', 'neutron')
    assert told == dict.fromkeys(
        ('api', 'nova_api', 'placement', 'neutron'), 'ok'
    )
    assert shown.note == ''


@pytest.mark.parametrize(
    'path, who',
    [
        (SERVER, 'api'),
        ('/placement/resource_providers', 'placement'),
        ('/network/', 'neutron'),
    ],
)
def test_a_service_that_is_silent_is_a_row_and_the_rest_is_shown(
    nova, path, who
):
    with instances(*nova, path) as ours:
        shown = ours.show(ONE, others=True)
    [row] = [row for row in shown.rows if row.state != 'ok']
    assert (row.field, row.state) == (who, 'unknown')
    assert '503' in row.reason or 'away' in row.reason
    assert row.way_out


def listed(rows):
    return {(row.name, row.database, row.api, row.state) for row in rows}


def test_a_host_is_listed_side_by_side(nova):
    with instances(*nova) as ours:
        rows = list(ours.list(['cmp1']))
    assert {row.name for row in rows} == {'s1', 's2'}
    assert {row.state for row in rows} == {'ok'}


def test_without_nova_databases_are_listed(nova):
    with instances(*nova, '/compute/v2.1/servers/detail') as ours:
        rows = list(ours.list(['cmp1']))
    assert [(row.state, row.api) for row in rows] == [
        ('ok', '?'), ('ok', '?'), ('unknown', '?')
    ]  # fmt: skip


@pytest.mark.parametrize('port, password', [(1, 'open'), (0, 'sesame')])
def test_without_databases_nova_is_listed(nova, port, password):
    server, account = nova
    url = server.url(f'nova:{password}', 'nova_api', port=port or server.port)
    with instances(server, account, nova_api=url) as ours:
        rows = list(ours.list(['cmp1']))
        with pytest.raises(errors.DatabaseError) as refused:
            ours.show(ONE)
    assert {row.state for row in rows} == {'unknown'}
    assert {row.name for row in rows} == {'s1', 's2', ''}
    assert 'sesame' not in f'{rows} {refused.value!r} {refused.value}'


def test_what_is_asked_for_is_planned(nova):
    with instances(*nova) as ours:
        asked = ours.request('s1', '', 'shutdown', '')
        plan = ours.plan(asked)
    assert (asked.server, asked.power_state) == (ONE, 4)
    [step] = plan.steps()
    assert step.args['to'] == {'power_state': 4}
    assert step.args['cell'] == 'uuid-of-cell1'


def test_nothing_asked_for_is_refused(nova):
    with instances(*nova) as ours:
        with pytest.raises(errors.Refused, match='no state was given'):
            ours.request('s1', '', '', '')
