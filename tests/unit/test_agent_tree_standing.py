# SPDX-License-Identifier: Apache-2.0
"""How far a change is, who is at it, and what can be asked without numbers."""

import fcntl
import os

import pytest

from osc_recover.agent import errors
from osc_recover.agent.tree import manifest
from osc_recover.agent.tree import operations as tree
from osc_recover.agent.tree.manifest import Writer
from tests.unit import zoo
from tests.unit.test_agent_tree import arguments, change, quiet, undo
from tests.unit.zoo import NOVA, OTHER, OTHER_G, Zoo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)


@pytest.fixture
def old(tmp_path):
    return Zoo(tmp_path / 'old')


def state(where):
    return tree.show(arguments(where), quiet)['state']


def prepare(where, **more):
    return tree.prepare(arguments(where, **more), quiet)


def refusal(call, *args, **more):
    with pytest.raises(errors.Refused) as caught:
        call(*args, **more)
    return caught.value.code


def test_each_step_of_a_change_is_told(old):
    before = zoo.listing(old.root.parent)
    assert state(old) == 'absent'
    listed = prepare(old)['listed']
    assert listed > 100
    assert state(old) == 'listed'
    assert zoo.listing(old.root.parent) == before
    assert change(old)['counts'] == {'changed': listed}
    assert state(old) == 'done'
    undo(old)
    assert state(old) == 'undone'
    assert zoo.listing(old.root.parent) == before


def test_what_is_listed_is_changed_as_if_it_were_one_step(old, tmp_path):
    right = Zoo(tmp_path / 'right' / 'new', moved=True)
    prepare(old)
    assert change(old)['continued']
    assert (
        zoo.differences(
            zoo.listing(old.root.parent), zoo.listing(right.root.parent)
        )
        == {}
    )


def test_a_list_that_is_there_is_not_made_again(old):
    first = prepare(old)
    late = old.root / 'late'
    late.write_text('')
    os.chown(late, NOVA, 0)
    assert prepare(old)['listed'] == first['listed']
    assert refusal(prepare, old, uids={'5': 6}) == 'other-change'


def test_what_has_a_new_number_before_is_counted(old):
    assert prepare(old)['taken'] == 0
    assert prepare(old)['taken'] is None
    os.unlink(arguments(old)['manifest'])
    early = old.root / 'early'
    early.write_text('')
    os.chown(early, 61119, 0)
    assert prepare(old)['taken'] == 1
    change(old)
    assert early.stat().st_uid == 61119


def test_a_question_leaves_no_folder_behind(tmp_path):
    path = tmp_path / 'absent' / 'm'
    tree.show({'manifest': str(path)}, quiet)
    tree.room({'folder': str(path)}, quiet)
    assert not path.parent.exists()


def test_a_manifest_that_somebody_works_with_is_busy(old):
    prepare(old)
    with open(arguments(old)['manifest'], 'rb') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert state(old) == 'busy'
        assert refusal(prepare, old) == 'busy'
        assert refusal(change, old) == 'busy'
    assert state(old) == 'listed'


def test_a_list_that_somebody_writes_is_busy(tmp_path):
    path = str(tmp_path / 'm')
    first = Writer(path, {})
    assert tree.show({'manifest': path}, quiet)['state'] == 'busy'
    assert refusal(Writer, path, {}) == 'busy'
    first.finish()
    assert tree.show({'manifest': path}, quiet)['state'] == 'listed'


def test_what_a_dead_writer_has_left_is_written_over(tmp_path):
    path = tmp_path / 'm'
    (tmp_path / 'm.part').write_text('x' * 5000)
    assert tree.show({'manifest': str(path)}, quiet)['state'] == 'absent'
    Writer(str(path), {'host': 'a'}).finish()
    with manifest.Manifest(str(path)) as found:
        assert found.header == {'host': 'a'}


def test_a_list_that_was_finished_meanwhile_is_not_written_over(
    tmp_path, monkeypatch
):
    path = str(tmp_path / 'm')
    first = Writer(path, {'host': 'a'})
    real = manifest.place.lock

    def late(fd, name):
        # The first one ends between the second one's open and its lock.
        first.finish()
        real(fd, name)

    monkeypatch.setattr(manifest.place, 'lock', late)
    assert refusal(Writer, path, {'host': 'b'}) == 'busy'
    monkeypatch.undo()
    with manifest.Manifest(path) as found:
        assert found.header == {'host': 'a'}


def test_what_is_no_manifest_is_refused(tmp_path):
    path = tmp_path / 'm'
    path.write_text('no manifest at all, but long enough to be one')
    assert refusal(tree.show, {'manifest': str(path)}, quiet) == 'bad-manifest'


def test_the_room_of_a_small_file_system_is_told(tmp_path):
    with zoo.mounted('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at=tmp_path):
        found = tree.room({'folder': str(tmp_path / 'not' / 'yet')}, quiet)
        assert found['folder'] == str(tmp_path)
        assert 0 < found['free'] <= 65536
        assert not found['read_only']


def test_a_read_only_file_system_has_no_room(tmp_path):
    with zoo.mounted('-t', 'tmpfs', '-o', 'ro', 'tmpfs', at=tmp_path):
        assert tree.room({'folder': str(tmp_path)}, quiet)['read_only']


def test_numbers_of_nobody_are_found_without_any_other(old):
    found = tree.scan({'roots': [str(old.root)]}, quiet)
    assert found['found'] == {}
    assert found['nobody'][f'uid {OTHER}']['count'] > 0
    assert found['nobody'][f'gid {OTHER_G}']['count'] > 0
    assert 'uid 0' not in found['nobody']


def test_verify_tells_of_nobody_when_it_is_asked_to(old):
    args = arguments(old, manifest=None)
    assert tree.verify(args, quiet)['nobody'] == {}
    told = tree.verify({**args, 'nobody': True}, quiet)
    assert told['nobody'][f'uid {OTHER}']['count'] > 0
    assert told['left'] == tree.verify(args, quiet)['left']


def test_a_change_without_numbers_is_still_refused(old):
    assert refusal(change, old, uids={}, gids={}) == 'no-numbers'
    assert refusal(prepare, old, uids={}, gids={}) == 'no-numbers'


def test_two_numbers_become_one_only_when_that_is_meant(tmp_path):
    root = tmp_path / 'shared'
    root.mkdir()
    for name, uid in (('a', 61108), ('b', 61107)):
        (root / name).write_text('')
        os.chown(root / name, uid, 0)
    args = {
        'roots': [str(root)],
        'uids': {'61108': 61112, '61107': 61112},
        'manifest': str(tmp_path / 'manifests' / 'm'),
    }
    assert refusal(tree.change, args, quiet) == 'merged-numbers'
    tree.change({**args, 'merge': True}, quiet)
    assert [os.stat(root / n).st_uid for n in 'ab'] == [61112, 61112]
    tree.undo(args, quiet)
    assert [os.stat(root / n).st_uid for n in 'ab'] == [61108, 61107]
