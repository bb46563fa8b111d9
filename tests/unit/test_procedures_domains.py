# SPDX-License-Identifier: Apache-2.0
"""Which steps mend a domain, and which servers are left alone, and why."""

import pytest

from osc_recover import records
from osc_recover.checks.request import DomainRepair
from osc_recover.facts import DomainDetail, HostLook, NetworkFilter
from osc_recover.plan import Plan
from osc_recover.procedures.domains import repair_domains, wanted_filters
from tests.unit.domain_facts import (
    NAME,
    S1,
    definition,
    domain,
    look,
    seen,
    setting,
)

WRONG = definition('10.0.0.99')
COPIED = {'vnc.server_listen': setting('10.0.0.12')}
CLEAN = {
    'clean': NetworkFilter('<clean/>', ('leaf',)),
    'leaf': NetworkFilter('<leaf/>'),
    'else': NetworkFilter('<else/>'),
}


def plan(*looks, filters=CLEAN, server=(), **options):
    request = DomainRepair((S1,), **options)
    return repair_domains(
        seen(*looks, **dict(server)), {'a': filters}, request
    )


def steps(made):
    return [(step.verb, dict(step.args)) for step in made.steps()]


def left(made):
    assert not made.phases
    [verdict] = made.verdicts
    assert not verdict.act
    return verdict


def define(listen='', dhcp=''):
    return ('domain.define', {'host': 'a', 'listen': listen, 'dhcp': dhcp})


# Addresses


def test_a_wrong_address_becomes_that_of_nova_conf():
    made = plan(look('a', domain(), kept=WRONG))
    assert steps(made) == [define('10.0.0.11')]
    [verdict] = made.verdicts
    assert (verdict.code, verdict.kind) == ('repair', 'listen 10.0.0.11')
    assert made.hosts == ('a',)


def test_what_is_well_is_left_alone():
    verdict = left(plan(look('a', domain())))
    assert (verdict.code, '--listen' in verdict.way_out) == ('nothing', True)


def test_an_address_that_is_asked_for_is_taken_though_nothing_is_wrong():
    made = plan(look('a', domain()), listen='127.0.0.1')
    assert steps(made) == [define('127.0.0.1')]
    again = look('a', domain(), kept=definition('127.0.0.1'))
    assert left(plan(again, listen='127.0.0.1')).code == 'nothing'


@pytest.mark.parametrize('address', ['0.0.0.0', '::'])
def test_an_address_that_is_open_to_all_says_so_and_for_how_long(address):
    made = plan(look('a', domain()), listen=address)
    until, open_ = made.notes
    assert 'lasts until nova generates' in until
    assert f'web: at {address} its console is open to everybody' in open_
    closed = plan(look('a', domain()), listen='127.0.0.1')
    assert len(closed.notes) == 1


def test_an_address_that_is_not_the_hosts_is_refused():
    verdict = left(plan(look('a', domain()), listen='10.0.0.12'))
    assert verdict.code == 'bad-listen'
    assert '10.0.0.11' in verdict.way_out


def test_a_nova_conf_that_is_wrong_itself_is_mended_first():
    home = look('a', domain(), kept=WRONG, settings=COPIED)
    verdict = left(plan(home))
    assert verdict.code == 'conf-listen'
    assert '--listen <address>' in verdict.way_out
    made = plan(home, listen='10.0.0.11')
    assert steps(made) == [define('10.0.0.11')]
    assert any('server_listen is 10.0.0.12' in note for note in made.notes)


def test_a_guest_that_is_kept_nowhere_is_not_given_an_address():
    home = look('a', domain(persistent=False), kept=WRONG)
    assert left(plan(home)).code == 'transient'


def test_a_dhcp_server_becomes_my_ip_or_what_is_asked_for():
    home = look('a', domain(), kept=definition(dhcp_servers=('10.0.0.12',)))
    assert steps(plan(home)) == [define(dhcp='10.0.0.11')]
    asked = plan(home, dhcp_server='10.5.0.1')
    assert steps(asked) == [define(dhcp='10.5.0.1')]
    bare = plan(look('a', domain()), dhcp_server='10.5.0.1')
    assert left(bare).code == 'nothing'


def test_a_my_ip_of_another_host_is_not_written():
    home = look(
        'a', domain(), kept=definition(dhcp_servers=('10.0.0.12',)),
        settings={'my_ip': setting('10.0.0.12')},
    )  # fmt: skip
    assert '--dhcp-server' in left(plan(home)).way_out


# Network filters


FILTERED = definition(filters=('clean',))


def test_filters_that_are_missing_are_defined_with_what_they_need():
    home = look('a', domain(), kept=FILTERED)
    assert wanted_filters(seen(home), DomainRepair((S1,))) == {'a': ['clean']}
    [(verb, args)] = steps(plan(home))
    assert verb == 'domain.filters'
    assert args == {
        'host': 'a',
        'filters': {'clean': '<clean/>', 'leaf': '<leaf/>'},
        'anew': False,
    }


