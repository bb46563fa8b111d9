# SPDX-License-Identifier: Apache-2.0
"""Services of hosts are stopped and started as planned, once."""

import itertools

import pytest

from osc_recover import errors
from osc_recover.checks.finding import Finding
from osc_recover.effects import Control
from osc_recover.facts import HostService, HostServices, Service
from osc_recover.gateways.host_services import Services
from osc_recover.operations.host_services import Change, Seen
from osc_recover.plan import Step
from osc_recover.procedures.services import ServiceChange, change_services

NOVA = HostService('a', 'nova-compute.service', 'unit', 'active', 'enabled')
VIRT = HostService('a', 'libvirtd.service', 'unit', 'active', 'enabled')
SOCKET = HostService('a', 'libvirtd.socket', 'unit', 'active', 'enabled')
LOGS = HostService('a', 'virtlogd.service', 'unit', 'active', 'enabled')
TLS = HostService('a', 'libvirtd-tls.socket', 'unit', 'inactive', 'disabled')
DEBIAN = (NOVA, VIRT, SOCKET, LOGS, TLS)
TRAP = Finding(
    'evacuated-back', 'a', 'row 7 is done', '', 'close it', 'refuse'
)


def stopped(*services):
    return tuple(
        HostService(s.host, s.name, s.kind, 'inactive', s.enabled)
        for s in services
    )


def plan(services, action, *, libvirt=False, traps=(), **more):
    found = [HostServices('a', tuple(services), **more)]
    request = ServiceChange(('a',), action, libvirt)
    return change_services(found, {'a': list(traps)}, request)


def steps(made):
    return [(s.verb, s.args.get('units')) for s in made.steps()]


def test_a_restart_stops_what_runs_and_starts_exactly_that():
    ours = ['nova-compute.service']
    assert steps(plan(DEBIAN, 'restart')) == [
        ('services.stop', ours),
        ('services.start', ours),
        ('services.seen', None),
    ]


def test_libvirt_is_taken_along_with_its_sockets_but_not_its_logs():
    [(_, units)] = steps(plan(DEBIAN, 'stop', libvirt=True))
    assert units == [
        'nova-compute.service',
        'libvirtd.service',
        'libvirtd.socket',
    ]


def test_a_start_takes_what_is_stopped_and_meant_to_run():
    made = plan(stopped(*DEBIAN), 'start', libvirt=True)
    assert steps(made)[0] == (
        'services.start',
        ['nova-compute.service', 'libvirtd.service', 'libvirtd.socket'],
    )


def test_containers_are_told_from_units():
    kolla = HostService('a', 'nova_compute', 'podman', 'running')
    [step] = plan([kolla], 'stop').steps()
    assert step.args == {'units': [], 'containers': ['nova_compute']}


@pytest.mark.parametrize('action', ['start', 'restart'])
def test_a_start_that_would_destroy_a_guest_is_refused(action):
    services = DEBIAN if action == 'restart' else stopped(*DEBIAN)
    made = plan(services, action, traps=[TRAP])
    [verdict] = made.verdicts
    assert (verdict.act, verdict.code) == (False, 'evacuated-back')
    assert (verdict.reason, verdict.way_out) == ('row 7 is done', 'close it')
    assert not made.phases


def test_the_same_host_may_be_stopped():
    assert plan(DEBIAN, 'stop', traps=[TRAP]).verdicts[0].act


def test_a_host_that_cannot_be_asked_is_left_and_says_why():
    made = plan((), 'restart', problem='no route', way_out='see the cable')
    [verdict] = made.verdicts
    assert (verdict.act, verdict.code) == (False, 'unknown')
    assert (verdict.reason, verdict.way_out) == ('no route', 'see the cable')


@pytest.mark.parametrize(
    'action, services', [('stop', stopped(*DEBIAN)), ('start', DEBIAN)]
)
def test_nothing_to_do_is_said(action, services):
    [verdict] = plan(services, action).verdicts
    assert (verdict.act, verdict.code) == (False, 'nothing')
    assert 'service list a' in verdict.way_out


def test_a_start_tells_of_what_waits_in_the_queue():
    assert 'queue compute.a' in plan(DEBIAN, 'restart').notes[0]
    assert plan(DEBIAN, 'stop').notes == ()


# Carried out


