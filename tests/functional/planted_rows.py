# SPDX-License-Identifier: Apache-2.0
"""Rows of the practice cloud's databases that are wrong for a while."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle import reading


@contextlib.contextmanager
def changed(
    table: str, where: Mapping[str, Any], **values: Any
) -> Iterator[None]:
    """One row with other values; put back as it was.

    :param table: with its schema, ``nova.instances``
    """
    at = ' AND '.join(f'`{name}` = %s' for name in where)
    of = list(where.values())
    with _transaction() as cursor:
        [before] = reading.rows(cursor, table, at, *of)
        _set(cursor, table, at, of, values)
    try:
        yield
    finally:
        with _transaction() as cursor:
            _set(
                cursor, table, at, of, {name: before[name] for name in values}
            )


@contextlib.contextmanager
def added(table: str, **values: Any) -> Iterator[None]:
    """One more row; taken out again."""
    names = ', '.join(f'`{name}`' for name in values)
    marks = ', '.join(['%s'] * len(values))
    with _transaction() as cursor:
        cursor.execute(
            f'INSERT INTO {table} ({names}) VALUES ({marks})',
            list(values.values()),
        )
    at = ' AND '.join(f'`{name}` = %s' for name in values)
    try:
        yield
    finally:
        with _transaction() as cursor:
            gone = cursor.execute(
                f'DELETE FROM {table} WHERE {at}', list(values.values())
            )
            assert gone == 1, f'{table}: {gone} rows of {values}'


def one(table: str, **where: Any) -> Mapping[str, Any]:
    """The one row of a table that is so."""
    at = ' AND '.join(f'`{name}` = %s' for name in where)
    with _transaction() as cursor:
        [found] = reading.rows(cursor, table, at, *where.values())
    return found


def put(table: str, where: Mapping[str, Any], **values: Any) -> None:
    """Write other values into the rows of a table that are so."""
    at = ' AND '.join(f'`{name}` = %s' for name in where)
    with _transaction() as cursor:
        _set(cursor, table, at, list(where.values()), values)


@contextlib.contextmanager
def _transaction() -> Iterator[Any]:
    with reading.connected() as connection, connection.cursor() as cursor:
        yield cursor
        connection.commit()


def _set(
    cursor: Any, table: str, at: str, of: list[Any], values: Mapping[str, Any]
) -> None:
    names = ', '.join(f'`{name}` = %s' for name in values)
    cursor.execute(
        f'UPDATE {table} SET {names} WHERE {at}', [*values.values(), *of]
    )
