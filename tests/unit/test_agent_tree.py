# SPDX-License-Identifier: Apache-2.0
"""The change of owners, on a tree with every trap."""

import os
import subprocess

import pytest

from osc_recover.agent import errors
from osc_recover.agent.tree import chain as tree_chain
from osc_recover.agent.tree import operations as tree
from tests.unit import zoo
from tests.unit.zoo import NOVA, NOVA_G, UIDS, Zoo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)


def arguments(where, **more):
    return {
        'roots': [str(where.root)],
        'uids': {str(old): new for old, new in zoo.UIDS.items()},
        'gids': {str(old): new for old, new in zoo.GIDS.items()},
        'manifest': str(where.root.parents[1] / 'manifests' / 'm'),
        **more,
    }


def quiet(event):
    pass


def change(where, **more):
    return tree.change(arguments(where, **more), quiet)


def undo(where):
    return tree.undo(arguments(where), quiet)


def refusal(call, *args):
    with pytest.raises(errors.Refused) as caught:
        call(*args)
    return caught.value


@pytest.fixture
def old(tmp_path):
    return Zoo(tmp_path / 'old')


@pytest.fixture(scope='module')
def wanted(tmp_path_factory):
    """The listing of a tree that has the new numbers."""
    right = Zoo(tmp_path_factory.mktemp('right') / 'new', moved=True)
    return zoo.listing(right.root.parent)


def wrong(where, wanted):
    return zoo.differences(zoo.listing(where.root.parent), wanted)


def test_every_object_has_its_new_numbers_and_all_it_had(old, wanted):
    assert len(wrong(old, wanted)) > 400
    result = change(old)
    assert wrong(old, wanted) == {}
    assert result['counts'] == {'changed': result['listed']}


def test_only_foreign_files_keep_old_entries_when_the_owned_are_asked(
    old, wanted
):
    change(old, attributes='owned')
    names = {path.rpartition(b'/')[2] for _, path in wrong(old, wanted)}
    assert names == {b'acl-foreign', b'acl-masked', b'label', b'label-nul'}


def test_a_rerun_changes_nothing(old, wanted):
    first = change(old)
    again = change(old)
    assert again['counts'] == {'already': first['listed']}
    assert wrong(old, wanted) == {}


def test_undo_brings_back_exactly_what_was(old):
    before = zoo.listing(old.root.parent)
    change(old)
    result = undo(old)
    assert zoo.differences(before, zoo.listing(old.root.parent)) == {}
    assert result['counts'] == {'changed': result['listed']}
    assert undo(old)['counts'] == {'already': result['listed']}


def test_a_manifest_that_was_undone_is_not_carried_out_again(old):
    change(old)
    undo(old)
    before = zoo.listing(old.root.parent)
    assert refusal(change, old).code == 'undone'
    assert zoo.listing(old.root.parent) == before


def test_each_object_is_listed_once_whatever_its_names(old):
    before = zoo.listing(old.root.parent)
    result = change(old)
    after = zoo.listing(old.root.parent)
    moved = len([path for path in before if before[path] != after[path]])
    assert result['listed'] == moved - 2  # of three hard links


def test_only_a_few_descriptors_are_open_however_deep_it_is(old):
    most = 0

    def count(event):
        nonlocal most
        most = max(most, len(os.listdir('/proc/self/fd')))

    before = len(os.listdir('/proc/self/fd'))
    walk = tree_chain.Chain(bytes(old.root))
    for _ in range(zoo.DEEP):
        walk.down(zoo.LONG.encode())
        count(None)
    for _ in range(zoo.DEEP):
        walk.up()
        count(None)
    assert (walk.path, walk.ino) == (b'', old.root.stat().st_ino)
    walk.close()
    assert most <= before + tree_chain.KEPT + 3
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_link_anywhere_in_the_path_of_a_root_is_not_followed(old):
    (old.root.parent / 'link').symlink_to('tree')
    for path in ('link', 'link/many'):
        with pytest.raises(NotADirectoryError):
            tree_chain.Chain(bytes(old.root.parent / path))


def test_a_chain_says_when_a_directory_above_was_moved(old):
    walk = tree_chain.Chain(bytes(old.root))
    for _ in range(zoo.DEEP):
        walk.down(zoo.LONG.encode())
    (old.root / zoo.LONG).rename(old.root / 'elsewhere')
    for _ in range(tree_chain.KEPT - 1):
        walk.up()
    with pytest.raises(tree_chain.Moved):
        walk.up()
    walk.close()


def test_mounts_below_a_root_are_left_out_and_named(old, wanted):
    here, there = old.root / 'a-mount', old.root / 'a-bind'
    here.mkdir()
    there.mkdir()
    bind = ('--bind', str(old.outside / 'folder'))
    with (
        zoo.mounted('-t', 'tmpfs', 'none', at=here),
        zoo.mounted(*bind, at=there),
    ):
        (here / 'file').write_text('')
        os.chown(here / 'file', NOVA, NOVA_G)
        result = change(old)
        assert (here / 'file').stat().st_uid == NOVA
        assert (there / 'inner').stat().st_uid == NOVA
    assert {row['path'] for row in result['left_out']} == {
        str(here),
        str(there),
    }
    here.rmdir()
    there.rmdir()
    assert wrong(old, wanted) == {}


def test_a_mount_that_is_named_is_walked_once(old):
    here = old.root / 'a-mount'
    here.mkdir()
    with zoo.mounted('-t', 'tmpfs', 'none', at=here):
        (here / 'file').write_text('')
        os.chown(here / 'file', NOVA, NOVA_G)
        change(old, roots=[str(old.root), str(here)])
        assert (here / 'file').stat().st_uid == UIDS[NOVA]
        undo(old)
        assert (here / 'file').stat().st_uid == NOVA


