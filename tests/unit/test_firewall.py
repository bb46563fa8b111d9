# SPDX-License-Identifier: Apache-2.0
"""Firewall rules that a host lacks, and the commands that bring them back."""

import shutil
import subprocess

import pytest

from osc_recover.agent.state import firewall as agent
from osc_recover.facts.snapshot import Firewall, HostState
from osc_recover.operations.firewall import command, commands, missing
from osc_recover.procedures.disaster_hosts import _rules

TABLE = 'table inet f, chain in'


@pytest.mark.parametrize(
    'tool, rule, expected',
    [
        (
            'iptables',
            'filter: :INPUT DROP',
            'iptables -t filter -P INPUT DROP',
        ),
        ('ebtables', 'nat: :mine -', 'ebtables -t nat -N mine'),
        (
            'nft',
            'table ip t, chain c: tcp dport 22 accept',
            'nft add rule ip t c tcp dport 22 accept',
        ),
        (
            'nft',
            'table inet f, chain in: type filter hook input priority filter; '
            'policy drop;',
            "nft add chain inet f in '{' type filter hook input priority "
            "'filter;' policy 'drop;' '}'",
        ),
        (
            'nft',
            'table inet f, chain in: iifname "eth0" tcp dport { 22, 80 } drop',
            "nft add rule inet f in iifname '\"eth0\"' tcp dport '{' 22, 80 "
            "'}' drop",
        ),
        (
            'nft',
            'table inet f, set s, elements =: 192.0.2.1,',
            'nft list table inet f shows where to add 192.0.2.1,',
        ),
    ],
)
def test_a_rule_has_the_command_that_brings_it_back(tool, rule, expected):
    assert command(tool, rule) == expected


def typed(before, *now):
    """What is to be typed for rules of one tool."""
    [tool] = {tool for tool, _ in before}
    return [*commands(before, [Firewall(tool, now)])]


def of(tool, *lines):
    return [[tool, line] for line in lines]


def test_a_rule_comes_back_before_what_would_end_the_chain():
    tool, ssh = 'iptables', 'filter: -A INPUT -p tcp --dport 22 -j ACCEPT'
    dns, drop = 'filter: -A INPUT -p udp -j ACCEPT', 'filter: -A INPUT -j DROP'
    other = 'filter: -A FORWARD -j DROP'
    before = of(tool, other, ssh, dns, drop)
    new = 'filter: -A INPUT -j neutron'
    assert typed(before, other, new, drop) == [
        'iptables -t filter -I INPUT 2 -p tcp --dport 22 -j ACCEPT',
        'iptables -t filter -I INPUT 3 -p udp -j ACCEPT',
    ]
    assert typed(before, other, ssh, dns) == [
        'iptables -t filter -A INPUT -j DROP'
    ]
    assert typed(before, drop, ssh, dns) == [
        'iptables -t filter -A FORWARD -j DROP'
    ]
    assert typed(before, other, ssh, dns, drop) == []
    assert missing(before, [Firewall(tool, (other, dns, drop))]) == [
        [tool, ssh]
    ]


def test_a_table_and_a_chain_that_nft_lacks_are_made_first():
    base = f'{TABLE}: type filter hook input priority filter; policy drop;'
    mine, ssh = 'table inet f, chain mine', f'{TABLE}: tcp dport 22 accept'
    before = of('nft', base, ssh, f'{TABLE}: drop', f'{mine}: accept')
    assert typed(before) == [
        'nft add table inet f',
        'nft add chain inet f mine',
        "nft add chain inet f in '{' type filter hook input priority "
        "'filter;' policy 'drop;' '}'",
        'nft add rule inet f in tcp dport 22 accept',
        'nft add rule inet f in drop',
        'nft add rule inet f mine accept',
    ]
    assert typed(before, base, f'{TABLE}: drop', f'{mine}: accept') == [
        'nft insert rule inet f in index 0 tcp dport 22 accept'
    ]


def test_what_nft_shows_of_the_others_is_brought_back_once():
    shown = 'table ip filter, chain INPUT: drop'
    own = ('table ip mine, chain c: drop', 'table ip6 filter, chain c: drop')
    rule = 'filter: -A INPUT -j DROP'
    firewalls = (Firewall('iptables', (rule,)), Firewall('nft', (shown, *own)))
    host = HostState('cmp1', firewalls=firewalls)
    assert _rules(host) == [['iptables', rule], *of('nft', *own)]


SCRIPTS = {
    'iptables': (
        'iptables -N mine; iptables -A INPUT -p tcp --dport 22 -j ACCEPT; '
        'iptables -A INPUT -j mine; iptables -A INPUT -j DROP; '
        'iptables -A mine -m comment --comment "a b" -j RETURN'
    ),
    'nft': (
        'nft add table inet f; '
        "nft add chain inet f in '{ type filter hook input priority 0; }'; "
        'nft add chain inet f mine; '
        "nft add rule inet f in tcp dport '{ 22, 80 }' accept; "
        'nft add rule inet f in iifname \'"lo"\' jump mine; '
        'nft add rule inet f in drop; '
        'nft add rule inet f mine udp dport 53 accept'
    ),
}


DELETE = {
    'iptables': 'iptables -D INPUT {}',
    'nft': 'nft delete rule inet f in handle $(nft -a list chain inet f in '
    "| sed -n 's/.*# handle //p' | sed 1d | sed -n {}p)",
}
FLUSH = {'iptables': 'iptables -F', 'nft': 'nft flush ruleset'}


@pytest.mark.parametrize('tool', SCRIPTS)
@pytest.mark.parametrize('gone', [1, 2, 3, 'all'])
def test_what_is_typed_on_a_host_restores_the_order(tool, gone):
    if not shutil.which(tool, path='/usr/sbin:/usr/bin:/sbin'):
        pytest.skip(f'there is no {tool}: apt-get install {tool}')
    lost = FLUSH[tool] if gone == 'all' else DELETE[tool].format(gone)
    before = listed(tool)
    ruined = listed(tool, lost)
    assert ruined != before
    ways = typed(of(tool, *before), *ruined)
    assert listed(tool, lost, *ways) == before


def listed(tool, *lines):
    """What a host lists, in a network of its own, after these lines."""
    [(argv, read)] = [(a, r) for name, a, r in agent.TOOLS if name == tool]
    script = '\n'.join(['{', SCRIPTS[tool], *lines, '} >&2', ' '.join(argv)])
    done = subprocess.run(
        ['unshare', '--net', 'bash', '-ec', script],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # nft lists chains as they were made, which is of no matter.
    return sorted(read(done.stdout), key=lambda line: line.partition(': ')[0])
