# SPDX-License-Identifier: Apache-2.0
import os
import stat

import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent import errors
from osc_recover.agent.tree import manifest
from osc_recover.agent.tree import place as manifest_place
from osc_recover.agent.tree.manifest import Entry, Manifest, Value, Writer

HEADER = {'host': 'cmp1', 'roots': [{'path': '/'}]}
NUMBER = st.integers(0, 2**32 - 1)
NAME = st.binary(min_size=1, max_size=255)
VALUES = st.lists(
    st.builds(Value, st.sampled_from(['a.b', 'c']), st.binary(), st.binary()),
    max_size=3,
).map(tuple)
LARGE = st.integers(0, 2**64 - 1)
TIME = st.integers(-(2**63), 2**63 - 1)
ENTRIES = st.builds(
    Entry, NAME, LARGE, LARGE, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, TIME,
    TIME, VALUES,
)  # fmt: skip
DIRECTORIES = st.lists(
    st.tuples(st.integers(0, 99), NAME, st.lists(ENTRIES, max_size=4)),
    max_size=4,
)
PLAIN = Entry(b'x', 1, 2, 0o100644, 3, 4, 5, 6, 7, 8)


def written(path, directories):
    writer = Writer(str(path), HEADER)
    for root, name, entries in directories:
        writer.directory(root, name)
        for entry in entries:
            writer.entry(entry)
    writer.finish()
    return path


def refusal(path):
    with pytest.raises(errors.Refused) as caught:
        Manifest(str(path))
    return caught.value


@hypothesis.settings(deadline=None)
@hypothesis.given(DIRECTORIES)
def test_what_was_written_is_read(tmp_path_factory, directories):
    path = written(tmp_path_factory.mktemp('m') / 'm', directories)
    expected = [(r, n, e) for r, n, entries in directories for e in entries]
    with Manifest(str(path)) as found:
        assert list(found) == expected
        assert found.count == len(expected)
        assert found.header == HEADER
        assert found.state == manifest.LISTED


def test_a_list_that_is_cut_off_anywhere_is_not_taken_for_whole(tmp_path):
    path = written(tmp_path / 'm', [(0, b'd', [PLAIN] * 3)])
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert refusal(path).code == 'bad-manifest'


def test_a_list_with_any_other_byte_is_refused(tmp_path):
    path = written(tmp_path / 'm', [(0, b'd', [PLAIN])])
    data = path.read_bytes()
    for at in range(len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert refusal(path).code == 'bad-manifest', at


@pytest.mark.parametrize('state', [manifest.DONE, manifest.UNDONE])
def test_the_state_is_kept_without_another_byte(tmp_path, state):
    path = written(tmp_path / 'm', [(0, b'd', [PLAIN])])
    size = path.stat().st_size
    with Manifest(str(path)) as found:
        found.state = state
    with Manifest(str(path)) as found:
        assert found.state == state
    assert path.stat().st_size == size


def test_a_state_that_is_none_is_refused(tmp_path):
    path = written(tmp_path / 'm', [])
    path.write_bytes(path.read_bytes()[:-1] + b'?')
    with Manifest(str(path)) as found, pytest.raises(errors.Refused):
        assert found.state


def test_only_root_can_read_it(tmp_path):
    path = manifest_place.place('m', str(tmp_path / 'new'))
    written(path, [])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / 'new').st_mode) == 0o700


def test_a_list_that_is_dropped_leaves_nothing(tmp_path):
    writer = Writer(str(tmp_path / 'm'), HEADER)
    writer.drop()
    assert list(tmp_path.iterdir()) == []


def test_no_manifest_is_a_refusal(tmp_path):
    assert refusal(tmp_path / 'm').code == 'no-manifest'


def test_a_link_is_not_taken_for_a_manifest(tmp_path):
    written(tmp_path / 'm', [])
    (tmp_path / 'link').symlink_to('m')
    assert refusal(tmp_path / 'link').code == 'no-manifest'
