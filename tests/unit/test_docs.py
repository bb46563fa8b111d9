# SPDX-License-Identifier: Apache-2.0
"""The manual names every command and option there is, and no other."""

import configparser
import importlib.metadata
import inspect
import pathlib
import re
import shlex
from collections.abc import Iterator

import pytest
import yaml

from osc_recover import outcome, settings

# Importing these registers their checks.
from osc_recover.checks import audit as audit
from osc_recover.checks import registry
from osc_recover.checks.domains import rows as rows
from osc_recover.checks.instances import disagreements as disagreements
from osc_recover.checks.instances import hosts as hosts
from osc_recover.settings import database, ssh

TOP = pathlib.Path(__file__).parents[2]
PAGES = [TOP / 'README.rst', *sorted((TOP / 'doc/source').rglob('*.rst'))]
SOURCE = TOP / 'osc_recover'
NOTES = sorted((TOP / 'releasenotes/notes').glob('*.yaml'))
# Of these two, every option is explained; they have the same ones.
EXPLAINED = ('recover host', 'recover server')


def commands() -> list[str]:
    config = configparser.ConfigParser()
    config.read(TOP / 'setup.cfg')
    listed = config['options.entry_points']['openstack.recover.v1']
    names = (line.partition('=')[0] for line in listed.strip().split('\n'))
    return [name.strip().replace('_', ' ') for name in names]


def kind(command: str) -> type:
    """The class of a command."""
    group = importlib.metadata.entry_points(group='openstack.recover.v1')
    return group[command.replace(' ', '_')].load()


def options(command: str) -> set[str]:
    """The options of a command of ours; those of its formatters excepted."""
    parser = kind(command)(None, None).get_parser(command)
    return {
        option
        for arguments in parser._action_groups
        if 'formatter' not in (arguments.title or '').lower()
        for action in arguments._group_actions
        for option in action.option_strings
        if option.startswith('--')
    } - {'--help', '--sort-column', '--sort-ascending', '--sort-descending'}


def words(page: pathlib.Path) -> str:
    """A page on one line, so that a name may be broken across two."""
    text = ' '.join(page.read_text().split())
    return re.sub(r'openstack --os-cloud \S+', 'openstack', text)


def examples(text: str) -> Iterator[str]:
    """The command lines of ours that a text gives to be typed."""
    whole = re.sub(r'\\\n\s*', '', text)
    for line in re.findall(r'(?m)^ +(?:\$ )?(openstack .*)$', whole):
        typed = re.sub(r'^openstack --os-cloud \S+', 'openstack', line)
        if typed.startswith('openstack recover '):
            yield typed


def typed() -> Iterator[object]:
    """Each of them, and where it is."""
    texts = {page.name: page.read_text() for page in (*PAGES, *NOTES)}
    helps = {name: inspect.getdoc(kind(name)) or '' for name in commands()}
    for where, text in {**texts, **helps}.items():
        for line in examples(text):
            yield pytest.param(line, id=f'{where}: {line}')


def split(line: str) -> tuple[str, list[str]]:
    """The command that a line names, the longest one, and its arguments."""
    words = shlex.split(line, comments=True)[1:]
    known = commands()
    for count in range(len(words), 0, -1):
        if (name := ' '.join(words[:count])) in known:
            return name, words[count:]
    raise AssertionError(f'there is no such command: {line}')


@pytest.mark.parametrize('line', [*typed()])
def test_every_example_is_understood(line):
    name, arguments = split(line)
    kind(name)(None, None).get_parser(name).parse_args(arguments)


@pytest.mark.parametrize('page', [*PAGES, *NOTES], ids=lambda page: page.name)
def test_a_sentence_names_no_option_that_its_command_has_not(page):
    told = re.findall(r'``(openstack recover [^`]+)``', words(page))
    for line in told:
        name, arguments = split(line) if line.count(' ') > 1 else ('', [])
        given = {word for word in arguments if word.startswith('--')}
        assert given - (options(name) if given else set()) == set(), line


@pytest.mark.parametrize('command', commands())
def test_the_manual_explains_every_command(command):
    user = [page for page in PAGES if page.parent.name == 'user']
    text = ' '.join(words(page) for page in user)
    # Where one sentence names several, the further ones stand alone.
    alone = f'``{command.split()[-1]}``'
    assert f'openstack {command}' in text or alone in text


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_the_manual_names_no_command_that_is_not_there(page):
    known = commands()
    known += [' '.join(name.split()[:2]) for name in known]
    named = re.findall(r'openstack (recover(?: [a-z]+){1,2})', words(page))
    for name in named:
        shorter = name.rpartition(' ')[0]
        assert name in known or shorter in known


@pytest.mark.parametrize('command', EXPLAINED)
def test_the_manual_explains_every_option_of_a_recovery(command):
    page = TOP / 'doc/source/user/recover-host.rst'
    told = set(re.findall(r'--[a-z][a-z-]+', page.read_text()))
    assert options(command) - told == set()


