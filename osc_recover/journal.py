# SPDX-License-Identifier: Apache-2.0
"""Runs and what became of their steps, in SQLite: append-only, one writer.

The intent of an effect is on disk before the effect, its result after it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from osc_recover import errors, records
from osc_recover.plan import Plan
from osc_recover.runs import Event, Run

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, made REAL NOT NULL, cloud TEXT NOT NULL,
    cloud_name TEXT NOT NULL, procedure TEXT NOT NULL, hosts TEXT NOT NULL,
    plan TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL REFERENCES runs (id), step TEXT NOT NULL,
    state TEXT NOT NULL, at REAL NOT NULL, note TEXT NOT NULL,
    request_id TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS of_run ON events (run, step, seq);
CREATE UNIQUE INDEX IF NOT EXISTS once ON events (run, step)
    WHERE state = 'done';
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_stand BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS plans_stand BEFORE UPDATE ON runs
    BEGIN SELECT RAISE(ABORT, 'a stored plan does not change'); END;
"""
_VERSION = 1
_REMOTE = (
    'nfs',
    'nfs4',
    'cifs',
    'smb3',
    'fuse.sshfs',
    'fuse.glusterfs',
    'ceph',
)


class Journal:
    """The journal file.

    :param path: the file; it and its folder are made, readable to the owner
    :raises errors.JournalUnusable: where nothing can be recorded durably
    """

    def __init__(
        self, path: pathlib.Path, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        with self._usable():
            _prepare(path)
            self._db = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=30
            )
            self._db.text_factory = _text
            self._settle_file()

    def _settle_file(self) -> None:
        version = self._db.execute('PRAGMA user_version').fetchone()[0]
        if version > _VERSION:
            raise errors.JournalUnusable(
                str(self.path), 'a newer release of osc_recover wrote it'
            )
        self._db.execute('PRAGMA journal_mode=WAL')
        self._db.execute('PRAGMA synchronous=FULL')
        self._db.executescript(_SCHEMA)
        self._db.execute(f'PRAGMA user_version={_VERSION}')
        # Opening for writing succeeds on a read-only file; only this fails.
        self._db.execute('BEGIN IMMEDIATE')
        self._db.execute('ROLLBACK')

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Writing

    def store(self, plan: Plan, cloud: str, cloud_name: str) -> Run:
        """Keep a plan, before any of its effects, and name the run."""
        run = Run(secrets.token_hex(4), self._clock(), cloud, cloud_name, plan)
        row = (run.id, run.made, cloud, cloud_name, plan.procedure)
        rest = (json.dumps(list(plan.hosts)), records.dump(plan))
        self._write(
            'INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)', row + rest
        )
        return run

    def record(
        self,
        run: str,
        step: str,
        state: str,
        note: str = '',
        request_id: str = '',
        data: Mapping[str, Any] | None = None,
    ) -> Event:
        """Append an event; it is on disk when this returns.

        :raises errors.JournalUnusable: when it could not be written, or when
            the step of this run is recorded as done already
        """
        event = Event(step, state, self._clock(), note, request_id, data or {})
        self._write(
            'INSERT INTO events (run, step, state, at, note, request_id, data)'
            ' VALUES (?, CAST(? AS TEXT), ?, ?, CAST(? AS TEXT), ?, ?)',
            (*_columns(run, event), json.dumps(records.to_data(event.data))),
        )
        return event

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        with self._usable(), self._lock:
            self._db.execute(sql, values)

    # Reading

    def run(self, name: str) -> Run:
        """The run of that id, or of the only id that begins like it.

        :raises errors.UnknownRun: for none, or several
        """
        rows = self._read(
            'SELECT id, made, cloud, cloud_name, plan FROM runs'
            ' WHERE id = CAST(? AS TEXT)'
            ' OR substr(id, 1, ?) = CAST(? AS TEXT)'
            ' ORDER BY id = CAST(? AS TEXT) DESC LIMIT 2',
            (_bytes(name), len(name), _bytes(name), _bytes(name)),
        )
        exact = [row for row in rows if row[0] == name]
        if not name or (len(rows) != 1 and not exact):
            raise errors.UnknownRun(name, str(self.path))
        return _run_of((exact or rows)[0])

    def runs(self) -> list[Run]:
        """Every run, the newest first."""
        return [
            _run_of(row)
            for row in self._read(
                'SELECT id, made, cloud, cloud_name, plan FROM runs'
                ' ORDER BY made DESC, id'
            )
        ]

    def events(self, run: str, step: str | None = None) -> list[Event]:
        """What became of a run, or of one of its steps, oldest first."""
        rows = self._read(
            'SELECT step, state, at, note, request_id, data FROM events'
            ' WHERE run = ?1 AND (?2 IS NULL OR step = CAST(?2 AS TEXT))'
            ' ORDER BY seq',
            (run, None if step is None else _bytes(step)),
        )
        return [_event_of(row) for row in rows]

    def last(self, run: str, step: str) -> Event | None:
        """The newest event of a step, or None."""
        events = self.events(run, step)
        return events[-1] if events else None

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._usable(), self._lock:
            return self._db.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            raise errors.JournalUnusable(str(self.path), str(exc)) from exc

    # The lock

    @contextlib.contextmanager
    def held(self, cloud: str, host: str, run: str) -> Iterator[None]:
        """Hold the lock of a host; it ends with the process, however it ends.

        :raises errors.HostLocked: when another process holds it
        """
        with self._usable():
            handle = self._lock_path(cloud, host).open('a+')
        with handle:
            if not _grab(handle.fileno()):
                handle.seek(0)
                raise errors.HostLocked(host, handle.read().strip() or '?')
            handle.truncate(0)
            handle.write(f'run {run}, process {os.getpid()}\n')
            handle.flush()
            yield

    def holder(self, cloud: str, host: str) -> str:
        """Who holds the lock of a host, as text; '' for nobody."""
        with self._usable(), self._lock_path(cloud, host).open('a+') as handle:
            if _grab(handle.fileno()):
                return ''
            handle.seek(0)
            return handle.read().strip() or '?'

    def _lock_path(self, cloud: str, host: str) -> pathlib.Path:
        folder = self.path.with_suffix('.locks')
        folder.mkdir(mode=0o700, exist_ok=True)
        digest = hashlib.sha256(f'{cloud}\0{host}'.encode()).hexdigest()
        return folder / digest[:32]


