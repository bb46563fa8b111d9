# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a domain, where, and what to do about it."""

import pytest

from osc_recover.checks.domains import findings as domains
from osc_recover.checks.domains.rows import rows
from osc_recover.facts import (
    Definition,
    Domain,
    DomainDetail,
    DomainsSeen,
    HostLook,
)
from tests.unit.domain_facts import (
    FILE,
    NAME,
    S1,
    SERVER,
    definition,
    domain,
    look,
    seen,
    setting,
)

OTHER = 'a5ee6ae0-4c43-4bb0-b54a-cbc4c4f4f9e2'


def found(*looks, **more):
    facts = seen(*looks, **more)
    return domains.of_server(facts.servers[0], facts)


def codes(*looks, **more):
    return [finding.code for finding in found(*looks, **more)]


def test_a_domain_that_is_where_and_as_it_should_be_is_ok():
    facts = seen(look('a', domain()), look('b'))
    assert domains.of_server(SERVER, facts) == []
    [row] = rows(facts)
    assert (row.state, row.host, row.domain) == ('ok', 'a', NAME)
    assert row.domain_state == 'running'


# Places


def test_a_guest_that_runs_in_two_places_stops_everything():
    [finding] = found(look('a', domain()), look('b', domain('b')))
    assert (finding.code, finding.weight) == ('two-places', 'refuse')
    assert (finding.about, domains.seen_at(finding)) == (S1, 'b')
    assert 'both may write to its disks' in finding.what
    assert f'virsh destroy {NAME}' in finding.way_out


@pytest.mark.parametrize('state', ['running', 'paused', 'crashed', 'idle'])
def test_a_guest_that_was_left_running_elsewhere_is_found(state):
    looks = look('a', domain('a', 'shut off')), look('b', domain('b', state))
    [finding] = found(*looks)
    assert finding.code == 'runs-elsewhere'
    assert domains.seen_at(finding) == 'b'
    assert state in finding.evidence


def test_a_guest_that_runs_elsewhere_is_found_when_home_is_silent():
    dead = HostLook('a', problem='a gave no answer', way_out='see the cable')
    first, second = found(dead, look('b', domain('b')))
    assert first.code == 'runs-elsewhere'
    assert 'could not be asked' in first.what
    assert (second.code, second.way_out) == ('unknown', 'see the cable')


def test_a_domain_that_is_left_elsewhere_is_stale():
    looks = look('a', domain()), look('b', domain('b', 'shut off'))
    [finding] = found(*looks)
    assert (finding.code, finding.weight) == ('stale', 'warn')
    assert domains.left_on([finding]) == ['b']
    assert f'domain repair {S1}' in finding.way_out


def test_the_source_of_a_resize_is_no_stale_domain():
    looks = look('a', domain()), look('b', domain('b', 'shut off'))
    assert codes(*looks, vm_state='resized') == ['resized']
    facts = seen(*looks, vm_state='resized')
    assert domains.left_on([*domains.findings(facts)]) == []
    assert [row.state for row in rows(facts)] == ['ok']


def test_nothing_is_judged_while_nova_is_at_it():
    looks = look('a', domain()), look('b', domain('b'))
    assert codes(*looks, task_state='migrating') == ['under-way']
    assert codes(*looks, vm_state='building') == ['under-way']


@pytest.mark.parametrize(
    'vm_state, way_out',
    [('active', 'reboot --hard'), ('error', 'reboot --hard'),
     ('stopped', 'server start')],
)  # fmt: skip
def test_a_domain_that_is_not_defined_at_home_says_how_it_will_be(
    vm_state, way_out
):
    [finding] = found(look('a'), vm_state=vm_state)
    assert finding.code == 'undefined'
    assert way_out in finding.way_out


def test_a_server_that_is_shelved_has_no_domain_to_miss():
    assert codes(look('a'), vm_state='shelved_offloaded') == []
    assert codes(look('a'), host='') == []


def test_a_name_that_another_domain_has_is_in_the_way():
    taken = Domain('a', OTHER, NAME, 'shut off', True)
    [finding] = found(look('a', taken))
    assert (finding.code, finding.weight) == ('name-taken', 'refuse')
    assert OTHER in finding.evidence


# Addresses


def test_a_console_at_an_address_of_another_host_is_found():
    home = look('a', domain(), kept=definition('10.0.0.99'))
    [finding] = found(home)
    assert finding.code == 'listen'
    assert '10.0.0.99, which is no address of a' in finding.what


@pytest.mark.parametrize(
    'address', ['0.0.0.0', '::', '127.0.0.1', '127.0.1.1', '::1']
)
def test_what_a_host_can_listen_at_is_only_noted(address):
    home = look('a', domain(), kept=definition(address))
    [finding] = found(home)
    assert (finding.code, finding.weight) == ('other-listen', 'note')
    [row] = rows(seen(home))
    assert row.state == 'ok'
    assert '10.0.0.11' in row.reason


