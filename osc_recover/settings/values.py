# SPDX-License-Identifier: Apache-2.0
"""Values of clouds.yaml, which the SDK may have turned into text."""

import pathlib
from collections.abc import Mapping
from typing import Any

from osc_recover import errors

TRUE, FALSE = ('true', 'yes', 'on', '1'), ('false', 'no', 'off', '0')


def number(key: str, value: Any) -> float:
    """A number above zero.

    :raises errors.BadSettings: naming the key
    """
    try:
        found = float('' if isinstance(value, bool) else value)
    except (TypeError, ValueError) as exc:
        raise errors.BadSettings(key, f'is no number: {value!r}') from exc
    if not 0 < found < 1e7:
        raise errors.BadSettings(key, f'is out of range: {value!r}')
    return found


def whole(key: str, value: Any) -> int:
    """A whole number above zero."""
    found = number(key, value)
    if found != int(found):
        raise errors.BadSettings(key, f'is no whole number: {value!r}')
    return int(found)


def flag(key: str, value: Any) -> bool:
    """True or false."""
    text = str(value).lower()
    if text not in TRUE + FALSE:
        raise errors.BadSettings(key, f'is {value!r}, not true or false')
    return text in TRUE


def text(key: str, value: Any) -> str:
    """A text that is not empty; numbers are taken for theirs."""
    if (
        isinstance(value, bool)
        or not isinstance(value, str | int)
        or not (str(value).strip())
    ):
        raise errors.BadSettings(key, f'is no text: {value!r}')
    return str(value)


def path(key: str, value: Any) -> pathlib.Path:
    """An absolute path; ~ is the home folder."""
    found = pathlib.Path(str(value)).expanduser()
    if not found.is_absolute():
        raise errors.BadSettings(key, f'is no absolute path: {value!r}')
    return found


def section(key: str, value: Any) -> Mapping[str, Any]:
    """A map."""
    if not isinstance(value, Mapping):
        raise errors.BadSettings(key, 'is no map')
    return value
