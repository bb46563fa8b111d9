# SPDX-License-Identifier: Apache-2.0
"""After a power loss: who is touched, and what keeps a server as it is."""

import concurrent.futures
import dataclasses
import itertools
import threading

import pytest

from osc_recover import errors, operations
from osc_recover.agent import hello
from osc_recover.checks.disaster import Wrong
from osc_recover.checks.finding import Finding, Remedy, Subject
from osc_recover.checks.request import CloudRecovery
from osc_recover.effects import Control
from osc_recover.facts.disaster import DisasterSeen, Happened
from osc_recover.facts.snapshot import Copy, KeptMapping
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.guests import Guests
from osc_recover.observe.disaster import seen
from osc_recover.operations.disaster_hosts import Up
from osc_recover.operations.standing import Standing
from osc_recover.plan import Plan, Step
from osc_recover.procedures import cleaning
from osc_recover.procedures.disaster import recover_cloud
from osc_recover.runs import Run
from osc_recover.settings import Settings
from tests.power import powerless_cloud
from tests.power.powerless_cloud import DB, DRAINED, WEB, Powerless
from tests.unit import crooked_cloud
from tests.unit.kept import InMemory
from tests.unit.service_double import Answer
from tests.unit.snapshot_facts import ATTACHMENT, HOST, SERVER, snapshot

SERVER = dataclasses.replace(SERVER, image='i1')
BEFORE = snapshot()
ATTACHED = dataclasses.replace(ATTACHMENT, status='attached')
DOMAIN = HOST.domains[0]
BOOTED = '2026-11-27T02:00:00'
OFF = dataclasses.replace(
    HOST,
    boot_id='boot-2',
    booted_at=BOOTED,
    domains=(dataclasses.replace(DOMAIN, state='shut off'),),
)
NOVA = Happened('stop', 'r2', '', '2026-11-27T02:05:00.000000')
USER = dataclasses.replace(NOVA, user='u1')
REQUEST = CloudRecovery('0a1b2c3d')


def verdict(*actions, before=BEFORE, host=OFF, request=REQUEST, **changed):
    """What becomes of the one server."""
    server = dataclasses.replace(SERVER, **changed)
    now = snapshot(servers=(server,), hosts=(host,), attachments=(ATTACHED,))
    found = DisasterSeen(now, before, 'then', {'s1': actions})
    made = recover_cloud(found, request)
    return next(v for v in made.verdicts if v.server == 's1')


def test_one_that_nova_is_about_to_stop_by_itself_is_started():
    stopping = {'task_state': 'powering-off'}
    assert verdict(NOVA, **stopping).code == 'start'
    assert verdict(USER, **stopping).code == 'under-way'
    assert verdict(**stopping).code == 'under-way'


@pytest.mark.parametrize(
    'state', ['idle', 'paused', 'in shutdown', 'crashed', 'no state']
)
def test_only_a_domain_that_is_shut_off_is_off(state):
    domain = dataclasses.replace(DOMAIN, state=state)
    host = dataclasses.replace(OFF, domains=(domain,))
    assert not verdict(host=host).act


@pytest.mark.parametrize('state', ['active', 'paused', 'rescued', 'resized'])
def test_where_no_power_was_lost_a_guest_may_be_as_nova_has_it(state):
    told = verdict(host=HOST, vm_state=state)
    assert (told.code, told.act, told.way_out) == ('ok', False, '')


def test_what_nova_stopped_after_the_boot_ran_though_the_snapshot_has_not():
    stopped = {
        'before': snapshot(
            servers=(dataclasses.replace(SERVER, vm_state='stopped'),)
        ),
        'vm_state': 'stopped',
    }
    changed = {**stopped, 'updated': NOVA.at[:19] + 'Z'}
    told = verdict(NOVA, **changed)
    assert (told.code, told.act) == ('did-not-run', False)
    assert 'it ran in between' in told.reason
    early = dataclasses.replace(NOVA, at='2026-11-27T01:59:59.000000')
    same = dataclasses.replace(OFF, boot_id=HOST.boot_id)
    assert {
        verdict(USER, **changed).code,
        verdict(early, **changed).code,
        verdict(**changed).code,
        verdict(NOVA, **stopped).code,
        verdict(NOVA, host=same, **changed).code,
    } == {'ok'}


