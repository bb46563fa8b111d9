# SPDX-License-Identifier: Apache-2.0
"""What operations keep in the journal beside their intents."""

from osc_recover.journal import Journal
from osc_recover.plan import Plan, Step
from osc_recover.recovery.kept import KeptInJournal

STEP = Step('guest:s1', 'guest.reboot', 's1')


def test_what_was_kept_last_is_found_by_another_process(tmp_path):
    path = tmp_path / 'journal.sqlite'
    with Journal(path) as journal:
        run = journal.store(Plan('cloud', ('cmp1',), ()), 'key', 'practice').id
        kept = KeptInJournal(journal, run)
        assert kept.of(STEP) == {}
        kept.keep(STEP, {'boot': 'b1'})
        kept.keep(STEP, {'boot': 'b2'})
        journal.record(run, STEP.name, 'failed', data={'code': 'x'})
        journal.record(run, STEP.name, 'begun')
    with Journal(path) as journal:
        assert KeptInJournal(journal, run).of(STEP) == {'boot': 'b2'}
        assert KeptInJournal(journal, 'other').of(STEP) == {}


def test_since_when_a_step_goes_on_is_counted_from_its_last_begin(tmp_path):
    now = [100.0]
    with Journal(tmp_path / 'j.sqlite', clock=lambda: now[0]) as journal:
        run = journal.store(Plan('cloud', ('cmp1',), ()), 'key', 'practice').id
        kept = KeptInJournal(journal, run, clock=lambda: now[0])
        assert kept.since('start:s1') is None
        for at, state in ((200.0, 'begun'), (300.0, 'begun'), (400.0, 'done')):
            now[0] = at
            journal.record(run, 'start:s1', state)
        now[0] = 450.0
        assert kept.since('start:s1') == 150.0
