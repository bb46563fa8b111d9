# SPDX-License-Identifier: Apache-2.0
"""What scan and verify find in a tree with every trap."""

import os
import pathlib

import pytest

from osc_recover.agent.tree import operations as tree
from tests.unit import zoo
from tests.unit.test_agent_tree import arguments, change, quiet
from tests.unit.zoo import NOVA, QEMU, Zoo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)


@pytest.fixture
def old(tmp_path):
    return Zoo(tmp_path / 'old')


def test_the_scan_counts_what_the_change_will_change(old):
    found = tree.scan(arguments(old), quiet)
    assert found['entries'] == len(zoo.listing(old.root)) + 1
    assert found['trouble'] == []
    before = zoo.listing(old.root.parent)
    for number in (NOVA, QEMU):
        rows = [p for p, row in before.items() if row[1] == number]
        rows = [path for path in rows if path.startswith(b'tree')]
        assert found['found'][f'uid {number}']['count'] == len(rows)
    assert found['found']['acl']['count'] == 4
    assert found['found']['label']['count'] == 3
    assert found['found']['capability']['count'] == 2
    assert found['nobody'][f'uid {zoo.OTHER}']['count'] > 0
    assert zoo.listing(old.root.parent) == before


def test_verify_finds_what_came_with_an_old_number_after_the_scan(old):
    late = old.root / 'late\nfile'
    assert left(old)[f'uid {zoo.NOVA}'] > 1
    change(old)
    assert left(old) == {}
    late.write_text('')
    os.chown(late, NOVA, 0)
    assert left(old) == {f'uid {NOVA}': 1}


def left(where):
    found = tree.verify(arguments(where, manifest=None), quiet)
    assert found['trouble'] == []
    return {what: row['count'] for what, row in found['left'].items()}


def test_numbers_that_are_old_and_new_are_told_by_the_manifest(old):
    change(old)
    manifest = arguments(old)['manifest']
    found = tree.verify(arguments(old, manifest=manifest), quiet)
    assert QEMU in found['unsure']['uids']
    assert found['manifest']['counts'] == {
        'already': found['manifest']['listed']
    }
    os.chown(old.root / 'owned-1', QEMU, -1)
    found = tree.verify(arguments(old, manifest=manifest), quiet)
    assert found['manifest']['counts']['touched'] == 1


def test_verify_looks_into_acls_and_labels_when_asked(old):
    change(old)
    args = arguments(old, manifest=None, attributes='every')
    os.setxattr(old.root / 'label', zoo.DAC, b'+61108:+0')
    found = tree.verify(args, quiet)
    assert {k: r['count'] for k, r in found['left'].items()} == {'label': 1}


def test_names_leave_in_a_form_that_comes_back(old):
    found = tree.scan(arguments(old), quiet)
    paths = found['found'][f'uid {NOVA}']['samples']
    assert all(pathlib.Path(path).is_relative_to(old.root) for path in paths)
