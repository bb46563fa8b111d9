# SPDX-License-Identifier: Apache-2.0
"""What is opened of what was kept, and of what cinder has."""

import dataclasses

import pytest

from osc_recover import errors
from osc_recover.checks.request import SessionOpen
from osc_recover.facts.audit import Gap, StorageService
from osc_recover.facts.snapshot import (
    HostState,
    KeptMount,
    KeptVolume,
    NodeRecord,
    Snapshot,
    Target,
)
from osc_recover.journal import Journal
from osc_recover.procedures.opening import open_sessions
from osc_recover.runs import State
from tests.unit.session_facts import (
    LVM,
    P1,
    P2,
    SAN,
    WEB,
    A,
    B,
    attachment,
    seen,
    server,
    session,
    with_state,
)

OPEN = SessionOpen(('cmp1',), 'kept')
STORE = SessionOpen(('san',), 'kept')
MOUNTED = KeptMount(
    '/srv', 'ext4', f'/dev/mapper/{LVM.name}', ('rw', 'stripe=4', 'noatime')
)


def kept(*sessions, host='cmp1', mounts=(), attachments=None):
    """A snapshot of one host."""
    state = HostState(host, 'boot-0', tuple(sessions), mounts=tuple(mounts))
    given = (attachment('vol-a', WEB, A),)
    return Snapshot(
        hosts=(state,),
        attachments=given if attachments is None else attachments,
    )


def steps(plan):
    return [(s.verb, s.args.get('target', s.target)) for s in plan.steps()]


def verdicts(plan):
    return [(v.code, v.act) for v in plan.verdicts]


def store(*sessions, **more):
    return seen(*sessions, host='san', **more)


def test_what_was_kept_and_is_not_there_is_opened_on_every_path():
    before = kept(session(3), session(4, A, P2))
    plan = open_sessions(seen(session(9)), before, OPEN)
    assert steps(plan) == [('session.open', A)]
    assert [s.args['portal'] for s in plan.steps()] == [P2]


def test_what_cinder_has_attached_is_opened_without_a_snapshot():
    plan = open_sessions(seen(), None, SessionOpen(('cmp1',)))
    assert steps(plan) == [('session.open', A)]
    assert 'without --snapshot' in plan.notes[0]


def test_what_is_reached_by_rdma_is_opened_on_its_interface():
    led = Target('iser', A, ('10.77.0.11:3260',), (1,))
    given = dataclasses.replace(attachment('vol-a', WEB, A), target=led)
    plan = open_sessions(
        seen(attachments=(given,)), None, SessionOpen(('cmp1',))
    )
    [step] = plan.steps()
    assert (step.args['target'], step.args['iface']) == (A, 'iser')
    there = seen(session(3), attachments=(given,))
    assert steps(open_sessions(there, None, SessionOpen(('cmp1',)))) == []


def test_what_both_tell_is_opened_once():
    plan = open_sessions(seen(), kept(session(3)), OPEN)
    assert steps(plan) == [('session.open', A)]


def test_every_interface_to_one_portal_is_opened():
    first, second = (
        dataclasses.replace(session(number), iface=f'nic{number}')
        for number in (3, 4)
    )
    plan = open_sessions(seen(), kept(first, second), OPEN)
    assert [s.args['iface'] for s in plan.steps()] == ['nic3', 'nic4']
    again = open_sessions(seen(first), kept(first, second), OPEN)
    assert [s.args['iface'] for s in again.steps()] == ['nic4']


def test_a_volume_whose_server_left_the_host_is_not_opened():
    facts = seen(servers=(server(WEB, 'cmp2'),))
    plan = open_sessions(facts, kept(session(3)), OPEN)
    assert (steps(plan), verdicts(plan)) == ([], [('moved', False)])


def test_a_volume_that_is_detached_is_not_opened():
    plan = open_sessions(seen(attachments=()), kept(session(3)), OPEN)
    assert verdicts(plan) == [('moved', False)]


