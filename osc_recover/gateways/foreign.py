# SPDX-License-Identifier: Apache-2.0
"""Reading other services' JSON: the right type, a default, or a clear error.

Nothing here does I/O.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from osc_recover import errors

MISSING: Any = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Foreign:
    """A JSON object that a service sent, and where it was in the answer.

    A reader called without a default says that the key is required.  A null
    counts as a missing key.

    :raises errors.ApiError: from every reader, for a required key that is
        missing and for a value of an unexpected type
    """

    service: str
    what: str
    data: dict[str, Any]

    @classmethod
    def of(cls, service: str, what: str, data: Any) -> 'Foreign':
        """Take a value that must be a JSON object."""
        if not isinstance(data, dict):
            raise odd(service, what, f'is {_kind(data)}, not an object')
        return cls(service, what, data)

    def text(self, key: str, default: Any = MISSING) -> str:
        """A string."""
        return str(self._read(key, str, default))

    def word(self, key: str) -> str | None:
        """A string, or None for null, a missing key and an empty string."""
        return self.text(key, '') or None

    def number(self, key: str, default: Any = MISSING) -> int:
        """An integer."""
        return int(self._read(key, int, default))

    def flag(self, key: str, default: Any = MISSING) -> bool:
        """A boolean."""
        return bool(self._read(key, bool, default))

    def inner(self, key: str, default: Any = MISSING) -> 'Foreign':
        """A JSON object."""
        data = self._read(key, dict, default)
        return Foreign(self.service, f'{self.what}: {key}', data)

    def objects(self, key: str, default: Any = MISSING) -> 'list[Foreign]':
        """A list of JSON objects."""
        what = f'{self.what}: {key}'
        items = self._read(key, list, default)
        return [Foreign.of(self.service, what, item) for item in items]

    def texts(self, key: str, default: Any = MISSING) -> tuple[str, ...]:
        """A list of strings."""
        items = self._read(key, list, default)
        if not all(isinstance(item, str) for item in items):
            raise odd(
                self.service, self.what, f'says that {key} is not all text'
            )
        return tuple(items)

    def integers(self, key: str) -> tuple[int, ...]:
        """A list of integers."""
        items = self._read(key, list, MISSING)
        if not all(type(item) is int for item in items):
            raise odd(
                self.service, self.what, f'says that {key} is not all numbers'
            )
        return tuple(items)

    def words(self, key: str) -> dict[str, str]:
        """An object whose values are taken as text; nested ones are left out.

        Metadata, image properties and extra specs are text by definition, yet
        some services send numbers and booleans there.
        """
        data = self._read(key, dict, {})
        return {str(k): _plain(v) for k, v in data.items() if _scalar(v)}

    def numbers(self, key: str) -> dict[str, int]:
        """An object whose values are integers."""
        inner = self.inner(key)
        return {name: inner.number(name) for name in inner.data}

    def members(self, key: str) -> 'Iterator[tuple[str, Foreign]]':
        """An object whose values are objects."""
        inner = self.inner(key)
        for name in inner.data:
            yield name, inner.inner(name)

    def _read(self, key: str, kind: type, default: Any) -> Any:
        value = self.data.get(key)
        if value is None:
            if default is MISSING:
                raise odd(self.service, self.what, f'has no {key}')
            return default
        # bool is a subclass of int, and a flag is no number.
        wrong = isinstance(value, bool) and kind is not bool
        if wrong or not isinstance(value, kind):
            raise odd(
                self.service,
                self.what,
                f'says that {key} is {_kind(value)}, not {_NAMES[kind]}',
            )
        return value


def odd(service: str, what: str, how: str) -> errors.ApiError:
    """The error for an answer that does not look as it should."""
    return errors.ApiError(
        service=service,
        request=what,
        problem=f'the answer is not understood: it {how}',
    )


_NAMES: dict[type, str] = {
    str: 'text',
    int: 'a number',
    bool: 'a flag',
    dict: 'an object',
    list: 'a list',
    float: 'a fraction',
}


def _kind(value: Any) -> str:
    return 'null' if value is None else _NAMES.get(type(value), 'odd')


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
