# SPDX-License-Identifier: Apache-2.0
"""Read a world from the practice cloud's MariaDB."""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pymysql.cursors

from tests import practice
from tests.oracle.planting import Planted, others
from tests.oracle.world import Row, Table, World

SCHEMAS = ('nova', 'nova_cell0', 'nova_api', 'placement', 'neutron', 'cinder')

# One schema at a time, by its name: MariaDB then opens no other's tables.
COLUMNS = """
SELECT table_name AS t, column_name AS c, column_key = 'PRI' AS in_key,
       extra LIKE '%%auto_increment%%' AS up
  FROM information_schema.columns
 WHERE table_schema = %s
 ORDER BY t, ordinal_position
"""
REFERENCES = """
SELECT table_name AS t, column_name AS c,
       CONCAT(referenced_table_schema, '.', referenced_table_name, '.',
              referenced_column_name) AS target
  FROM information_schema.key_column_usage
 WHERE table_schema = %s AND referenced_table_name IS NOT NULL
"""


def snapshot() -> World:
    """All databases, as they were at one moment.

    One transaction over all schemas, or a row that a service moves from one
    to another meanwhile would be in both or in none.
    """
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY')
        return read(cursor)


def connected() -> Any:
    """A connection whose rows are mappings, without autocommit."""
    connection = practice.database()
    connection.autocommit(False)
    connection.cursorclass = pymysql.cursors.DictCursor
    return connection


def read(cursor: Any) -> World:
    """All databases, as this transaction sees them."""
    return World(
        Table(
            name=f'{schema}.{name}',
            key=key or columns,
            counted=counted,
            refers=refers,
            rows=tuple(rows(cursor, f'`{schema}`.`{name}`')),
        )
        for schema in SCHEMAS
        for name, (columns, key, counted, refers) in _schema(schema).items()
    )


def rows(cursor: Any, table: str, condition: str = '1', *of: Any) -> list[Row]:
    """The rows of a table."""
    cursor.execute(f'SELECT * FROM {table} WHERE {condition}', of)
    return list(cursor.fetchall())


@contextlib.contextmanager
def planting() -> Iterator[Callable[[Planted], Row | None]]:
    """Write wrong values, and give back each row as MariaDB has it then.

    Each is rolled back; None where MariaDB takes no such value.
    """
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute('SET SESSION foreign_key_checks = 0')
        cursor.execute("SET SESSION sql_mode = 'TRADITIONAL'")

        def plant(planted: Planted) -> Row | None:
            for value in others(planted.row[planted.column]):
                try:
                    return _written(cursor, planted, value)
                except pymysql.Error:
                    continue  # of another type, or not unique
                finally:
                    connection.rollback()
            return None

        yield plant


def _written(cursor: Any, planted: Planted, value: Any) -> Row | None:
    schema, _, name = planted.table.name.partition('.')
    key = planted.table.key
    of = dict(zip(key, planted.table.key_of(planted.row), strict=True))
    if planted.column in key:
        of[planted.column] = value
    condition = ' AND '.join(f'`{column}` <=> %s' for column in key)
    cursor.execute(
        f'UPDATE `{schema}`.`{name}` SET `{planted.column}` = %s '
        f'WHERE {condition}',
        [value, *planted.table.key_of(planted.row)],
    )
    found = rows(cursor, f'`{schema}`.`{name}`', condition, *of.values())
    return found[0] if found else None


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    """Table -> columns, key, counted columns, references.

    Asked once: it takes MariaDB long, and changes with a release only.
    """
    refers: dict[str, dict[str, str]] = collections.defaultdict(dict)
    columns: dict[str, list[Row]] = collections.defaultdict(list)
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute(REFERENCES, [name])
        for row in cursor.fetchall():
            refers[row['t']][row['c']] = row['target']
        cursor.execute(COLUMNS, [name])
        for row in cursor.fetchall():
            columns[row['t']].append(row)
    return {
        table: (
            tuple(row['c'] for row in found),
            tuple(row['c'] for row in found if row['in_key']),
            frozenset(row['c'] for row in found if row['up']),
            refers[table],
        )
        for table, found in columns.items()
    }
