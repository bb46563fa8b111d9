# SPDX-License-Identifier: Apache-2.0
"""Microversions as numbers: 2.100 is newer than 2.95."""


def number(text: str) -> tuple[int, int]:
    """Read ``major.minor``.

    :raises ValueError: for anything else

    >>> number('2.100') > number('2.95')
    True
    """
    major, _, minor = text.partition('.')
    return int(major), int(minor)


def lower(one: str, other: str) -> str:
    """The older of two.

    >>> lower('2.96', '2.104')
    '2.96'
    """
    return min(one, other, key=number)


def offers(newest: str, wanted: str) -> bool:
    """Whether a service whose newest is the first has the second."""
    return number(newest) >= number(wanted)