class Hosts:
    """One host whose services do as they are told, unless it is deaf."""

    def __init__(self, state='active', deaf=False):
        self.state, self.deaf, self.asked = state, deaf, []
        self.error = None

    def each(self, names, operation, args, *, timeout):
        for name in names:
            if self.error:
                yield name, self.error
            elif operation == 'units.show':
                unit = {'active': self.state, 'file': 'enabled'}
                yield name, {'units': {NOVA.name: unit}}
            else:
                yield name, {'engine': None, 'containers': {}}

    def ask(self, host, operation, args, *, timeout):
        self.asked.append((operation, args['units']))
        if self.error:
            raise self.error
        if not self.deaf:
            verb = operation.partition('.')[2]
            self.state = {'stop': 'inactive', 'start': 'active'}[verb]
        return {}


STOP = Step(
    'stop:a', 'services.stop', 'a', {'units': [NOVA.name], 'containers': []}
)


def change(hosts, verb='stop'):
    return Change(Services(hosts), verb, grace=0)


def test_a_stop_is_asked_for_once_and_seen():
    hosts = Hosts()
    stop = change(hosts)
    assert not stop.in_effect(STOP)
    assert 'stopped: nova-compute.service' in stop.apply(STOP).note
    assert stop.in_effect(STOP)
    stop.follow(STOP, Control())
    assert hosts.asked == [('units.stop', [NOVA.name])]


def test_a_start_is_in_effect_when_all_run():
    assert change(Hosts('active'), 'start').in_effect(STOP)
    assert not change(Hosts('failed'), 'start').in_effect(STOP)


def test_a_start_is_refused_by_a_trap_that_has_come_since_the_plan():
    hosts = Hosts('inactive')
    trap = errors.StepFailed('row 7 is done', 'close it')
    start = Change(Services(hosts), 'start', 0, lambda host: trap)
    with pytest.raises(errors.StepFailed, match='row 7'):
        start.apply(STOP)
    assert hosts.asked == []


def test_services_that_do_not_obey_are_told():
    stop = change(Hosts(deaf=True))
    stop.apply(STOP)
    with pytest.raises(errors.StepFailed, match='did not stop'):
        stop.follow(STOP, Control())


def test_a_lost_answer_is_uncertain_and_the_host_is_asked_again():
    hosts = Hosts()
    hosts.error = errors.AgentCut('a', 'units.stop', 'the connection was lost')
    with pytest.raises(errors.Uncertain):
        change(hosts).apply(STOP)


def test_a_host_that_says_no_fails_its_step_with_its_own_words():
    hosts = Hosts()
    hosts.error = errors.OperationRefused(
        'a', 'units.stop', 'program-failed', 'systemctl ended with 1'
    )
    with pytest.raises(errors.StepFailed, match='systemctl ended with 1'):
        change(hosts).apply(STOP)
    with pytest.raises(errors.StepFailed, match='systemctl ended with 1'):
        change(hosts).in_effect(STOP)


class Nova:
    """nova-compute's record, one state a look."""

    def __init__(self, *looks):
        self.looks = list(looks)

    def compute_service(self, host):
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found


def seen(nova, timeout=60):
    ticks = itertools.count().__next__
    return Seen(nova, timeout=timeout, clock=ticks)


class Quick(Control):
    def wait(self, seconds):
        pass


SEEN = Step('seen:a', 'services.seen', 'a')
OLD = Service('7', 'a', up=True, updated_at='T1')
NEW = Service('7', 'a', up=True, updated_at='T2')


def test_a_heartbeat_newer_than_the_start_is_waited_for():
    away = errors.ApiUnreachable('nova', 'GET', 'away')
    nova = Nova(away, OLD, OLD, away, NEW)
    assert seen(nova).follow(SEEN, Quick()).note == 'nova sees it up'
    assert nova.looks == [NEW]


def test_no_heartbeat_at_all_is_a_failure_with_a_way_out():
    with pytest.raises(errors.StepFailed, match='no heartbeat') as caught:
        seen(Nova(OLD), timeout=3).follow(SEEN, Quick())
    assert 'log of nova-compute on a' in caught.value.way_out


def test_a_host_that_is_forced_down_is_told_how_to_return():
    kept = Service('7', 'a', up=False, forced_down=True, updated_at='T2')
    told = seen(Nova(OLD, kept)).follow(SEEN, Quick())
    assert 'openstack recover return a' in told.note
