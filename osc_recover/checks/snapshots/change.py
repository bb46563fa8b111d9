# SPDX-License-Identifier: Apache-2.0
"""One change, and how records that have keys are compared.  Pure."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar('T')

# What matters; what could not be compared; what is given anew each time: ids
# of attachments and sessions, names of disks; and when something was done.
CHANGE, UNKNOWN, ID, TIME = KINDS = ('change', 'unknown', 'id', 'time')


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A thing that is not as it was; ``code`` is a word for programs."""

    kind: str
    code: str
    id: str
    name: str
    what: str
    before: str = ''
    after: str = ''
    note: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A field that is compared, and what it is called in a sentence."""

    name: str
    words: str
    kind: str = CHANGE
    told: Callable[[Any], str] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Sort:
    """A sort of records: the beginning of its codes, and its fields.

    :ivar called: the id, the name and the words of a record
    :ivar brief: a record in a few words, where one has come or gone
    """

    code: str
    called: Callable[[Any], tuple[str, str, str]]
    brief: Callable[[Any], str]
    fields: tuple[Field, ...]


def compared(
    sort: Sort, before: Mapping[Any, T], after: Mapping[Any, T]
) -> Iterator[Change]:
    """The changes of records that are known by the same keys."""
    for key, old in before.items():
        if key in after:
            yield from between(sort, old, after[key])
        else:
            yield gone(sort, old)
    for key, new in after.items():
        if key not in before:
            yield come(sort, new)


def gone(sort: Sort, old: Any) -> Change:
    """A record that is there no more."""
    about, name, words = sort.called(old)
    told = sort.brief(old)
    return Change(
        CHANGE, f'{sort.code}-gone', about, name, f'{words} is gone', told
    )


def come(sort: Sort, new: Any) -> Change:
    """A record that was not there."""
    about, name, words = sort.called(new)
    told = sort.brief(new)
    return Change(
        CHANGE, f'{sort.code}-new', about, name, f'{words} is new', after=told
    )


def between(sort: Sort, old: Any, new: Any) -> Iterator[Change]:
    """The fields of a record that are not as they were."""
    about, name, words = sort.called(new)
    for field in sort.fields:
        was, now = getattr(old, field.name), getattr(new, field.name)
        if was != now:
            told = field.told or text
            yield Change(
                field.kind,
                f'{sort.code}-{field.name.replace("_", "-")}',
                about,
                name,
                f'{words}: {field.words}',
                told(was),
                told(now),
            )


def text(value: Any) -> str:
    """A value as a person reads it; '' for none.

    >>> text(True), text({'VCPU': 1}), text(('a', 'b'))
    ('yes', 'VCPU=1', 'a, b')
    """
    if value is None:
        return ''
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, Mapping):
        return ', '.join(f'{key}={value[key]}' for key in sorted(value))
    if isinstance(value, tuple):
        return ', '.join(map(text, value))
    return str(value)


def by(key: Callable[[T], Any], records: Iterable[T]) -> dict[Any, T]:
    """Records by a key of theirs."""
    return {key(record): record for record in records}
