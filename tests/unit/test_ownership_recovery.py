# SPDX-License-Identifier: Apache-2.0
"""What the journal knows of changes of numbers, and rows about files."""

import types

import pytest

from osc_recover.facts import Leftover, Looked
from osc_recover.journal import Journal
from osc_recover.plan import Lane, Phase, Plan, Step
from osc_recover.recovery.ownership import Before, file_rows
from osc_recover.recovery.renumbering import Renumbering
from osc_recover.settings import Settings

CLOUD = types.SimpleNamespace(key='here', name='here', compute=None)
WALK = {'uids': {'108': 112}, 'gids': {}, 'skip': ['/x']}
VERBS = ('tree.prepare', 'accounts.change', 'tree.change', 'services.start')
NAMES = {'tree.prepare': 'list', 'accounts.change': 'accounts',
         'tree.change': 'files', 'tree.undo': 'undo'}  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    ticks = iter(range(10_000))
    made = Journal(tmp_path / 'journal.sqlite', lambda: float(next(ticks)))
    yield made
    made.close()


def plan(*verbs, procedure='ownership', host='a'):
    steps = [Step(f'{NAMES.get(v, v)}:{host}', v, host) for v in verbs]
    steps.append(Step(f'verify:{host}', 'ownership.verify', host, WALK))
    return Plan(procedure, (host,), (Phase('', (Lane(host, tuple(steps)),)),))


def store(journal, *states, cloud='here', **more):
    """A run whose first steps have these states."""
    verbs = more.pop('verbs', VERBS)
    run = journal.store(plan(*verbs, **more), cloud, cloud)
    for step, state in zip(run.plan.steps(), states, strict=False):
        journal.record(run.id, step.name, 'begun')
        if state != 'begun':
            journal.record(run.id, step.name, state)
    return run.id


def looks(journal):
    return Renumbering(CLOUD, Settings(), journal)


def unfinished(journal):
    return looks(journal)._unfinished(['a', 'b'])


@pytest.mark.parametrize(
    'states',
    [
        ('done', 'begun'),
        ('done', 'done'),
        ('done', 'done', 'begun'),
        ('done', 'done', 'failed'),
    ],
)
def test_a_run_that_was_cut_off_within_its_changes_is_found(journal, states):
    run = store(journal, *states)
    assert unfinished(journal) == {'a': run}


@pytest.mark.parametrize(
    'states', [(), ('begun',), ('done',), ('done', 'done', 'done', 'failed')]
)
def test_a_run_that_changed_nothing_or_all_is_not(journal, states):
    store(journal, *states)
    assert unfinished(journal) == {}


def test_a_run_that_was_taken_back_is_not_unfinished(journal):
    store(journal, 'done', 'begun')
    verbs = ('tree.undo', 'accounts.change')
    back = {'procedure': 'ownership-undo', 'verbs': verbs}
    cut = store(journal, 'done', **back)
    assert unfinished(journal) == {'a': cut}
    store(journal, 'done', 'done', **back)
    assert unfinished(journal) == {}


def test_runs_of_another_cloud_are_not_looked_at(journal):
    store(journal, 'done', 'begun', cloud='there')
    assert unfinished(journal) == {}


def test_verify_looks_for_the_numbers_of_the_newest_run(journal):
    assert looks(journal).before('a') is None
    run = store(journal, 'done', 'done', 'begun')
    store(journal)
    found = looks(journal).before('a')
    assert found == Before({'108': 112}, {}, ('/x',), run)
    assert looks(journal).before('b') is None


def test_after_an_undo_there_is_no_manifest_to_ask(journal):
    store(journal, 'done', 'done', 'done')
    verbs = ('tree.undo', 'accounts.change')
    store(journal, 'done', 'done', procedure='ownership-undo', verbs=verbs)
    assert looks(journal).before('a').manifest == ''


# Rows


def rows(looked, **known):
    return list(file_rows(looked, known))


def test_a_host_without_leftovers_is_one_row_that_says_ok():
    [row] = rows(Looked('a', 500))
    assert (row.state, row.objects, row.way_out) == ('ok', 500, '')


def test_what_has_an_old_number_is_told_with_the_way_out():
    found = Leftover('left', 'uid 108', 3, ('/x', '/y'))
    [row] = rows(Looked('a', 500, (found,)))
    assert (row.state, row.number, row.objects) == ('left', 'uid 108', 3)
    assert row.example == '/x'
    assert 'ownership fix a --uid NAME=108:NEW' in row.way_out


def test_what_has_an_old_number_in_an_acl_is_told_how_to_be_seen():
    found = Leftover('left', 'acl', 1, ('/x',))
    [row] = rows(Looked('a', 500, (found,)))
    assert 'getfacl -n' in row.way_out


def test_numbers_that_are_old_and_new_need_a_manifest():
    looked = Looked('a', 500, unsure=('uid 112',))
    [row] = rows(looked)
    assert (row.state, row.number) == ('unsure', 'uid 112')
    [row] = rows(looked, a=Before({}, {}, (), 'aa11bb22'))
    assert row.state == 'ok'


def test_what_could_not_be_read_is_not_ok():
    [row] = rows(Looked('a', 500, trouble=('/x: Input/output error',)))
    assert (row.state, row.reason) == ('unread', '/x: Input/output error')


def test_a_host_that_was_not_there_is_told_with_its_way_out():
    [row] = rows(Looked('a', problem='no route', way_out='see the cable'))
    assert (row.state, row.reason) == ('unknown', 'no route')