@pytest.mark.parametrize(
    'boot, late', [('boot-1', True), ('boot-2', False), ('', False)]
)
def test_a_snapshot_that_may_be_of_after_the_loss_is_told(boot, late):
    host = dataclasses.replace(OFF, boot_id=boot)
    now = snapshot(servers=(SERVER,), attachments=(ATTACHED,), hosts=(host,))
    made = recover_cloud(DisasterSeen(now, BEFORE, 'then'), REQUEST)
    assert any('no host has booted' in note for note in made.notes) == late


@pytest.mark.parametrize('state', ['paused', 'rescued', 'resized'])
def test_one_that_was_in_its_state_before_is_told_how_to_leave_it(state):
    """nova reboots none that is rescued or resized."""
    before = dataclasses.replace(SERVER, vm_state=state)
    told = verdict(before=snapshot(servers=(before,)), vm_state=state)
    assert (told.code, told.act) == ('server-state', False)
    told = verdict(before=snapshot(servers=(before,)))
    assert told.code == 'did-not-run'


@pytest.mark.parametrize(
    'state, said', [('stopped', 'server start s1'), ('error', 'instance set')]
)
def test_a_guest_that_nova_does_not_take_for_running_is_told(state, said):
    told = verdict(host=HOST, vm_state=state)
    assert (told.code, told.act) == ('runs-unknown-to-nova', False)
    assert said in told.way_out


@pytest.mark.parametrize(
    'power, code', [(1, 'reboot'), (0, 'reboot'), (4, 'did-not-run')]
)
def test_one_in_error_ran_unless_its_guest_was_shut_down(power, code):
    broken = dataclasses.replace(SERVER, vm_state='error', power_state=power)
    told = verdict(before=snapshot(servers=(broken,)), vm_state='error')
    assert (told.code, told.ran) == (code, power != 4)


@pytest.mark.parametrize(
    'changed',
    [
        {'boot_id': 'boot-1'},
        {'boot_id': ''},
        {'problem': 'it is silent', 'boot_id': ''},
        {'host': 'cmp2'},
    ],
)
def test_without_libvirt_it_must_be_another_boot_of_the_same_host(changed):
    mute = dataclasses.replace(OFF, domains=(), absent=('libvirt',))
    assert verdict(host=mute).code == 'reboot'
    host = dataclasses.replace(mute, **changed)
    assert verdict(host=host).code == 'not-proven-off'


@pytest.mark.parametrize('vcenter', ['', 'domain-c7.'])
@pytest.mark.parametrize('absent', [(), ('libvirt',)])
def test_a_host_tells_nothing_of_servers_that_are_on_other_machines(
    vcenter, absent
):
    node = f'{vcenter}9f3ad0c2-7c51-4c55-9d4e-1b6f0a2e8d37'
    host = dataclasses.replace(OFF, domains=(), absent=absent)
    assert verdict(host=host).code == 'reboot'
    told = verdict(host=host, node=node)
    assert (told.code, told.act) == ('not-proven-off', False)
    assert f'on node {node}' in told.reason


def test_libvirt_that_does_not_answer_is_not_one_that_is_absent():
    problems = {'domains': 'libvirt does not answer'}
    mute = dataclasses.replace(OFF, domains=(), problems=problems)
    assert verdict(host=mute).code == 'reboot'  # its host has booted since
    same = dataclasses.replace(mute, boot_id='boot-1')
    told = verdict(host=same)
    assert told.code == 'not-proven-off'
    assert 'libvirt does not answer' in told.reason


def test_a_start_since_the_boot_takes_the_proof_away():
    mute = dataclasses.replace(OFF, domains=(), absent=('libvirt',))
    late = Happened('reboot', 'r3', 'u1', '2026-11-27T02:00:00.000000')
    early = dataclasses.replace(late, at='2026-11-27T01:59:59.000000')
    assert verdict(late, host=mute).code == 'not-proven-off'
    assert verdict(early, host=mute).code == 'reboot'
    for action in ('unrescue', 'evacuate', 'live-migration', 'revertResize'):
        started = dataclasses.replace(late, action=action)
        assert verdict(started, host=mute).code == 'not-proven-off'
    locked = dataclasses.replace(late, action='lock')
    assert verdict(locked, host=mute).code == 'reboot'
    # A host that does not tell when: any since the snapshot.
    when = dataclasses.replace(mute, booted_at='')
    assert verdict(early, host=when).code == 'not-proven-off'


