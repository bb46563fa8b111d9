# SPDX-License-Identifier: Apache-2.0
"""The list of what a change will do, written before it does anything.

A file of one line that says what it is, one line of JSON, directories with
their entries, and a trailer: a number of entries, a checksum and one byte,
the state, which is all that is ever written later.
"""

import binascii
import json
import mmap
import os
import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from osc_recover.agent.errors import Refused
from osc_recover.agent.tree import place
from osc_recover.agent.tree.place import Room, sync_directory

LISTED, DONE, UNDONE = 'listed', 'done', 'undone'

_MAGIC = b'osc-recover manifest 1\n'
_DIRECTORY = struct.Struct('<BHI')  # D, root, length of the path
_ENTRY = struct.Struct('<BBHQQIIIIIqq')
_VALUE = struct.Struct('<BII')  # lengths of the name, the old, the new one
_TRAILER = struct.Struct('<BQI')  # T, number of entries, checksum
_D, _E, _T = b'DET'
_STATES = {LISTED: b'l', DONE: b'd', UNDONE: b'u'}
_BUFFER = 1 << 17


class Value(NamedTuple):
    """An extended attribute before and after; a capability stays the same."""

    name: str
    old: bytes
    new: bytes


class Entry(NamedTuple):
    """What is known of one object, and what becomes of it.

    Names are bytes, and times nanoseconds, as the file system has them.
    """

    name: bytes
    dev: int
    ino: int
    mode: int
    uid: int
    gid: int
    new_uid: int
    new_gid: int
    ctime: int
    mtime: int
    values: Tuple[Value, ...] = ()


class Writer:
    """Writes a manifest beside its place, and puts it there when complete.

    :raises Refused: when there is no room for it, or somebody else is at it;
        nothing is left behind
    """

    def __init__(self, path: str, header: Dict[str, Any]) -> None:
        self._path, self._part = path, path + '.part'
        self._pieces: List[bytes] = []
        self._size = self._count = self._sum = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        with Room(self._part):
            self._fd = os.open(self._part, flags | os.O_CLOEXEC, 0o600)
        self._claim()
        self._add(_MAGIC + json.dumps(header).encode() + b'\n')

    def directory(self, root: int, path: bytes) -> None:
        """The entries that follow are in this directory.

        :param root: which root of the header's it is below
        :param path: its way from that root
        """
        self._add(_DIRECTORY.pack(_D, root, len(path)) + path)

    def entry(self, entry: Entry) -> None:
        """One object in the directory of before."""
        name = entry.name
        self._add(
            _ENTRY.pack(_E, len(entry.values), len(name), *entry[1:10]) + name
        )
        self._count += 1
        for value in entry.values:
            key = value.name.encode()
            sizes = _VALUE.pack(len(key), len(value.old), len(value.new))
            self._add(sizes + key + value.old + value.new)

    def finish(self) -> None:
        """Make it durable, and put it in its place.

        :raises Refused: when there is no room for it
        """
        self._flush()
        checksum = _with_count(self._sum, self._count)
        trailer = _TRAILER.pack(_T, self._count, checksum)
        with Room(self._part):
            _write(self._fd, trailer + _STATES[LISTED])
            os.fsync(self._fd)
            os.rename(self._part, self._path)
            sync_directory(os.path.dirname(self._path))
        # Last, as it lets others in.
        os.close(self._fd)

    def drop(self) -> None:
        """Leave nothing behind."""
        if os.path.exists(self._part):
            os.unlink(self._part)
        os.close(self._fd)

    def _claim(self) -> None:
        """Begin anew, unless somebody else writes it."""
        try:
            place.lock(self._fd, self._path)
            if not place.is_at(self._fd, self._part):
                raise Refused(
                    'busy',
                    f'another process has written the manifest {self._path}',
                    manifest=self._path,
                )
            os.ftruncate(self._fd, 0)
        except BaseException:
            os.close(self._fd)
            raise

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        data = b''.join(self._pieces)
        self._sum = binascii.crc32(data, self._sum)
        self._pieces, self._size = [], 0
        with Room(self._part):
            _write(self._fd, data)


