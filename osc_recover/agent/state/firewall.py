# SPDX-License-Identifier: Apache-2.0
"""The packet filter's rules as its tools list them, without their counters.

Counters and dates would make every listing another one.
"""

import re
from typing import Any, Callable, Dict, Iterable, List, Tuple

from osc_recover.agent import errors, run

Reader = Callable[[str], List[str]]

# Before a rule, where they were asked for; after the policy of a chain.
_OF_RULE = re.compile(r'^\[[0-9]+:[0-9]+\] (?=-)')
_OF_CHAIN = re.compile(r'(?<=[A-Z-]) \[[0-9]+:[0-9]+\]$')
_NFT_COUNTERS = re.compile(r'counter packets [0-9]+ bytes [0-9]+')


def show() -> Tuple[List[Dict[str, Any]], List[str], Dict[str, str]]:
    """What each tool lists; the tools that are not there; the others' words.

    :returns: rows with ``tool`` and ``rules``; names; tool -> problem
    """
    rows: List[Dict[str, Any]] = []
    absent: List[str] = []
    problems: Dict[str, str] = {}
    for tool, argv, read in TOOLS:
        try:
            text = run.run(argv, timeout=30.0, expect=[0]).text
        except errors.Refused as exc:
            if exc.code == 'no-program':
                absent.append(tool)
            else:
                problems[tool] = exc.text
        else:
            rows.append({'tool': tool, 'rules': read(text)})
    return rows, absent, problems


def saved(text: str) -> List[str]:
    """What iptables-save and its like print: ``table: rule`` each."""
    found = []
    table = ''
    for line in _lines(text.split('\n')):
        if line.startswith('*'):
            table = line[1:]
        elif line != 'COMMIT':
            found.append(f'{table}: {_uncounted(line)}')
    return found


def ruleset(text: str) -> List[str]:
    """What ``nft list ruleset`` prints: ``table, chain: rule`` each."""
    found: List[str] = []
    around: List[str] = []
    for line in _lines(text.split('\n')):
        line = _NFT_COUNTERS.sub('counter', line)
        opened = line.count('{') - line.count('}')
        if opened > 0:
            around.append(line.rstrip('{ '))
        elif opened < 0:
            # The end of a set's elements has some of them.
            if line != '}':
                found.append(_within(around, line))
            del around[opened:]
        else:
            found.append(_within(around, line))
    return found


def _uncounted(line: str) -> str:
    return _OF_CHAIN.sub('', _OF_RULE.sub('', line))


def _within(around: List[str], line: str) -> str:
    return f'{", ".join(around)}: {line}'


def _lines(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        line = line.strip()
        if line and not line.startswith('#'):
            yield line


# -s leaves out what changes by itself, such as how long an element lives.
TOOLS: List[Tuple[str, List[str], Reader]] = [
    ('iptables', ['iptables-save'], saved),
    ('ip6tables', ['ip6tables-save'], saved),
    ('ebtables', ['ebtables-save'], saved),
    ('nft', ['nft', '-s', 'list', 'ruleset'], ruleset),
]
