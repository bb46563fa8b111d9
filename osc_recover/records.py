# SPDX-License-Identifier: Apache-2.0
"""Frozen records to JSON and back: one serializer for facts and plans."""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar('T')


class Malformed(ValueError):
    """The JSON does not describe a record of this class."""


def to_data(value: Any) -> Any:
    """Turn a record into dicts, lists and scalars, ready for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: to_data(getattr(value, f.name))
            for f in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [to_data(item) for item in value]
    return value


def dump(value: Any) -> str:
    """One canonical JSON text: equal records are equal text."""
    return json.dumps(
        to_data(value), sort_keys=True, separators=(',', ':'), allow_nan=False
    )


def load(cls: type[T], text: str) -> T:
    """Read a record back.

    :raises Malformed: for text that is no such record
    """
    try:
        data = json.loads(text)
    except ValueError as exc:
        raise Malformed(f'not JSON: {exc}') from exc
    return typing.cast(T, from_data(cls, data))


def from_data(kind: Any, data: Any) -> Any:
    """Build a value of a (possibly generic) type from plain data.

    Fields that the data lacks take their default, so that an older file is
    read by a newer release; fields that the class lacks are an error.
    """
    if kind is Any:
        return data
    if dataclasses.is_dataclass(kind):
        return _record(kind, data)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _either(args, data)
    if origin is typing.Literal:
        if data not in args:
            raise Malformed(f'{data!r} is none of {args}')
        return data
    if origin is tuple:
        _expect(data, list, kind)
        return tuple(from_data(args[0], item) for item in data)
    if origin in (dict, Mapping):
        _expect(data, dict, kind)
        return {key: from_data(args[1], item) for key, item in data.items()}
    if kind is float and isinstance(data, int):
        return float(data)
    _expect(data, kind, kind)
    return data


def _record(kind: Any, data: Any) -> Any:
    _expect(data, dict, kind)
    hints = _hints(kind)
    if unknown := sorted(set(data) - set(hints)):
        raise Malformed(f'{kind.__name__} has no field {", ".join(unknown)}')
    values = {key: from_data(hints[key], item) for key, item in data.items()}
    try:
        return kind(**values)
    except TypeError as exc:
        raise Malformed(f'{kind.__name__}: {exc}') from exc


def _either(options: tuple[Any, ...], data: Any) -> Any:
    for option in options:
        if option is types.NoneType:
            if data is None:
                return None
            continue
        try:
            return from_data(option, data)
        except Malformed:
            continue
    raise Malformed(f'{data!r} is none of {options}')


def _expect(data: Any, kind: type, wanted: Any) -> None:
    # bool is a subclass of int, and a flag is no number.
    wrong = isinstance(data, bool) and kind is not bool
    if wrong or not isinstance(data, kind):
        raise Malformed(
            f'{data!r} is not {getattr(wanted, "__name__", wanted)}'
        )


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    fields = {f.name for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    return {name: hint for name, hint in hints.items() if name in fields}
