# SPDX-License-Identifier: Apache-2.0
"""The manual names every command and option there is, and no other."""

import configparser
import importlib.metadata
import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).parents[2]
PAGES = [TOP / 'README.rst', *sorted((TOP / 'doc/source').rglob('*.rst'))]
# Of these two, every option is explained; they have the same ones.
EXPLAINED = ('recover host', 'recover server')


def commands() -> list[str]:
    config = configparser.ConfigParser()
    config.read(TOP / 'setup.cfg')
    listed = config['options.entry_points']['openstack.recover.v1']
    names = (line.partition('=')[0] for line in listed.strip().split('\n'))
    return [name.strip().replace('_', ' ') for name in names]


def options(command: str) -> set[str]:
    """The options of a command of ours; those of its formatters excepted."""
    name = command.replace(' ', '_')
    group = importlib.metadata.entry_points(group='openstack.recover.v1')
    parser = group[name].load()(None, None).get_parser(command)
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
