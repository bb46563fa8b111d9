# SPDX-License-Identifier: Apache-2.0
"""POSIX ACLs as the kernel hands them out, numbers and all.

The layout is that of ``linux/posix_acl_xattr.h``: a version, then entries of
tag, permissions and id, little-endian.
"""

import struct
from typing import Dict, List, NamedTuple

NAMES = ('system.posix_acl_access', 'system.posix_acl_default')

_VERSION = 2
_HEAD = struct.Struct('<I')
_ENTRY = struct.Struct('<HHI')
_USER, _GROUP = 0x02, 0x08
_TAGS = (0x01, _USER, 0x04, _GROUP, 0x10, 0x20)


class BadAcl(ValueError):
    """Bytes that are no POSIX ACL of the version that we know."""


class Entry(NamedTuple):
    """Who may do what; the id counts for named users and groups only."""

    tag: int
    permissions: int
    id: int


def parse(blob: bytes) -> List[Entry]:
    """The entries of an ACL, in its order.

    :raises BadAcl: when it has another version, or is cut off
    """
    if len(blob) < _HEAD.size or (len(blob) - _HEAD.size) % _ENTRY.size:
        raise BadAcl(f'an ACL of {len(blob)} bytes')
    (version,) = _HEAD.unpack_from(blob)
    if version != _VERSION:
        raise BadAcl(f'an ACL of version {version}')
    entries = [Entry(*e) for e in _ENTRY.iter_unpack(blob[_HEAD.size :])]
    for entry in entries:
        if entry.tag not in _TAGS:
            raise BadAcl(f'an ACL entry with tag {entry.tag:#x}')
    return entries


def build(entries: List[Entry]) -> bytes:
    """The bytes of an ACL."""
    return _HEAD.pack(_VERSION) + b''.join(_ENTRY.pack(*e) for e in entries)


def rewritten(
    blob: bytes, uids: Dict[int, int], gids: Dict[int, int]
) -> bytes:
    """An ACL with its named users and groups renumbered, all at once.

    An entry that already has a new number belongs to nobody; the account
    that takes the number brings its own entry.

    :raises BadAcl: as ``parse`` does
    """
    maps = {_USER: uids, _GROUP: gids}
    entries = parse(blob)
    moved = {
        (e.tag, maps[e.tag][e.id])
        for e in entries
        if e.tag in maps and e.id in maps[e.tag]
    }
    if not moved:
        return blob
    kept = []
    for entry in entries:
        numbers = maps.get(entry.tag, {})
        if entry.id in numbers:
            kept.append(entry._replace(id=numbers[entry.id]))
        elif entry[::2] not in moved:
            kept.append(entry)
    # The kernel wants the tags in this order, libacl the ids too.
    return build(sorted(kept, key=lambda e: (e.tag, e.id)))
