# SPDX-License-Identifier: Apache-2.0
"""The border: what is said, and what is not taken for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import border

TEXT = st.text(st.characters(exclude_categories=()))  # surrogates, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, VALUES))
def test_a_message_is_one_line_and_comes_back(message):
    data = border.line(message)
    assert data.count(b'\n') == 1
    assert data.isascii()
    assert border.parse(data) == message


@given(st.binary())
def test_any_bytes_are_an_answer_or_broken(data):
    try:
        kind, _ = border.answer(data, 1)
    except border.Broken:
        return
    assert kind in {'tell', 'result', 'refused', 'died'}


@pytest.mark.parametrize(
    'message, kind',
    [
        ({'id': 4, 'result': {'a': 1}}, 'result'),
        ({'id': 4, 'tell': {}}, 'tell'),
        ({'id': 4, 'died': 'Traceback'}, 'died'),
        (
            {'id': 4, 'refused': {'code': 'x', 'text': 'y', 'fields': {}}},
            'refused',
        ),
    ],
)
def test_each_kind_of_answer_is_taken(message, kind):
    found = border.answer(border.line(message), 4)
    assert found == (kind, message[kind])


@pytest.mark.parametrize(
    'message, words',
    [
        ({'id': 5, 'result': {}}, 'request 5 instead of 4'),
        ({'id': True, 'result': {}}, 'request True'),
        ({'id': 4}, 'no answer'),
        ({'result': {}}, 'no answer'),
        ({'id': 4, 'result': {}, 'tell': {}}, 'no answer'),
        ({'id': 4, 'result': {}, 'more': 1}, 'no answer'),
        ({'id': 4, 'result': []}, 'result of another type'),
        ({'id': 4, 'died': {}}, 'died of another type'),
        ({'id': 4, 'refused': {}}, 'refusal of another form'),
        (
            {'id': 4, 'refused': {'code': 1, 'text': '', 'fields': {}}},
            'refusal of another form',
        ),
        (
            {'id': 4, 'refused': {'code': '', 'text': '', 'fields': []}},
            'refusal of another form',
        ),
    ],
)
def test_what_is_no_answer_is_broken_and_said_so(message, words):
    with pytest.raises(border.Broken, match=words):
        border.answer(border.line(message), 4)


@pytest.mark.parametrize(
    'data, words',
    [
        (b'Welcome to cmp1\n', "no JSON: 'Welcome to cmp1'"),
        (b'\n', "no JSON: ''"),
        (b'[1]\n', 'no JSON object'),
        (b'\xff\xfe\n', 'no JSON'),
        (b'[' * 100_000, 'no JSON'),
        (b'{"id":4,', 'no JSON'),
    ],
)
def test_what_is_no_message_is_broken_and_shown(data, words):
    with pytest.raises(border.Broken) as caught:
        border.parse(data)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_is_shown_is_fit_for_a_terminal():
    assert border.shown(b'\x1b[31mred\xff\n') == "'\\x1b[31mred\\ufffd'"


def test_a_greeting_tells_the_python():
    said = {'magic': border.MAGIC, 'version': 1, 'python': [3, 11, 2]}
    assert border.greeted(border.line(said)) == (3, 11, 2)


@pytest.mark.parametrize(
    'change, words',
    [
        ({'magic': 'other'}, 'no greeting of ours'),
        ({'version': 2}, 'version 2 of the protocol, and this is 1'),
        ({'python': '3.11'}, 'no Python version'),
        ({'python': [3, 11]}, 'no Python version'),
        ({'python': [3, 11, '2']}, 'no Python version'),
    ],
)
def test_another_greeting_is_broken_and_said_so(change, words):
    said = {'magic': border.MAGIC, 'version': 1, 'python': [3, 11, 2]}
    with pytest.raises(border.Broken, match=words):
        border.greeted(json.dumps({**said, **change}).encode())
