# SPDX-License-Identifier: Apache-2.0
"""Which part may import which, and what loading a part may cost."""

import ast
import configparser
import importlib.util
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

TOP = pathlib.Path(__file__).parents[2]
PACKAGE = TOP / 'osc_recover'

LEAVES = {
    'effects', 'errors', 'facts', 'markers', 'outcome', 'plan', 'records',
    'runs', 'settings',
}  # fmt: skip

# Part (a module or a folder of osc_recover) -> the parts it may import.
ARROWS = {
    'masking': set(),
    'plugin': {'masking', 'recovery'},
    'commands': {'recovery', *LEAVES},
    'recovery': {
        'evidence', 'observe', 'checks', 'procedures', 'engine', 'operations',
        'journal', 'snapshots', 'gateways', *LEAVES,
    },
    'observe': {'gateways', *LEAVES},
    'operations': {'gateways', *LEAVES},
    'engine': {'journal', *LEAVES},
    'evidence': {'gateways', 'journal', 'operations', *LEAVES},
    'gateways': {'agent', *LEAVES},
    'journal': LEAVES,
    'snapshots': LEAVES,
    'checks': LEAVES,
    'procedures': {'checks', *LEAVES},
    'agent': set(),
    **dict.fromkeys(LEAVES, LEAVES),
}  # fmt: skip

THIRD_PARTY = {
    'commands': {'cliff', 'osc_lib', 'rich'},
    'gateways': {'keystoneauth1', 'openstack', 'paramiko', 'pymysql'},
}

PURE = {'checks', 'procedures', *LEAVES} - {'effects', 'settings'}
INPUT_OUTPUT = {
    'asyncio', 'fcntl', 'http', 'io', 'logging', 'multiprocessing', 'os',
    'pathlib', 'random', 'secrets', 'select', 'shutil', 'signal', 'socket',
    'sqlite3', 'ssl', 'subprocess', 'tempfile', 'threading', 'time',
    'urllib', 'uuid',
}  # fmt: skip
IMPURE_CALLS = {'input', 'now', 'open', 'print', 'today', 'utcnow'}

HEAVY = (
    'keystoneauth1', 'openstack', 'paramiko', 'pymysql', 'requests', 'rich',
    'sqlite3',
)  # fmt: skip


def part_of(module: str) -> str:
    """The part that a dotted name of ours belongs to."""
    return module.split('.')[1] if '.' in module else ''


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Every module that a file imports, wherever in it, as a dotted name."""
    package = module if is_package else module.rpartition('.')[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = '.' * node.level + (node.module or '')
            base = importlib.util.resolve_name(name, package)
            if base == 'osc_recover':
                yield from (f'{base}.{alias.name}' for alias in node.names)
            else:
                yield base


def wrong_import(part: str, name: str) -> bool:
    """Whether a part may not import a module of that name."""
    top = name.partition('.')[0]
    if top == 'osc_recover':
        return part_of(name) not in {part, *ARROWS[part]}
    if top == 'sqlite3':
        return part != 'journal'
    if top in sys.stdlib_module_names:
        return part in PURE and top in INPUT_OUTPUT
    return top not in THIRD_PARTY.get(part, set())


def calls(tree: ast.AST) -> Iterator[str]:
    """The last name of whatever is called in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


def faults(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a file imports or calls against the design."""
    part = part_of(module)
    if not part:
        return []
    if part not in ARROWS:
        return [f'{module}: a part that the design does not know']
    tree = ast.parse(source)
    found = [
        f'{module} imports {name}'
        for name in imported(tree, module, is_package)
        if wrong_import(part, name)
    ]
    if part in PURE:
        found += [
            f'{module} calls {name}()'
            for name in calls(tree)
            if name in IMPURE_CALLS
        ]
    return found


def our_files() -> list[pathlib.Path]:
    return sorted(PACKAGE.rglob('*.py'))


@pytest.mark.parametrize(
    'path', our_files(), ids=lambda path: str(path.relative_to(TOP))
)
def test_every_import_follows_the_arrows(path):
    parts = path.relative_to(TOP).with_suffix('').parts
    is_package = parts[-1] == '__init__'
    module = '.'.join(parts[:-1] if is_package else parts)
    assert faults(module, path.read_text(), is_package) == []


@pytest.mark.parametrize(
    'module, source',
    [
        ('osc_recover.plan', 'from osc_recover import engine'),
        ('osc_recover.plan', 'from . import engine'),
        ('osc_recover.plan', 'import osc_recover.engine'),
        ('osc_recover.checks.states', 'from ..gateways.compute import X'),
        ('osc_recover.checks.states', 'def f():\n    import socket'),
        ('osc_recover.checks.states', 'import os.path'),
        ('osc_recover.procedures.host', 'import datetime\ndatetime.now()'),
        ('osc_recover.procedures.host', 'open("/etc/passwd")'),
        ('osc_recover.procedures.host', 'import rich'),
        ('osc_recover.checks.states', 'from osc_recover import procedures'),
        ('osc_recover.commands.host', 'from osc_recover import journal'),
        ('osc_recover.commands.host', 'from openstack import exceptions'),
        ('osc_recover.operations.server', 'import openstack'),
        ('osc_recover.operations.server', 'from osc_recover import engine'),
        ('osc_recover.engine', 'import sqlite3'),
        ('osc_recover.engine', 'from osc_recover.operations import server'),
        ('osc_recover.gateways.compute', 'from osc_recover import observe'),
        ('osc_recover.agent.main', 'from osc_recover import errors'),
        ('osc_recover.agent.main', 'import paramiko'),
        ('osc_recover.utils', ''),
    ],
)
def test_an_arrow_the_other_way_is_found(module, source):
    assert len(faults(module, source)) == 1


@pytest.mark.parametrize(
    'module, source',
    [
        ('osc_recover.commands.host', 'from osc_recover import recovery'),
        ('osc_recover.commands.host', 'from osc_recover.commands import x'),
        ('osc_recover.gateways.compute', 'from keystoneauth1 import session'),
        ('osc_recover.journal', 'import sqlite3'),
        ('osc_recover.agent.main', 'import os, socket'),
        ('osc_recover', 'import anything'),
    ],
)
def test_an_arrow_of_the_design_is_let_through(module, source):
    assert faults(module, source) == []


@pytest.mark.parametrize(
    'path', sorted((PACKAGE / 'agent').rglob('*.py')), ids=lambda p: p.stem
)
def test_the_agent_is_python_3_8(path):
    ast.parse(path.read_text(), feature_version=(3, 8))


def loads(statement: str, *, after: str = 'pass') -> set[str]:
    """Which heavy modules a statement loads in a new interpreter."""
    code = (
        f'import sys\n{after}\nbefore = set(sys.modules)\n{statement}\n'
        'print(*(set(sys.modules) - before))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=TOP, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split()) & set(HEAVY)


def test_loading_the_plugin_imports_nothing_heavy():
    assert loads('import osc_recover.plugin') == set()


def command_modules() -> list[str]:
    config = configparser.ConfigParser()
    config.read(TOP / 'setup.cfg')
    listed = config['options.entry_points']['openstack.recover.v1']
    targets = (line.partition('=')[2] for line in listed.strip().split('\n'))
    return sorted({target.partition(':')[0].strip() for target in targets})


@pytest.mark.parametrize('module', command_modules())
def test_loading_a_command_adds_nothing_heavy_to_the_client(module):
    client = 'import openstackclient.shell'
    assert loads(f'import {module}', after=client) == set()


def test_what_is_heavy_is_noticed():
    assert loads('import sqlite3') == {'sqlite3'}
