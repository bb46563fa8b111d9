# SPDX-License-Identifier: Apache-2.0
"""Domains of hosts: asked for, read, and changed once."""

import argparse

import pytest

from osc_recover import errors
from osc_recover.checks import audit
from osc_recover.commands import domain as commands
from osc_recover.effects import Control
from osc_recover.facts import Console, Definition, Domain, HostDomains, Server
from osc_recover.facts.audit import Everything
from osc_recover.gateways.domains import Domains
from osc_recover.observe.domains import closer
from osc_recover.observe.domains import domains as observe
from osc_recover.operations.domains import Define, Filters, Forget
from osc_recover.plan import Step
from tests.unit.domain_facts import NAME, S1

OTHER = 'a5ee6ae0-4c43-4bb0-b54a-cbc4c4f4f9e2'
DOMAIN = {'name': NAME, 'state': 'running', 'persistent': True}


def told(listen='10.0.0.11', dhcp=()):
    graphics = [{'type': 'vnc', 'listen': [listen]}]
    return {'graphics': graphics, 'filters': ['clean'], 'dhcp': [*dhcp]}


def answer(listen='10.0.0.11', dhcp=(), uuid=S1, legacy=None):
    detail = {
        'live': told('10.0.0.99'),
        'kept': told(listen, dhcp),
        'legacy': legacy or {},
        'problem': '',
    }
    value = {'value': listen, 'addresses': [listen], 'file': '/c', 'line': 3}
    return {
        'domains': {uuid: DOMAIN} if uuid else {},
        'details': {uuid: detail} if uuid else {},
        'filters': {'clean': ['leaf'], 'leaf': []},
        'addresses': ['127.0.0.1', '10.0.0.11'],
        'settings': {'values': {'vnc.server_listen': value}, 'problem': ''},
    }


