# SPDX-License-Identifier: Apache-2.0
"""One connection to a database, in a state that is known."""

from collections.abc import Mapping
from typing import Any

import pymysql
import pymysql.cursors
from pymysql.constants import CLIENT

from osc_recover import errors
from osc_recover.gateways.database import failures
from osc_recover.gateways.database.url import Url

Row = dict[str, Any]

CONNECT_TIMEOUT = 10  # seconds
# Longer than a statement may wait for a lock, which has an answer of its own.
TIMEOUT = 60
LOCK_WAIT = 15

# TRADITIONAL is oslo.db's: what does not fit is an error, and is not cut off.
# lock_wait_timeout is that of tables: while one is altered, say.
_SESSION = (
    "SET SESSION sql_mode = 'TRADITIONAL', time_zone = '+00:00', "
    f'innodb_lock_wait_timeout = {LOCK_WAIT}, lock_wait_timeout = {LOCK_WAIT}'
)
_ISOLATION = 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ'
# Behind a load balancer, the node that is asked may be another than the one
# that was written to; with this it first takes in what is committed.  MySQL
# does not know it.
_GALERA = "SHOW SESSION VARIABLES LIKE 'wsrep_sync_wait'"
_SYNC = 'SET SESSION wsrep_sync_wait = 7'


class Connection:
    """A connection; every failure is an ``errors.DatabaseError``.

    :param name: the database's, for messages
    :raises errors.DatabaseError: when there is none to be had
    """

    def __init__(self, name: str, url: Url) -> None:
        self._name = name
        self._url = url
        try:
            self._link = _connect(url)
        except failures.RAISED as exc:
            raise self._failure(exc) from exc
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str, args: Mapping[str, Any]) -> list[Row]:
        """A statement's rows.

        :raises errors.DatabaseError: as the server says
        """
        rows, _ = self._run(sql, args)
        return rows

    def change(self, sql: str, args: Mapping[str, Any]) -> int:
        """How many rows a statement matched, changed by it or not."""
        _, count = self._run(sql, args)
        return count

    def begin(self, read_only: bool = False) -> bool:
        """Begin a transaction; False: the connection was lost before it."""
        try:
            kind = ' READ ONLY' if read_only else ''
            self._link.query(f'START TRANSACTION{kind}')
        except failures.SAID as exc:
            self.close()
            if failures.lost(exc):
                return False
            raise self._failure(exc) from exc
        return True

    def commit(self) -> None:
        """Have it happen.

        :raises errors.CommitUnknown: when whether it did is not known
        :raises errors.DatabaseError: when it did not
        """
        try:
            self._link.commit()
        except failures.SAID as exc:
            failure = self._failure(exc)
            if failures.number(exc) in failures.ROLLED_BACK:
                raise failure from exc
            problem = f'at COMMIT: {failure.problem}'
            raise errors.CommitUnknown(self._name, problem) from exc

    def rollback(self) -> None:
        """Have nothing happen: the server does that for one that is lost."""
        try:
            self._link.rollback()
        except failures.SAID:
            self.close()

    def close(self) -> None:
        """End it; may be called again."""
        if self._link.open:
            self._link.close()

    @property
    def is_open(self) -> bool:
        """Whether it can be used, as far as is known here."""
        return bool(self._link.open)

    def _prepare(self) -> None:
        self._run(_SESSION, {})
        self._run(_ISOLATION, {})
        if self.execute(_GALERA, {}):
            self._run(_SYNC, {})

    def _run(self, sql: str, args: Mapping[str, Any]) -> tuple[list[Row], int]:
        try:
            with self._link.cursor() as cursor:
                count = cursor.execute(sql, dict(args))
                return list(cursor.fetchall()), count
        except failures.SAID as exc:
            raise self._failure(exc) from exc

    def _failure(self, exc: BaseException) -> errors.DatabaseError:
        return failures.translated(self._name, self._url, exc)


def _connect(url: Url) -> Any:
    given = {
        'connect_timeout': CONNECT_TIMEOUT,
        'read_timeout': TIMEOUT,
        'write_timeout': TIMEOUT,
        **url.options,
    }
    return pymysql.connect(
        host=url.host,
        port=url.port,
        user=url.user,
        password=url.password,
        database=url.database,
        # Without it, only the rows that a statement changed would count.
        client_flag=CLIENT.FOUND_ROWS,
        cursorclass=pymysql.cursors.DictCursor,
        autocommit=False,
        **given,
    )
