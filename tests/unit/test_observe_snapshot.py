# SPDX-License-Identifier: Apache-2.0
"""A snapshot over real requests: complete, cheap and honest."""

import contextlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import errors, records
from osc_recover.checks.snapshots import rows
from osc_recover.facts import Server
from osc_recover.facts.audit import Gap
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptMapping,
    Snapshot,
    Target,
)
from osc_recover.gateways import host_states, kept_lists
from osc_recover.gateways.foreign import Foreign
from osc_recover.observe import attached
from osc_recover.observe.snapshot import NO_DATABASE, NO_SSH, snapshot
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import DATA, DB, FREE, OK, STUCK, Crooked
from tests.unit.service_double import Answer
from tests.unit.snapshot_facts import IQN, PORTAL

ISCSI = {
    'driver_volume_type': 'iscsi',
    'target_iqn': IQN,
    'target_portal': PORTAL,
    'target_lun': 1,
    'auth_username': 'chap',
    'auth_password': 'secret',
}


class Whole(Crooked):
    """The same cloud, with what a snapshot reads beside."""

    def answer(self, request):
        path = request.path
        if path.startswith(self.down):
            return Answer(503, {'message': 'overloaded'})
        if path.endswith('/os-volume_attachments'):
            return Answer(body={'volumeAttachments': self._given(path)})
        extra = {
            '/volume/v3/attachments/detail': self._detailed,
            '/volume/v3/backups/detail': self._backups,
            '/volume/v3/snapshots/detail': lambda query: {'snapshots': []},
        }
        if path in extra:
            return Answer(body=extra[path](request.query))
        return super().answer(request)

    def _given(self, path):
        server = path.split('/')[-2]
        names = {DATA: '/dev/vdaa', STUCK: '/dev/vdz'}
        return [
            {
                'volumeId': one['volume_id'],
                'serverId': server,
                'device': names[one['volume_id']],
                'attachment_id': one['id'],
                'bdm_uuid': one['id'],
                'tag': None,
                'delete_on_termination': False,
            }
            for one in self.attachments.values()
            if one['instance'] == server
        ]

    def _detailed(self, query):
        """A page of two, whatever is asked for."""
        found = sorted(self.attachments.values(), key=lambda one: one['id'])
        after = query.get('marker', [''])[0]
        page = [one for one in found if one['id'] > after][:2]
        return {'attachments': [{**o, 'connection_info': ISCSI} for o in page]}

    def _backups(self, query):
        told = [('k1', '1', 'available'), ('k2', '2', 'available'),
                ('k3', '3', 'error')]  # fmt: skip
        return {
            'backups': [
                {'id': name, 'volume_id': DATA, 'created_at': at, 'status': s}
                for name, at, s in told
            ]
        }


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr('osc_recover.gateways.api.RETRY_DELAY', 0.01)


@contextlib.contextmanager
def observed(whole, states=None):
    with crooked_cloud.cloud(whole) as (service, cloud):
        yield service, cloud, snapshot(cloud, states, None)


def seen_of(whole, states=None):
    with observed(whole, states) as (_, _, seen):
        return seen


def test_all_of_a_cloud_is_kept():
    seen = seen_of(Whole())
    counts = {part: rows.count(seen, part) for part in rows.PARTS}
    assert counts == {
        'servers': 4, 'ports': 1, 'volumes': 3, 'attachments': 4,
        'backups': 1, 'snapshots': 0, 'mappings': 0, 'allocations': 6,
        'hosts': 0,
    }  # fmt: skip
    assert seen.gaps == ()
    assert seen.left_out == {'hosts': NO_SSH, 'mappings': NO_DATABASE}
    assert records.load(Snapshot, records.dump(seen)) == seen


