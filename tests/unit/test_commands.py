# SPDX-License-Identifier: Apache-2.0
"""Commands, options, and how a plan is approved."""

import argparse
import importlib.metadata
import io
import json
import logging
import os
import pathlib
import pty
import sys
import types

import pytest

from osc_recover import errors
from osc_recover.commands import approval, base, host
from osc_recover.plan import Plan, Verdict
from osc_recover.runs import Run

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden/columns.json'
COMMANDS = {
    entry.name.removeprefix('recover_').replace('_', ' '): entry.load()
    for entry in importlib.metadata.entry_points(group='openstack.recover.v1')
}


def command(kind):
    """A command as the client makes one, without a cloud."""
    options = types.SimpleNamespace(os_compute_api_version='')
    app = types.SimpleNamespace(
        options=options,
        client_manager=types.SimpleNamespace(),
        LOG=logging.getLogger('test'),
    )
    return kind(app, None)


# What scripts rely on


def test_columns_are_frozen():
    now = {name: list(kind.columns) for name, kind in COMMANDS.items()}
    assert now == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize('name', COMMANDS)
def test_help_has_an_example_and_says_what_for(name):
    parser = command(COMMANDS[name]).get_parser(f'openstack recover {name}')
    text = parser.format_help()
    assert f'::\n\n  openstack recover {name}' in text
    for action in parser._actions:
        assert action.help, action.dest


def test_no_command_is_below_one_that_takes_a_word():
    # It would make a host of that name unrecoverable.
    for name, kind in COMMANDS.items():
        parser = command(kind).get_parser(name)
        words = [a for a in parser._actions if not a.option_strings]
        below = [o for o in COMMANDS if o.startswith(f'{name} ')]
        assert not (words and below)


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_has_a_row_for_an_error(name):
    made = command(COMMANDS[name])
    error = errors.Refused('cmp1 is up', 'use --fence', 'host-up')
    row = made.error_row(error, argparse.Namespace(host='cmp1'))
    assert len(row) == len(made.columns)
    assert 'cmp1 is up' in ' '.join(row)
    assert 'use --fence' in ' '.join(row)
    for column in {'Host', 'Name'}.intersection(made.columns):
        assert row[made.columns.index(column)] == 'cmp1'


def valued():
    """A command line for each option of each command that has a value."""
    for name, kind in COMMANDS.items():
        actions = command(kind).get_parser(name)._actions
        words = [a for a in actions if not a.option_strings]
        for action in actions:
            for option in action.option_strings if action.nargs != 0 else ():
                yield name, option, [word.dest for word in words]


@pytest.mark.parametrize('name, option, words', [*valued()])
def test_two_dashes_are_the_value_of_no_option(name, option, words, capsys):
    parser = command(COMMANDS[name]).get_parser(name)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([*words, f'{option}=--'])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f'argument {option}: -- is no value' in told
    assert 'usage: ' in told


def test_two_dashes_end_the_options_and_are_a_value_beside_another():
    parser = command(COMMANDS['domain check']).get_parser('check')
    found = parser.parse_args(['--host', 'a=--', '--', '--host=--'])
    assert (found.host, found.server) == (['a=--'], ['--host=--'])


@pytest.mark.parametrize('text', ['0', '-1', 'x', '1.5', ''])
def test_numbers_of_options_are_positive(text):
    with pytest.raises((argparse.ArgumentTypeError, ValueError)):
        host.positive(text)


# Errors


class Failing(base.Lister):
    """Fails as it is told."""

    columns = ('Name', 'State', 'Reason', 'Way out')
    exc: BaseException = RuntimeError('x')

    def _log_in(self):
        pass

    def rows(self, parsed_args):
        yield ('a', 'b', 'c', 'd')
        raise self.exc


def failed(exc):
    made = command(Failing)
    made.exc = exc
    _, rows = made.take_action(argparse.Namespace(host='cmp1'))
    return made.status, list(rows)


def test_an_error_is_a_row_and_an_exit_status(capsys):
    status, rows = failed(errors.UnknownHost('cpm1', ('cmp1',)))
    assert status == 3
    reason = "nova has no compute service on host 'cpm1'"
    assert rows == [('cmp1', 'refused', reason, 'did you mean cmp1?')]
    out, err = capsys.readouterr()
    assert out == ''
    assert 'did you mean cmp1?' in err


def test_what_was_not_foreseen_is_a_row_too():
    status, rows = failed(KeyError('x'))
    assert (status, rows[0][1]) == (1, 'failed')
    assert "KeyError: 'x'" in rows[0][2]


