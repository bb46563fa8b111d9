# SPDX-License-Identifier: Apache-2.0
"""Changes of volumes, of what attaches them, and of their copies.  Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from osc_recover.checks.snapshots.change import (
    ID,
    TIME,
    Change,
    Field,
    Sort,
    between,
    by,
    come,
    compared,
    gone,
    text,
)
from osc_recover.checks.snapshots.names import Names
from osc_recover.facts.snapshot import (
    KeptAttachment,
    KeptMapping,
    Snapshot,
    Target,
)

VOLUME = Sort(
    'volume',
    lambda v: (v.id, v.name, f'volume {v.name or v.id}'),
    lambda v: f'{v.status}, {v.size_gb} GB on {v.host or "no host"}',
    (
        Field('status', 'its status is another'),
        Field('size_gb', 'its size is another'),
        Field('host', 'is on another host or pool'),
        Field('type', 'is of another type'),
        Field('name', 'has another name'),
        Field('project', 'is of another project'),
        Field('bootable', 'is bootable or not, otherwise'),
        Field('multiattach', 'may be attached to several or not, otherwise'),
        Field('encrypted', 'is encrypted or not, otherwise'),
        Field('migration_status', 'its migration is another'),
        Field('updated_at', 'was updated', TIME),
    ),
)
Row = KeptAttachment | KeptMapping


def target(where: Target) -> str:
    """Where a volume is found, in a few words.

    >>> target(Target('iscsi', 'iqn.x', ('10.0.0.9:3260',), (1,)))
    'iscsi iqn.x 10.0.0.9:3260 LUN 1'
    """
    words = [where.driver, where.name, *where.portals]
    words += [f'LUN {lun}' for lun in where.luns]
    return ' '.join(word for word in words if word)


def changes(
    before: Snapshot, after: Snapshot, names: Names
) -> Iterator[Change]:
    """What is not as it was, of parts that both know."""
    both = (before, after)
    if all(one.knows('volumes') for one in both):
        old, new = (by(lambda v: v.id, one.volumes) for one in both)
        yield from compared(VOLUME, old, new)
    if all(one.knows('attachments') for one in both):
        mute = {*before.unasked, *after.unasked}
        was, now = (
            [a for a in one.attachments if a.server not in mute]
            for one in both
        )
        yield from _paired(_attachment(names), was, now)
    if all(one.knows('mappings') for one in both):
        yield from _paired(_mapping(names), before.mappings, after.mappings)
    yield from _copies(before, after, names)


def _copies(
    before: Snapshot, after: Snapshot, names: Names
) -> Iterator[Change]:
    """The newest backup and the newest snapshot of each volume."""
    for part, kind in (('backups', 'backup'), ('snapshots', 'snapshot')):
        if before.knows(part) and after.knows(part):
            old, new = (
                {c.volume: c for c in one.copies if c.kind == kind}
                for one in (before, after)
            )
            yield from compared(_copy(kind, names), old, new)


def _copy(kind: str, names: Names) -> Sort:
    return Sort(
        kind,
        lambda c: (
            c.volume,
            names.volume(c.volume),
            f'the newest {kind} of volume {names.volume(c.volume)}',
        ),
        lambda c: f'{c.id} of {c.created_at}',
        (Field('id', 'is another one'),),
    )


def _attachment(names: Names) -> Sort:
    return Sort(
        'attachment',
        lambda a: (
            a.volume,
            names.server(a.server),
            f'volume {names.volume(a.volume)} of {names.server(a.server)}',
        ),
        lambda a: ' '.join(
            word for word in (a.device, a.status, target(a.target)) if word
        ),
        (
            Field('id', 'its attachment has another id', ID),
            Field('mapping', "nova's mapping of it has another id", ID),
            Field('sides', 'is known to others of nova and cinder'),
            Field('status', "its attachment's status is another"),
            Field('host', 'is attached to another host'),
            Field('mode', 'is attached in another mode'),
            Field('device', 'is another device'),
            Field('order', 'its place among the volumes is another'),
            Field('boot_index', 'its boot index is another'),
            Field('tag', 'its tag is another'),
            Field('delete_on_termination', 'is deleted with it otherwise'),
            Field('target', 'is found elsewhere', told=target),
            Field('attached_at', 'was attached anew', TIME),
        ),
    )


def _mapping(names: Names) -> Sort:
    return Sort(
        'mapping',
        lambda m: (
            m.volume or m.id,
            names.server(m.server),
            f"nova's row of {_disk(m, names)} of {names.server(m.server)}",
        ),
        lambda m: f'{m.device} boot index {text(m.boot_index) or "none"}',
        (
            Field('id', 'has another id', ID),
            Field('attachment', 'names another attachment', ID),
            Field('cell', 'is in another cell'),
            Field('device', 'is another device'),
            Field('boot_index', 'its boot index is another'),
            Field('source', 'is made from something else'),
            Field('destination', 'is on something else'),
            Field('bus', 'its bus is another'),
            Field('type', 'its type is another'),
            Field('tag', 'its tag is another'),
            Field('image', 'is of another image'),
            Field('guest_format', 'its format is another'),
            Field('size_gb', 'its size is another'),
            Field('delete_on_termination', 'is deleted with it otherwise'),
        ),
    )


def _disk(row: KeptMapping, names: Names) -> str:
    if row.volume:
        return f'volume {names.volume(row.volume)}'
    return f'disk {row.device or row.id}'


def _paired(
    sort: Sort, before: Iterable[Row], after: Iterable[Row]
) -> Iterator[Change]:
    """Compare by what they attach: their own ids are given anew.

    A volume may be attached twice to one server, if by mistake.
    """
    old, new = _grouped(before), _grouped(after)
    for key in dict.fromkeys([*old, *new]):
        was, now = old.get(key, []), new.get(key, [])
        ids = {row.id for row in was} & {row.id for row in now}
        was = sorted(was, key=lambda row: (row.id not in ids, row.id))
        now = sorted(now, key=lambda row: (row.id not in ids, row.id))
        for one, other in zip(was, now, strict=False):
            yield from between(sort, one, other)
        yield from (gone(sort, row) for row in was[len(now) :])
        yield from (come(sort, row) for row in now[len(was) :])


def _grouped(rows: Iterable[Row]) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        # A local disk has no volume, and is known by its device.
        found[row.server, row.volume or f'disk {row.device}'].append(row)
    return found
