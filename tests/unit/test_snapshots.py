# SPDX-License-Identifier: Apache-2.0
"""Snapshots on disk: whole or not there, and refused when they are not so."""

import json
import os
import stat

import pytest

from osc_recover import errors
from osc_recover.facts.snapshot import Snapshot
from osc_recover.snapshots import LOCK, MANIFEST, Snapshots
from tests.unit.snapshot_facts import snapshot

CLOUD = 'http://keystone east http://nova'


@pytest.fixture
def kept(tmp_path):
    ticks = iter(range(1000, 2000))
    return Snapshots(tmp_path / 'state/snapshots', lambda: float(next(ticks)))


def save(kept, what=None, name='', cloud=CLOUD):
    return kept.save(what or snapshot(), cloud, 'east', name)


def names(kept):
    return sorted(set(os.listdir(kept.folder)) - {LOCK})


def modes(folder):
    return {
        stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_a_snapshot_reads_back_as_it_was(kept):
    saved = save(kept, name='before')
    assert kept.find(saved.id, CLOUD) == saved
    assert kept.find('before', CLOUD) == saved
    assert kept.find(saved.id[:4], CLOUD) == saved
    assert kept.load(saved) == snapshot()
    assert saved.count('servers') == 1


def test_an_empty_cloud_reads_back(kept):
    assert kept.load(save(kept, Snapshot())) == Snapshot()


def test_only_the_owner_may_read_it(kept):
    saved = save(kept)
    folder = kept.folder / saved.id
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes(folder) == {0o600}
    assert names(kept) == [saved.id]


def test_the_newest_is_listed_first(kept):
    first, second = save(kept), save(kept)
    assert [one.id for one in kept.listed()] == [second.id, first.id]
    assert not any(one.problem for one in kept.listed())


def test_nothing_is_listed_where_nothing_was_kept(kept):
    assert kept.listed() == []
    assert not kept.folder.exists()


def test_what_could_not_be_written_is_not_there(kept, monkeypatch):
    def full(handle):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(errors.SnapshotsUnusable, match='No space left'):
        save(kept)
    assert names(kept) == []


def test_what_a_killed_save_left_is_removed_unless_one_is_at_it(kept):
    kept.prepare()
    left = kept.folder / '.01234567.part'
    left.mkdir()
    (left / 'dump-nova.sql').write_text('secret')

    def fill(folder):
        # Another save, begun while this one writes.
        other.append(save(kept))
        assert folder.exists()

    other = []
    saved = kept.save(snapshot(), CLOUD, 'east', fill=fill)
    assert names(kept) == sorted([saved.id, other[0].id])


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(errors.SnapshotsUnusable, match='file/snapshots'):
        Snapshots(tmp_path / 'file/snapshots').prepare()


def test_a_deleted_one_is_gone(kept):
    saved = save(kept)
    kept.delete(saved.id)
    assert names(kept) == []
    with pytest.raises(errors.UnknownSnapshot):
        kept.find(saved.id, CLOUD)


def test_what_is_written_beside_is_proven_as_well(kept):
    def fill(folder):
        (folder / 'dump-nova.sql').write_text('CREATE TABLE x;')
        (folder / 'other').write_text('')

    saved = kept.save(snapshot(), CLOUD, 'east', fill=fill)
    assert 'dump-nova.sql' in [file.name for file in saved.files]
    assert kept.load(saved) == snapshot()
    truncated(kept.folder / saved.id / 'dump-nova.sql')
    with pytest.raises(errors.SnapshotDamaged, match=r'dump-nova.sql has'):
        kept.load(saved)


# What is not as it was written


def edited(path):
    path.write_text(path.read_text().replace('web', 'wab'))


def truncated(path):
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    'harm, problem',
    [
        (edited, 'servers.json was changed: its SHA-256 is another'),
        (truncated, 'servers.json has'),
        (os.unlink, 'servers.json cannot be read: No such file'),
    ],
)
def test_a_file_that_was_harmed_is_refused(kept, harm, problem):
    saved = save(kept)
    harm(kept.folder / saved.id / 'servers.json')
    with pytest.raises(errors.SnapshotDamaged, match=problem) as caught:
        kept.load(kept.find(saved.id, CLOUD))
    assert f'snapshot delete {saved.id}' in caught.value.way_out


@pytest.mark.parametrize('harm', [truncated, os.unlink])
def test_a_listed_one_says_what_a_look_shows(kept, harm):
    saved = save(kept)
    harm(kept.folder / saved.id / 'servers.json')
    [one] = kept.listed()
    assert 'servers.json' in one.problem


def rewritten(**values):
    def harm(path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return harm


@pytest.mark.parametrize(
    'harm',
    [
        truncated,
        os.unlink,
        rewritten(cloud='another'),
        rewritten(files=[]),
        rewritten(id='00000000'),
        rewritten(version=2),
        rewritten(surprise=1),
        rewritten(made='noon'),
        lambda path: path.write_bytes(b'\xff\xfe'),
        lambda path: path.write_text('[]'),
        lambda path: path.write_text(''),
    ],
)
def test_a_manifest_that_was_harmed_is_refused(kept, harm):
    saved = save(kept)
    harm(kept.folder / saved.id / MANIFEST)
    with pytest.raises(errors.SnapshotDamaged, match=MANIFEST + '|newer'):
        kept.find(saved.id, CLOUD)
    assert kept.listed()[0].problem
    kept.delete(kept.id_of(saved.id, CLOUD))
    assert kept.listed() == []


def test_one_that_was_copied_under_another_id_is_refused(kept):
    saved = save(kept)
    os.rename(kept.folder / saved.id, kept.folder / '01234567')
    with pytest.raises(errors.SnapshotDamaged):
        kept.find('01234567', CLOUD)


def test_one_of_another_cloud_is_refused(kept):
    saved = save(kept)
    with pytest.raises(errors.ForeignSnapshot, match='of the cloud east, and'):
        kept.find(saved.id, 'http://elsewhere', 'west')


@pytest.mark.parametrize('name', ['', 'x', '../..', 'zzzzzzzz'])
def test_what_is_not_there_is_said(kept, name):
    save(kept)
    with pytest.raises(errors.UnknownSnapshot):
        kept.find(name, CLOUD)


# Names


@pytest.mark.parametrize('name', ['../x', 'a b', '-x', '4f2a9c01', 'x' * 65])
def test_an_odd_name_is_refused(kept, name):
    with pytest.raises(errors.Refused, match='cannot be the name'):
        save(kept, name=name)


def test_a_name_is_given_once_in_a_cloud(kept):
    save(kept, name='before')
    save(kept, name='before', cloud='another')
    with pytest.raises(errors.Refused, match='already'):
        save(kept, name='before')
