# SPDX-License-Identifier: Apache-2.0
"""Only what an entry names is allowed, and an entry has to be needed."""

import pytest

from tests.oracle.allowed import Allowed, idle, remaining
from tests.oracle.comparing import Difference


def difference(
    column='status', left='done', right='failed', table='nova.migrations'
):
    record = {'migration_type': 'evacuation', 'status': left}
    return Difference(table, column, left, right, record)


def allowed(table='nova.migrations', column='status', **more):
    return Allowed(table, column, 'why', 'nova/x.py:1', 'says', **more)


@pytest.mark.parametrize(
    'entry, other',
    [
        (allowed(), difference(table='nova.instances')),
        (allowed(), difference(column='hidden')),
        (allowed(left='accepted'), difference()),
        (allowed(right='done'), difference()),
        (allowed(where={'migration_type': 'resize'}), difference()),
        (allowed(column='a[0].b*'), difference(column='a0.b')),
    ],
)
def test_anything_else_remains(entry, other):
    assert remaining([other], [entry]) == [other]
    assert idle([other], [entry]) == [entry]


@pytest.mark.parametrize(
    'entry, covered',
    [
        (allowed(), difference()),
        (allowed(left='done', right='failed'), difference()),
        (allowed(where={'migration_type': 'evacuation'}), difference()),
        (allowed(column='a[0].b*'), difference(column='a[0].bc')),
        (allowed(left=None), difference(left=None)),
    ],
)
def test_what_an_entry_names_is_allowed(entry, covered):
    assert remaining([covered], [entry]) == []
    assert idle([covered], [entry]) == []


def test_what_must_be_nothing_is_not_anything():
    assert remaining([difference(left='x')], [allowed(left=None)])


def test_what_comes_by_chance_need_not_be_there():
    entry = allowed(by_chance=True)
    assert remaining([difference()], [entry]) == []
    assert idle([], [entry]) == []
