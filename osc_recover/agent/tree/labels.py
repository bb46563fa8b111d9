# SPDX-License-Identifier: Apache-2.0
"""The owner that libvirt gives a file back to when its guest stops.

libvirt remembers it as ``+uid:+gid`` in a trusted extended attribute
(``virSecurityDACRememberLabel``); the reference count and the timestamp
beside it hold no numbers of accounts.
"""

from typing import Dict, Tuple

NAME = 'trusted.libvirt.security.dac'


class BadLabel(ValueError):
    """Bytes that are no label of libvirt's."""


def parse(blob: bytes) -> Tuple[int, int]:
    """The uid and gid that a label holds.

    :raises BadLabel: when it does not read ``+uid:+gid``
    """
    uid, _, gid = blob.rstrip(b'\0').partition(b':')
    return _number(uid, blob), _number(gid, blob)


def build(uid: int, gid: int) -> bytes:
    """The bytes of a label, without the NUL that libvirt may add."""
    return b'+%d:+%d' % (uid, gid)


def rewritten(
    blob: bytes, uids: Dict[int, int], gids: Dict[int, int]
) -> bytes:
    """A label with its numbers exchanged.

    :raises BadLabel: as ``parse`` does
    """
    uid, gid = parse(blob)
    new = build(uids.get(uid, uid), gids.get(gid, gid))
    return blob if new == build(uid, gid) else new + _tail(blob)


def _tail(blob: bytes) -> bytes:
    return blob[len(blob.rstrip(b'\0')) :]


def _number(word: bytes, blob: bytes) -> int:
    digits = word[1:]
    if word[:1] != b'+' or not digits.isdigit():
        raise BadLabel(f'a label that reads {blob!r}')
    return int(digits)