def test_where_cinder_does_not_tell_only_the_host_s_own_is_opened():
    gap = Gap('attachments', 'cinder is not there', 'start it')
    facts = seen(attachments=(), unseen=('attachments',), gaps=(gap,))
    before = kept(session(3), session(4, SAN))
    plan = open_sessions(facts, before, OPEN)
    assert steps(plan) == [('session.open', SAN)]
    assert ('unknown', False) in verdicts(plan)


def mute_cinder(*sessions, **more):
    gap = Gap('attachments', 'cinder is not there', 'start it')
    told = {'attachments': (), 'unseen': ('attachments',), 'gaps': (gap,)}
    return seen(*sessions, **told, **more)


def test_where_cinder_does_not_tell_nothing_is_said_to_be_open():
    plan = open_sessions(mute_cinder(), None, SessionOpen(('cmp1',)))
    assert (steps(plan), verdicts(plan)) == ([], [('unknown', False)])
    [verdict] = plan.verdicts
    assert 'cinder is not there' in verdict.reason


def test_where_cinder_does_not_tell_no_group_of_a_guest_is_activated():
    facts = mute_cinder(
        session(1, B), host='san', servers=(server(WEB, 'san'),)
    )
    plan = open_sessions(facts, None, SessionOpen(('san',)))
    assert (steps(plan), verdicts(plan)) == ([], [('unknown', False)])
    before = kept(session(3, SAN), host='san', attachments=())
    plan = open_sessions(facts, before, STORE)
    [activate] = [s for s in plan.steps() if s.verb == 'groups.activate']
    assert activate.args['targets'] == [SAN]


def test_what_is_the_san_s_own_needs_no_word_of_cinder():
    before = kept(session(3, SAN, over=(LVM,)), host='san')
    facts = mute_cinder(session(1, SAN), host='san', servers=())
    plan = open_sessions(facts, before, STORE)
    assert verdicts(plan) == [('activate', True)]


def test_a_snapshot_without_attachments_tells_of_no_own_target():
    before = dataclasses.replace(
        kept(session(3, B), host='san', attachments=()),
        unseen=('attachments',),
    )
    plan = open_sessions(store(), before, STORE)
    assert (steps(plan), verdicts(plan)) == ([], [('moved', False)])


def test_only_the_targets_that_were_named_are_opened():
    before = kept(session(3), session(4, SAN))
    request = dataclasses.replace(OPEN, targets=(SAN,))
    assert steps(open_sessions(seen(), before, request)) == [
        ('session.open', SAN)
    ]


def test_a_target_that_nobody_knows_is_refused():
    request = dataclasses.replace(OPEN, targets=(A, 'iqn-typo'))
    with pytest.raises(errors.Refused, match='to iqn-typo;') as no:
        open_sessions(seen(session(3)), None, request)
    assert no.value.code == 'unknown-target'
    known = dataclasses.replace(OPEN, targets=(A, SAN))
    assert open_sessions(seen(session(3)), kept(session(3, SAN)), known)
    assert open_sessions(mute_cinder(), None, request).verdicts


def test_a_volume_server_gets_its_groups_and_mounts_and_service():
    before = kept(session(3, SAN, over=(LVM,)), host='san', mounts=(MOUNTED,))
    plan = open_sessions(store(), before, STORE)
    assert [s.verb for s in plan.steps()] == [
        'session.open', 'groups.activate', 'mounts.mount', 'storage.seen',
    ]  # fmt: skip
    [mount] = [s for s in plan.steps() if s.verb == 'mounts.mount']
    assert (mount.args['point'], mount.args['targets']) == ('/srv', [SAN])
    assert mount.args['options'] == ['rw', 'noatime']
    assert not any(phase.must for phase in plan.phases)


