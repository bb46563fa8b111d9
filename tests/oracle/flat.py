# SPDX-License-Identifier: Apache-2.0
"""Rows of a share as flat, comparable records."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.labels import Labels
from tests.oracle.shares import Share
from tests.oracle.world import Row, Table

Record = Mapping[str, Any]  # by column, or by path inside a column of JSON

# nova's objects name the fields that changed in the order of a set.
UNORDERED = 'nova_object.changes'


def records(share: Share) -> dict[str, list[Record]]:
    """By table: the rows of a share, written without what is its own."""
    labels = Labels(share)
    return {
        table.name: [
            _record(share, labels, table, row)
            for row in share.rows(table.name)
        ]
        for table in share.tables()
    }


def _record(share: Share, labels: Labels, table: Table, row: Row) -> Record:
    found: dict[str, Any] = {}
    for column, value in row.items():
        if column in table.counted:
            continue
        if column == 'deleted' and value and value == row.get('id'):
            # nova's mark of a row that is gone is the row's own id.
            value = '<deleted>'
        elif isinstance(value, int) and share.refers_to_own(
            table, row, column
        ):
            value = '<row>'
        found.update(_flat(column, _opened(value), labels))
    return found


def _opened(value: Any) -> Any:
    """What a text of JSON holds; any other value as it is."""
    if isinstance(value, str) and value[:1] in ('{', '['):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _flat(path: str, value: Any, labels: Labels) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            name = labels.put(str(key))
            yield from _flat(f'{path}.{name}', _opened(inner), labels)
    elif isinstance(value, list) and value:
        if path.endswith(UNORDERED):
            value = sorted(value)
        for number, inner in enumerate(value):
            yield from _flat(f'{path}[{number}]', _opened(inner), labels)
    else:
        yield path, _plain(value, labels)


def _plain(value: Any, labels: Labels) -> Any:
    if isinstance(value, datetime.datetime):
        return '<time>'
    if isinstance(value, bytes):
        value = value.decode(errors='backslashreplace')
    return labels.put(value) if isinstance(value, str) else value
