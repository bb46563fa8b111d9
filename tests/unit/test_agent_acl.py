# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import shutil
import struct
import subprocess

import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent.tree import acl
from tests.unit import zoo

NUMBERS = st.integers(0, 30)
NAMED = st.lists(st.tuples(st.sampled_from([2, 8]), NUMBERS), unique=True)
MAPS = st.dictionaries(NUMBERS, st.integers(31, 60), max_size=5)


def blob(named):
    entries = [acl.Entry(tag, 6, number) for tag, number in named]
    entries += [acl.Entry(t, 7, 0xFFFFFFFF) for t in (0x01, 0x04, 0x10, 0x20)]
    return acl.build(sorted(entries, key=lambda e: (e.tag, e.id)))


@hypothesis.settings(deadline=None)
@hypothesis.given(NAMED)
def test_an_acl_is_read_and_built_the_same(named):
    assert acl.build(acl.parse(blob(named))) == blob(named)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.binary(max_size=60))
def test_any_bytes_are_an_acl_or_an_error(data):
    with contextlib.suppress(acl.BadAcl):
        assert acl.build(acl.parse(data)) == data


@hypothesis.settings(deadline=None)
@hypothesis.given(NAMED, MAPS, MAPS)
def test_renumbering_moves_each_entry_once(named, uids, gids):
    moved = acl.rewritten(blob(named), uids, gids)
    expected = {
        (tag, (uids if tag == 2 else gids).get(number, number))
        for tag, number in named
    }
    found = acl.parse(moved)
    assert {e[::2] for e in found if e.tag in (2, 8)} <= expected
    assert found == sorted(found, key=lambda e: (e.tag, e.id))


def test_a_swap_is_made_at_once():
    swapped = acl.rewritten(blob([(2, 8), (2, 9)]), {8: 9, 9: 8}, {})
    assert swapped == blob([(2, 8), (2, 9)])


def test_the_id_of_an_entry_without_a_name_is_no_number():
    assert acl.rewritten(blob([]), {0xFFFFFFFF: 5}, {}) == blob([])


def test_the_account_that_takes_a_number_brings_its_own_entry():
    both = acl.build([acl.Entry(0x02, 6, 108), acl.Entry(0x02, 1, 112)])
    moved = acl.parse(acl.rewritten(both, {108: 112}, {}))
    assert moved == [acl.Entry(0x02, 6, 112)]


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\2\0\0',
        b'\1\0\0\0',
        struct.pack('<I', 2) + b'x',
        struct.pack('<IHHI', 2, 0x40, 0, 0),
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(acl.BadAcl):
        acl.parse(data)


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
def test_the_kernel_takes_what_we_build(tmp_path):
    path = tmp_path / 'file'
    path.write_text('')
    data = blob([(2, 5), (2, 7), (8, 5)])
    os.setxattr(path, acl.NAMES[0], acl.rewritten(data, {5: 9}, {5: 1}))
    entries = acl.parse(os.getxattr(path, acl.NAMES[0]))
    assert [e.id for e in entries if e.tag == 2] == [7, 9]


@pytest.mark.skipif(
    shutil.which('setfacl') is None, reason='needs setfacl (package acl)'
)
def test_setfacl_writes_what_we_read(tmp_path):
    path = tmp_path / 'file'
    path.write_text('')
    subprocess.run(['setfacl', '-m', 'u:12345:r,g:54321:w', path], check=True)
    entries = acl.parse(os.getxattr(path, acl.NAMES[0]))
    assert acl.Entry(0x02, 4, 12345) in entries
    assert acl.Entry(0x08, 2, 54321) in entries
