# SPDX-License-Identifier: Apache-2.0
"""What a returning host still has of servers that are elsewhere."""

import pytest

from osc_recover import facts
from osc_recover.procedures.returning import refusal, return_host
from tests.unit.situations import (
    HOST,
    cloud,
    compute,
    computes,
    domain,
    findings,
    numbers,
    returned,
    row,
    server,
    told,
)

VOLUME = '3f57699a-e773-4650-a443-b4b37eed5a06'
DONE = row(status='done', server='s9')
SILENT = {'problem': 'cmp-1: no answer', 'way_out': 'see the cable'}


def situation(*rows, **parts):
    services = computes(compute(HOST, up=False, forced_down=True))
    return cloud(services=services, migrations=rows, returned=told(**parts))


def domains(*several):
    return {'domains': facts.HostDomains(HOST, several)}


def folders(*servers, **changes):
    fields = {'path': '/srv/instances', 'kind': 'ext4', **changes}
    found = tuple(facts.Folder(key) for key in servers)
    return {'storage': facts.HostStorage(HOST, folders=found, **fields)}


def found(code, *rows, **parts):
    return findings('return', code, situation(*rows, **parts), returned())


def rows(*migrations, **parts):
    plan = return_host(situation(*migrations, **parts), returned())
    return plan, {verdict.name: verdict for verdict in plan.verdicts}


@pytest.mark.parametrize('state', ['running', 'paused', 'crashed'])
def test_a_guest_that_runs_in_two_places_keeps_the_host_out(state):
    plan, told_ = rows(**domains(domain(state=state)))
    assert told_['duplicate guests'].code == 'open'
    assert plan.phases == ()
    assert f'is {state} on cmp-1' in refusal(plan).sentence
    assert 'has the server on cmp-2' in refusal(plan).sentence
    assert 'virsh destroy instance-s9' in told_['duplicate guests'].way_out


def test_where_nova_compute_would_end_it_nova_compute_is_named():
    [one] = found('duplicate-guests', DONE, **domains(domain()))
    assert one.way_out.startswith('restart nova-compute on cmp-1')
    assert 'virsh' not in one.way_out


def test_a_guest_of_a_server_that_is_on_no_host_is_one_too_many():
    [one] = found('duplicate-guests', **domains(domain()), homes={'s9': ''})
    assert 'nova has the server on no host' in one.what


def test_a_guest_that_has_come_here_meanwhile_is_well():
    assert not found(
        'duplicate-guests', **domains(domain()), homes={'s9': HOST}
    )


def test_a_guest_that_nova_does_not_know_is_only_told():
    plan, told_ = rows(**domains(domain('s8')), homes={'s8': None})
    assert told_['duplicate guests'].code == 'look'
    assert 'instance-s8' in told_['duplicate guests'].reason
    assert plan.phases


def test_a_guest_that_belongs_here_is_well():
    plan, told_ = rows(**domains(domain('s1')))
    assert told_['duplicate guests'].code == 'ok'
    assert plan.phases


def test_what_is_left_over_is_told_with_what_nova_does_with_it():
    stopped = domain(state='shut off')
    plan, told_ = rows(**domains(stopped), **folders('s9', 's1'))
    left = told_['leftovers']
    assert left.code == 'look'
    assert 'evacuates none of these to cmp-1' in left.reason
    assert 'takes them for shared storage' in left.reason
    assert 'openstack recover domain repair s9' in left.way_out
    assert 'mv /srv/instances/s9 /srv/instances/s9.old' in left.way_out
    assert '/s1' not in left.way_out
    assert plan.phases


def test_what_nova_compute_removes_is_not_told_beside():
    stopped = domain(state='shut off')
    _, told_ = rows(DONE, **domains(stopped), **folders('s9'))
    assert told_['evacuation records'].code == 'open'
    assert told_['leftovers'].code == 'ok'