def test_where_it_moved_to_since_a_boot_proves_nothing():
    mute = dataclasses.replace(OFF, domains=(), absent=('libvirt',))
    elsewhere = dataclasses.replace(SERVER, host='cmp9')
    before = snapshot(servers=(elsewhere,))
    assert verdict(before=before, host=mute).code == 'not-proven-off'


def test_without_a_snapshot_the_boot_decides():
    stopped = {'vm_state': 'stopped', 'before': None}
    assert verdict(NOVA, **stopped).code == 'start'
    assert verdict(USER, **stopped).code == 'not-known'
    early = dataclasses.replace(NOVA, at='2026-11-27T01:59:59.000000')
    assert verdict(early, **stopped).code == 'not-known'
    silent = dataclasses.replace(OFF, booted_at='')
    told = verdict(NOVA, host=silent, **stopped)
    assert (told.code, told.act) == ('not-known', False)
    assert 'when it has booted' in told.reason


def test_one_of_other_options_is_no_row():
    for narrow in ({'servers': ('s2',)}, {'hosts': ('cmp2',)},
                   {'projects': ('p2',)}):  # fmt: skip
        request = dataclasses.replace(REQUEST, **narrow)
        with pytest.raises(StopIteration):
            verdict(request=request)


def hostless(before, *servers, state='unknown'):
    """The rows of one that nova has on no host, as of a cell that is down."""
    lost = dataclasses.replace(
        SERVER, host='', vm_state=state, launched=False
    )  # fmt: skip
    request = dataclasses.replace(REQUEST, servers=servers)
    found = DisasterSeen(snapshot(servers=(lost,)), before)
    return recover_cloud(found, request).verdicts


def test_a_server_of_a_cell_that_is_down_is_not_said_to_be_unbuilt():
    [told] = hostless(BEFORE)
    assert (told.code, told.act) == ('no-host', False)
    assert 'a cell whose database is down' in told.way_out


def test_one_that_is_named_is_a_row_though_it_is_on_no_host():
    assert [v.code for v in hostless(None, 's1')] == ['no-host']
    [away] = hostless(None, 's1', state='shelved_offloaded')
    assert away.code == 'ok'
    assert hostless(None) == ()


def test_a_volume_that_it_lost_meanwhile_is_said():
    now = snapshot(servers=(SERVER,), attachments=(), volumes=(), hosts=(OFF,))
    made = recover_cloud(DisasterSeen(now, BEFORE), REQUEST)
    [row] = [v for v in made.verdicts if v.server == 's1']
    assert (row.code, row.act) == ('reboot', True)
    assert 'it had volume v1' in row.reason
    assert 'volume attach --snapshot 0a1b2c3d' in row.way_out


def test_without_a_snapshot_one_that_has_lost_its_root_is_not_started():
    bare = dataclasses.replace(SERVER, image=None, vm_state='stopped')
    now = snapshot(servers=(bare,), attachments=(), hosts=(OFF,))
    made = recover_cloud(DisasterSeen(now, None, '', {'s1': (NOVA,)}), REQUEST)
    [row] = [v for v in made.verdicts if v.server == 's1']
    assert (row.code, row.act) == ('root-missing', False)
    assert 'no volume of it any more' in row.reason


def test_without_a_snapshot_nova_s_database_tells_of_a_lost_root():
    bare = dataclasses.replace(
        SERVER, image=None, vm_state='stopped', volumes=('v1',)
    )

    def code(**told):
        now = snapshot(
            servers=(bare,), attachments=(ATTACHED,), hosts=(OFF,), **told
        )
        made = recover_cloud(
            DisasterSeen(now, None, '', {'s1': (NOVA,)}), REQUEST
        )
        return next(v.code for v in made.verdicts if v.server == 's1')

    [row] = snapshot().mappings
    assert code() == 'root-missing'
    assert code(mappings=(dataclasses.replace(row, boot_index=0),)) == 'start'
    # Nobody tells which it was.
    assert code(mappings=()) == 'start'