class Hosts:
    """Hosts that answer as told, and keep what they were asked."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def each(self, names, operation, args, *, timeout):
        for name in reversed(names):
            self.asked.append((name, operation, args))
            yield name, self.answers[name]

    def ask(self, host, operation, args, *, timeout):
        self.asked.append((host, operation, args))
        found = self.answers[operation]
        if isinstance(found, Exception):
            raise found
        return found


LOST = errors.ConnectRefused('b', '10.0.0.2 port 22')


def test_domains_are_listed_in_the_order_of_the_hosts():
    hosts = Hosts({'a': {'domains': {S1: DOMAIN}}, 'b': LOST})
    assert Domains(hosts).list(['a', 'b']) == (
        HostDomains('a', (Domain('a', S1, NAME, 'running', True),)),
        HostDomains('b', problem=LOST.sentence, way_out=LOST.way_out),
    )


@pytest.mark.parametrize(
    'odd',
    [[], {}, {'domains': []}, {'domains': {S1: {**DOMAIN, 'persistent': 1}}}],
)
def test_an_answer_that_is_not_understood_is_the_hosts_problem(odd):
    [found] = Domains(Hosts({'a': odd})).list(['a'])
    assert 'not understood' in found.problem
    [look] = Domains(Hosts({'a': odd})).look(['a'], [])
    assert 'not understood' in look.problem


def test_a_look_is_read_whole():
    hosts = Hosts({'a': answer(legacy={'/v': told('::'), '/odd': None})})
    [look] = Domains(hosts).look(['a'], [S1])
    kept = Definition((Console('vnc', ('10.0.0.11',)),), ('clean',))
    assert look.details[S1].kept == kept
    assert list(look.details[S1].legacy) == ['/v']
    assert look.filters == {'clean': ('leaf',), 'leaf': ()}
    assert look.settings['vnc.server_listen'].line == 3
    assert hosts.asked == [('a', 'domains.look', {'uuids': [S1]})]


# What is seen of servers


class Nova:
    """A nova with some servers."""

    def __init__(self, *servers):
        self.known = {server.id: server for server in servers}

    def server(self, name):
        if name not in self.known:
            raise errors.Gone('nova', f'GET /servers/{name}', '404')
        return self.known[name]

    def servers(self, host):
        return tuple(s for s in self.known.values() if s.host == host)


WEB = Server(S1, 'web', 'a')


def test_every_compute_host_is_asked_for_a_servers_domain():
    hosts = Hosts({'a': answer(), 'b': LOST})
    seen = observe(Nova(WEB), Domains(hosts), [WEB], ['a', 'b'])
    assert [look.host for look in seen.looks] == ['a', 'b']
    assert seen.servers == (WEB,)
    assert hosts.asked[0][2] == {'uuids': [S1]}


def test_of_a_host_all_servers_and_all_domains_are_seen():
    moved = Server(OTHER, 'moved', 'b')
    both = answer()
    gone = '00000000-0000-4000-8000-000000000000'
    both['domains'] = {S1: DOMAIN, OTHER: DOMAIN, gone: DOMAIN}
    hosts = Hosts({'a': both, 'b': answer(uuid='')})
    seen = observe(Nova(WEB, moved), Domains(hosts), [], ['a', 'b'], ['a'])
    assert seen.servers == (WEB, moved)
    assert [domain.uuid for domain in seen.strangers] == [gone]


# What an audit of one host sees of it


def audited(*told):
    return Everything(servers=(WEB, Server(OTHER, 'db', 'b')), domains=told)


def test_an_audit_of_one_host_looks_closer_at_it():
    told = HostDomains('a', (Domain('a', S1, NAME, 'running', True),))
    hosts = Hosts({'a': answer('10.0.0.98')})
    seen = closer(audited(told), 'a', Domains(hosts))
    assert hosts.asked == [('a', 'domains.look', {'uuids': [S1]})]
    found = [(f.code, f.about) for f in audit.findings(seen, 0)]
    assert ('listen', S1) in found
    assert ('conf-listen', S1) in found


def test_a_host_that_is_silent_is_not_asked_again():
    hosts = Hosts({})
    told = audited(HostDomains('a', problem='no route'))
    assert closer(told, 'a', Domains(hosts)) == told
    assert closer(told, 'c', Domains(hosts)) == told
    assert hosts.asked == []


def test_a_closer_look_that_fails_is_a_gap_and_takes_nothing_away():
    told = audited(HostDomains('a'))
    seen = closer(told, 'a', Domains(Hosts({'a': LOST})))
    assert (seen.domains, seen.looks) == (told.domains, ())
    [gap] = seen.gaps
    assert (gap.what, gap.problem) == ('consoles of a', LOST.sentence)


# Carried out


DEFINE = Step(
    f'define:{S1}', 'domain.define', S1,
    {'host': 'a', 'listen': '10.0.0.11', 'dhcp': ''},
)  # fmt: skip
FORGET = Step(
    f'forget:{S1}:a', 'domain.forget', S1, {'host': 'a', 'domain': NAME}
)
FILTERS = Step(
    f'filters:{S1}', 'domain.filters', S1,
    {'host': 'a', 'filters': {'clean': '<x/>'}, 'anew': False},
)  # fmt: skip
CHANGED = {'changed': ['vnc listen x -> y'], 'kept': ['/var/lib/kept']}


def define(look, nova=WEB, **answers):
    hosts = Hosts({'a': look, 'domains.define': CHANGED, **answers})
    return Define(Nova(nova), Domains(hosts), grace=0), hosts


def test_an_address_is_in_effect_where_it_is_kept_whatever_runs():
    assert define(answer('10.0.0.11'))[0].in_effect(DEFINE)
    assert not define(answer('10.0.0.98'))[0].in_effect(DEFINE)
    old = answer(legacy={'/v': told('10.0.0.98')})
    assert not define(old)[0].in_effect(DEFINE)


def test_a_dhcp_server_is_in_effect_by_itself():
    step = Step(
        'x', 'domain.define', S1, {**DEFINE.args, 'listen': '', 'dhcp': '::1'}
    )
    assert define(answer('::', dhcp=['::1']))[0].in_effect(step)
    assert not define(answer('::', dhcp=['::2']))[0].in_effect(step)


def test_an_address_is_written_once_and_tells_what_is_kept():
    operation, hosts = define(answer())
    result = operation.apply(DEFINE)
    assert 'vnc listen x -> y' in result.note
    assert '/var/lib/kept' in result.note
    args = {'uuid': S1, 'listen': '10.0.0.11', 'dhcp': ''}
    assert hosts.asked == [('a', 'domains.define', args)]


@pytest.mark.parametrize(
    'now',
    [Server(S1, 'web', 'b'), Server(S1, 'web', 'a', task_state='rebooting')],
)
def test_nothing_is_written_when_nova_has_moved_on(now):
    operation, hosts = define(answer(), nova=now)
    with pytest.raises(errors.StepFailed, match='nova has it on'):
        operation.apply(DEFINE)
    assert hosts.asked == []


def test_an_address_that_does_not_stay_is_told():
    with pytest.raises(errors.StepFailed, match='keeps other addresses'):
        define(answer('10.0.0.98'))[0].follow(DEFINE, Control())


def test_a_domain_that_went_is_told():
    with pytest.raises(errors.StepFailed, match='has no domain'):
        define(answer(uuid=''))[0].in_effect(DEFINE)


def forget(look, nova, **answers):
    kept = {'kept': ['/var/lib/kept']}
    hosts = Hosts({'a': look, 'domains.remove': kept, **answers})
    return Forget(Nova(nova), Domains(hosts), grace=0), hosts


def test_a_stale_domain_is_forgotten_once():
    operation, hosts = forget(answer(), Server(S1, 'web', 'b'))
    assert not operation.in_effect(FORGET)
    assert f'{NAME} on a forgotten' in operation.apply(FORGET).note
    assert hosts.asked[-1] == ('a', 'domains.remove', {'uuid': S1})
    assert forget(answer(uuid=''), WEB)[0].in_effect(FORGET)


@pytest.mark.parametrize(
    'now',
    [
        Server(S1, 'web', 'a'),
        Server(S1, 'web', 'b', task_state='migrating'),
        Server(S1, 'web', 'b', vm_state='resized'),
    ],
)
def test_a_domain_that_nova_may_want_is_not_forgotten(now):
    operation, hosts = forget(answer(), now)
    with pytest.raises(errors.StepFailed):
        operation.apply(FORGET)
    assert hosts.asked == []


def test_a_host_that_says_no_fails_the_step_in_its_own_words():
    no = errors.OperationRefused(
        'a', 'domains.remove', 'running', 'it is running',
        {'advice': 'virsh destroy'},
    )  # fmt: skip
    away = Server(S1, 'web', 'b')
    operation, _ = forget(answer(), away, **{'domains.remove': no})
    with pytest.raises(errors.StepFailed, match='it is running') as caught:
        operation.apply(FORGET)
    assert caught.value.way_out == 'virsh destroy'


def test_a_lost_answer_is_uncertain():
    lost = errors.AgentCut('a', 'domains.remove', 'the connection was lost')
    away = Server(S1, 'web', 'b')
    operation, _ = forget(answer(), away, **{'domains.remove': lost})
    with pytest.raises(errors.Uncertain):
        operation.apply(FORGET)


def test_a_host_that_is_silent_fails_the_look():
    operation, _ = forget(errors.ConnectRefused('a', 'a port 22'), WEB)
    with pytest.raises(errors.StepFailed, match='refuses the connection'):
        operation.in_effect(FORGET)


def filters(*there, **answers):
    known = {name: {'xml': '<x/>', 'refers': []} for name in there}
    hosts = Hosts(
        {
            'filters.show': {'filters': known},
            'filters.define': {'defined': ['clean'], 'kept': []},
            **answers,
        }
    )
    return Filters(Domains(hosts), grace=0), hosts


def test_filters_are_in_effect_when_all_are_there():
    assert filters('clean', 'leaf')[0].in_effect(FILTERS)
    assert not filters('leaf')[0].in_effect(FILTERS)


def test_filters_that_are_made_anew_are_so_each_time():
    step = Step('x', 'domain.filters', S1, {**FILTERS.args, 'anew': True})
    operation, hosts = filters('clean')
    assert not operation.in_effect(step)
    assert operation.apply(step).note == 'filters clean defined'
    operation.follow(step, Control())
    args = {'filters': {'clean': '<x/>'}, 'anew': True}
    assert hosts.asked == [('a', 'filters.define', args)]


def test_a_filter_that_is_not_there_afterwards_is_told():
    with pytest.raises(errors.StepFailed, match='not all filters'):
        filters()[0].follow(FILTERS, Control())


# Options


@pytest.mark.parametrize(
    'text, told',
    [('10.0.0.11', '10.0.0.11'), ('0:0::0', '::'), ('FE80::1', 'fe80::1')],
)
def test_an_address_is_taken_as_it_is_written_everywhere(text, told):
    assert commands.address(text) == told


@pytest.mark.parametrize(
    'text',
    [
        '',
        'cmp1',
        '10.0.0',
        '10.0.0.1/8',
        '10.0.0.1\n',
        'fe80::1%"/><x/>',
        '--',
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match='is no address'):
        commands.address(text)