def test_an_interrupt_before_anything_says_so(capsys):
    assert failed(KeyboardInterrupt()) == (130, [])
    assert 'nothing was changed' in capsys.readouterr().err


class Naming(Failing):
    """Names a file whose name is no text."""

    def rows(self, parsed_args):
        """Show it."""
        yield ('/home/m\udcfcller', 'ok', '', '')


@pytest.mark.parametrize('form', ['table', 'value', 'csv', 'yaml', 'json'])
def test_a_name_that_is_no_text_is_shown(form):
    out = io.TextIOWrapper(io.BytesIO(), encoding='utf-8')
    made = command(Naming)
    made.app.stdout = out
    made._hooks = []
    assert made.run(made.get_parser('x').parse_args(['-f', form])) == 0
    out.flush()
    assert b'm\\udcfcller' in out.buffer.getvalue().lower()


# Approval


def run(**request):
    verdicts = (
        Verdict('s1', 'web-1', 'image', 'evacuate', True, loss='its disk'),
        Verdict('s2', 'web-2', 'volume', 'evacuate', True),
        Verdict('s3', 'web-3', 'image', 'vtpm', False, loss='no matter'),
    )
    plan = Plan('host', ('cmp1',), (), verdicts, ('a note',), request)
    return Run('4f2a9c01', 0.0, 'key', 'practice', plan)


@pytest.fixture
def approve(monkeypatch):
    """Ask on a terminal where lines were typed."""
    ours, theirs = pty.openpty()
    raw = os.fdopen(theirs, 'r+b', buffering=0)
    with io.TextIOWrapper(raw, write_through=True) as text:

        def asked(plan, *lines):
            monkeypatch.setattr(sys, 'stdin', text)
            monkeypatch.setattr(sys, 'stderr', text)
            os.write(ours, ''.join(lines).encode())
            approval.ask(plan, yes=False)

        yield asked
        monkeypatch.undo()
    os.close(ours)


def test_yes_asks_nothing(monkeypatch):
    monkeypatch.setattr(sys, 'stdin', None)
    approval.ask(run(), yes=True)


def drill(name='web'):
    plan = Plan(
        'drill', ('cmp1',), (), (Verdict('s1', name, '', 'drill', True),)
    )
    return Run('4f2a9c01', 0.0, 'key', 'prod', plan)


@pytest.mark.parametrize('named', ['', 'cmp1', 'Web', 'web '])
def test_a_drill_needs_more_than_yes(named):
    with pytest.raises(errors.NotApproved, match='--confirm web'):
        approval.ask(drill(), True, named)


def test_a_drill_is_approved_by_the_name_of_its_server(approve):
    approval.ask(drill(), True, 'web')
    approve(drill(), 'web\n')
    with pytest.raises(errors.NotApproved, match="'cmp1' is not 'web'"):
        approve(drill(), 'cmp1\n')


def test_without_a_terminal_nobody_can_approve(monkeypatch, tmp_path):
    (tmp_path / 'answers').write_text('cmp1\n')
    with (tmp_path / 'answers').open() as answers:
        monkeypatch.setattr(sys, 'stdin', answers)
        with pytest.raises(errors.NotApproved, match='no terminal'):
            approval.ask(run(), yes=False)


def test_the_typed_name_approves(approve):
    approve(run(), 'cmp1\n')


@pytest.mark.parametrize('line', ['cmp2\n', '\n', 'yes\n', 'CMP1\n', '\x04'])
def test_anything_else_does_not(approve, line):
    with pytest.raises(errors.NotApproved, match='run start 4f2a9c01'):
        approve(run(), line)


def test_what_an_audit_mends_is_typed_and_not_its_hosts(approve):
    mending = run(codes=['port-elsewhere', 'wedged-task'])
    with pytest.raises(errors.NotApproved, match="'cmp1' is not"):
        approve(mending, 'cmp1\n')
    approve(mending, 'port-elsewhere wedged-task\n')


def test_a_reset_is_approved_as_such_where_its_servers_are_gone(approve):
    plan = Plan('volume-reset', ('-',), ())
    approve(Run('4f2a9c01', 0.0, 'key', 'prod', plan), 'reset\n')


def test_data_loss_of_all_is_asked_for_again(approve):
    all_ = run(accept_data_loss=['all'])
    with pytest.raises(errors.NotApproved, match="'no'"):
        approve(all_, 'cmp1\n', 'no\n')
    approve(all_, 'cmp1\n', 'cmp1\n')


def test_data_loss_of_named_servers_is_asked_for_once(approve):
    approve(run(accept_data_loss=['web-1']), 'cmp1\n')