# Mended before a start


def of_volume(code, *, about='v1', way_out='a way out', remedy=None):
    """What an audit says of the one volume."""
    subject = Subject('volume', about, '', (), '', ('v1',))
    return Finding(
        code, about, 'so it is', '', way_out, 'warn',
        subject=subject, remedy=remedy,
    )  # fmt: skip


def mended(*findings, status='available'):
    """The plan for the one server, whose volume is in a status."""
    [volume] = snapshot().volumes
    now = snapshot(
        servers=(SERVER,),
        volumes=(dataclasses.replace(volume, status=status),),
        attachments=(ATTACHED,),
        hosts=(OFF,),
    )
    found = DisasterSeen(now, BEFORE, 'then')
    made = recover_cloud(found, REQUEST, Wrong(findings))
    [row] = [v for v in made.verdicts if v.server == 's1']
    titles = [phase.title for phase in made.phases]
    return row, 'repair' in titles


SETTLE = Remedy('volume.settle', {'was': 'available', 'to': 'in-use'})


def test_what_an_audit_mends_is_mended_and_what_it_does_not_is_left():
    row, repaired = mended(of_volume('volume-status', remedy=SETTLE))
    assert (row.code, row.act, repaired) == ('reboot', True, True)
    assert 'mended before its start: so it is' in row.reason
    left = [
        (),
        (of_volume('volume-status'),),
        (of_volume('volume-wedged', way_out='see it'),
         of_volume('volume-status', remedy=SETTLE)),
        (of_volume('volume-status', about='v9', remedy=None),),
        (of_volume('vtpm', remedy=SETTLE),),
    ]  # fmt: skip
    for findings in left:
        row, repaired = mended(*findings)
        assert (row.code, row.act, repaired) == ('volumes-wrong', False, False)
    row, _ = mended(*left[2])
    assert (row.way_out, 'not mended from here' in row.reason) == (
        'see it', True,
    )  # fmt: skip


def test_a_volume_that_could_not_be_exported_is_left_to_cinder_volume():
    settle = Remedy('volume.settle', {'was': 'error', 'to': 'in-use'})
    stale = of_volume('volume-error', way_out='start it anew', remedy=settle)
    row, repaired = mended(stale, status='error')
    assert (row.code, row.act, repaired) == ('volumes-wrong', False, False)
    assert row.way_out == 'start it anew'


def wanted(finding, *attachments):
    """The volumes that the one server must have when it is started."""
    now = snapshot(servers=(SERVER,), attachments=attachments, hosts=(OFF,))
    found = DisasterSeen(now, BEFORE, 'then')
    made = recover_cloud(found, REQUEST, Wrong((finding,)))
    return made.step('start:s1').args['volumes']


def test_what_cinder_alone_had_is_not_missed_once_it_is_ended():
    left = {'id': 'a9', 'sides': ('cinder',), 'status': 'reserved'}
    ended = Finding(
        'attachment-reserved', 'a9', 'so it is', '', '', 'warn',
        subject=Subject('attachment', 'a9', '', (), '', ('v1',)),
        remedy=Remedy('attachment.delete', {'volume': 'v1'}),
    )  # fmt: skip
    other = dataclasses.replace(ATTACHED, **left)
    assert wanted(ended, other) == []
    assert wanted(ended, ATTACHED, other) == ['v1']


def test_a_mapping_that_is_not_brought_back_is_not_waited_for():
    dropped = Finding(
        'mapping-dropped', 's1', 'so it is', '', '', 'warn',
        subject=Subject('server', 's1', '', (), '', ('v1',)),
    )  # fmt: skip
    # Nobody knows the server well enough to mend it.
    assert wanted(dropped) == []


def test_nothing_is_mended_of_volumes_that_are_as_they_should_be():
    row, repaired = mended(status='in-use')
    assert (row.act, repaired) == (True, False)


# Operations


