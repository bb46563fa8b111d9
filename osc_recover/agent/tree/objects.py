# SPDX-License-Identifier: Apache-2.0
"""One object from its old numbers to its new ones, or back."""

import errno
import os
import stat
from typing import Dict, List, NamedTuple, Optional, Tuple

from osc_recover.agent.tree import acl, labels
from osc_recover.agent.tree.args import Maps
from osc_recover.agent.tree.manifest import Entry, Value
from osc_recover.agent.tree.walk import CAPABILITY, Found

# What became of an object.
CHANGED = 'changed'
ALREADY = 'already'
GONE = 'gone'
REPLACED = 'replaced'
TOUCHED = 'touched'  # it is no longer as we saw, or left, it

# A name in here is what a descriptor is open on; from within, to find it is
# as cheap as it gets.
HANDLES = '/proc/self/fd'
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_ID = stat.S_ISUID | stat.S_ISGID


class Direction(NamedTuple):
    """What is to be done with the entries of a manifest.

    :param back: from the new numbers to the old ones
    :param unsure: numbers of which an object that changed since the list was
        made may be another account's by now
    :param devices: ``st_dev`` in the list -> now, as a boot exchanges them;
        None in the same boot
    """

    back: bool = False
    unsure: Maps = Maps({}, {})
    devices: Optional[Dict[int, int]] = None

    def owners(self, entry: Entry) -> Tuple[Tuple[int, int], Tuple[int, int]]:
        """The uid and gid to find, and those to give."""
        old = entry.uid, entry.gid
        new = entry.new_uid, entry.new_gid
        return (new, old) if self.back else (old, new)

    def values(self, value: Value) -> Tuple[bytes, bytes]:
        """The value to find, and the one to give."""
        if self.back:
            return value.new, value.old
        return value.old, value.new


def planned(found: Found, maps: Maps) -> Optional[Entry]:
    """What is to be done with an object; None: nothing.

    :raises acl.BadAcl: when its ACL cannot be read
    :raises labels.BadLabel: when its label cannot be
    """
    status = found.status
    uid, gid = status.st_uid, status.st_gid
    new_uid, new_gid = maps.uids.get(uid, uid), maps.gids.get(gid, gid)
    moves = (uid, gid) != (new_uid, new_gid)
    values = found.values and _planned_values(found.values, maps, moves)
    if not moves and not values:
        return None
    return Entry(
        found.name,
        status.st_dev,
        status.st_ino,
        status.st_mode,
        uid,
        gid,
        new_uid,
        new_gid,
        status.st_ctime_ns,
        status.st_mtime_ns,
        values or (),
    )


def _planned_values(
    values: Dict[str, bytes], maps: Maps, moves: bool
) -> Tuple[Value, ...]:
    found = []
    for name, old in values.items():
        new = old
        if name in acl.NAMES:
            new = acl.rewritten(old, maps.uids, maps.gids)
        elif name == labels.NAME:
            new = labels.rewritten(old, maps.uids, maps.gids)
        if new != old or (name == CAPABILITY and moves):
            found.append(Value(name, old, new))
    return tuple(found)


def bring(directory: int, entry: Entry, way: Direction) -> str:
    """Change an object of a directory, whatever its name leads to by now.

    The name is opened without following it and without opening the object;
    what is asked and changed after that is this one inode.  It may be done
    again after a cut at any point.  The working directory must be HANDLES.

    :param directory: a descriptor of the directory
    :returns: one of CHANGED, ALREADY, GONE, REPLACED and TOUCHED
    :raises OSError: when the kernel does not let us
    """
    try:
        fd = os.open(entry.name, _HANDLE, dir_fd=directory)
    except FileNotFoundError:
        return GONE
    try:
        status = os.fstat(fd)
        if not _is_same(status, entry, way):
            return REPLACED
        source, target = way.owners(entry)
        owner = status[4:6]
        if owner != target and (
            owner != source or _is_unsure(status, entry, way)
        ):
            return TOUCHED
        if entry.values or way.back or (status[0] | entry.mode) & _SET_ID:
            return _carefully(fd, status, entry, way)
        if owner == target:
            return ALREADY
        os.chown(str(fd), *target)
        return CHANGED
    finally:
        os.close(fd)


