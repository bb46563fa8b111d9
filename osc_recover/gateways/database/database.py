# SPDX-License-Identifier: Apache-2.0
"""One schema on one server: what is in it, and changes to it."""

import functools
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from osc_recover import errors
from osc_recover.gateways.database.connection import Connection, Row
from osc_recover.gateways.database.url import Url

T = TypeVar('T')

TRIES = 5
_WAIT = 0.1  # seconds before the first further try; doubled for each
_KEPT = 8  # idle connections
_NOTHING: Mapping[str, Any] = {}
_COLUMNS = """
SELECT column_name AS name FROM information_schema.columns
 WHERE table_schema = DATABASE() AND table_name = %(table)s
"""


class Transaction:
    """What a body does between BEGIN and COMMIT.

    SQL is given as PyMySQL takes it: ``%(name)s`` stands for a value, and a
    percent sign is written ``%%``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.failure: errors.DatabaseError | None = None

    def rows(self, sql: str, args: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """The rows of a SELECT; guards are read with FOR UPDATE.

        :raises errors.DatabaseError: as the server says
        """
        return self._kept(lambda: self._connection.execute(sql, args))

    def change(self, sql: str, args: Mapping[str, Any] = _NOTHING) -> int:
        """Change rows; returns how many matched, changed by it or not.

        :raises errors.DatabaseError: as the server says
        """
        return self._kept(lambda: self._connection.change(sql, args))

    def _kept(self, statement: Callable[[], T]) -> T:
        try:
            return statement()
        except errors.DatabaseError as exc:
            self.failure = exc
            raise


class Database:
    """One schema on one server; nothing connects before it is asked.

    Threads may share it: each transaction has a connection for itself.

    :param name: for messages, such as "cell 'cell1'"
    :param find: finds its URL, when it is first asked
    """

    def __init__(self, name: str, find: Callable[[], Url]) -> None:
        self.name = name
        self._find = find
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._seen: dict[str, frozenset[str]] = {}
        # At the latest at the end of the process: servers log connections
        # that end without a word as aborted.
        weakref.finalize(self, _close, self._idle)

    def url(self) -> Url:
        """Where it is; it has a password, so it is shown to nobody.

        :raises errors.DatabaseError: when nothing tells it
        """
        return self._find()

    def columns(self, table: str) -> frozenset[str]:
        """The columns of a table; none where there is no such table.

        Asked once: information_schema does not answer fast everywhere.

        :raises errors.DatabaseError: when the database does not answer
        """
        if table not in self._seen:
            rows = self.read(_COLUMNS, {'table': table})
            self._seen[table] = frozenset(str(row['name']) for row in rows)
        return self._seen[table]

    def read(self, sql: str, args: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """The rows of one SELECT, in a transaction of its own.

        :param sql: with ``%(name)s`` for values and ``%%`` for a percent sign
        :raises errors.DatabaseError: when the database does not answer
        """

        def body(transaction: Transaction) -> list[Row]:
            return transaction.rows(sql, args)

        return self._transact(body, read_only=True)

    def transact(self, body: Callable[[Transaction], T]) -> T:
        """BEGIN, what the body does, COMMIT; returns what the body returned.

        When the server rolled it back for another transaction's sake, or a
        lock was not given in time, the body is run again from its start, some
        times.  Whatever else the body raises rolls back and is raised.

        :raises errors.CommitUnknown: when the connection was lost at COMMIT
        :raises errors.DatabaseBusy: after the last try
        :raises errors.DatabaseError: for all else; nothing was changed
        """
        return self._transact(body, read_only=False)

    def close(self) -> None:
        """Close what is idle; it can be asked again nevertheless."""
        with self._lock:
            idle = self._idle.copy()
            self._idle.clear()
        _close(idle)

    @functools.cached_property
    def _url(self) -> Url:
        return self._find()

    def _transact(
        self, body: Callable[[Transaction], T], read_only: bool
    ) -> T:
        for number in range(1, TRIES + 1):
            try:
                return self._once(body, read_only)
            except errors.DatabaseBusy:
                if number == TRIES:
                    raise
            # Not in step with whoever was first.
            time.sleep(_WAIT * 2**number * random.random())  # noqa: S311
        raise AssertionError

    def _once(self, body: Callable[[Transaction], T], read_only: bool) -> T:
        connection = self._begun(read_only)
        transaction = Transaction(connection)
        try:
            result = body(transaction)
            # A body that goes on after a failure would commit its half.
            if transaction.failure is not None:
                raise transaction.failure
            if not read_only:
                connection.commit()
        except Exception:
            connection.rollback()
            self._keep(connection)
            raise
        except BaseException:
            # ^C, perhaps in the middle of an answer.
            connection.close()
            raise
        if read_only:
            connection.rollback()
        self._keep(connection)
        return result

    def _begun(self, read_only: bool) -> Connection:
        """A connection with a transaction begun on it.

        Servers and proxies close those that are idle: one that was kept is
        good if it can begin.
        """
        while (kept := self._kept()) is not None:
            if kept.begin(read_only):
                return kept
            kept.close()
        fresh = Connection(self.name, self._url)
        if not fresh.begin(read_only):
            raise errors.DatabaseUnreachable(
                self.name, 'the connection was lost as soon as it was made'
            )
        return fresh

    def _kept(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            if connection.is_open and len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close()