def carried(world, cloud, verb, step, tick=0.01):
    run = Run('r', 0.0, 'key', 'practice', Plan('cloud', ('cmp1',), ()))
    made = operations.of_disaster(
        cloud,
        world,
        run,
        Control(),
        dict,
        grace=0,
        guests=Guests(cloud.compute, Settings()),
        kept=InMemory(),
        tick=tick,
    )
    return made.operations[verb]


def plan_of(world, cloud, before, request=REQUEST, mappings=()):
    """A plan as the command makes it."""

    def look():
        return world.look(cloud, each=False, mappings=mappings)

    def plan(found):
        return recover_cloud(found, request)

    return plan(seen(cloud, look, before, '', workers=2, reads=plan))


def planned(world, cloud):
    """The steps of the plan, by name, after the power went."""
    before = world.look(cloud)
    world.lose_power()
    made = plan_of(world, cloud, before)
    return {step.name: step for step in made.steps()}


def asked_one_by_one(service, first):
    """The servers that nova was asked about, each time, and what for."""
    found = [r.path.split('/') for r in service.requests[first:]]
    return [(path[-1], path[-2]) for path in found if 'servers' in path[:-2]]


def test_a_plan_asks_at_most_once_for_a_server():
    world = Powerless()
    with crooked_cloud.cloud(world) as (service, cloud):
        before = world.look(cloud)
        world.lose_power()
        first = len(service.requests)
        made = plan_of(world, cloud, before)
        asked = asked_one_by_one(service, first)
    going = {v.server for v in made.verdicts if v.act}
    assert {WEB, DB, DRAINED} < going
    # The stopped one stays so, whatever was asked of it.
    assert sorted(asked) == sorted(
        ('os-instance-actions', name) for name in (WEB, DB, DRAINED)
    )


def test_a_plan_that_nothing_comes_of_asks_for_no_server():
    world = Powerless()
    with crooked_cloud.cloud(world) as (service, cloud):
        before = world.look(cloud)
        first = len(service.requests)
        made = plan_of(world, cloud, before)
        assert asked_one_by_one(service, first) == []
    codes = {v.server: v.code for v in made.verdicts}
    assert (codes[WEB], codes[DRAINED]) == ('ok', 'not-proven-off')


def test_another_attachment_in_the_mapping_is_wrong_volumes():
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        before = world.look(cloud)
        world.lose_power()
        rows = [
            KeptMapping(f'm{one.id}', one.server, '', one.volume, one.id)
            for one in before.attachments
        ]
        made = plan_of(world, cloud, before, mappings=rows)
        assert {v.code for v in made.verdicts if v.server == DB} == {'start'}
        assert not any('nova was not asked' in note for note in made.notes)

        other = [
            dataclasses.replace(row, attachment='older')
            if row.server == DB
            else row
            for row in rows
        ]
        made = plan_of(world, cloud, before, mappings=other)
        [row] = [v for v in made.verdicts if v.server == DB]
        assert (row.code, row.act) == ('volumes-wrong', False)


def test_where_nobody_tells_which_attachment_nova_has_that_is_said():
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        before = world.look(cloud)
        world.lose_power()
        made = plan_of(world, cloud, before)
    [note] = [note for note in made.notes if 'nova was not asked' in note]
    assert 'before its server is started' in note


def backups(*, of='v1', **changed):
    """What the plan says of backups, with one of a volume."""
    now = snapshot(
        servers=(SERVER,),
        hosts=(OFF,),
        attachments=(ATTACHED,),
        copies=(Copy('backup', 'k1', of, 'nightly', '2026-11-19'),),
        **changed,
    )
    made = recover_cloud(DisasterSeen(now, BEFORE, 'then', {}), REQUEST)
    assert [v.act for v in made.verdicts if v.server == 's1'] == [True]
    return [note for note in made.notes if 'backup' in note]


def test_volumes_that_no_backup_is_of_are_named_with_the_plan():
    [note] = backups(of='v2')
    assert 'mandatory: data (openstack volume backup create' in note


def test_of_backups_that_are_there_or_not_known_nothing_is_said():
    assert not backups()
    assert not backups(of='v2', unseen=('backups',))


