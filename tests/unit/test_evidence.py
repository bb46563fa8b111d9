# SPDX-License-Identifier: Apache-2.0
"""A run goes on only while its hosts are still known to be off."""

import dataclasses

import pytest

from osc_recover import errors, evidence, facts, markers
from osc_recover.evidence import Evidence, HostsOff
from osc_recover.journal import Journal
from osc_recover.plan import Lane, Phase, Plan, Step
from osc_recover.runs import State

PLAN = Plan('host', ('cmp1',), ())


class Compute:
    """nova's record of one host; it may beat with each look."""

    def __init__(self, service):
        self.service, self.beats = service, False

    def compute_service(self, host):
        if self.beats:
            at = self.service.updated_at + '+'
            self.service = dataclasses.replace(self.service, updated_at=at)
        return self.service


class Power:
    off = True

    def is_off(self, host):
        return self.off


@pytest.fixture
def bed(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, '_BEATS', 1)
    with Journal(tmp_path / 'journal.sqlite') as journal:
        run = journal.store(PLAN, 'key', 'name')
        service = facts.Service(
            's',
            'cmp1',
            enabled=False,
            up=False,
            forced_down=True,
            disabled_reason=markers.marker(run.id),
            updated_at='T1',
        )
        compute, power = Compute(service), Power()
        yield journal, run, compute, power, HostsOff(journal, compute, power)


def fenced(journal, run):
    journal.record(run.id, 'fence:cmp1', State.DONE)


def forced(journal, run, at='T1'):
    journal.record(
        run.id, 'force-down:cmp1', State.DONE, data={'updated_at': at}
    )


def test_a_run_that_has_not_come_far_has_nothing_to_check(bed):
    *_, compute, _, off = bed
    compute.service = None
    off.check(bed[1], Evidence())


def test_a_host_that_was_fenced_and_is_on_again_is_refused(bed):
    journal, run, _, power, off = bed
    fenced(journal, run)
    off.check(run, Evidence())
    power.off = False
    with pytest.raises(errors.Refused, match='says that cmp1 is on'):
        off.check(run, Evidence())


def test_a_heartbeat_since_the_last_write_asks_for_new_evidence(bed):
    journal, run, _, _, off = bed
    forced(journal, run, at='T0')
    with pytest.raises(errors.Refused, match='alive') as caught:
        off.check(run, Evidence())
    assert '--fence' in caught.value.way_out


def test_new_evidence_is_kept_and_counts_from_then_on(bed):
    journal, run, _, _, off = bed
    forced(journal, run, at='T0')
    off.check(run, Evidence(fenced='seen by me'))
    assert off.mark(run.id, 'cmp1') == 'T1'
    assert journal.last(run.id, '').note == 'seen by me'
    off.check(run, Evidence())


def test_no_statement_outweighs_a_beating_heart(bed):
    journal, run, compute, _, off = bed
    forced(journal, run, at='T0')
    compute.beats = True
    with pytest.raises(errors.Refused, match='still sends heartbeats'):
        off.check(run, Evidence(fenced='I am sure'))
    assert off.mark(run.id, 'cmp1') == 'T0'


def test_a_run_that_lost_its_mark_is_not_brought_back_by_evidence(bed):
    journal, run, compute, _, off = bed
    forced(journal, run)
    compute.service = dataclasses.replace(
        compute.service, disabled_reason=markers.marker('other')
    )
    with pytest.raises(errors.Refused, match='other has taken it over'):
        off.check(run, Evidence(fenced='I am sure'))


# Cut off before the run knew when its own last write was.


def cut_off(journal, run, *verbs):
    steps = (Step(f'{verb}:cmp1', verb, 'cmp1') for verb in verbs)
    lanes = tuple(Lane('cmp1', (step,)) for step in steps)
    plan = dataclasses.replace(PLAN, phases=(Phase('first', lanes),))
    journal.record(run.id, '', 'started')
    return dataclasses.replace(run, plan=plan)


def test_without_a_mark_a_host_that_beats_below_forced_down_is_refused(bed):
    journal, run, compute, _, off = bed
    run = cut_off(journal, run, 'force-down')
    off.check(run, Evidence())
    compute.beats = True
    with pytest.raises(errors.Refused, match='not off'):
        off.check(run, Evidence())


def test_without_a_mark_a_host_that_is_up_is_refused(bed):
    journal, run, compute, _, off = bed
    compute.service = dataclasses.replace(
        compute.service, up=True, forced_down=False
    )
    with pytest.raises(errors.Refused, match='not off'):
        off.check(cut_off(journal, run, 'force-down'), Evidence())


def test_a_host_that_is_yet_to_be_fenced_may_be_up(bed):
    journal, run, compute, power, off = bed
    compute.service = dataclasses.replace(
        compute.service, up=True, forced_down=False
    )
    power.off = False
    off.check(cut_off(journal, run, 'fence', 'force-down'), Evidence())
