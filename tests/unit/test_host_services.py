# SPDX-License-Identifier: Apache-2.0
"""What runs nova-compute and libvirt on hosts, from two questions a host."""

import pytest

from osc_recover import errors
from osc_recover.facts import HostService, HostServices, Probe
from osc_recover.gateways.host_services import (
    CONTAINERS,
    UNITS,
    Services,
    Wanted,
)
from osc_recover.observe import setup_hosts
from osc_recover.settings import SshSettings

UNIT = {'active': 'active', 'sub': 'running', 'file': 'enabled', 'pid': 812}
ANSWERS = {
    'units.show': {'units': {'nova-compute.service': UNIT}},
    'containers.show': {
        'engine': 'podman',
        'containers': {'nova_compute': {'state': 'exited'}},
    },
}


class Hosts:
    """Hosts that answer as told, and keep what they were asked."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def each(self, names, operation, args, *, timeout):
        for name in names:
            self.asked.append((name, operation, args))
            yield name, self.answers[name][operation]


def test_units_and_containers_are_told_together():
    [found] = Services(Hosts(a=ANSWERS)).show(['a'])
    assert found == HostServices(
        'a',
        (
            HostService(
                'a', 'nova-compute.service', 'unit', 'active', 'enabled'
            ),
            HostService('a', 'nova_compute', 'podman', 'exited'),
        ),
    )


def test_every_name_that_a_distribution_has_is_asked_for_once():
    hosts = Hosts(a=ANSWERS)
    Services(hosts).show(['a'])
    assert hosts.asked == [
        ('a', 'units.show', {'units': list(UNITS)}),
        ('a', 'containers.show', {'containers': list(CONTAINERS)}),
    ]
    assert len(set(UNITS)) == len(UNITS)
    assert {'virtqemud.service', 'virtqemud-ro.socket'} <= set(UNITS)


def test_a_host_without_containers_has_units_alone():
    none = {'engine': None, 'containers': {}}
    hosts = Hosts(a={**ANSWERS, 'containers.show': none})
    [found] = Services(hosts).show(['a'])
    assert [service.kind for service in found.services] == ['unit']
    assert not found.problem


def test_a_host_that_is_not_there_is_asked_once_and_keeps_nobody():
    lost = errors.ConnectRefused('b', '10.0.0.2 port 22')
    hosts = Hosts(a=ANSWERS, b={'units.show': lost})
    a, b = Services(hosts).show(['a', 'b'])
    assert (a.problem, b.problem) == ('', lost.sentence)
    assert [name for name, *_ in hosts.asked] == ['a', 'b', 'a']


@pytest.mark.parametrize(
    'odd', [{'units': []}, {'units': {'x': {'active': 1}}}, []]
)
def test_an_answer_that_is_not_understood_is_the_hosts_problem(odd):
    [found] = Services(Hosts(a={'units.show': odd})).show(['a'])
    assert 'not understood' in found.problem


def test_what_fails_half_way_is_told_beside_what_is_known():
    lost = errors.RequestTimedOut('a', 'containers.show', 60)
    hosts = Hosts(a={**ANSWERS, 'containers.show': lost})
    [found] = Services(hosts).show(['a'])
    assert [service.name for service in found.services] == [
        'nova-compute.service'
    ]
    assert found.problem == lost.sentence


class Slow:
    """A host whose systemd needs some time, and which is silent meanwhile."""

    def __init__(self, needs):
        self.needs, self.done = needs, []

    def ask(self, host, operation, args, *, timeout):
        if args['seconds'] < self.needs:
            raise errors.OperationRefused(
                host, operation, 'program-timed-out', 'systemctl did not end'
            )
        if timeout < self.needs:
            raise errors.RequestTimedOut(host, operation, timeout)
        self.done.append(operation)
        return {}


@pytest.mark.parametrize('verb', ['stop', 'start'])
def test_a_change_may_take_as_long_as_systemd_itself_waits(verb):
    # 90 s (DefaultTimeoutStopSec), and nova-compute before libvirt's.
    wanted = Wanted(('nova-compute.service',), ('nova_compute',))
    slow = Slow(needs=170)
    Services(slow).change('a', verb, wanted)
    assert slow.done == [f'units.{verb}', f'containers.{verb}']


def test_nobody_is_dialled_for_the_setup_without_a_word_about_ssh():
    [probe] = setup_hosts.probes(SshSettings(), ['cmp1'])
    assert (probe.check, probe.state) == ('ssh', 'unused')


@pytest.mark.parametrize(
    'told, state, detail',
    [
        ({'python': '3.11.2', 'uid': 0, 'sudo': False}, 'ok', 'as root'),
        ({'python': '3.9.2', 'uid': 0, 'sudo': True}, 'ok', '3.9.2 by sudo'),
        ({'python': '3.9.2', 'uid': 1000, 'sudo': False}, 'broken', '1000'),
        (errors.SudoPassword('a', 'op'), 'broken', 'sudo asks user op'),
    ],
)
def test_the_setup_of_a_host_is_told_with_the_fix(told, state, detail):
    probe = setup_hosts.told('a', told)
    assert isinstance(probe, Probe)
    assert (probe.check, probe.state) == ('ssh a', state)
    assert detail in probe.detail
    assert bool(probe.fix) == (state == 'broken')
