# SPDX-License-Identifier: Apache-2.0
"""What machines mount when they boot."""

import dataclasses
from typing import Literal

Role = Literal['volume server', 'host', 'guest']


@dataclasses.dataclass(frozen=True, slots=True)
class FstabEntry:
    """A line of fstab; passwords are masked.

    ``disks`` are what its device lies on, none where it is not there now;
    ``target`` is that of the iSCSI session that brought one.
    """

    spec: str
    point: str
    kind: str
    options: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    target: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Fstab:
    """The fstab of a machine, or why it is not known.

    ``recorded`` are entries that are kept as comments, for later; ``root``
    the disks of /; ``keys_below`` is whether a home on the root disk itself
    has authorized_keys, None where that was not asked.
    """

    host: str
    role: Role = 'host'
    name: str = ''  # of a guest
    entries: tuple[FstabEntry, ...] = ()
    recorded: tuple[FstabEntry, ...] = ()
    root: tuple[str, ...] = ()
    keys_below: bool | None = None
    problem: str = ''
    way_out: str = ''
