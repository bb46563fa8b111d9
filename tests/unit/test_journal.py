# SPDX-License-Identifier: Apache-2.0
"""The journal keeps what it was told, once, or says that it cannot."""

import multiprocessing
import os
import pathlib
import sqlite3
import stat

import pytest

from osc_recover import errors, plan
from osc_recover.journal import Journal, remote_kind
from osc_recover.runs import State

PLAN = plan.Plan('host', ('cmp1',), ())


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / 'deep/journal.sqlite') as one:
        yield one


@pytest.fixture
def run(journal):
    return journal.store(PLAN, 'key', 'practice').id


def test_a_stored_plan_reads_back(journal, run):
    found = journal.run(run)
    assert (found.plan, found.cloud_name) == (PLAN, 'practice')
    assert [r.id for r in journal.runs()] == [run]


def test_a_run_is_found_by_the_beginning_of_its_id(journal, run):
    assert journal.run(run[:5]).id == run


@pytest.mark.parametrize('name', ['', 'nothing', '%', '_', '\udcff'])
def test_an_unknown_run_is_an_error(journal, run, name):
    with pytest.raises(errors.UnknownRun):
        journal.run(name)


def test_only_the_owner_reads_the_journal(journal):
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_a_name_that_is_no_text_is_kept_and_found(journal, run):
    step = os.fsdecode(b'mount:san:/srv/\xff\xc3\xa4')
    journal.record(run, step, State.DONE, f'{step} mounted', '', {'a': step})
    journal.record(run, 'mount:san:/srv/x', State.DONE)
    [event] = journal.events(run, step)
    assert (event.step, event.note) == (step, f'{step} mounted')
    assert event.data == {'a': step}
    with pytest.raises(errors.JournalUnusable):
        journal.record(run, step, State.DONE)


def test_events_come_back_in_order(journal, run):
    journal.record(run, 'a', State.BEGUN)
    journal.record(run, 'a', State.FAILED, 'no room', 'req-1', {'x': [1]})
    assert [e.state for e in journal.events(run, 'a')] == ['begun', 'failed']
    last = journal.last(run, 'a')
    assert (last.note, last.request_id, last.data) == (
        'no room',
        'req-1',
        {'x': [1]},
    )


def test_done_twice_is_an_error_of_the_database(journal, run):
    journal.record(run, 'a', State.DONE)
    with pytest.raises(errors.JournalUnusable, match='UNIQUE'):
        journal.record(run, 'a', State.DONE)


@pytest.mark.parametrize(
    'sql',
    [
        "UPDATE events SET state = 'done'",
        'DELETE FROM events',
        "UPDATE runs SET plan = ''",
    ],
)
def test_what_is_written_stays(journal, run, sql):
    journal.record(run, 'a', State.BEGUN)
    with sqlite3.connect(journal.path) as other:
        with pytest.raises(sqlite3.IntegrityError):
            other.execute(sql)


def test_another_process_is_refused_the_lock(journal):
    with journal.held('key', 'cmp1', 'abc'):
        with Journal(journal.path) as other:
            with pytest.raises(errors.HostLocked, match='run abc, process'):
                with other.held('key', 'cmp1', 'def'):
                    pass
            assert 'abc' in other.holder('key', 'cmp1')
            with other.held('key', 'cmp2', 'def'):
                pass


def _hold_and_die(path):
    with Journal(path).held('key', 'cmp1', 'abc'):
        os._exit(9)


def test_a_lock_ends_with_its_process(journal):
    child = multiprocessing.get_context('fork').Process(
        target=_hold_and_die, args=(journal.path,)
    )
    child.start()
    child.join()
    assert child.exitcode == 9
    assert journal.holder('key', 'cmp1') == ''
    with journal.held('key', 'cmp1', 'def'):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / 'file'
    blocked.write_text('')
    with pytest.raises(errors.JournalUnusable, match=str(blocked)):
        Journal(blocked / 'journal.sqlite')


def test_a_file_that_is_no_journal_is_named(tmp_path):
    path = tmp_path / 'journal.sqlite'
    path.write_text('something else entirely, and long enough' * 99)
    with pytest.raises(errors.JournalUnusable, match='not a database'):
        Journal(path)


def test_a_journal_of_a_newer_release_is_left_alone(journal):
    with sqlite3.connect(journal.path) as other:
        other.execute('PRAGMA user_version=99')
    with pytest.raises(errors.JournalUnusable, match='newer release'):
        Journal(journal.path)


MOUNTS = r"""
22 1 0:20 / / rw - ext4 /dev/vda rw
30 22 0:44 / /home rw,relatime shared:1 - nfs4 srv:/home rw
31 22 0:45 / /mnt/two\040words rw - cifs //srv/x rw
32 30 0:46 / /home/local rw - xfs /dev/vdb rw
"""


@pytest.mark.parametrize(
    ('path', 'kind'),
    [
        ('/home/op/j', 'nfs4'),
        ('/home/local/j', ''),
        ('/mnt/two words/j', 'cifs'),
        ('/homework/j', ''),
        ('/j', ''),
    ],
)
def test_network_file_systems_are_told_apart(tmp_path, path, kind):
    mounts = tmp_path / 'mountinfo'
    mounts.write_text(MOUNTS.lstrip())
    assert remote_kind(pathlib.Path(path), mounts) == kind