def test_filters_are_made_anew_only_when_asked_for():
    home = look(
        'a', domain(), kept=FILTERED, filters={'clean': ('leaf',), 'leaf': ()}
    )
    assert left(plan(home)).code == 'nothing'
    [(_, args)] = steps(plan(home, recreate_filters=True))
    assert (sorted(args['filters']), args['anew']) == (['clean', 'leaf'], True)


@pytest.mark.parametrize('known', [{}, {'clean': CLEAN['clean']}])
def test_a_filter_that_cannot_be_had_names_the_flag(known):
    home = look('a', domain(), kept=FILTERED)
    verdict = left(plan(home, filters=known))
    assert verdict.code == 'filter-missing'
    assert '--reference <host>' in verdict.way_out
    assert 'b has no' in left(plan(home, filters=known, reference='b')).reason


def test_a_filter_that_the_host_has_need_not_be_had():
    home = look('a', domain(), kept=FILTERED, filters={'leaf': ()})
    made = plan(home, filters={'clean': CLEAN['clean']})
    [(_, args)] = steps(made)
    assert set(args['filters']) == {'clean'}


# Stale domains


STALE = look('b', domain('b', 'shut off'))


def test_a_stale_domain_is_forgotten_where_it_is():
    made = plan(look('a', domain()), STALE)
    assert steps(made) == [('domain.forget', {'host': 'b', 'domain': NAME})]
    assert made.hosts == ('b',)
    assert made.verdicts[0].kind == f'forget {NAME} on b'


@pytest.mark.parametrize('state', ['running', 'paused', 'crashed'])
def test_a_guest_that_runs_elsewhere_is_never_forgotten(state):
    home = look('a', domain(), kept=WRONG)
    verdict = left(plan(home, look('b', domain('b', state))))
    assert verdict.code == 'two-places'
    assert 'virsh destroy' in verdict.way_out


def test_nothing_is_done_while_nova_is_at_it_or_home_is_silent():
    busy = plan(look('a', domain()), STALE, server={'task_state': 'moving'})
    assert left(busy).code == 'under-way'
    dead = HostLook('a', problem='a gave no answer', way_out='see a')
    assert left(plan(dead, STALE)).code == 'unknown'


def test_a_domain_that_is_not_defined_is_for_nova_to_define():
    verdict = left(plan(look('a')))
    assert (verdict.code, 'reboot --hard' in verdict.way_out) == (
        'undefined',
        True,
    )


# The plan as a whole


ALL = look(
    'a', domain(),
    kept=definition(
        '10.0.0.99', filters=('clean',), dhcp_servers=('10.0.0.12',)
    ),
)  # fmt: skip


def test_all_that_is_wrong_is_mended_in_order():
    verbs = [verb for verb, _ in steps(plan(ALL, STALE))]
    assert verbs == ['domain.filters', 'domain.define', 'domain.forget']


@pytest.mark.parametrize(
    'only, verbs',
    [
        (('listen',), [define('10.0.0.11')]),
        (('dhcp',), [define(dhcp='10.0.0.11')]),
        (('stale',), [('domain.forget', {'host': 'b', 'domain': NAME})]),
    ],
)
def test_only_what_is_named_is_mended(only, verbs):
    assert steps(plan(ALL, STALE, only=only)) == verbs


def test_filters_alone_are_mended_when_only_they_are_named():
    [(verb, _)] = steps(plan(ALL, STALE, only=('filters',)))
    assert verb == 'domain.filters'


def test_what_is_not_asked_for_does_not_stop_the_rest():
    made = plan(ALL, filters={}, only=('listen', 'stale'))
    assert steps(made) == [define('10.0.0.11')]


def test_what_else_is_wrong_is_said_beside_the_plan():
    wrong = {'vnc.server_proxyclient_address': setting('10.0.0.12')}
    made = plan(look('a', domain(), kept=WRONG, settings=wrong))
    assert any('server_proxyclient_address' in note for note in made.notes)


def test_a_host_that_is_silent_is_said_beside_the_plan():
    dead = HostLook('c', problem='c gave no answer', way_out='see c')
    made = plan(look('a', domain(), kept=WRONG), dead)
    assert any('c gave no answer' in note for note in made.notes)


def test_a_plan_is_the_same_when_it_is_read_back():
    made = plan(ALL, STALE)
    assert records.load(Plan, records.dump(made)) == made
    request = records.from_data(DomainRepair, dict(made.request))
    assert request == DomainRepair((S1,))


def test_an_xml_that_cannot_be_read_is_left():
    odd = DomainDetail(problem='it has a document type')
    assert left(plan(look('a', domain(), detail=odd))).code == 'bad-xml'
