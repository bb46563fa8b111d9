# SPDX-License-Identifier: Apache-2.0
"""Commands that we tell an operator to run, wherever they are written."""

import ast
import configparser
import importlib.metadata
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# What python-openstackclient refuses without an option of its own.
NEWER = re.compile(r'openstack (volume attachment|server migration abort)')
OURS = re.compile(r'openstack recover ([a-z]+)(?: ([a-z-]+))?')


@pytest.fixture(scope='module')
def texts():
    """The texts in our source, with {} for what is put in, and their files."""
    return [*_texts()]


def _texts():
    for path in sorted((ROOT / 'osc_recover').rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(p, 'value', '') for p in node.values)
                text = ''.join(
                    part if isinstance(part, str) else '{}' for part in parts
                )
            elif isinstance(node, ast.Constant):
                text = node.value
            else:
                continue
            if isinstance(text, str) and 'openstack ' in text:
                yield path, re.sub(r'\s+', ' ', text)


def commands():
    """Each command of ours, as its words."""
    known = configparser.ConfigParser()
    known.read(ROOT / 'setup.cfg')
    listed = known['options.entry_points']['openstack.recover.v1']
    names = [line.partition('=')[0].strip() for line in listed.splitlines()]
    return {tuple(name.split('_')[1:]) for name in names if name}


def test_what_needs_a_newer_version_of_an_api_asks_for_it(texts):
    assert [(path, text) for path, text in texts if NEWER.search(text)] == []


def test_every_command_of_ours_that_is_named_is_there(texts):
    known = commands()
    named = [
        (path, words)
        for path, text in texts
        for words in OURS.findall(text)
        if words not in known and words[:1] not in known
    ]
    assert len(known) > 30
    assert named == []


def options(words):
    """The options of a command of ours, given its words."""
    group = importlib.metadata.entry_points(group='openstack.recover.v1')
    kind = group['_'.join(('recover', *words))].load()
    actions = kind(None, None).get_parser('x')._actions
    return {option for action in actions for option in action.option_strings}


def test_a_command_of_ours_is_named_with_options_that_it_has(texts):
    known = commands()
    seen = 0
    for path, text in texts:
        for line in re.findall(r'openstack recover ([^;,():"\']+)', text):
            words = line.split()
            name = next(
                (w for n in (2, 1) if (w := tuple(words[:n])) in known), None
            )
            # Where its name is put in, no option is written out.
            given = {w for w in words if re.fullmatch('--[a-z-]+', w)}
            if name and given:
                seen += 1
                assert given - options(name) == set(), (path, line)
    assert seen > 20
