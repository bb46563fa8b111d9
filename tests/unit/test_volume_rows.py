# SPDX-License-Identifier: Apache-2.0
"""Every status and constellation of a volume is told in one word."""

import itertools

import pytest

from osc_recover.checks import audit, volume_rows
from osc_recover.checks.audit import volume_states
from osc_recover.checks.audit.view import AuditView
from osc_recover.facts.audit import Gap
from tests.unit.audit_facts import (
    DB,
    GONE,
    JUST_NOW,
    WEB,
    attachment,
    everything,
    mapping,
    server,
    volume,
)

ALONE = sorted(volume_states.ALONE)
# cinder/objects/fields.py, VolumeStatus and VolumeAttachStatus.
STATUSES = (
    'available', 'in-use', 'reserved', 'attaching', 'detaching', 'error',
    *ALONE,
)  # fmt: skip
ATTACHED = ('attached', 'attaching', 'reserved', 'detached', 'error_attaching')


def told(min_age=0, names=('v1',), **more):
    """The rows of these volumes."""
    seen = everything(**more)
    view = AuditView(seen, min_age)
    found = audit.findings(seen, min_age)
    return volume_rows.rows(view, found, names, seen.gaps)


def db(**more):
    return server(), server(DB, 'cmp2', **{'volumes': ('v1',), **more})


@pytest.mark.parametrize(
    'facts, wanted',
    [
        ({}, 'intact'),
        ({'volumes': (), 'attachments': ()}, 'dangling-nova'),
        ({'attachments': ()}, 'dangling-nova'),
        ({'mappings': (mapping('a9'),)}, 'dangling-nova'),
        ({'mappings': (mapping('a1'),)}, 'intact'),
        (
            {'attachments': (attachment(), attachment('a2', to=WEB))},
            'dangling-cinder',
        ),
        (
            {
                'attachments': (attachment(), attachment('a2', to=GONE)),
                'gone': (GONE,),
            },
            'dangling-cinder',
        ),
        (
            {'attachments': (attachment(), attachment('a2'))},
            'dangling-cinder',
        ),
        ({'servers': db(volumes=())}, 'dangling-cinder'),
        (
            {
                'servers': db(volumes=()),
                'attachments': (),
                'volumes': (volume(status='available'),),
                'mappings': (mapping('a1', dropped=True),),
            },
            'dropped-mapping',
        ),
        (
            {
                'servers': db(volumes=(), image=None),
                'attachments': (),
                'volumes': (volume(status='available'),),
                'mappings': (mapping('a1', dropped=True, root=True),),
            },
            'dropped-mapping',
        ),
        ({'volumes': (volume(status='detaching'),)}, 'wedged'),
        (
            {
                'servers': db(volumes=()),
                'attachments': (),
                'volumes': (volume(status='attaching'),),
            },
            'wedged',
        ),
        ({'volumes': (volume(status='error'),)}, 'stale-target'),
        ({'volumes': (volume(host='old@lab#pool'),)}, 'stale-target'),
        ({'servers': db(task_state='rebooting')}, 'unknown'),
        (
            {
                'servers': db(volumes=()),
                'attachments': (),
                'volumes': (volume(status='available'),),
            },
            'unused',
        ),
        ({'volumes': (volume(status='backing-up'),)}, 'busy'),
        ({'unseen': ('attachments',), 'attachments': ()}, 'unknown'),
    ],
)
def test_what_is_wrong_is_one_word(facts, wanted):
    [row] = told(**facts)
    assert row.state == wanted, row
    assert bool(row.reason) == (wanted != 'intact')
    assert bool(row.way_out) == (wanted not in ('intact', 'unused'))


@pytest.mark.parametrize(
    'status, attached, listed',
    [*itertools.product(STATUSES, (None, *ATTACHED), (True, False))],
)
def test_every_constellation_is_judged_and_never_intact_unless_it_is(
    status, attached, listed
):
    [row] = told(
        servers=db(volumes=('v1',) if listed else ()),
        volumes=(volume(status=status),),
        attachments=(attachment(status=attached),) if attached else (),
    )
    if row.state == 'intact':
        assert (status, listed) == ('in-use', True), row
        assert attached == 'attached'
    if status in ALONE:
        assert row.state == 'busy', row
    if row.state == 'unused':
        assert (attached, listed) == (None, False)


def test_a_volume_that_cinder_has_not_and_nobody_knows():
    [row] = told(names=['v9'])
    assert row.state == 'unknown'
    assert 'no such volume' in row.reason


def test_what_was_changed_just_now_is_not_intact_when_an_age_is_asked_for():
    [row] = told(600, servers=db(updated=JUST_NOW))
    assert row.state == 'unknown'


def test_gaps_are_rows_and_the_worst_of_several_findings_is_the_word():
    rows = told(
        attachments=(),
        volumes=(volume(status='detaching', host='old@lab#p'),),
        gaps=(Gap('mappings', 'no answer', 'look'),),
    )
    assert [row.state for row in rows] == ['dangling-nova', 'unknown']
    assert 'no cinder-volume service' in rows[0].reason


def test_volumes_of_servers_and_those_that_are_odd_are_concerned():
    seen = everything(
        volumes=(volume(), volume('v2', status='error'), volume('v3')),
        attachments=(attachment(), attachment('a4', 'v4', WEB)),
    )
    view = AuditView(seen, 0)
    assert set(volume_rows.concerned(view)) == {'v1', 'v2', 'v4'}
    assert volume_rows.concerned(view, [DB]) == ['v1']


def test_a_server_whose_root_is_not_known_has_a_row_of_its_own():
    [row] = told(
        names=[],
        servers=db(volumes=(), image=None),
        attachments=(),
        volumes=(volume(status='available'),),
    )
    assert (row.volume, row.servers, row.code) == ('', DB, 'rootless')
    assert row.state == 'dropped-mapping'


@pytest.mark.parametrize('status', ALONE)
@pytest.mark.parametrize('gone', [True, False])
def test_nothing_of_a_volume_that_cinder_is_at_is_mended(status, gone):
    more = {'to': GONE} if gone else {'to': WEB, 'status': 'reserved'}
    seen = everything(
        volumes=(volume(status=status),),
        attachments=(attachment(), attachment('a2', **more)),
        **({'gone': (GONE,), 'deleted': (GONE,)} if gone else {}),
    )
    [one] = audit.findings(seen)
    assert one.remedy is None
    assert f'no more {status}' in one.way_out
