# SPDX-License-Identifier: Apache-2.0
"""Firewall rules that a host had and lacks, and what brings them back.

A rule is a tool and a line that it lists: ``table: line`` of iptables-save
and its like, ``table …, chain …: line`` of nft.
"""

import re
import shlex
from collections.abc import Iterator, Sequence

from osc_recover.facts.snapshot import Firewall

Rule = Sequence[str]  # a tool, and what it lists
_OF_CHAIN = re.compile(r'-A (\S+)')
_BASE = re.compile('type [a-z]+ hook ')  # where nft has a chain begin


def missing(before: Sequence[Rule], now: Sequence[Firewall]) -> list[Rule]:
    """Rules of before; a tool that is gone has none."""
    has = {one.tool: set(one.rules) for one in now}
    return [rule for rule in before if rule[1] not in has.get(rule[0], ())]


def commands(before: Sequence[Rule], now: Sequence[Firewall]) -> Iterator[str]:
    """What brings back each rule that is missing, to be typed in this order.

    The first rule of a chain that fits is the one that counts: each is put
    before the next one of its chain that is there.
    """
    there = {one.tool: list(one.rules) for one in now}
    lacks = {tuple(rule) for rule in missing(before, now)}
    lines = [rule for tool, rule in before if tool == 'nft']
    yield from _frame(lines, there.get('nft', ()))
    for number, (tool, rule) in enumerate(before):
        if (tool, rule) not in lacks:
            continue
        rules = there.setdefault(tool, [])
        later = [line for other, line in before[number + 1 :] if other == tool]
        chain = [line for line in rules if _chain(line) == _chain(rule)]
        following = next((line for line in later if line in chain), None)
        if following is None:
            yield command(tool, rule)
            rules.append(rule)
        else:
            yield command(tool, rule, chain.index(following))
            rules.insert(rules.index(following), rule)


def command(tool: str, rule: str, place: int = -1) -> str:
    """What brings a rule back, as far as a line can say it.

    :param place: how many rules of its chain come before it; -1 for all

    >>> command('iptables', 'filter: -A INPUT -p tcp -j DROP')
    'iptables -t filter -A INPUT -p tcp -j DROP'
    >>> command('iptables', 'filter: -A INPUT -p tcp -j DROP', 2)
    'iptables -t filter -I INPUT 3 -p tcp -j DROP'
    >>> command('iptables', 'filter: :INPUT DROP')
    'iptables -t filter -P INPUT DROP'
    >>> command('iptables', 'nat: :mine -')
    'iptables -t nat -N mine'
    >>> command('nft', 'table ip t, chain c: tcp dport 22 accept')
    'nft add rule ip t c tcp dport 22 accept'
    """
    table, _, text = rule.partition(': ')
    if tool == 'nft':
        return _nft(table, text, place)
    if text.startswith(':'):
        chain, _, policy = text[1:].partition(' ')
        text = f'-N {chain}' if policy == '-' else f'-P {chain} {policy}'
    elif place >= 0:
        text = _OF_CHAIN.sub(rf'-I \1 {place + 1}', text, count=1)
    return f'{tool} -t {table} {text}'


def _nft(around: str, text: str, place: int) -> str:
    """The same for a line of nft; it joins its words, and a shell splits.

    >>> _nft('table ip t, chain c', 'type filter hook input priority 0;', -1)
    "nft add chain ip t c '{' type filter hook input priority '0;' '}'"
    >>> _nft('table ip t, chain c', 'accept', 0)
    'nft insert rule ip t c index 0 accept'
    """
    table, chain = _names(around)
    if not chain:
        return f'nft list table {table} shows where to add {shlex.quote(text)}'
    where = f'{table} {chain}'
    if _BASE.match(text):
        words = f'add chain {where} {{ {text} }}'
    elif place >= 0:
        words = f'insert rule {where} index {place} {text}'
    else:
        words = f'add rule {where} {text}'
    return ' '.join(['nft', *map(shlex.quote, words.split(' '))])


def _frame(lines: Sequence[str], there: Sequence[str]) -> Iterator[str]:
    """What makes the tables and chains that rules of nft are in or jump to.

    One that is there and is empty has no line; it stays as it is.
    """
    known = {_names(line.partition(': ')[0]) for line in there}
    tables = {table for table, _ in known}
    for line in lines:
        around, _, text = line.partition(': ')
        table, chain = place = _names(around)
        if not chain or place in known:
            continue
        known.add(place)
        if table not in tables:
            tables.add(table)
            yield f'nft add table {table}'
        # A base chain has a line of its own that makes it.
        if not _BASE.match(text):
            yield f'nft add chain {table} {chain}'


def _names(around: str) -> tuple[str, str]:
    """The table and the chain that nft has a line in; '' for no chain.

    >>> _names('table inet f, chain in'), _names('table ip t, set s')
    (('inet f', 'in'), ('ip t', ''))
    """
    table, _, inner = around.partition(', ')
    kind, _, name = inner.partition(' ')
    is_chain = kind == 'chain' and ',' not in inner
    return table.removeprefix('table '), name if is_chain else ''


def _chain(rule: str) -> str | None:
    """What orders a rule among others; None for what is no rule."""
    around, _, text = rule.partition(': ')
    if found := _OF_CHAIN.match(text):
        return f'{around} {found[1]}'
    is_rule = _names(around)[1] and not _BASE.match(text)
    return around if is_rule else None
