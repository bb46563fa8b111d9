# SPDX-License-Identifier: Apache-2.0
"""What --debug shows of the configuration of a cloud."""

import ast
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import masking, plugin

TEXT = st.text(st.sampled_from('ab\'"\\{}[]()\n, :é'))
VALUES = st.recursive(
    TEXT | st.integers() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@given(st.dictionaries(TEXT, VALUES), VALUES, VALUES)
def test_nothing_but_our_section_is_masked(others, section, last):
    told = {**others, 'recover': {'x': section}, 'z': last}
    masked = ast.literal_eval(masking.without_section(repr(told)))
    assert masked == {**told, 'recover': '***'}


@given(VALUES)
def test_a_section_that_is_no_map_is_not_told_either(section):
    secret = {'recover': [section, 'correct horse'], 'b': 1}
    assert 'horse' not in masking.without_section(repr(secret))


@pytest.mark.parametrize(
    'text',
    [
        "{'recover': {'a': 'correct horse', 'b",
        "{'recover': 'correct horse'}",
        "{'recover': correct horse}",
        "{'a': 1, \"recover\": {'a': {'b': 'correct horse'}}}",
        "{'recover': {}} and {'recover': {'a': 'correct horse'}}",
    ],
)
def test_a_text_that_is_cut_or_odd_is_masked(text):
    assert 'horse' not in masking.without_section(text)


def test_the_client_logs_the_section_as_being_there(caplog):
    plugin.build_option_parser(None)
    caplog.set_level(logging.DEBUG)
    told = {'auth': {'username': 'admin'}, 'recover': {'a': 'horse'}}
    for name in ('osc_lib.shell', 'osc_lib.cli.client_config'):
        logging.getLogger(name).debug('cloud cfg: %s', str(told))
    assert 'horse' not in caplog.text
    assert caplog.text.count("'recover': '***'") == 2
    assert caplog.text.count('admin') == 2
