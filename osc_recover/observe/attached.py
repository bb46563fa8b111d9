# SPDX-License-Identifier: Apache-2.0
"""What nova, cinder and nova's database say of the same attachment, joined.

Nothing here does I/O.
"""

import dataclasses
from collections import defaultdict
from collections.abc import (
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)

from osc_recover.facts import Server
from osc_recover.facts.snapshot import KeptAttachment, KeptMapping

Attachments = tuple[KeptAttachment, ...]


def joined(
    servers: Iterable[Server],
    given: Iterable[KeptAttachment],
    found: Iterable[KeptAttachment],
    places: Mapping[str, str],
    mappings: Iterable[KeptMapping],
) -> Attachments:
    """Every attachment once, by server and in the order of its devices.

    :param given: as nova has them
    :param found: as cinder has them
    :param places: attachment -> the host that has it, as cinder says
    :param mappings: nova's rows, where they were read
    """
    known = {server.id: server for server in servers}
    rows = {row.id: row for row in mappings}
    of_cinder = {one.id: one for one in found}
    both = [_both(one, of_cinder.pop(one.id, None)) for one in given]
    listed = [
        dataclasses.replace(
            one,
            host=places.get(one.id, ''),
            boot_index=_boot_index(
                one, known.get(one.server), rows.get(one.mapping)
            ),
        )
        for one in (*both, *of_cinder.values())
    ]
    return _ordered(listed)


def listed(
    servers: Iterable[Server],
    found: Iterable[KeptAttachment],
    mappings: Iterable[KeptMapping],
) -> Attachments:
    """The volumes of servers as nova has them, from lists alone.

    A mapping tells its attachment.  Without one an attachment that cinder has
    for a volume that nova lists counts as nova's, and of several the first.

    :param found: as cinder has them
    :param mappings: nova's rows, where they were read
    """
    rows: dict[str, list[KeptMapping]] = defaultdict(list)
    for row in mappings:
        if row.volume:
            rows[row.server].append(row)
    held: dict[tuple[str, str], list[KeptAttachment]] = defaultdict(list)
    for one in found:
        held[one.server, one.volume].append(one)
    return tuple(
        attachment
        for server in servers
        for attachment in (
            *map(_mapped, rows[server.id]),
            *_named(server, {row.volume for row in rows[server.id]}, held),
        )
    )


def _mapped(row: KeptMapping) -> KeptAttachment:
    return KeptAttachment(
        row.attachment,
        row.volume,
        row.server,
        sides=('nova',),
        device=row.device,
        tag=row.tag,
        delete_on_termination=row.delete_on_termination,
        mapping=row.id,
    )


def _named(
    server: Server,
    mapped: Collection[str],
    held: Mapping[tuple[str, str], list[KeptAttachment]],
) -> Iterator[KeptAttachment]:
    """Volumes that nova lists, and of which it has told no mapping."""
    for volume in server.volumes:
        if volume not in mapped:
            ids = sorted(
                (one.status != 'attached', one.id)
                for one in held.get((server.id, volume), ())
            )
            first = ids[0][1] if ids else ''
            yield KeptAttachment(first, volume, server.id, sides=('nova',))


def _both(
    nova: KeptAttachment, cinder: KeptAttachment | None
) -> KeptAttachment:
    if cinder is None:
        return nova
    return dataclasses.replace(
        nova,
        sides=('nova', 'cinder'),
        status=cinder.status,
        mode=cinder.mode,
        target=cinder.target,
        attached_at=cinder.attached_at,
    )


def _boot_index(
    one: KeptAttachment, server: Server | None, row: KeptMapping | None
) -> int | None:
    if row is not None:
        return row.boot_index
    if server is None or server.image is not None or not one.device:
        return None
    return 0 if one.device == server.root_device else None


def _ordered(listed: Sequence[KeptAttachment]) -> Attachments:
    of: dict[str, list[KeptAttachment]] = defaultdict(list)
    for one in listed:
        of[one.server].append(one)
    return tuple(
        dataclasses.replace(one, order=order)
        for server in sorted(of)
        for order, one in enumerate(sorted(of[server], key=_place))
    )


def _place(one: KeptAttachment) -> tuple[bool, bool, int, str, str, str]:
    """The root first; vdz before vdaa; what has no device last."""
    root, bare = one.boot_index == 0, not one.device
    return not root, bare, len(one.device), one.device, one.volume, one.id
