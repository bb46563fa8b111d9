# SPDX-License-Identifier: Apache-2.0
import contextlib

import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent.tree import labels

NUMBERS = st.integers(0, 0xFFFFFFFE)


@hypothesis.settings(deadline=None)
@hypothesis.given(NUMBERS, NUMBERS)
def test_a_label_is_read_and_built_the_same(uid, gid):
    assert labels.parse(labels.build(uid, gid)) == (uid, gid)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.binary(max_size=12))
def test_any_bytes_are_a_label_or_an_error(data):
    with contextlib.suppress(labels.BadLabel):
        uid, gid = labels.parse(data)
        words = data.rstrip(b'\0').split(b':')
        assert [int(word) for word in words] == [uid, gid]


@pytest.mark.parametrize('tail', [b'', b'\0'])
def test_numbers_are_exchanged_and_the_end_is_kept(tail):
    moved = labels.rewritten(b'+108:+120' + tail, {108: 112}, {120: 119})
    assert moved == b'+112:+119' + tail


def test_a_label_with_other_numbers_stays_byte_for_byte():
    assert labels.rewritten(b'+0108:+7', {1: 2}, {3: 4}) == b'+0108:+7'


@pytest.mark.parametrize(
    'data', [b'', b'108:120', b'+108', b'+108:', b'+a:+b', b'+1:+2:+3']
)
def test_other_bytes_are_refused(data):
    with pytest.raises(labels.BadLabel):
        labels.parse(data)
