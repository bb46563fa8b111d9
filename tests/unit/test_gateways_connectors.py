# SPDX-License-Identifier: Apache-2.0
"""How hosts are let in to volumes: by their word, or by cinder's records."""

import json

import pytest

from osc_recover import errors
from osc_recover.gateways import connectors
from osc_recover.gateways.connectors import Connectors, connector_from

TOLD = {'host': 'cmp2', 'initiator': 'iqn.x'}


class Cinder:
    """Rows of volume_attachment, or an error."""

    def __init__(self, answer):
        self._answer = answer

    def read(self, sql, args):
        if isinstance(self._answer, Exception):
            raise self._answer
        assert args == {'host': 'cmp2'}
        return self._answer


def kept(**changes):
    return [{'connector': json.dumps({**TOLD, **changes})}]


def test_a_record_has_nothing_of_one_attachment():
    found = connectors.recorded(Cinder(kept(mountpoint='/dev/vdb')), 'cmp2')
    assert found.connector == TOLD
    assert not found.problem


@pytest.mark.parametrize(
    'answer',
    [
        [],
        [{'connector': 'no JSON'}],
        [{'connector': '[]'}],
        kept(host='cmp3'),
    ],
)
def test_without_a_record_of_the_host_nothing_is_known(answer):
    found = connectors.recorded(Cinder(answer), 'cmp2')
    assert not found.connector
    assert 'no record' in found.problem


def test_a_database_that_does_not_answer_is_a_problem():
    down = errors.DatabaseUnreachable('cinder', 'no route')
    found = connectors.recorded(Cinder(down), 'cmp2')
    assert 'no route' in found.problem
    assert found.way_out


class Asked:
    """Hosts that answer as they are told."""

    def __init__(self, **answers):
        self._answers = answers

    def each(self, hosts, op, args, *, timeout):
        assert op == 'connector.show'
        return [(host, self._answers[host]) for host in hosts][::-1]


def test_hosts_are_asked_side_by_side_and_told_in_order():
    silent = errors.ConnectRefused('cmp3', 'cmp3:22')
    hosts = Asked(cmp2={'connector': TOLD}, cmp3=silent)
    one, other = Connectors(hosts).of(['cmp2', 'cmp3'])
    assert (one.host, one.connector, one.source) == ('cmp2', TOLD, 'the host')
    assert (other.host, other.connector) == ('cmp3', {})
    assert 'cmp3' in other.problem


def test_a_host_that_calls_itself_otherwise_is_not_believed():
    found = connector_from('cmp9', {'connector': TOLD})
    assert found.problem == 'cmp9 calls itself cmp2'
    assert not found.connector