def test_a_mount_that_fails_keeps_only_those_below_it_from_being_made():
    points = ('/srv/a/below', '/srv/ab', '/srv/a')
    mounts = [dataclasses.replace(MOUNTED, point=point) for point in points]
    before = kept(session(3, SAN, over=(LVM,)), host='san', mounts=mounts)
    plan = open_sessions(store(), before, STORE)
    _, activate, mount, see = plan.phases
    assert [[s.args['point'] for s in lane.steps] for lane in mount.lanes] == [
        ['/srv/a', '/srv/a/below'], ['/srv/ab'],
    ]  # fmt: skip
    # One of another name goes on, whichever failed before it.
    [groups], [service] = activate.lanes, see.lanes
    assert groups.name == service.name
    assert groups.name not in {lane.name for lane in mount.lanes}
    rows = {v.server: v.name for v in plan.verdicts if v.code == 'mount'}
    assert rows == {
        'san /srv/a': '/srv/a, /srv/a/below', 'san /srv/ab': '/srv/ab',
    }  # fmt: skip


OLD, NEW = 'san@old', 'san@lvm'


def awaited(before, *, volumes=('san@lvm#pool',), up=(), **more):
    """The backends that are awaited, of two that are known; the notes."""
    facts = store(
        session(1, SAN),
        storage=tuple(
            StorageService(name, up=name in up, **more) for name in (OLD, NEW)
        ),
        volumes=tuple(KeptVolume(f'v-{h}', host=h) for h in volumes),
    )
    plan = open_sessions(facts, before, SessionOpen(('san',)))
    [step] = [s for s in plan.steps() if s.verb == 'storage.seen']
    return step.args['backends'], [n for n in plan.notes if OLD in n]


def test_a_backend_that_nobody_has_any_more_is_told_and_not_awaited():
    names, [note] = awaited(None)
    assert (names, 'cinder-manage service remove' in note) == ([NEW], True)
    down = dataclasses.replace(
        kept(), storage=(StorageService(OLD, up=False),)
    )
    assert awaited(down)[0] == [NEW]


@pytest.mark.parametrize(
    'facts',
    [
        {'volumes': ('san@lvm#pool', 'san@old#pool')},
        {'volumes': ('',)},  # whoever asks may not see where they are
        {'volumes': ()},
        {'up': (OLD,)},
        {'cluster': 'stores@old'},
    ],
)
def test_a_backend_that_may_be_needed_is_awaited(facts):
    assert awaited(None, **facts) == ([OLD, NEW], [])


def test_a_backend_that_was_up_before_is_awaited():
    before = dataclasses.replace(kept(), storage=(StorageService(OLD),))
    assert awaited(before) == ([OLD, NEW], [])


PAIR = (StorageService('san@lvm'), StorageService('san2@lvm'))


def of_pair(now, then, *, asked=('san',)):
    """Which of two volume servers activate; the reasons why others do not.

    :param now: the layers that each of them has over the target
    :param then: those of the snapshot; None: there is none
    """

    def states(layers):
        return [
            HostState(name, 'boot-1', (session(3, SAN, over=over),))
            for name, over in zip(('san', 'san2'), layers, strict=True)
        ]

    here = states(now)
    facts = store(
        storage=PAIR,
        hosts=tuple(h for h in here if h.host in asked),
        others=tuple(h for h in here if h.host not in asked),
    )
    before = then and dataclasses.replace(kept(), hosts=(*states(then),))
    plan = open_sessions(facts, before, SessionOpen(asked))
    active = [s.target for s in plan.steps() if s.verb == 'groups.activate']
    left = [v for v in plan.verdicts if not v.act]
    return active, [f'{v.code}: {v.reason}' for v in left]


def test_another_volume_server_that_does_not_tell_is_named():
    mute = HostState('san2', problem='san2: no connection', way_out='mend')
    facts = store(session(3, SAN), storage=PAIR, others=(mute,))
    plan = open_sessions(facts, None, SessionOpen(('san',)))
    assert [note for note in plan.notes if note.startswith('san2 ')]


def test_what_fstab_keeps_for_what_is_in_use_elsewhere_waits():
    there = HostState('san2', 'b', (session(3, SAN, over=(LVM,)),))
    recorded = tuple(
        KeptMount(f'/{n}', 'xfs', f'UUID={n}', target=target)
        for n, target in enumerate((SAN, OTHER))
    )
    facts = with_state(
        store(
            session(3, SAN), session(4, OTHER), storage=PAIR, others=(there,)
        ),
        recorded=recorded,
    )
    plan = open_sessions(facts, None, SessionOpen(('san',)))
    points = [s.args['point'] for s in plan.steps() if 'point' in s.args]
    assert points == ['/1']


