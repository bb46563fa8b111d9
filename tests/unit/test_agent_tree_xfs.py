# SPDX-License-Identifier: Apache-2.0
"""The change of owners on XFS, where most RPM hosts keep their files.

Its inode numbers, attributes and late allocation are not those of ext4.
"""

import os
import shutil
import subprocess

import pytest

from osc_recover.agent.tree import operations as tree
from tests.unit import zoo
from tests.unit.test_agent_tree import (
    arguments,
    change,
    quiet,
    refusal,
    undo,
    wrong,
)
from tests.unit.test_agent_tree_cuts import killed
from tests.unit.zoo import Zoo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)


@pytest.fixture(scope='module')
def disk(tmp_path_factory):
    """An empty XFS, mounted."""
    if not shutil.which('mkfs.xfs'):
        pytest.skip('needs mkfs.xfs (Debian: xfsprogs)')
    folder = tmp_path_factory.mktemp('xfs')
    image, place = folder / 'image', folder / 'mounted'
    place.mkdir()
    subprocess.run(['truncate', '--size=512M', image], check=True)
    subprocess.run(['mkfs.xfs', '-q', image], check=True)
    with zoo.mounted('-t', 'xfs', '-o', 'loop', str(image), at=place):
        yield place


@pytest.fixture
def old(disk):
    yield Zoo(disk / 'each/old')
    subprocess.run(['rm', '-rf', disk / 'each'], check=True)


@pytest.fixture(scope='module')
def wanted(disk):
    """The listing of a tree there that has the new numbers."""
    right = Zoo(disk / 'right', moved=True)
    return zoo.listing(right.root.parent)


def test_every_trap_is_changed_once_and_taken_back(old, wanted):
    before = zoo.listing(old.root.parent)
    assert len(wrong(old, wanted)) > 400
    result = change(old)
    assert wrong(old, wanted) == {}
    assert result['counts'] == {'changed': result['listed']}
    assert change(old)['counts'] == {'already': result['listed']}
    undo(old)
    assert zoo.differences(before, zoo.listing(old.root.parent)) == {}


def test_verify_finds_what_is_left_and_then_nothing(old):
    numbers = {'uids': {'61108': 61109}, 'gids': {'62120': 62121}}
    asked = arguments(old, **numbers, attributes='every')
    known = {k: v for k, v in asked.items() if k != 'manifest'}
    left = tree.verify(known, quiet)['left']
    assert set(left) >= {'uid 61108', 'gid 62120', 'acl', 'label'}
    change(old, **numbers)
    found = tree.verify(asked, quiet)
    assert (found['left'], found['trouble']) == ({}, [])
    assert set(found['manifest']['counts']) == {'already'}


@pytest.mark.parametrize('at', [0, 1, 7, 60, 240, 480])
def test_a_change_that_is_killed_is_carried_on_with(old, wanted, at):
    assert killed(lambda: change(old), at)
    change(old)
    assert wrong(old, wanted) == {}


def test_no_room_for_the_manifest_changes_nothing(old, disk):
    before = zoo.listing(old.root)
    rest = disk / 'rest'
    try:
        fill(rest)
        refused = refusal(change, old)
    finally:
        rest.unlink()
    assert refused.code == 'no-manifest-room'
    assert zoo.listing(old.root) == before


def fill(path):
    """Take all room that there is."""
    with path.open('wb') as file:
        at, size = 0, 1 << 28
        while size >= 4096:
            try:
                os.posix_fallocate(file.fileno(), at, size)
                at += size
            except OSError:
                size //= 2
