# SPDX-License-Identifier: Apache-2.0
"""How old a record is, by the times of the service that keeps it.

The age is measured against the newest time that the same service told of, a
heartbeat of its own, so that no clock of ours is compared.
"""

import datetime
from collections.abc import Mapping

_UNITS = (('d', 86400), ('h', 3600), ('min', 60), ('s', 1))


def seconds(now: str, then: str) -> float | None:
    """From then to now; None where either is not told.

    >>> seconds('2026-11-23T11:39:06.000000', '2026-11-23T11:38:06Z')
    60.0
    """
    late, early = _moment(now), _moment(then)
    if late is None or early is None:
        return None
    return (late - early).total_seconds()


def newest(now: Mapping[str, str], service: str) -> str:
    """The newest time of a service; of another one where it told none."""
    return now.get(service) or max(now.values(), default='')


def words(age: float) -> str:
    """An age in its largest unit.

    >>> words(7300), words(59), words(-3)
    ('2 h', '59 s', '0 s')
    """
    for name, length in _UNITS:
        if age >= length:
            return f'{age // length:.0f} {name}'
    return '0 s'


def _moment(text: str) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    # Services write UTC, with and without saying so.
    return found.replace(tzinfo=found.tzinfo or datetime.UTC)
