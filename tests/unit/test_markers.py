# SPDX-License-Identifier: Apache-2.0
"""The mark in the disabled reason."""

import doctest

import hypothesis
import pytest
from hypothesis import strategies

from osc_recover import markers

RUNS = strategies.from_regex(r'[0-9a-f]{4,32}', fullmatch=True)
REASONS = strategies.text(max_size=300)


@hypothesis.given(RUNS, REASONS)
def test_a_marker_names_its_run_within_what_nova_takes(run, former):
    reason = markers.marker(run, former)
    assert markers.run_in(reason) == run
    assert len(reason) <= markers.LIMIT


@hypothesis.given(RUNS, strategies.text(max_size=150))
def test_what_stood_there_before_comes_back(run, former):
    reason = markers.marker(run, former)
    assert markers.former_in(reason) == markers.former_in(former)


@hypothesis.given(RUNS, RUNS, strategies.text(max_size=100))
def test_markers_do_not_nest(first, second, former):
    taken_over = markers.marker(second, markers.marker(first, former))
    assert taken_over == markers.marker(second, former)


@pytest.mark.parametrize(
    'reason',
    [
        '',
        'bad fan',
        'see osc-recover run 7f3a',
        'osc-recover run 7f3a and more',
        'osc-recover run ',
    ],
)
def test_other_reasons_are_nobody_s_marker(reason):
    assert markers.run_in(reason) == ''
    assert markers.former_in(reason) == reason


def test_a_long_reason_is_cut_visibly():
    reason = markers.marker('7f3a', 'x' * 300)
    assert len(reason) == 255
    assert reason.endswith('x…')


def test_the_examples_are_true():
    assert doctest.testmod(markers).failed == 0
