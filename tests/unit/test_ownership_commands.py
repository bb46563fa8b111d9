# SPDX-License-Identifier: Apache-2.0
"""What recover ownership says, and how it exits."""

import types

import pytest

from osc_recover import errors
from osc_recover.checks.numbers import Row
from osc_recover.commands import ownership
from osc_recover.plan import Plan, Verdict
from osc_recover.recovery.ownership import FileRow
from tests.unit.test_commands import command


def made(kind, words, **recover):
    """A command, its options, with what it asks for answered."""
    one = command(kind)
    one.app.client_manager.recover = types.SimpleNamespace(**recover)
    return one, one.get_parser('x').parse_args(words)


def told(kind, words, **recover):
    one, options = made(kind, words, **recover)
    return [tuple(row) for row in one.rows(options)], one.status


def plan(*codes):
    rows = [Verdict(code, code, '', code, False) for code in codes]
    return Plan('ownership', codes, (), tuple(rows))


class Renumbering:
    def __init__(self, answer):
        self.answer, self.asked = answer, None

    def request(self, hosts, **options):
        self.asked = (hosts, options)

    def fix(self, request):
        return self.answer


@pytest.mark.parametrize(
    'codes, status',
    [(['ok'], 0), (['ok', 'guests'], 3), (['unknown'], 3)],
)
def test_a_fix_without_steps_exits_as_its_rows_say(codes, status):
    renumbering = Renumbering(plan(*codes))
    rows, exited = told(
        ownership.FixOwnership, ['a', '--yes'], renumbering=renumbering
    )
    assert ([row[3] for row in rows], exited) == (codes, status)


def test_every_option_of_a_fix_is_in_its_request():
    renumbering = Renumbering(plan('ok'))
    words = ['a', 'b', '--reference', 'c', '--user', 'u', '--group', 'g',
             '--uid', 'nova=5', '--gid', 'nova=6:7', '--shared', '--skip',
             '/x', '--acls', 'owned', '--workers', '3',
             '--dry-run']  # fmt: skip
    told(ownership.FixOwnership, words, renumbering=renumbering)
    hosts, options = renumbering.asked
    assert hosts == ['a', 'b']
    numbers = [(n.kind, n.name, n.new, n.old) for n in options.pop('numbers')]
    assert numbers == [('user', 'nova', 5, 0), ('group', 'nova', 7, 6)]
    assert options == {
        'users': ('u',), 'groups': ('g',), 'reference': 'c', 'shared': True,
        'skip': ('/x',), 'acls': 'owned', 'workers': 3,
    }  # fmt: skip


def test_only_a_change_of_numbers_can_be_undone():
    run = types.SimpleNamespace(id='aa11bb22', plan=Plan('host', (), ()))
    runs = types.SimpleNamespace(find=lambda name: run)
    one, options = made(ownership.UndoOwnership, ['aa', '--yes'], runs=runs)
    with pytest.raises(errors.Refused) as caught:
        one.rows(options)
    assert caught.value.code == 'other-procedure'


def test_a_run_that_is_carried_out_is_not_undone():
    run = types.SimpleNamespace(
        id='aa11bb22', plan=Plan('ownership', ('a',), ())
    )
    runs = types.SimpleNamespace(
        find=lambda name: run, state=lambda run: 'running'
    )
    one, options = made(ownership.UndoOwnership, ['aa', '--yes'], runs=runs)
    with pytest.raises(errors.HostLocked):
        one.rows(options)


@pytest.mark.parametrize('state, status', [('ok', 0), ('left', 1)])
def test_a_look_at_files_exits_with_0_when_there_are_none(state, status):
    looked = types.SimpleNamespace(
        verify=lambda hosts, before, tell: [FileRow('a', state)]
    )
    rows, exited = told(
        ownership.VerifyOwnership, [], ownership=looked,
        renumbering=types.SimpleNamespace(before=None),
    )  # fmt: skip
    assert (rows[0][:2], exited) == (('a', state), status)


@pytest.mark.parametrize('state, status', [('ok', 0), ('nobody', 1)])
def test_a_check_exits_with_0_when_all_agree(state, status):
    row = Row('a', 'user', '', 7, None, state)
    asked = {}
    checked = types.SimpleNamespace(
        check=lambda hosts, **more: asked.update(more) or [row]
    )
    _, exited = told(ownership.CheckOwnership, ['--files'], ownership=checked)
    assert (exited, asked['files']) == (status, True)


@pytest.mark.parametrize('terminal', [True, False])
def test_a_long_walk_is_told_of_now_and_then_on_a_terminal(
    monkeypatch, terminal
):
    said, clock = [], iter([0, 1, 6, 7]).__next__
    stderr = types.SimpleNamespace(isatty=lambda: terminal)
    monkeypatch.setattr(ownership, 'sys', types.SimpleNamespace(stderr=stderr))
    monkeypatch.setattr(
        ownership, 'time', types.SimpleNamespace(monotonic=clock)
    )
    tell = ownership.Telling(said.append)
    for done in range(4):
        tell('a', {'done': done})
    assert said == (['a: 2 files looked at'] if terminal else [])
