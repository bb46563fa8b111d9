# SPDX-License-Identifier: Apache-2.0
"""Checks about server groups, in detail."""

from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    findings,
    group,
    of_first,
    server,
)


def full(situation, **request):
    found = findings(
        'fleet', 'anti-affinity-full', situation, asked(**request)
    )
    return [finding.about for finding in found]


def test_an_affinity_group_of_one_has_nowhere_to_go_either():
    situation = cloud(groups=(group('s1', policy='affinity'),))
    (found,) = of_first(situation)
    assert (found.code, found.flag) == ('affinity-all-here', '')
    assert '2.67' in found.way_out


def test_a_soft_policy_hinders_nobody():
    for policy in ('soft-affinity', 'soft-anti-affinity'):
        situation = cloud(groups=(group('s1', policy=policy),))
        assert of_first(situation) == []
        assert full(situation, target='cmp-2') == []


def test_a_member_without_a_host_does_not_hold_the_group_together():
    gone = group(
        's1', 's9', policy='affinity', member_hosts={'s1': HOST, 's9': ''}
    )
    assert of_first(cloud(groups=(gone,)))


def test_the_last_members_find_no_host():
    members = [server(f's{n}') for n in range(1, 6)]
    group_ = group(*(m.id for m in members))
    assert full(cloud(*members, groups=(group_,))) == ['s4', 's5']


def test_members_elsewhere_hold_their_places():
    hosts = {'s1': HOST, 's2': HOST, 's8': 'cmp-2', 's9': 'cmp-3'}
    group_ = group(*hosts, member_hosts=hosts)
    assert full(cloud(server(), server('s2'), groups=(group_,))) == ['s2']


def test_several_may_share_a_host_where_the_policy_says_so():
    members = [server(f's{n}') for n in range(1, 4)]
    group_ = group(*(m.id for m in members), max_per_host=2)
    situation = cloud(*members, groups=(group_,))
    assert full(situation) == []
    assert full(situation, target='cmp-2') == ['s3']


def test_a_target_that_is_in_the_way_is_named():
    situation = cloud(server(), server('s2'), groups=(group('s1', 's2'),))
    (found,) = findings(
        'fleet', 'anti-affinity-full', situation, asked(target='cmp-2')
    )
    assert '--target' in found.way_out