def standing(directory: int, entry: Entry, way: Direction) -> str:
    """Whether an object has its new numbers; changes nothing.

    The working directory must be HANDLES.

    :returns: ALREADY, GONE or REPLACED; TOUCHED when it has other numbers
    """
    try:
        fd = os.open(entry.name, _HANDLE, dir_fd=directory)
    except FileNotFoundError:
        return GONE
    try:
        status = os.fstat(fd)
        if not _is_same(status, entry, way):
            return REPLACED
        right = way.owners(entry)[1] == status[4:6] and all(
            _value(str(fd), value.name) == way.values(value)[1]
            for value in entry.values
        )
        return ALREADY if right else TOUCHED
    finally:
        os.close(fd)


def _is_same(status: os.stat_result, entry: Entry, way: Direction) -> bool:
    # The kernel cannot tell us more: an inode's generation needs an open
    # file, and to open a device or a fifo does something.
    if status.st_ino != entry.ino:
        return False
    dev = entry.dev
    if way.devices is not None:
        dev = way.devices.get(dev, status.st_dev)
    return status.st_dev == dev and (status.st_mode ^ entry.mode) < 0o10000


def _is_unsure(status: os.stat_result, entry: Entry, way: Direction) -> bool:
    if not way.unsure.wanted(status.st_uid, status.st_gid):
        return False
    return status.st_ctime_ns != entry.ctime


def _carefully(
    fd: int, status: os.stat_result, entry: Entry, way: Direction
) -> str:
    """Carry over the mode, capabilities and what has numbers in it."""
    path = str(fd)
    target = way.owners(entry)[1]
    moved = (status.st_uid, status.st_gid) == target
    mode = _mode(status, entry, way, moved)
    values = {value: _value(path, value.name) for value in entry.values}
    if mode is None or not all(
        _is_ours(value, now, moved, way) for value, now in values.items()
    ):
        return TOUCHED
    if not moved:
        os.chown(path, *target)
    changed = _set_values(path, values, way) or not moved
    after = os.fstat(fd)
    known = entry.mtime if moved else status.st_mtime_ns
    lost = _lost(path, after, mode, entry)
    if lost and after.st_mtime_ns != known:
        # Whoever wrote to it took its set-id bits and capabilities by that.
        return TOUCHED
    for value in lost:
        _restore(path, mode, value)
    return CHANGED if changed or lost else ALREADY


def _mode(
    status: os.stat_result, entry: Entry, way: Direction, moved: bool
) -> Optional[int]:
    """The mode it has to have in the end; None: somebody else changed it."""
    now, listed = stat.S_IMODE(status.st_mode), stat.S_IMODE(entry.mode)
    if now == listed:
        return now
    if moved and now | _SET_ID == listed | _SET_ID and not now & ~listed:
        return listed  # chown took them, and then we were cut off
    return None if way.back else now


def _is_ours(
    value: Value, now: Optional[bytes], moved: bool, way: Direction
) -> bool:
    if now is None:
        return moved and value.name == CAPABILITY
    return now in way.values(value)


def _set_values(
    path: str, values: Dict[Value, Optional[bytes]], way: Direction
) -> bool:
    changed = False
    for value, now in values.items():
        give = way.values(value)[1]
        if value.name != CAPABILITY and now != give:
            os.setxattr(path, value.name, give)
            changed = True
    return changed


def _lost(
    path: str, after: os.stat_result, mode: int, entry: Entry
) -> List[Optional[Value]]:
    """What chown took: the mode (None), and then a capability."""
    lost: List[Optional[Value]] = []
    if stat.S_IMODE(after.st_mode) != mode and not stat.S_ISLNK(after.st_mode):
        lost.append(None)
    return lost + [
        value
        for value in entry.values
        if value.name == CAPABILITY and _value(path, CAPABILITY) is None
    ]


def _restore(path: str, mode: int, value: Optional[Value]) -> None:
    if value is None:
        os.chmod(path, mode)
    else:
        os.setxattr(path, value.name, value.old)


def _value(path: str, name: str) -> Optional[bytes]:
    try:
        return os.getxattr(path, name)
    except OSError as exc:
        if exc.errno == errno.ENODATA:
            return None
        raise