@pytest.fixture
def powerless():
    world = Powerless()
    with crooked_cloud.cloud(world) as (_, cloud):
        yield world, cloud


def refused(operation, step):
    with pytest.raises(errors.StepFailed) as caught:
        operation.apply(step)
    return caught.value.sentence


def test_it_is_started_only_as_it_was_planned(powerless):
    world, cloud = powerless
    step = planned(world, cloud)[f'start:{WEB}']
    start = carried(world, cloud, step.verb, step)
    server = world.servers[WEB]
    for changed, said in (
        ({'OS-EXT-SRV-ATTR:host': 'cmp2'}, 'nova has it on cmp2 now'),
        ({'OS-EXT-STS:vm_state': 'paused'}, 'it is paused now, not active'),
    ):
        was = {key: server[key] for key in changed}
        server |= changed
        assert said in refused(start, step)
        server |= was
    # A user has stopped it since, and not nova.
    world._off(WEB, 'u1', BOOTED)
    assert 'it is stopped now' in refused(start, step)
    assert world.starts[WEB] == []
    world.actions[WEB][0]['user_id'] = None
    start.apply(step)
    assert world.starts[WEB] == ['start']


def test_nova_may_stop_it_while_the_plan_is_made(powerless):
    world, cloud = powerless
    step = planned(world, cloud)[f'start:{WEB}']
    # The list of servers was read before that, and its actions after it.
    world._off(WEB, None, BOOTED)
    args = {**step.args, 'after': world.actions[WEB][0]['request_id']}
    step = dataclasses.replace(step, args=args)
    carried(world, cloud, step.verb, step).apply(step)
    assert world.starts[WEB] == ['start']


class Stopping(Powerless):
    """A server is being stopped right before it is asked to reboot."""

    by, refused = None, 0

    def _asked(self, name, action):
        if self.refused:
            return super()._asked(name, action)
        self.refused += 1
        self._off(name, self.by, BOOTED)
        message = f"Cannot '{action}' while it is in task_state powering-off"
        return Answer(409, {'conflictingRequest': {'message': message}})


def test_nova_may_stop_it_right_before_it_is_asked():
    world = Stopping()
    with crooked_cloud.cloud(world) as (_, cloud):
        step = planned(world, cloud)[f'start:{WEB}']
        carried(world, cloud, step.verb, step).apply(step)
    assert world.starts[WEB] == ['start']


def test_one_that_a_user_stops_right_before_it_is_asked_stays_so():
    world = Stopping()
    world.by = 'u1'
    with crooked_cloud.cloud(world) as (_, cloud):
        step = planned(world, cloud)[f'start:{WEB}']
        start = carried(world, cloud, step.verb, step)
        assert 'it is stopped now' in refused(start, step)
    assert world.starts[WEB] == []


def test_a_host_that_does_not_tell_any_more_is_no_proof(powerless):
    world, cloud = powerless
    steps = planned(world, cloud)
    silent = errors.HostSilent('cmp1', 'it is silent', 'wait')
    world.each = lambda names, op, args, **how: [(n, silent) for n in names]
    step = steps[f'start:{WEB}']
    with pytest.raises(errors.StepFailed) as caught:
        carried(world, cloud, step.verb, step).in_effect(step)
    assert 'nothing shows any more that it is off' in caught.value.sentence
    # Where there is no libvirt, the boot was the proof.
    step = steps[f'start:{DRAINED}']
    assert not carried(world, cloud, step.verb, step).in_effect(step)


@pytest.mark.parametrize(
    'action', ['unrescue', 'resume', 'unpause', 'rebuild', 'live-migration']
)
def test_where_a_boot_is_the_proof_whatever_may_start_a_guest_voids_it(
    action, powerless
):
    world, cloud = powerless
    step = planned(world, cloud)[f'start:{DRAINED}']
    world.actions[DRAINED].insert(0, powerless_cloud._action(action, 'req-u'))
    start = carried(world, cloud, step.verb, step)
    assert not start.in_effect(step)
    assert f'nova was asked for its {action}' in refused(start, step)
    assert world.starts[DRAINED] == []
    off = Step(f'off:{DRAINED}', 'disaster.off', DRAINED, dict(step.args))
    with pytest.raises(errors.StepFailed) as caught:
        carried(world, cloud, off.verb, off).follow(off, Control())
    assert f'nova was asked for its {action}' in caught.value.sentence


