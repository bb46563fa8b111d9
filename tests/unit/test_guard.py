# SPDX-License-Identifier: Apache-2.0
"""Right before an effect: what speaks against it."""

import pytest

from osc_recover import errors, markers
from osc_recover.effects import Control
from osc_recover.facts import Service
from osc_recover.operations.guard import StillDead, problem_with
from osc_recover.operations.watch import Shared

RUN = '4f2a9c01'
OURS = Service(
    'id',
    'cmp1',
    enabled=False,
    up=False,
    forced_down=True,
    disabled_reason=markers.marker(RUN, 'rack 4'),
    updated_at='T5',
)


def changed(**values):
    fields = {name: getattr(OURS, name) for name in OURS.__slots__}
    return Service(**{**fields, **values})


def test_a_host_as_we_left_it_is_still_dead():
    assert problem_with(OURS, RUN, 'T5') == ''


@pytest.mark.parametrize(
    'service, problem',
    [
        (None, 'gone from nova'),
        (changed(forced_down=False), 'forced-down mark'),
        (changed(disabled_reason=''), 'marker is gone'),
        (changed(disabled_reason='rack 4'), 'marker is gone'),
        (
            changed(disabled_reason=markers.marker('0000beef', '')),
            'run 0000beef has taken it over',
        ),
        (changed(updated_at='T6'), 'alive'),
        # The clock of the machine that keeps the record may be set back.
        (changed(updated_at='T4'), 'alive'),
        # However it looks to nova, a heartbeat is a heartbeat.
        (changed(up=True, updated_at='T6'), 'alive'),
    ],
)
def test_a_host_that_is_not_as_we_left_it_stops_the_run(service, problem):
    assert problem in problem_with(service, RUN, 'T5')


def test_without_a_mark_of_ours_nothing_may_be_begun():
    assert problem_with(OURS, RUN, '') != ''


def test_the_guard_reads_anew_before_each_effect():
    readings = [{'cmp1': OURS}, {'cmp1': changed(updated_at='T6')}]
    guard = StillDead(
        Shared(lambda: readings.pop(0), tick=0), lambda host: 'T5', Control()
    )
    guard(RUN, 'cmp1')
    with pytest.raises(errors.RunStopped, match='T6') as caught:
        guard(RUN, 'cmp1')
    assert f'run resume {RUN} --fence' in caught.value.way_out


def test_a_host_that_nova_does_not_list_stops_the_run():
    guard = StillDead(Shared(dict, tick=0), lambda host: 'T5', Control())
    with pytest.raises(errors.RunStopped, match='gone'):
        guard(RUN, 'cmp1')