def test_a_path_that_is_to_be_skipped_is_left_out(old):
    skipped = old.root / 'many'
    result = change(old, skip=[str(skipped)])
    assert (skipped / '0').stat().st_uid == NOVA
    assert result['left_out'] == [{'path': str(skipped), 'why': 'left out'}]


def test_a_file_that_cannot_be_changed_is_named_and_the_rest_is_done(old):
    fixed = old.root / 'owned-0'
    subprocess.run(['chattr', '+i', fixed], check=True)
    try:
        result = change(old)
    finally:
        subprocess.run(['chattr', '-i', fixed], check=True)
    assert result['counts']['failed'] == 1
    assert result['samples'] == [
        {
            'path': str(fixed),
            'what': 'failed',
            'error': 'Operation not permitted',
        }
    ]
    assert change(old)['counts']['changed'] == 1


@pytest.mark.parametrize(
    'more, code',
    [
        ({'roots': []}, 'no-roots'),
        ({'attributes': 'some'}, 'bad-attributes'),
        ({'roots': ['relative']}, 'bad-root'),
        ({'roots': ['/proc/self/cwd']}, 'bad-root'),
        ({'roots': ['/nowhere/at/all']}, 'bad-root'),
        ({'uids': {}, 'gids': {}}, 'no-numbers'),
        ({'uids': {'0': 7}}, 'bad-number'),
        ({'uids': {'7': 0}}, 'bad-number'),
        ({'uids': {'7': 4294967295}}, 'bad-number'),
        ({'uids': {'-7': 8}}, 'bad-number'),
        ({'uids': {'²': 8}}, 'bad-number'),
        ({'uids': {'7': 9, '8': 9}}, 'merged-numbers'),
    ],
)
def test_what_cannot_be_meant_is_refused(old, more, code):
    before = zoo.listing(old.root)
    assert refusal(lambda: change(old, **more)).code == code
    assert zoo.listing(old.root) == before


def test_a_read_only_file_system_is_refused(old):
    remount = ['mount', '-o', 'remount,bind,ro', str(old.root)]
    with zoo.mounted('--bind', str(old.root), at=old.root):
        subprocess.run(remount, check=True)
        assert refusal(change, old).code == 'read-only'


def test_no_room_for_the_manifest_changes_nothing(old, tmp_path):
    small = tmp_path / 'small'
    small.mkdir(mode=0o700)
    before = zoo.listing(old.root)
    with zoo.mounted(
        '-t', 'tmpfs', '-o', 'size=16k,mode=700', 'none', at=small
    ):
        refused = refusal(lambda: change(old, manifest=str(small / 'm')))
        assert list(small.iterdir()) == []
    assert refused.code == 'no-manifest-room'
    assert 'No space left' in refused.text
    assert zoo.listing(old.root) == before


def test_what_somebody_changed_meanwhile_is_not_undone(old):
    change(old)
    before = zoo.listing(old.root)
    os.chmod(old.root / 'owned-0', 0o600)
    os.chown(old.root / 'owned-1', 7, 7)
    (old.root / 'owned-2').unlink()
    (old.root / 'owned-3').unlink()
    (old.root / 'owned-3').mkdir()
    os.setxattr(old.root / 'label', zoo.DAC, b'+9:+9')
    # Another file with the same name and owner.
    other = old.file('other', *before[b'owned-4'][1:3])
    other.rename(old.root / 'owned-4')
    result = undo(old)
    counts = {k: v for k, v in result['counts'].items() if k != 'changed'}
    assert counts == {'touched': 3, 'gone': 1, 'replaced': 2}
    after = zoo.listing(old.root)
    assert after[b'owned-0'][:3] == (0o100600, *before[b'owned-0'][1:3])
    assert after[b'owned-1'][1:3] == (7, 7)
    assert after[b'owned-4'] == before[b'owned-4']
    assert after[b'label'][3][zoo.DAC] == b'+9:+9'


def test_set_id_bits_that_a_write_took_do_not_come_back(old):
    path = old.root / 'group-4755'
    change(old)
    # As a cut between chown and chmod leaves it, and a write after that.
    os.chmod(path, 0o755)
    path.write_text('mine now')
    assert change(old)['counts']['touched'] == 1
    assert path.stat().st_mode & 0o7777 == 0o755


def test_set_id_bits_that_only_a_cut_took_come_back(old):
    path = old.root / 'group-4755'
    change(old)
    os.chmod(path, 0o755)
    assert change(old)['counts']['changed'] == 1
    assert path.stat().st_mode & 0o7777 == 0o4755


def test_another_change_cannot_use_the_manifest(old):
    change(old)
    refused = refusal(lambda: change(old, uids={'61108': 61113}))
    assert refused.code == 'other-change'


def test_progress_is_told(old, monkeypatch):
    events = []
    monkeypatch.setattr('osc_recover.agent.tree.args._EVERY', 0.0)
    tree.change(arguments(old), events.append)
    assert {event['phase'] for event in events} == {'listing', 'changing'}


def test_a_folder_that_others_may_write_to_holds_no_manifest(old, tmp_path):
    loose = tmp_path / 'loose'
    loose.mkdir()
    loose.chmod(0o777)
    refused = refusal(lambda: change(old, manifest=str(loose / 'm')))
    assert refused.code == 'unsafe-folder'
    assert list(loose.iterdir()) == []