def test_where_a_boot_was_the_proof_libvirt_is_asked_once_it_is_there(
    powerless,
):
    """nova-compute may start guests by itself as it comes up."""
    world, cloud = powerless
    step = planned(world, cloud)[f'start:{DRAINED}']
    start = carried(world, cloud, step.verb, step)
    world.libvirt = ('cmp1', 'cmp2')
    assert not start.in_effect(step)
    world.guests[DRAINED] = True
    assert start.in_effect(step)


def test_a_server_that_does_not_come_up_is_not_asked_again(powerless):
    world, cloud = powerless
    step = planned(world, cloud)[f'start:{DB}']
    start = carried(world, cloud, step.verb, step)
    start.apply(step)
    world.servers[DB] |= {
        'OS-EXT-STS:task_state': None,
        'OS-EXT-STS:vm_state': 'error',
        'fault': {'message': 'no such device'},
    }
    with pytest.raises(errors.StepFailed) as caught:
        start.follow(step, Control())
    assert 'no such device' in caught.value.sentence
    assert 'not asked for a second time' in caught.value.way_out
    assert start.in_effect(step)


def test_rules_and_sessions_that_are_missing_are_named(powerless):
    world, cloud = powerless
    rule = 'filter: -A INPUT -p tcp -j ACCEPT'
    args = {
        'rules': [['iptables', 'filter: -A INPUT'], ['iptables', rule]],
        'targets': ['iqn.v1'],
    }
    step = Step('compare:cmp1', 'disaster.compare', 'cmp1', args)
    compare = carried(world, cloud, step.verb, step)
    with pytest.raises(errors.StepFailed) as caught:
        compare.follow(step, Control())
    assert '1 firewall rules' in caught.value.sentence
    assert 'iqn.v1' in caught.value.sentence
    assert 'iptables -t filter -A INPUT -p tcp -j ACCEPT' in (
        caught.value.way_out
    )
    assert 'openstack recover session open cmp1' in caught.value.way_out
    less = {'rules': args['rules'][:1], 'targets': []}
    compare.follow(dataclasses.replace(step, args=less), Control())


@pytest.mark.parametrize('part', ['iptables', 'sessions'])
def test_what_a_host_does_not_tell_is_not_said_to_be_missing(part, powerless):
    world, cloud = powerless
    args = {'rules': [['iptables', 'filter: -A INPUT']], 'targets': []}
    if part == 'sessions':
        args = {'rules': [], 'targets': ['iqn.v1']}
    step = Step('compare:cmp1', 'disaster.compare', 'cmp1', args)
    told = powerless_cloud._state('b1') | {
        'domains': {}, 'absent': [], 'problems': {part: 'it is locked'},
    }  # fmt: skip
    told['firewalls'] = []
    world.each = lambda names, op, args, **how: [(n, told) for n in names]
    with pytest.raises(errors.StepFailed) as caught:
        carried(world, cloud, step.verb, step).follow(step, Control())
    assert f'{part}: it is locked' in caught.value.sentence
    assert '-A INPUT' not in caught.value.way_out


class Counted(tuple):
    """A tuple that counts how often it is gone through."""

    times = 0

    def __iter__(self):
        self.times += 1
        return super().__iter__()


@pytest.mark.parametrize('mode', ['reconcile', 'clean'])
def test_what_a_plan_goes_through_does_not_grow_with_its_servers(mode):
    """Hosts of a large cloud have thousands of guests, and so has an audit
    findings.
    """

    def times(count):
        names = [f's{n}' for n in range(count)]
        hosts, before, services, found = map(
            Counted, ([OFF], BEFORE.hosts, BEFORE.services, [])
        )
        fields = {
            'servers': tuple(
                dataclasses.replace(SERVER, id=name) for name in names
            ),
            'attachments': tuple(
                dataclasses.replace(
                    ATTACHED, id=f'a{n}', volume=f'v{n}', server=name
                )
                for n, name in enumerate(names)
            ),
        }
        seen = DisasterSeen(
            snapshot(**fields, hosts=hosts, services=services),
            snapshot(**fields, hosts=before),
        )
        request = dataclasses.replace(REQUEST, mode=mode)
        cleaning.recover(seen, request, Wrong(found))
        return [one.times for one in (hosts, before, services, found)]

    assert times(30) == times(3)