def test_an_attachment_is_joined_of_nova_and_cinder():
    found = {one.id: one for one in seen_of(Whole()).attachments}
    assert found[OK] == KeptAttachment(
        OK, DATA, DB, ('nova', 'cinder'), 'attached', '', '', '/dev/vdaa', 1,
        None, '', False, OK, Target('iscsi', IQN, (PORTAL,), (1,)),
    )  # fmt: skip
    assert [one.sides for one in found.values()].count(('cinder',)) == 2


def test_no_secret_is_kept():
    text = records.dump(seen_of(Whole()))
    assert 'secret' not in text
    assert 'chap' not in text


def test_only_the_newest_usable_backup_is_kept():
    [copy] = seen_of(Whole()).copies
    assert (copy.kind, copy.id, copy.volume) == ('backup', 'k2', DATA)


def test_a_list_is_asked_for_once_and_a_server_with_volumes_once():
    with observed(Whole()) as (service, cloud, _):
        told = Counter(r.path for r in service.requests)
        sent = cloud.sent
    pages = told.pop('/volume/v3/attachments/detail')
    assert pages == 3  # of two each, and an empty one
    assert sum(path.endswith('volume_attachments') for path in told) == 1
    ours = {p: n for p, n in told.items() if not p.startswith('/identity')}
    assert {n for p, n in ours.items() if p.startswith('/compute')} == {1}
    assert sent == {'nova': 4, 'placement': 3, 'neutron': 1, 'cinder': 7}


@pytest.mark.parametrize(
    'path, part',
    [
        ('/placement', 'allocations'),
        ('/network/v2.0/ports', 'ports'),
        ('/volume/v3/volumes', 'volumes'),
        ('/volume/v3/attachments', 'attachments'),
        ('/volume/v3/backups', 'backups'),
        ('/volume/v3/snapshots', 'snapshots'),
        ('/volume/v3/os-services', 'cinder services'),
    ],
)
def test_a_part_that_does_not_answer_is_a_gap(path, part):
    whole = Whole()
    whole.down = (path,)
    seen = seen_of(whole)
    assert seen.unseen == (part,)
    assert [gap.what for gap in seen.gaps] == [part]
    assert 'overloaded' in seen.gaps[0].problem
    assert not seen.knows(part)


def test_a_server_that_nova_is_mute_on_is_named():
    whole = Whole()
    whole.down = (f'/compute/v2.1/servers/{DB}/os-volume_attachments',)
    seen = seen_of(whole)
    assert seen.unasked == (DB,)
    assert [gap.what for gap in seen.gaps] == ['volumes of 1 servers']


def test_without_nova_there_is_no_snapshot():
    whole = Whole()
    whole.down = ('/compute/v2.1/servers/detail',)
    with pytest.raises(errors.ApiUnreachable):
        seen_of(whole)


def test_hosts_that_compute_and_that_serve_volumes_are_asked():
    asked = []

    def states(names):
        asked.extend(names)
        return tuple(
            HostState(name, problem='it is silent', way_out='look')
            if name == 'cmp1'
            else HostState(name, 'boot', problems={'nft': 'no rights'})
            for name in names[:2]
        )

    seen = seen_of(Whole(), states)
    assert asked == ['cmp1', 'cmp2', 'ctl']
    assert 'hosts' not in seen.left_out
    assert [(gap.what, gap.problem) for gap in seen.gaps] == [
        ('host cmp1', 'it is silent'),
        ('nft of cmp2', 'no rights'),
    ]


# Rows


def test_volumes_without_a_backup_are_a_warning():
    told = {one.part: one for one in rows.parts(seen_of(Whole()))}
    bare = told['volumes without a backup']
    assert (bare.count, bare.state) == (2, 'warning')
    assert bare.reason == 'backups are mandatory: stuck, free'
    assert told['hosts'].state == 'left-out'
    notes = {one.id: one.note for one in rows.rows(seen_of(Whole()))}
    assert notes[FREE] == 'no backup and no snapshot: backups are mandatory'
    assert notes[DATA] == ''