def test_a_nova_conf_that_was_copied_names_the_line_to_mend():
    home = look(
        'a', domain(), kept=definition('10.0.0.12'),
        settings={
            'vnc.server_listen': setting('10.0.0.12', 41),
            'vnc.server_proxyclient_address': setting('10.0.0.12', 42),
        },
    )  # fmt: skip
    [finding] = found(home)
    assert finding.code == 'conf-listen'
    assert '[vnc] server_listen is 10.0.0.12' in finding.what
    assert f'{FILE} line 41' in finding.way_out
    assert f'reboot --hard {S1}' in finding.way_out


def test_a_proxy_that_is_sent_elsewhere_names_its_line():
    wrong = {'vnc.server_proxyclient_address': setting('10.0.0.12', 42)}
    [finding] = found(look('a', domain(), settings=wrong))
    assert finding.code == 'conf-client'
    assert f'{FILE} line 42 on a' in finding.way_out
    assert 'service restart a' in finding.way_out


def test_a_proxy_cannot_be_sent_to_everywhere():
    wrong = {'vnc.server_proxyclient_address': setting('0.0.0.0')}
    assert codes(look('a', domain(), settings=wrong)) == ['conf-client']


def test_a_proxy_that_is_sent_where_nobody_listens_is_found():
    wrong = {'vnc.server_listen': setting('127.0.0.1', 0, '')}
    home = look('a', domain(), kept=definition('127.0.0.1'), settings=wrong)
    [finding] = found(home)
    assert finding.code == 'conf-client'
    assert '127.0.0.1 is the default of nova' in finding.evidence


def test_a_console_that_listens_everywhere_is_met():
    open_ = {'vnc.server_listen': setting('0.0.0.0')}
    home = look('a', domain(), kept=definition('0.0.0.0'), settings=open_)
    assert codes(home) == []


def test_a_value_that_stands_for_no_address_is_wrong():
    wrong = {'vnc.server_listen': setting('$nobody')}
    assert 'conf-listen' in codes(look('a', domain(), settings=wrong))


def test_a_nova_conf_that_is_not_known_is_told_and_not_judged():
    home = look(
        'a', domain(), settings_problem='line 3 is odd',
        settings={'vnc.server_listen': setting('10.9.9.9')},
    )  # fmt: skip
    assert codes(home) == ['no-conf']


def test_a_definition_that_cannot_be_read_is_told():
    odd = DomainDetail(problem='it has a document type')
    assert codes(look('a', domain(), detail=odd)) == ['bad-xml']


# What is left of nova-network, and filters


def test_a_dhcp_server_of_another_host_is_found():
    home = look('a', domain(), kept=definition(dhcp_servers=('10.0.0.12',)))
    [finding] = found(home)
    assert finding.code == 'dhcp-server'
    assert '--dhcp-server' in finding.way_out
    own = look('a', domain(), kept=definition(dhcp_servers=('10.0.0.11',)))
    assert codes(own) == []


def test_filters_that_are_missing_are_found_however_deep():
    home = look(
        'a', domain(), kept=definition(filters=('clean', 'mine')),
        filters={'clean': ('leaf', 'gone'), 'leaf': ('clean',)},
    )  # fmt: skip
    [finding] = found(home)
    assert finding.code == 'filter-missing'
    assert finding.what.endswith(': gone, mine')
    assert '--reference <host>' in finding.way_out


def test_an_old_file_is_held_against_the_host_as_well():
    old = DomainDetail(
        kept=definition(),
        legacy={'/v/libvirt.xml': definition('10.0.0.98')},
    )
    [finding] = found(look('a', domain(), detail=old))
    assert (finding.code, finding.evidence) == ('listen', '/v/libvirt.xml')


def test_a_domain_without_a_console_needs_no_address():
    home = look(
        'a', domain(), kept=Definition(),
        settings={'vnc.server_listen': setting('10.0.0.12')},
    )  # fmt: skip
    assert codes(home) == []


# Rows


def test_the_most_serious_comes_first_and_silence_last():
    other = Domain('b', OTHER, 'instance-0000002b', 'running', True)
    facts = DomainsSeen(
        (SERVER,),
        (
            look('a', domain(), kept=definition('10.0.0.99')),
            look('b', domain('b'), other),
            HostLook('c', problem='c gave no answer', way_out='see c'),
        ),
        (other,),
    )
    told = rows(facts)
    assert [row.state for row in told] == [
        'two-places',
        'listen',
        'stranger',
        'unknown',
    ]
    assert (told[0].host, told[0].domain_state) == ('b', 'running')
    assert (told[2].server, told[2].host) == (OTHER, 'b')
    assert (told[3].server, told[3].way_out) == ('', 'see c')