class Manifest:
    """A complete manifest on disk; nobody else may use it meanwhile.

    :raises Refused: when it is not there, damaged, of another version, or in
        use
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(path, flags)
        except OSError as exc:
            raise Refused(
                'no-manifest',
                f'the manifest {path}: {exc.strerror}',
                manifest=path,
            ) from exc
        try:
            place.lock(self._fd, path)
            self._data = self._map()
        except BaseException:
            os.close(self._fd)
            raise
        try:
            self.header, self._start = self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> 'Manifest':
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others use it."""
        # First, as a mapping keeps the lock, too.
        self._data.close()
        os.close(self._fd)

    @property
    def state(self) -> str:
        """One of LISTED, DONE and UNDONE."""
        found = os.pread(self._fd, 1, len(self._data) - 1)
        for state, byte in _STATES.items():
            if byte == found:
                return state
        raise _damaged(self.path, f'its state is {found!r}')

    @state.setter
    def state(self, state: str) -> None:
        # In place: there may be no room for another byte.
        os.pwrite(self._fd, _STATES[state], len(self._data) - 1)
        os.fsync(self._fd)

    @property
    def count(self) -> int:
        """How many entries there are."""
        at = len(self._data) - 1 - _TRAILER.size
        return int(_TRAILER.unpack_from(self._data, at)[1])

    def __iter__(self) -> Iterator[Tuple[int, bytes, Entry]]:
        """Every entry, with its root's number and its directory."""
        data, at = self._data, self._start
        root, path = 0, b''
        end = len(data) - 1 - _TRAILER.size
        while at < end:
            if data[at] == _D:
                _, root, size = _DIRECTORY.unpack_from(data, at)
                at += _DIRECTORY.size
                path = data[at : at + size]
                at += size
            else:
                at, entry = _entry(data, at)
                yield root, path, entry

    def _map(self) -> mmap.mmap:
        size = os.fstat(self._fd).st_size
        if size < len(_MAGIC) + _TRAILER.size + 1:
            raise _damaged(self.path, 'it is cut off')
        return mmap.mmap(self._fd, 0, prot=mmap.PROT_READ)

    def _open(self) -> Tuple[Dict[str, Any], int]:
        data = self._data
        if data[: len(_MAGIC)] != _MAGIC:
            raise _damaged(self.path, 'it is of another version, or none')
        tail = len(data) - 1 - _TRAILER.size
        kind, count, wanted = _TRAILER.unpack_from(data, tail)
        checksum = _with_count(_checksum(data, tail), count)
        if kind != _T or checksum != wanted:
            raise _damaged(self.path, 'it is cut off, or was written to')
        end = data.find(b'\n', len(_MAGIC))
        return json.loads(data[len(_MAGIC) : end]), end + 1


def _entry(data: mmap.mmap, at: int) -> Tuple[int, Entry]:
    _, values, size, *known = _ENTRY.unpack_from(data, at)
    at += _ENTRY.size
    name = data[at : at + size]
    at += size
    found = []
    for _ in range(values):
        at, value = _value(data, at)
        found.append(value)
    return at, Entry._make((name, *known, tuple(found)))


def _value(data: mmap.mmap, at: int) -> Tuple[int, Value]:
    sizes = _VALUE.unpack_from(data, at)
    at += _VALUE.size
    parts = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return at, Value(parts[0].decode(), parts[1], parts[2])


def _checksum(data: mmap.mmap, end: int) -> int:
    found = 0
    for at in range(0, end, _BUFFER):
        found = binascii.crc32(data[at : min(at + _BUFFER, end)], found)
    return found


def _with_count(checksum: int, count: int) -> int:
    return binascii.crc32(struct.pack('<Q', count), checksum)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _damaged(path: str, problem: str) -> Refused:
    return Refused(
        'bad-manifest',
        f'the manifest {path} cannot be used: {problem}',
        manifest=path,
    )