BOTH = ('san', 'san2')


@pytest.mark.parametrize(
    'now, then, asked, active, why',
    [
        (((), ()), None, ('san',), ['san'], ''),
        (((), (LVM,)), None, ('san',), [], 'elsewhere: san2 has it in use'),
        # It has moved since.
        (((), (LVM,)), ((LVM,), ()), ('san',), [], 'san2 has it in use'),
        (((), ()), ((), (LVM,)), ('san',), [], 'san2 had it in use in'),
        (((), ()), ((), (LVM,)), BOTH, ['san2'], 'san2 had it in use in'),
        (((), ()), None, BOTH, [], 'unknown: san'),
        # A cluster's.
        (((), (LVM,)), ((LVM,), (LVM,)), ('san',), ['san'], ''),
        (((), ()), ((LVM,), (LVM,)), BOTH, ['san', 'san2'], ''),
    ],
)
def test_what_two_hosts_reach_is_active_on_one(now, then, asked, active, why):
    found, reasons = of_pair(now, then, asked=asked)
    assert found == active
    assert bool(reasons) == bool(why)
    assert all(why in reason for reason in reasons)


def test_groups_of_guests_are_left_alone():
    given = attachment('vol-b', WEB, B)
    facts = store(
        session(1, B), servers=(server(WEB, 'san'),), attachments=(given,)
    )
    before = kept(session(3, B), host='san', attachments=(given,))
    plan = open_sessions(facts, before, STORE)
    assert (steps(plan), verdicts(plan)) == ([], [])


def test_a_target_that_is_called_by_a_volume_is_not_the_host_s_own():
    volumes = (KeptVolume('vol-b', status='downloading'),)
    facts = store(session(1, B), volumes=volumes)
    assert open_sessions(facts, None, SessionOpen(('san',))).phases == ()


def test_on_a_compute_host_no_group_is_activated():
    plan = open_sessions(seen(), kept(session(3, SAN, over=(LVM,))), OPEN)
    assert {verb for verb, _ in steps(plan)} == {'session.open'}


@pytest.mark.parametrize('point', ['/srv', '/other'])
def test_what_is_mounted_and_what_was_elsewhere_is_not_mounted(point):
    before = kept(
        session(3, SAN, over=(LVM,)),
        host='san',
        mounts=(MOUNTED, KeptMount('/home', 'ext4', '/dev/mapper/local')),
    )
    now = KeptMount(point, 'ext4', '/dev/x')
    plan = open_sessions(with_state(store(), mounts=(now,)), before, STORE)
    mounts = [s.args['point'] for s in plan.steps() if 'point' in s.args]
    assert mounts == ([] if point == '/srv' else ['/srv'])


def test_what_fstab_keeps_is_mounted():
    recorded = KeptMount('/srv', 'xfs', 'UUID=1-2', ('noatime',))
    facts = with_state(store(session(1, SAN)), recorded=(recorded,))
    plan = open_sessions(facts, None, SessionOpen(('san',)))
    [mount] = [s for s in plan.steps() if s.verb == 'mounts.mount']
    assert mount.args['source'] == 'UUID=1-2'


OTHER = 'iqn.2010-10.san:other'


def of_fstab(*recorded, over=()):
    """The points that are mounted for one of two targets, and the notes."""
    both = session(1, SAN, over=over), session(2, OTHER)
    facts = with_state(store(*both), recorded=recorded)
    asked = SessionOpen(('san',), 'kept', (SAN,))
    plan = open_sessions(facts, kept(*both, host='san'), asked)
    mounts = [s for s in plan.steps() if s.verb == 'mounts.mount']
    notes = [note for note in plan.notes if 'fstab' in note]
    return [step.args['point'] for step in mounts], notes


def test_what_fstab_keeps_for_another_target_than_the_named_waits():
    ours, others = (
        KeptMount(point, 'xfs', f'UUID={point}', target=target)
        for point, target in (('/ours', SAN), ('/others', OTHER))
    )
    assert of_fstab(ours, others) == (['/ours'], [])