def test_a_service_that_stays_down_is_an_end():
    clock = itertools.count(step=100.0)
    step = Step('up:cmp1', 'disaster.compute-up', 'cmp1')
    asked = []

    def is_up(step):
        asked.append(step)
        return False

    up = Up(is_up, 'nova-compute', clock=lambda: next(clock))
    control = Control()
    control.wait = lambda seconds: None
    with pytest.raises(errors.StepFailed) as caught:
        up.follow(step, control)
    assert 'nova-compute on cmp1 is down' in caught.value.sentence
    assert len(asked) > 1


# The agent


@pytest.mark.parametrize(
    'text, told',
    [
        ('cpu 1 2\nbtime 1764208800\nprocesses 9\n', '2025-11-27T02:00:00'),
        ('cpu 1 2\n', ''),
        ('btime x\n', ''),
        ('btime\n', ''),
        ('btime 99999999999999999999\n', ''),
    ],
)
def test_a_host_tells_when_it_was_booted(tmp_path, monkeypatch, text, told):
    path = tmp_path / 'stat'
    path.write_text(text)
    monkeypatch.setattr(hello, '_STAT', str(path))
    assert hello.booted_at() == told


def test_a_host_without_that_file_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(hello, '_STAT', str(tmp_path / 'none'))
    assert hello.booted_at() == ''


@pytest.mark.parametrize('cluster', ['', 'ctl@all'])
def test_nothing_is_begun_while_its_storage_is_down(powerless, cluster):
    world, cloud = powerless
    world.store |= {'cluster': cluster or None, 'state': 'down'}
    step = planned(world, cloud)[f'attachments:{DB}']
    assert step.args['backends'] == {'ctl@lab': cluster}
    off = Step(f'off:{DB}', 'disaster.off', DB, dict(step.args))
    agreed = carried(world, cloud, step.verb, step)
    for one, operation in (
        (step, agreed), (off, carried(world, cloud, off.verb, off))
    ):  # fmt: skip
        with pytest.raises(errors.StepFailed) as caught:
            operation.follow(one, Control())
        assert 'cinder-volume on ctl@lab is down' in caught.value.sentence
    # Another host of the cluster has taken it over.
    world.store |= {'host': f'{cluster or "ctl@lab"}', 'state': 'up'}
    assert 'agree' in agreed.follow(step, Control()).note


class Unserved(Powerless):
    """A cloud whose nova-computes are down after all."""

    state = 'down'

    def answer(self, request):
        told = super().answer(request)
        if request.path == '/compute/v2.1/os-services':
            for one in told.body['services']:
                one['state'] = self.state
        return told


def test_nothing_is_stopped_to_be_mended_while_its_nova_compute_is_down():
    """It would be on its way to be stopped until that is up."""
    world = Unserved()
    with crooked_cloud.cloud(world) as (_, cloud):
        args = planned(world, cloud)[f'start:{WEB}'].args
        step = Step(f'off:{WEB}', 'disaster.off', WEB, args)
        off = carried(world, cloud, step.verb, step)
        with pytest.raises(errors.StepFailed) as caught:
            off.follow(step, Control())
        assert 'nova-compute on cmp1 is down' in caught.value.sentence
        world.state = 'up'
        assert off.follow(step, Control()).note == 'it is off'


def test_steps_of_two_volumes_may_ask_for_one_guest_side_by_side(powerless):
    world, cloud = powerless
    args = planned(world, cloud)[f'start:{WEB}'].args
    together = threading.Barrier(2, timeout=10)
    compute = Compute(cloud.compute)
    standing = Standing(compute, world, Control(), tick=0.05)

    def ask():
        together.wait()
        return standing.not_off(WEB, args)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        assert [one.result() for one in asked] == ['', '']
