# SPDX-License-Identifier: Apache-2.0
"""Snapshots on disk: a folder each, whole or not there, and proven at a read.

The files of a snapshot are JSON, one a kind of fact.  Its manifest has their
SHA-256, the cloud that they are of, and its own SHA-256.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import re
import secrets
import shutil
import time
import typing
from collections.abc import Callable, Iterator
from typing import Any

from osc_recover import errors, records
from osc_recover.facts.snapshot import KeptFile, Manifest, Snapshot

MANIFEST = 'manifest.json'
LOCK = '.lock'
VERSION = 1
_ID = re.compile(r'[0-9a-f]{8}')
_LEFT = re.compile(r'\.[0-9a-f]{8}\.(part|deleted)')
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
_FILE = re.compile(r'[a-z0-9][A-Za-z0-9_.-]*')


Fill = Callable[[pathlib.Path], None]


def _nothing_more(folder: pathlib.Path) -> None:
    """What is written beside the facts, where nothing is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """A snapshot of the folder; one that is damaged may have no manifest."""

    id: str
    manifest: Manifest | None
    problem: str = ''


class Snapshots:
    """The folder of the snapshots.

    :param folder: it is made, readable to the owner, when one is kept
    """

    def __init__(
        self, folder: pathlib.Path, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self._clock = clock

    # Writing

    def check_name(self, name: str, cloud: str) -> None:
        """See that a snapshot may be called so.

        :raises errors.Refused: for an odd name, and for one that is taken
        """
        if name and (not _NAME.fullmatch(name) or _ID.fullmatch(name)):
            raise errors.Refused(
                f'{name!r} cannot be the name of a snapshot',
                'take letters, digits, dots, dashes and underscores, and '
                'not what looks like an id',
                'bad-name',
            )
        if name and any(m.name == name for m in self._of(cloud)):
            raise errors.Refused(
                f'there is a snapshot {name!r} already',
                'choose another name, or delete that one: openstack recover '
                f'snapshot delete {name}',
                'name-taken',
            )

    def prepare(self) -> None:
        """Make the folder, and see that it can be written.

        :raises errors.SnapshotsUnusable: when it cannot
        """
        with self._usable():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._writing():
                pass

    def save(
        self,
        what: Snapshot,
        cloud: str,
        cloud_name: str,
        name: str = '',
        fill: Fill = _nothing_more,
    ) -> Manifest:
        """Keep a snapshot; it is on disk, all of it, when this returns.

        :param fill: writes further files, that end with .sql, into a folder
        :raises errors.SnapshotsUnusable: when it could not be written
        :raises errors.Refused: as check_name() does
        """
        self.prepare()
        self.check_name(name, cloud)
        made = Manifest(
            secrets.token_hex(4), self._clock(), cloud, cloud_name, name
        )
        aside = self.folder / f'.{made.id}.part'
        with self._usable(), self._writing():
            try:
                manifest = _write_all(aside, what, made, fill)
                os.rename(aside, self.folder / made.id)
                _sync(self.folder)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
        return manifest

    def delete(self, name: str) -> None:
        """Remove a snapshot by its id; it is gone at once, or still whole.

        :raises errors.SnapshotsUnusable: when it could not be removed
        """
        aside = self.folder / f'.{name}.deleted'
        with self._usable(), self._writing():
            os.rename(self.folder / name, aside)
            _sync(self.folder)
            shutil.rmtree(aside)

    # Reading

    def listed(self) -> list[Listed]:
        """Every snapshot, of any cloud, the newest first; damaged ones last.

        Files are looked for, and not read.
        """
        found = [self._listed(name) for name in self._ids()]
        return sorted(found, key=lambda one: (-_made(one), one.id))

    def find(self, name: str, cloud: str, cloud_name: str = '') -> Manifest:
        """The snapshot of that id, beginning of an id, or name.

        :raises errors.UnknownSnapshot: for none, or several
        :raises errors.SnapshotDamaged: when its manifest is not as written
        :raises errors.ForeignSnapshot: when it is of another cloud
        """
        found = self.id_of(name, cloud)
        manifest = self._manifest(found)
        if manifest.cloud != cloud:
            theirs, ours = manifest.cloud_name, cloud_name
            if theirs == ours:
                theirs, ours = manifest.cloud, cloud
            raise errors.ForeignSnapshot(found, theirs, ours)
        return manifest

    def id_of(self, name: str, cloud: str) -> str:
        """The id of the one snapshot that is meant, damaged or not.

        :raises errors.UnknownSnapshot: for none, or several
        """
        named = [m.id for m in self._of(cloud) if m.name == name]
        like = [one for one in self._ids() if one.startswith(name)]
        hits = named or like
        if not name or len(hits) != 1:
            raise errors.UnknownSnapshot(name, str(self.folder))
        return hits[0]

    def load(self, manifest: Manifest) -> Snapshot:
        """All that is in a snapshot, each file proven.

        :raises errors.SnapshotDamaged: for a file that is not as written
        """
        hints = typing.get_type_hints(Snapshot)
        parts = {f.name.removesuffix('.json'): f for f in manifest.files}
        for file in manifest.files:
            self._prove(manifest.id, file)
        return Snapshot(
            **{
                part: self._part(manifest.id, file, hints[part])
                for part, file in parts.items()
                if part in hints
            }
        )

    def _ids(self) -> list[str]:
        with self._usable():
            try:
                names = os.listdir(self.folder)
            except FileNotFoundError:
                return []
        return sorted(name for name in names if _ID.fullmatch(name))

    def _of(self, cloud: str) -> Iterator[Manifest]:
        for one in self.listed():
            if one.manifest is not None and one.manifest.cloud == cloud:
                yield one.manifest

    def _listed(self, name: str) -> Listed:
        try:
            manifest = self._manifest(name)
        except errors.SnapshotDamaged as exc:
            return Listed(name, None, exc.problem)
        for file in manifest.files:
            if problem := self._odd_size(name, file):
                return Listed(name, manifest, problem)
        return Listed(name, manifest)

    def _manifest(self, name: str) -> Manifest:
        content = self._content(name, MANIFEST)
        try:
            found = records.load(Manifest, content.decode())
        except (records.Malformed, UnicodeDecodeError) as exc:
            raise errors.SnapshotDamaged(
                name, f'{MANIFEST} is not understood: {exc}'
            ) from exc
        if found.version > VERSION:
            raise errors.SnapshotDamaged(
                name, 'a newer release of osc_recover wrote it'
            )
        if found.digest != _digest(found) or found.id != name:
            raise errors.SnapshotDamaged(name, f'{MANIFEST} was changed')
        return found

    def _prove(self, name: str, file: KeptFile) -> None:
        if problem := self._odd_size(name, file):
            raise errors.SnapshotDamaged(name, problem)
        with self._readable(name, file.name) as path:
            found = _sha256(path)
        if found != file.sha256:
            raise errors.SnapshotDamaged(
                name, f'{file.name} was changed: its SHA-256 is another'
            )

    def _odd_size(self, name: str, file: KeptFile) -> str:
        """What a look at a file says against it, or nothing."""
        if not _FILE.fullmatch(file.name):
            return f'{MANIFEST} names a file {file.name!r}'
        try:
            size = (self.folder / name / file.name).stat().st_size
        except OSError as exc:
            return f'{file.name} cannot be read: {exc.strerror}'
        if size != file.size:
            return f'{file.name} has {size} bytes, not {file.size}'
        return ''

    def _part(self, name: str, file: KeptFile, kind: Any) -> Any:
        content = self._content(name, file.name)
        try:
            return records.load(kind, content.decode())
        except (records.Malformed, UnicodeDecodeError) as exc:
            raise errors.SnapshotDamaged(
                name, f'{file.name} is not understood: {exc}'
            ) from exc

    def _content(self, name: str, file: str) -> bytes:
        with self._readable(name, file) as path:
            return path.read_bytes()

    @contextlib.contextmanager
    def _readable(self, name: str, file: str) -> Iterator[pathlib.Path]:
        try:
            yield self.folder / name / file
        except OSError as exc:
            raise errors.SnapshotDamaged(
                name, f'{file} cannot be read: {exc.strerror}'
            ) from exc

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Be one of those who write; the first removes what others left.

        A save that was killed leaves a folder, which may have dumps in it.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        with open(os.open(self.folder / LOCK, flags, 0o600), 'r+b') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._tidy()
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def _tidy(self) -> None:
        for name in os.listdir(self.folder):
            if _LEFT.fullmatch(name):
                shutil.rmtree(self.folder / name, ignore_errors=True)

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise errors.SnapshotsUnusable(str(self.folder), str(exc)) from exc


def _made(one: Listed) -> float:
    return one.manifest.made if one.manifest else 0.0


def _digest(manifest: Manifest) -> str:
    bare = records.dump(dataclasses.replace(manifest, digest=''))
    return hashlib.sha256(bare.encode()).hexdigest()


def _write_all(
    aside: pathlib.Path, what: Snapshot, made: Manifest, fill: Fill
) -> Manifest:
    aside.mkdir(mode=0o700)
    fill(aside)
    more = tuple(map(_proven, sorted(aside.glob('*.sql'))))
    files = tuple(
        _write(aside / f'{field.name}.json', getattr(what, field.name))
        for field in dataclasses.fields(what)
    )
    whole = dataclasses.replace(made, files=files + more)
    whole = dataclasses.replace(whole, digest=_digest(whole))
    _write(aside / MANIFEST, whole)
    _sync(aside)
    return whole


def _write(path: pathlib.Path, value: Any) -> KeptFile:
    data = records.dump(value).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    count = len(value) if isinstance(value, tuple | dict) else 1
    digest = hashlib.sha256(data).hexdigest()
    return KeptFile(path.name, digest, len(data), count)


def _proven(path: pathlib.Path) -> KeptFile:
    return KeptFile(path.name, _sha256(path), path.stat().st_size)


def _sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sync(folder: pathlib.Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