def _grab(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _columns(run: str, event: Event) -> tuple[Any, ...]:
    step, note = _bytes(event.step), _bytes(event.note)
    return run, step, str(event.state), event.at, note, event.request_id


def _bytes(text: str) -> bytes:
    """Text as SQLite has it, with surrogates as paths of hosts have them."""
    return text.encode('utf-8', 'surrogatepass')


def _text(data: bytes) -> str:
    return data.decode('utf-8', 'surrogatepass')


def _event_of(row: tuple[Any, ...]) -> Event:
    step, state, at, note, request_id, data = row
    return Event(step, state, at, note, request_id, json.loads(data))


def _run_of(row: tuple[Any, ...]) -> Run:
    name, made, cloud, cloud_name, plan = row
    return Run(name, made, cloud, cloud_name, records.load(Plan, plan))


def _prepare(path: pathlib.Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if kind := remote_kind(path):
        raise errors.JournalUnusable(
            str(path), f'it lies on {kind}, where locks and syncs are not safe'
        )
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def remote_kind(
    path: pathlib.Path,
    mounts: pathlib.Path = pathlib.Path('/proc/self/mountinfo'),
) -> str:
    """The file system type under a path if it is a network one, else ''."""
    best, kind = -1, ''
    real = path.parent.resolve()
    for line in mounts.read_text(errors='surrogateescape').split('\n'):
        if not line:
            continue
        fields, _, after = line.partition(' - ')
        point = _unescape(fields.split()[4])
        if real.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), after.split()[0]
    return kind if kind in _REMOTE else ''


def _unescape(text: str) -> str:
    # proc(5): blanks and backslashes in mount points are octal escapes.
    for code, char in (('\\040', ' '), ('\\011', '\t'), ('\\134', '\\')):
        text = text.replace(code, char)
    return text
