# SPDX-License-Identifier: Apache-2.0
"""What somebody sees of a run that is carried out."""

import io
import sys

from osc_recover.commands.progress import Progress
from osc_recover.plan import Lane, Phase, Plan, Step


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self):
        return True


STEPS = (
    Step('accounts:cmp1', 'accounts.change', 'cmp1'),
    Step('files:cmp1', 'tree.change', 'cmp1'),
)
PLAN = Plan('ownership', ('cmp1',), (Phase('', (Lane('cmp1', STEPS),)),))


def shown(stderr, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', stderr)
    with Progress(PLAN) as progress:
        for step in STEPS:
            progress(step, 'done', '7 [changed]')
    return stderr.getvalue()


def test_steps_are_told_apart_by_what_is_changed(monkeypatch):
    text = shown(Terminal(), monkeypatch)
    assert 'cmp1: accounts done: 7 [changed]' in text
    assert 'cmp1: files done: 7 [changed]' in text


def test_nothing_is_shown_where_nobody_looks(monkeypatch):
    assert shown(io.StringIO(), monkeypatch) == ''
