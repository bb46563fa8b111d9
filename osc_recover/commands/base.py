# SPDX-License-Identifier: Apache-2.0
"""What all commands share: one error boundary, one table, one exit status."""

import argparse
import contextlib
import dataclasses
import functools
import io
import itertools
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from cliff import columns
from osc_lib.command import command

from osc_recover import errors, settings

Rows = Iterable[Sequence[Any]]

_NO_VALUE = re.compile(r'(--[^=]+=|-[^-=]=?)--')


class Lister(command.Lister):
    """A table on stdout, whatever happens; everything else on stderr.

    A command yields its rows in ``rows`` and leaves the exit status in
    ``status``.  cliff's own listers always exit 0, and lose their table when
    they raise; scripts that parse ``-f json`` need neither.
    """

    # The token is fetched inside our own error boundary.
    auth_required: bool = False
    columns: ClassVar[tuple[str, ...]] = ()

    status = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A parser that leaves the examples of the help as they are.

        It takes ``--`` for the value of no option: argparse of Python 3.11
        makes an empty list of it.
        """
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parse = functools.partial(_parsed, parser, parser.parse_args)
        parser.parse_args = parse  # type: ignore[assignment,method-assign]
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run, and exit as the rows say.

        A name on a host may have bytes that are no text: they are shown as
        \\udcNN, as JSON has them.
        """
        out = self.app.stdout
        if isinstance(out, io.TextIOWrapper) and out.errors == 'strict':
            out.reconfigure(errors='backslashreplace')
        return super().run(parsed_args) or self.status

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Rows]:
        """The columns and the rows, or the one row that says what is wrong."""
        try:
            with _ended_like_interrupted():
                self._log_in()
                rows = [tuple(row) for row in self.rows(parsed_args)]
        except errors.RecoverError as exc:
            rows = [tuple(self._refused(exc, parsed_args))]
        except KeyboardInterrupt:
            self.status = errors.INTERRUPTED
            self.say('interrupted; nothing was changed')
            rows = []
        # A script that reads -f json gets its array even then.
        except Exception as exc:
            self.log.debug('unexpected', exc_info=True)
            problem = f'{type(exc).__name__}: {exc}'
            rows = [tuple(self._refused(errors.Bug(problem), parsed_args))]
        return self.columns_of(parsed_args), rows

    def columns_of(self, parsed_args: argparse.Namespace) -> tuple[str, ...]:
        """The columns of the table that these options ask for."""
        return self.columns

    def rows(self, parsed_args: argparse.Namespace) -> Rows:
        """The rows of the table; each command has its own."""
        raise NotImplementedError

    def error_row(
        self, exc: errors.RecoverError, parsed_args: argparse.Namespace
    ) -> Sequence[Any]:
        """How an error looks in this table: by the columns' names."""
        columns = self.columns_of(parsed_args)
        host = _words(getattr(parsed_args, 'host', ''))
        told = {
            'Verdict': exc.code,
            'State': 'refused' if exc.exit_status == 3 else 'failed',
            'Reason': exc.sentence if 'Way out' in columns else str(exc),
            'Way out': exc.way_out,
            'Note': str(exc),
            'Name': host,
            'Host': host,
            'Run': getattr(parsed_args, 'run', ''),
            'Step': getattr(parsed_args, 'step', ''),
        }
        return tuple(told.get(column, '') for column in columns)

    def say(self, text: str) -> None:
        """Tell the operator something, on stderr."""
        print(text, file=sys.stderr, flush=True)

    @property
    def recover(self) -> Any:
        """The recovery of this cloud (made by the plugin)."""
        manager: Any = self.app.client_manager
        return manager.recover

    def _refused(
        self, exc: errors.RecoverError, parsed_args: argparse.Namespace
    ) -> Sequence[Any]:
        self.status = exc.exit_status
        self.say(f'{exc.sentence}\n  way out: {exc.way_out}')
        self.log.debug('refused', exc_info=exc)
        return self.error_row(exc, parsed_args)

    def _log_in(self) -> None:
        self.auth_required = True
        manager: Any = self.app.client_manager
        try:
            with _alarm() as ring_in:
                manager.setup_auth = _bounded(manager, ring_in)
                self.app.prepare_to_run_command(self)
        except errors.RecoverError:
            raise
        # The client and its plugins raise what they like here.
        except Exception as exc:
            # What comes after this are the classes of an HTTP library.
            told = str(exc).partition(': HTTP')[0]
            raise errors.AuthFailed(told) from exc


def _parsed(
    parser: argparse.ArgumentParser,
    parse: Callable[..., argparse.Namespace],
    words: Sequence[str],
    namespace: argparse.Namespace | None = None,
) -> argparse.Namespace:
    for word in itertools.takewhile(lambda word: word != '--', words):
        if given := _NO_VALUE.fullmatch(word):
            option = given[1].rstrip('=')
            parser.error(f'argument {option}: -- is no value')
    return parse(words, namespace)


def _bounded(
    manager: Any, ring_in: Callable[[float], None]
) -> Callable[[], None]:
    """Have the client give up a keystone that hangs.

    The client fetches a token as soon as it has made its session, and gives
    that no timeout.
    """
    setup_auth = manager.setup_auth

    def setup() -> None:
        # It may ask for a password, which takes as long as it takes.
        setup_auth()
        section = manager.sdk_connection.config.config.get('recover') or {}
        timeout = settings.read(section).request_timeout
        if manager.session.timeout is None:
            manager.session.timeout = timeout
        ring_in(3 * timeout)  # it is asked for its versions, and for a token

    return setup


@contextlib.contextmanager
def _alarm() -> Iterator[Callable[[float], None]]:
    """A way to be called away, after some seconds, from a wait for a token.

    keystoneauth1 waits for its own lock where keystone answers 401 to the
    question for its versions.
    """

    def ring(number: int, frame: object) -> None:
        raise errors.AuthFailed('it does not answer in time')

    try:
        old = signal.signal(signal.SIGALRM, ring)
    except ValueError:  # not in the main thread
        yield lambda seconds: None
        return
    try:
        yield _set_alarm
    finally:
        _set_alarm(0)
        signal.signal(signal.SIGALRM, old)


def _set_alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


@contextlib.contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as ^C does: cut off, resumable."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        old = {
            number: signal.signal(number, interrupt)
            for number in (signal.SIGTERM, signal.SIGHUP)
        }
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


class Maybe(columns.FormattableColumn):  # type: ignore[type-arg]
    """A value that there may be none of: null for programs, no word here."""

    def human_readable(self) -> str:
        """The value, or nothing."""
        return '' if self._value is None else str(self._value)


def _words(given: str | Sequence[str]) -> str:
    return given if isinstance(given, str) else ' '.join(given)


def values(record: Any) -> tuple[Any, ...]:
    """The fields of a record, in their order."""
    return tuple(getattr(record, f.name) for f in dataclasses.fields(record))
