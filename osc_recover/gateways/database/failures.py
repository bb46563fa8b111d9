# SPDX-License-Identifier: Apache-2.0
"""What PyMySQL raises, as errors of ours.

The server's own numbers decide, never its words, which may be translated.
Numbers: mysqld_error.h of MariaDB and MySQL, from 2000 on those of clients
(errmsg.h).
"""

import pymysql

from osc_recover import errors
from osc_recover.gateways.database.url import Url

Kind = type[errors.DatabaseError]

# 1020: somebody changed the row since this transaction first looked
# (innodb_snapshot_isolation); 1213: a deadlock, or another node was first
# (Galera); 1205: a lock was not given in time.  1205 rolls back a statement
# only, so the transaction is rolled back by us.
BUSY = {1020, 1205, 1213}
# At COMMIT, these answers mean that nothing was committed.
ROLLED_BACK = {1020, 1213, 1290, 1836}

_KINDS: dict[int, Kind] = {
    **dict.fromkeys(BUSY, errors.DatabaseBusy),
    # Access denied; by plugin; this host is not let in.
    **dict.fromkeys((1045, 1698, 1130), errors.DatabaseLogin),
    # To the database, a table, a column, a routine, for lack of a privilege.
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), errors.DatabaseDenied),
    # Database, table, column, or table of a view.
    **dict.fromkeys((1049, 1146, 1054, 1356), errors.DatabaseVersion),
    # Galera's node is not ready; --read-only; read-only transaction; the
    # server is being upgraded or ends.
    **dict.fromkeys((1047, 1290, 1792, 1836), errors.DatabaseNotWritable),
    # Too many connections (all, the account's); the server ends; host
    # blocked; killed.
    **dict.fromkeys(
        (1040, 1203, 1226, 1053, 1129, 1927), errors.DatabaseUnreachable
    ),
    # No connection by socket or TCP, unknown host; gone, lost.
    **dict.fromkeys(
        (2002, 2003, 2005, 2006, 2013, 2026, 2055), errors.DatabaseUnreachable
    ),
}  # fmt: skip

# What a connection raises, and what making one does beside it: files that
# are not there, values that cannot be, a package that is missing.
SAID = (pymysql.MySQLError, OSError)
RAISED = (*SAID, ValueError, RuntimeError, NotImplementedError)
_LONGEST = 300


def number(exc: BaseException) -> int:
    """The number of a failure; 0 where it has none."""
    if isinstance(exc, pymysql.MySQLError) and exc.args:
        first = exc.args[0]
        return first if isinstance(first, int) else 0
    return 0


def lost(exc: BaseException) -> bool:
    """Whether the connection is no more.

    A connection that PyMySQL has closed by itself is InterfaceError(0).
    """
    return (
        isinstance(exc, OSError | pymysql.InterfaceError)
        or number(exc) in (1053, 1927)
        or 2000 <= number(exc) < 3000
    )


def translated(
    name: str, url: Url, exc: BaseException
) -> errors.DatabaseError:
    """The error of ours for one of PyMySQL's.

    :param name: the database's, for messages
    """
    if isinstance(exc, OSError):
        # PyMySQL wraps those of the network; what is left are TLS's files.
        problem = exc.strerror or str(exc)
        return errors.BadDatabaseUrl(
            name, f'a file that its URL names cannot be used: {problem}'
        )
    if isinstance(exc, ValueError | NotImplementedError):
        # The text of the codec's has a piece of the password in it.
        problem = f'PyMySQL cannot use its URL ({type(exc).__name__})'
        return errors.BadDatabaseUrl(name, problem)
    kind = _KINDS.get(number(exc), errors.DatabaseError)
    if isinstance(exc, pymysql.InterfaceError):
        kind = errors.DatabaseUnreachable
    return kind(name, f'{_words(exc)} ({url.server}, user {url.user})')


def _words(exc: BaseException) -> str:
    """The server's own words, short, and without what was sent to it."""
    if not isinstance(exc, pymysql.MySQLError) or not exc.args:
        return str(exc)[:_LONGEST] or type(exc).__name__
    if isinstance(exc, pymysql.InterfaceError):
        return 'the connection was closed'
    text = str(exc.args[-1]).partition(' near ')[0]
    return f'{" ".join(text.split())[:_LONGEST]} (error {number(exc)})'
