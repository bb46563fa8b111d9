# SPDX-License-Identifier: Apache-2.0
"""Differences that may be, each for a reason that its source shows."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.oracle.comparing import Difference

ANY = object()


@dataclasses.dataclass(frozen=True)
class Allowed:
    """One column of a table in which two moves may differ.

    :param column: may have ``*`` in it; ``(row)`` for a row that is not there
    :param source: file and line of what makes it differ, and what it says
    :param left: the only value that it may have there; likewise ``right``
    :param where: columns of the row, and what they have to be
    :param by_chance: whether it depends on when nova's periodic tasks ran,
        so that it need not be there
    """

    table: str
    column: str
    why: str
    source: str
    says: str
    left: Any = ANY
    right: Any = ANY
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    by_chance: bool = False

    def covers(self, difference: Difference) -> bool:
        """Whether a difference is this one."""
        return (
            difference.table == self.table
            and _like(difference.column, self.column)
            and self.left in (ANY, difference.left)
            and self.right in (ANY, difference.right)
            and all(
                difference.record.get(column) == value
                for column, value in self.where.items()
            )
        )


def remaining(
    differences: Iterable[Difference], allowed: Sequence[Allowed]
) -> list[Difference]:
    """Those that nothing allows."""
    return [d for d in differences if not any(a.covers(d) for a in allowed)]


def idle(
    differences: Iterable[Difference], allowed: Sequence[Allowed]
) -> list[Allowed]:
    """What is allowed, but was not needed: an excuse for tomorrow's fault."""
    found = list(differences)
    return [
        a
        for a in allowed
        if not a.by_chance and not any(a.covers(d) for d in found)
    ]


def _like(name: str, pattern: str) -> bool:
    # A path may have brackets, which fnmatch would read as a choice.
    return fnmatch.fnmatchcase(name, pattern.replace('[', '[[]'))