def test_what_the_source_of_a_resize_keeps_is_not_left_over():
    stopped = domains(domain(state='shut off'))
    waits = row(type='resize', status='finished', server='s9')
    assert not found('stopped-domains', waits, **stopped)
    assert not found('left-directories', waits, **folders('s9'))
    over = row(type='resize', status='confirmed', server='s9')
    assert found('stopped-domains', over, **stopped)


def test_directories_on_shared_storage_are_the_servers_own_disks():
    assert found('left-directories', **folders('s9', network=True)) == []


def test_numbers_that_differ_are_told_with_their_repair():
    others = numbers('cmp-2'), numbers('cmp-3')
    plan, told_ = rows(accounts=(numbers(HOST, 108), *others))
    assert told_['ids'].code == 'look'
    assert 'user nova: it is 108 here and should be 64060' in (
        told_['ids'].reason
    )
    assert 'ownership' in told_['ids'].way_out
    assert plan.phases


def test_numbers_of_others_that_differ_are_not_this_hosts_matter():
    others = numbers('cmp-2'), numbers('cmp-3', 108)
    _, told_ = rows(accounts=(numbers(HOST), *others))
    assert told_['ids'].code == 'ok'


def test_numbers_are_unknown_where_there_is_nobody_to_compare_with():
    silent = facts.HostAccounts('cmp-2', **SILENT)
    for accounts in ((numbers(HOST),), (numbers(HOST), silent)):
        _, told_ = rows(accounts=accounts)
        assert told_['ids'].code == 'unknown'
        assert 'compare id nova' in told_['ids'].way_out


def sessions(*targets):
    several = (facts.Session(n, t) for n, t in enumerate(targets, 3))
    return {'sessions': facts.HostSessions(HOST, tuple(several))}


def test_sessions_to_volumes_of_servers_elsewhere_are_told_by_number():
    _, told_ = rows(**sessions('iqn.x:sn.1', f'iqn.y:volume-{VOLUME}'))
    row_ = told_['iSCSI sessions']
    assert row_.code == 'look'
    assert f'[4] iqn.y:volume-{VOLUME}' in row_.reason
    assert 'iscsiadm -m session -r 4 -u' in row_.way_out


def test_sessions_to_volumes_of_servers_here_are_well():
    there = cloud(
        server(volumes=(VOLUME,)),
        returned=told(**sessions(f'iqn.y:volume-{VOLUME}')),
    )
    assert findings('return', 'left-sessions', there, returned()) == []


@pytest.mark.parametrize(
    'part, kind, names',
    [
        ('domains', facts.HostDomains, {'duplicate guests', 'leftovers'}),
        ('storage', facts.HostStorage, {'leftovers'}),
        ('sessions', facts.HostSessions, {'iSCSI sessions'}),
    ],
)
def test_a_part_that_the_host_does_not_tell_is_unknown(part, kind, names):
    plan, told_ = rows(**{part: kind(HOST, **SILENT)})
    unknown = {n for n, verdict in told_.items() if verdict.code == 'unknown'}
    assert unknown == names
    for name in unknown:
        assert told_[name].reason == 'cmp-1: no answer'
        assert told_[name].way_out == 'see the cable'
    assert plan.phases


def test_accounts_that_the_host_does_not_tell_are_unknown():
    silent = facts.HostAccounts(HOST, **SILENT)
    _, told_ = rows(accounts=(silent, numbers('cmp-2')))
    assert (told_['ids'].code, told_['ids'].reason) == (
        'unknown',
        'cmp-1: no answer',
    )


def test_what_is_found_and_what_is_unknown_are_both_told():
    silent = {'storage': facts.HostStorage(HOST, **SILENT)}
    _, told_ = rows(**domains(domain(state='shut off')), **silent)
    assert told_['leftovers'].code == 'unknown'
    assert 'stopped domain' in told_['leftovers'].reason
    assert told_['leftovers'].reason.endswith('cmp-1: no answer')
