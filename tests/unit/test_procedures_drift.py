# SPDX-License-Identifier: Apache-2.0
"""What moved between a stored plan and a fresh one."""

import dataclasses

import pytest

from osc_recover.procedures.host import differences, recover_host
from osc_recover.procedures.returning import return_host
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    group,
    returned,
    row,
    server,
)


def plan(*servers, request=None, **changes):
    return recover_host(cloud(*servers, **changes), request or asked())


OLD = plan(server(), server('s2'))


def test_the_same_facts_make_no_difference():
    assert differences(OLD, plan(server(), server('s2'))) == ()


@pytest.mark.parametrize(
    'servers, changes, said',
    [
        ([server()], {}, 'web-s2 is not there any more'),
        ([server(), server('s2'), server('s3')], {}, 'web-s3 has come'),
        (
            [server(), server('s2', vm_state='paused')],
            {},
            "web-s2: code is 'reset-state', was 'evacuate' "
            '(nova does not evacuate a paused server)',
        ),
        (
            [server(), server('s2', evacuations=('req-1',))],
            {},
            "evacuate:s2: actions is ['req-1'], was []",
        ),
        (
            [server(), server('s2')],
            {'compute_max': '2.93'},
            "evacuate:s1: microversion is '2.93', was '2.94'",
        ),
        (
            [server(), server('s2')],
            {'groups': (group('s1', 's2'),)},
            'other servers must wait for each other',
        ),
        (
            [server(name='z'), server('s2')],
            {},
            'the order of the steps is another one',
        ),
        (
            [server(), server('s2', vm_state='stopped')],
            {},
            'there is a new step stop:s2',
        ),
    ],
)
def test_what_moved_is_said(servers, changes, said):
    assert said in differences(OLD, plan(*servers, **changes))


def test_a_newer_migration_is_said_once_and_not_for_each_server():
    newer = (row(7, server='s9', status='failed'),)
    assert differences(
        OLD, plan(server(), server('s2'), migrations=newer)
    ) == ('cmp-1 has migration records up to 7, not 0',)


def test_the_reason_of_the_service_matters():
    service = compute(HOST, up=False, enabled=False, disabled_reason='fan')
    fresh = plan(server(), server('s2'), services=computes(service))
    said = differences(OLD, fresh)
    assert "force-down:cmp-1: reason is 'fan', was ''" in said


def test_wording_and_notes_do_not_matter():
    verdicts = [
        dataclasses.replace(v, reason='?', way_out='?') for v in OLD.verdicts
    ]
    worded = dataclasses.replace(OLD, notes=('new',), verdicts=tuple(verdicts))
    assert differences(OLD, worded) == ()


def test_a_field_that_a_newer_release_knows_does_not_matter():
    request = {k: v for k, v in OLD.request.items() if k != 'max_failures'}
    stored = dataclasses.replace(OLD, request=request)
    assert differences(stored, OLD) == ()
    other = dataclasses.replace(OLD, request={**request, 'target': 'cmp-2'})
    assert differences(other, OLD) == ('the request has another target',)


def test_another_host_is_another_plan():
    other = dataclasses.replace(OLD, hosts=('cmp-2',))
    assert 'it is for host cmp-1, not for host cmp-2' in differences(
        other, OLD
    )


def test_every_row_of_a_return_is_compared():
    old = return_host(cloud(), returned())
    new = return_host(cloud(), returned(open_runs=('7f3a',)))
    said = differences(old, new)
    assert (
        "service: code is 'open', was 'ok' "
        '(run 7f3a of cmp-1 is not finished)' in said
    )
    assert 'there is no step up:cmp-1 any more' in said