def test_nothing_is_said_of_backups_that_could_not_be_asked():
    whole = Whole()
    whole.down = ('/volume/v3/backups',)
    told = [one.part for one in rows.parts(seen_of(whole))]
    assert 'volumes without a backup' not in told
    assert told.count('backups') == 1


def test_a_gap_is_a_row():
    what = Snapshot(gaps=(Gap('ports', 'overloaded', 'wait'),))
    [row] = rows.rows(what)
    assert (row.name, row.state) == ('ports', 'unknown')
    assert row.note == 'overloaded; wait'


# Joined


def of(volume, device, **more):
    return KeptAttachment(volume, volume, 's', device=device, **more)


def test_the_root_is_first_and_vdz_is_before_vdaa():
    server = Server('s', 'web', 'cmp1', root_device='/dev/vdc')
    given = [
        of(name[5:], name)
        for name in ('/dev/vdaa', '/dev/vdz', '/dev/vdb', '/dev/vdc')
    ] + [of('bare', '')]
    found = attached.joined([server], given, [], {}, [])
    assert [a.id for a in found] == ['vdc', 'vdb', 'vdz', 'vdaa', 'bare']
    assert [a.order for a in found] == [0, 1, 2, 3, 4]
    assert [a.boot_index for a in found] == [0, None, None, None, None]


def test_a_server_of_an_image_has_no_root_volume():
    server = Server('s', 'web', 'cmp1', image='i', root_device='/dev/vda')
    [found] = attached.joined([server], [of('v', '/dev/vda')], [], {}, [])
    assert found.boot_index is None


def test_a_row_of_the_database_tells_the_boot_index():
    row = KeptMapping('m', 's', boot_index=1)
    given = [of('v', '/dev/vdb', mapping='m')]
    [found] = attached.joined([], given, [], {}, [row])
    assert found.boot_index == 1


# Targets


@pytest.mark.parametrize(
    'connection, target',
    [
        ({}, Target()),
        (ISCSI, Target('iscsi', IQN, (PORTAL,), (1,))),
        (
            {
                'driver_volume_type': 'iscsi',
                'target_iqns': ['i1', 'i2'],
                'target_portals': ['p1', 'p2'],
                'target_luns': [1, 2],
            },
            Target('iscsi', 'i1', ('p1', 'p2'), (1, 2), ('i1', 'i2')),
        ),
        (
            {'driver_volume_type': 'rbd', 'name': 'volumes/volume-1'},
            Target('rbd', 'volumes/volume-1'),
        ),
        (
            {'driver_volume_type': 'nfs', 'export': 'n:/x', 'name': 'v'},
            Target('nfs', 'n:/x/v'),
        ),
        (
            {'driver_volume_type': 'fibre_channel', 'target_wwn': ['50', '51'],
             'target_lun': 0},
            Target('fibre_channel', '50', (), (0,)),
        ),
        ({'target_lun': 'one', 'target_iqn': 5}, Target()),
        ({'target_portals': [{}, 'p']}, Target(portals=('p',))),
    ],
)  # fmt: skip
def test_a_target_is_read_of_any_driver(connection, target):
    assert kept_lists.target_of(Foreign('cinder', 'x', connection)) == target


leaves = st.none() | st.booleans() | st.integers() | st.text()
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = (
    'boot_id', 'sessions', 'nodes', 'mounts', 'domains', 'firewalls',
    'absent', 'problems',
)  # fmt: skip


@given(trees | st.fixed_dictionaries(dict.fromkeys(KEYS, trees)))
def test_any_answer_of_a_host_is_read_or_refused(data):
    with contextlib.suppress(errors.ApiError):
        host_states.state_from('cmp1', data)


@given(st.dictionaries(st.sampled_from([*ISCSI, 'target_portals']), trees))
def test_any_connection_is_read_or_refused(data):
    with contextlib.suppress(errors.ApiError):
        kept_lists.target_of(Foreign('cinder', 'x', data))
