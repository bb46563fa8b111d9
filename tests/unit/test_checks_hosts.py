# SPDX-License-Identifier: Apache-2.0
"""Checks about the host and the cloud, in detail."""

import pytest

from osc_recover import facts
from osc_recover.checks import versions
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    findings,
    node,
)


def down(*names):
    return computes(*(compute(name, up=False) for name in names))


def taken(run):
    reason = f'osc-recover run {run}'
    service = compute(HOST, up=False, enabled=False, disabled_reason=reason)
    return cloud(services=computes(service))


def test_to_state_that_a_host_is_off_does_not_silence_its_heartbeat():
    alive = cloud(services=computes(compute(HOST, updated_at='T1')))
    (found,) = findings('host', 'host-up', alive, asked(fenced='I saw it'))
    assert found.weight == 'refuse'
    assert found.evidence == 'last heartbeat T1'
    assert '--fence' in found.way_out


def test_a_host_that_is_up_may_be_fenced():
    alive = cloud(services=computes())
    assert not findings('host', 'host-up', alive, asked(fence=True))


def test_a_forced_down_host_is_not_up():
    forced = cloud(services=computes(compute(HOST, forced_down=True)))
    assert not findings('host', 'host-up', forced, asked())


def test_to_be_fenced_is_evidence_enough():
    request = asked(fenced='', fence=True)
    assert not findings('cloud', 'no-evidence', cloud(), request)


@pytest.mark.parametrize(
    'names, refused',
    [
        (['cmp-1'], False),
        (['cmp-1', 'cmp-2'], True),
        (['cmp-1', 'cmp-2', 'cmp-3', 'cmp-4'], True),
    ],
)
def test_more_than_a_third_down_is_many(names, refused):
    found = findings(
        'cloud', 'many-down', cloud(services=down(*names)), asked()
    )
    assert bool(found) is refused


def test_exactly_a_third_down_is_not_many():
    three = (compute(HOST, up=False), compute('b'), compute('c'))
    assert not findings('cloud', 'many-down', cloud(services=three), asked())


def test_two_computes_have_no_share_that_tells():
    two = tuple(compute(name, up=False) for name in (HOST, 'cmp-2'))
    assert not findings('cloud', 'many-down', cloud(services=two), asked())


def test_many_down_overridden_is_still_said():
    situation = cloud(services=down('cmp-1', 'cmp-2'))
    (found,) = findings('cloud', 'many-down', situation, asked(many_down=True))
    assert found.weight == 'warn'
    assert found.evidence == 'cmp-1, cmp-2'


def test_other_services_are_no_computes():
    situation = cloud(
        services=(
            compute(HOST, up=False),
            *(
                facts.Service(f's{n}', 'ctl', 'nova-scheduler', up=False)
                for n in range(5)
            ),
            compute('cmp-2'),
            compute('cmp-3'),
        )
    )
    assert not findings('cloud', 'many-down', situation, asked())


@pytest.mark.parametrize(
    'method, weight', [('evacuate', 'warn'), ('database', 'refuse')]
)
def test_a_node_of_a_former_name_is_told(method, weight):
    nodes = (node(HOST), facts.Hypervisor('other', HOST, 'former'))
    situation = cloud(hypervisors=nodes)
    request = asked(method=method)
    assert not findings('host', 'ironic', situation, request)
    [found] = findings('host', 'several-nodes', situation, request)
    assert (found.weight, 'former' in found.evidence) == (weight, True)


@pytest.mark.parametrize(
    'name, changes, why',
    [
        ('cmp-1', {}, 'it is the failed host'),
        ('cmp-9', {}, 'nova has no compute there'),
        ('cmp-2', {'up': False}, 'its nova-compute is down'),
        ('cmp-2', {'forced_down': True}, 'it is forced down'),
        (
            'cmp-2',
            {'enabled': False, 'disabled_reason': 'fan'},
            'it is disabled: fan',
        ),
    ],
)
def test_a_bad_target_is_told_why(name, changes, why):
    services = computes(compute(HOST, up=False), compute('cmp-2', **changes))
    situation = cloud(services=services)
    (found,) = findings('cloud', 'bad-target', situation, asked(target=name))
    assert found.what.endswith(why)
    assert found.about == name


def test_a_run_is_taken_over_only_by_its_name():
    (found,) = findings(
        'host', 'other-run', taken('7f3a'), asked(take_over='7f3b')
    )
    assert (found.weight, found.flag) == ('refuse', '--take-over')
    (found,) = findings(
        'host', 'other-run', taken('7f3a'), asked(take_over='7f3a')
    )
    assert found.weight == 'warn'


@pytest.mark.parametrize(
    'newest, chosen',
    [('2.68', '2.68'), ('2.93', '2.93'), ('2.94', '2.94'), ('2.100', '2.94')],
)
def test_the_newest_version_that_restores_the_state_is_asked(newest, chosen):
    assert versions.for_evacuation(newest, leave_stopped=False) == chosen


def test_to_leave_servers_stopped_takes_2_95():
    assert versions.for_evacuation('2.100', leave_stopped=True) == '2.95'


def test_a_rehearsal_needs_no_evidence_and_no_dead_host():
    alive = cloud(services=computes(compute(HOST)))
    request = asked(fenced='', rehearsal=True)
    for scope, code in (('host', 'host-up'), ('cloud', 'no-evidence')):
        (found,) = findings(scope, code, alive, request)
        assert found.weight == 'warn'