def test_the_manual_names_no_option_that_is_not_there():
    page = TOP / 'doc/source/user/recover-host.rst'
    told = set(re.findall(r'--[a-z][a-z-]+', page.read_text()))
    assert told - options('recover host') == set()


# Configuration

CONFIGURATION = TOP / 'doc/source/user/configuration.rst'
KEYS = settings.KEYS | ssh._SSH.keys() | ssh._HOST.keys()


def sections() -> Iterator[object]:
    """The examples of clouds.yaml: what is in their sections ``recover:``."""
    for page in (CONFIGURATION, CONFIGURATION.with_name('databases.rst')):
        blocks = re.findall(
            r'(?m)^( *)\.\. code-block:: yaml\n\n((?:\1 .*\n|\n)+)',
            page.read_text(),
        )
        for number, (_, block) in enumerate(blocks, 1):
            found = yaml.safe_load(block)
            clouds = found.get('clouds', {'prod': {'recover': found}})
            where = f'{page.name}, {number}'
            yield pytest.param(clouds['prod']['recover'], id=where)


@pytest.mark.parametrize('section', [*sections()])
def test_an_example_of_clouds_yaml_is_understood(section):
    if 'cells' in section:
        section = {'database': section}
    assert settings.read(section).unknown == ()


def test_one_example_has_every_key():
    everything = next(iter(sections())).values[0]
    assert everything.keys() == settings.KEYS
    assert everything['ssh'].keys() == ssh._SSH.keys()


@pytest.mark.parametrize('key', sorted(KEYS))
def test_the_manual_explains_every_key(key):
    assert f'``{key}' in CONFIGURATION.read_text()


@pytest.mark.parametrize('key', sorted(database._KEYS))
def test_the_manual_explains_every_key_of_databases(key):
    page = CONFIGURATION.with_name('databases.rst')
    assert f'``{key}``' in page.read_text()


@pytest.mark.parametrize(
    'key', ['workers', 'timeout', 'request_timeout', 'fence_timeout']
)
def test_the_manual_has_the_default_of(key):
    text = words(CONFIGURATION)
    default = f'{getattr(settings.Settings(), key):g} if nothing is said'
    [told] = re.findall(f'``{key}`` (.*?)`` [A-Z]', text + '`` X')
    assert default in told


# Verdicts and states

# Checks whose findings are only notes, and give no row its word.
SAID = {
    ('cloud', 'no-agent'), ('cloud', 'silent-destinations'),
    ('host', 'dead-agents'), ('host', 'zone-unknown'),
    ('server', 'cyborg'), ('server', 'disk-seen'), ('server', 'swap-loss'),
    ('server', 'encrypted-volume'), ('fleet', 'capacity-unknown'),
    ('by-hand', 'adopted'), ('by-hand', 'memory-lost'),
    ('by-hand', 'by-hand-unproven'), ('instance', 'held-until-return'),
    ('domain', 'resized'), ('domain', 'other-listen'),
    ('instances', 'resized'),
}  # fmt: skip
# Scope of checks -> the pages that explain their codes.
EXPLAINING = {
    'cloud': 'recover-host.rst',
    'host': 'recover-host.rst',
    'server': 'recover-host.rst',
    'fleet': 'recover-host.rst',
    'by-hand': 'moving.rst',
    'fleet-by-hand': 'moving.rst',
    'domain': 'domains.rst',
    'audit': 'audit.rst',
    'instances': 'instances.rst',
    'instance': 'instances.rst',
    'row': 'instances.rst',
}


def explained() -> Iterator[tuple[str, str]]:
    """The code of each check that gives rows their words, and its page."""
    for scope, code in registry.REGISTRY.keys() - SAID:
        if scope in EXPLAINING:
            yield EXPLAINING[scope], code


@pytest.mark.parametrize('page, code', sorted({*explained()}))
def test_the_manual_explains_every_verdict(page, code):
    assert f'``{code}``' in CONFIGURATION.with_name(page).read_text()


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_the_manual_explains_no_word_that_no_table_may_show(page):
    # Rows of tables and, beside chapters on the code, terms of definitions.
    told = re.findall(r'(?m)^   \* - (.*(?:\n       .*)*)', page.read_text())
    if page.parent.name == 'user':
        told += re.findall(r'(?m)^(``.*)\n    \S', page.read_text())
    code = '\n'.join(p.read_text() for p in SOURCE.rglob('*.py'))
    words = {w for row in told for w in re.findall('``([a-z-]+)``', row)}
    assert {w for w in words if f"'{w}'" not in code} == set()


STATES = [
    *outcome.GOOD, outcome.LEFT, outcome.FAILED, outcome.IN_DOUBT,
    outcome.UNDER_WAY, outcome.NOT_BEGUN,
]  # fmt: skip


@pytest.mark.parametrize('state', STATES)
def test_the_manual_explains_every_state_of_a_row(state):
    assert f'``{state}``' in (TOP / 'doc/source/cli/index.rst').read_text()