def test_what_fstab_keeps_for_nobody_knows_what_is_told_and_waits():
    mount = KeptMount('/srv', 'xfs', 'UUID=1-2')
    points, [note] = of_fstab(mount)
    assert (points, 'fstab keeps /srv for' in note) == ([], True)
    known = dataclasses.replace(mount, source=f'/dev/mapper/{LVM.name}')
    assert of_fstab(known, over=(LVM,)) == (['/srv'], [])


def test_what_fstab_keeps_is_opened_without_a_snapshot():
    recorded = KeptMount('/srv', 'xfs', 'UUID=1-2', target=SAN)
    nodes = tuple(
        NodeRecord(target, portal, 'default')
        for target in (SAN, OTHER)
        for portal in (P1, P2)
    )
    lost = with_state(store(), recorded=(recorded,), nodes=nodes)
    plan = open_sessions(lost, None, SessionOpen(('san',)))
    found = [s.args for s in plan.steps() if s.verb == 'session.open']
    assert [(a['target'], a['portal']) for a in found] == [
        (SAN, P1), (SAN, P2),
    ]  # fmt: skip
    assert all(args['iface'] == '' for args in found)
    [mount] = [s for s in plan.steps() if s.verb == 'mounts.mount']
    assert mount.args['targets'] == [SAN]
    alone = open_sessions(lost, None, SessionOpen(('san',), '', (SAN,)))
    assert alone.phases == plan.phases
    there = with_state(store(session(1, SAN)), recorded=(recorded,),
                       nodes=nodes)  # fmt: skip
    plan = open_sessions(there, None, SessionOpen(('san',)))
    assert 'session.open' not in {s.verb for s in plan.steps()}


def test_what_fstab_keeps_of_a_guest_s_target_is_not_opened():
    recorded = KeptMount('/srv', 'xfs', 'UUID=1-2', target=A)
    facts = with_state(
        store(), recorded=(recorded,), nodes=(NodeRecord(A, P1),)
    )
    assert steps(open_sessions(facts, None, SessionOpen(('san',)))) == []


def test_a_point_that_is_no_text_survives_the_journal(tmp_path):
    recorded = KeptMount('/srv/\udcff', 'xfs', 'UUID=1-2')
    facts = with_state(store(session(1, SAN)), recorded=(recorded,))
    plan = open_sessions(facts, None, SessionOpen(('san',)))
    with Journal(tmp_path / 'journal.sqlite') as journal:
        run = journal.store(plan, 'key', 'practice').id
        assert journal.run(run).plan == plan
        for step in plan.steps():
            journal.record(run, step.name, State.BEGUN)
            assert journal.last(run, step.name).step == step.name


def test_a_subvolume_and_quotas_are_mounted_as_they_were():
    options = ('rw', 'prjquota', 'space_cache=v2', 'subvolid=5', 'subvol=/@b')
    was = dataclasses.replace(MOUNTED, kind='btrfs', options=options)
    before = kept(session(3, SAN, over=(LVM,)), host='san', mounts=(was,))
    plan = open_sessions(store(), before, STORE)
    [mount] = [s for s in plan.steps() if s.verb == 'mounts.mount']
    assert mount.args['options'] == ['rw', 'prjquota', 'subvol=/@b']


def test_a_mount_by_a_kernel_s_name_is_said_and_not_done():
    mounted = KeptMount('/srv', 'ext4', '/dev/sdc')
    before = kept(session(3, SAN), host='san', mounts=(mounted,))
    plan = open_sessions(store(), before, STORE)
    assert 'mounts.mount' not in {s.verb for s in plan.steps()}
    assert any('/srv (/dev/sdc)' in note for note in plan.notes)


def test_a_host_that_does_not_tell_is_left():
    mute = HostState('cmp1', problem='cmp1: no connection', way_out='mend')
    plan = open_sessions(seen(hosts=(mute,)), kept(session(3)), OPEN)
    assert (steps(plan), verdicts(plan)) == ([], [('unknown', False)])
