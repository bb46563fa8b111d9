# SPDX-License-Identifier: Apache-2.0
"""The state of a cloud, kept, shown, compared and removed."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from osc_recover import errors
from osc_recover.checks import snapshots as compare
from osc_recover.checks.snapshots import rows
from osc_recover.facts.snapshot import HostState, Manifest, Snapshot
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.gateways.host_states import states
from osc_recover.gateways.hosts import Hosts
from osc_recover.observe.snapshot import NO_AGENT, NO_SSH, snapshot
from osc_recover.recovery.dumps import Dumps
from osc_recover.settings import Settings, SshSettings
from osc_recover.snapshots import Listed, Snapshots


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot that was kept, its parts, and what it took to ask."""

    manifest: Manifest
    parts: tuple[rows.Part, ...]
    asked: str
    path: str


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """What has changed, and the parts that were left out: part -> why."""

    changes: tuple[compare.Change, ...]
    left_out: dict[str, str]
    asked: str


class SnapshotsOfCloud:
    """Keeps snapshots of one cloud, and reads its own alone."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._settings = settings
        self._kept = Snapshots(settings.snapshots_path)

    def save(
        self, name: str, *, agent: bool, dump: Sequence[str] | None = None
    ) -> Saved:
        """Observe the cloud and keep what was seen; changes nothing there.

        :param name: what it is called beside its id; '' for nothing
        :param agent: whether hosts are asked, where it is said how
        :param dump: the databases to dump; none for all that are known
        :raises errors.Refused: for a name that is odd or taken, and for dumps
            where nothing says where the databases are
        :raises errors.SnapshotsUnusable: when it cannot be kept
        :raises errors.ApiError: when nova does not tell
        """
        # Before the minutes that a look at a large cloud takes.
        self._kept.check_name(name, self._cloud.key)
        with self._databases() as databases:
            dumps = Dumps(databases, dump)
            self._kept.prepare()
            seen = self.look(agent=agent)
            made = self._kept.save(
                seen, self._cloud.key, self._cloud.name, name, dumps.write
            )
        path = str(self._kept.folder / made.id)
        parts = (*rows.parts(seen), *dumps.parts)
        return Saved(made, parts, self._asked(), path)

    def list(self) -> list[Listed]:
        """The snapshots of this cloud, and damaged ones of nobody knows."""
        return [
            one
            for one in self._kept.listed()
            if one.manifest is None or one.manifest.cloud == self._cloud.key
        ]

    def show(self, name: str, *, long: bool) -> tuple[rows.Row, ...]:
        """What is in a snapshot.

        :raises errors.RecoverError: when there is none that can be trusted
        """
        return tuple(rows.rows(self.load(name)[1], long=long))

    def load(self, name: str) -> tuple[Manifest, Snapshot]:
        """A snapshot of this cloud, proven.

        :raises errors.UnknownSnapshot: for none, or several
        :raises errors.SnapshotDamaged: when it is not as it was written
        :raises errors.ForeignSnapshot: when it is of another cloud
        """
        manifest = self.find(name)
        return manifest, _folder(self._kept, name)[0].load(manifest)

    def find(self, name: str) -> Manifest:
        """The manifest of a snapshot, by ID, name or path.

        Raises as load() does.
        """
        kept, known = _folder(self._kept, name)
        return kept.find(known, self._cloud.key, self._cloud.name)

    def lasting(self, name: str) -> str:
        """What a run is to know a snapshot by: its ID, or its whole path.

        Raises as load() does.
        """
        manifest = self.find(name)
        if '/' in name:
            return str(pathlib.Path(name).absolute())
        return manifest.id

    def newest(self) -> str:
        """The id of the newest snapshot of this cloud, or ''.

        :raises errors.SnapshotDamaged: when that one is not whole, and for
            one whose manifest does not tell whose it is, and of when
        """
        mine = self.list()
        newest = [m for m in mine if m.manifest is None] or mine[:1]
        for one in newest[:1]:
            if one.problem:
                raise errors.SnapshotDamaged(one.id, one.problem)
            return one.id
        return ''

    def diff(self, name: str, other: str, *, agent: bool) -> Compared:
        """What has changed since a snapshot.

        :param other: a later snapshot; '' for now
        :param agent: as for save()
        :raises errors.RecoverError: as load() and save() do
        """
        _, before = self.load(name)
        after = self.load(other)[1] if other else self.look(agent=agent)
        return Compared(
            compare.changes(before, after),
            compare.not_compared(before, after),
            '' if other else self._asked(),
        )

    def to_delete(self, name: str) -> Listed:
        """The snapshot that would be deleted, damaged or not.

        :raises errors.UnknownSnapshot: for none, or several
        :raises errors.ForeignSnapshot: when it is of another cloud
        """
        found = self._kept.id_of(name, self._cloud.key)
        try:
            return Listed(found, self.find(found))
        except errors.SnapshotDamaged as exc:
            return Listed(found, None, exc.problem)

    def delete(self, name: str) -> None:
        """Remove a snapshot, by its id.

        :raises errors.SnapshotsUnusable: when it cannot be removed
        """
        self._kept.delete(name)

    def look(self, *, agent: bool, each: bool = True) -> Snapshot:
        """The cloud as it is now; raises as save() does.

        :param each: whether nova is asked for each server's volumes
        """
        reached = self._settings.ssh != SshSettings()
        with self._databases() as databases:
            return snapshot(
                self._cloud,
                self._states if agent and reached else None,
                databases,
                why_no_states=NO_SSH if agent else NO_AGENT,
                each=each,
                workers=self._settings.workers,
            )

    @contextlib.contextmanager
    def _databases(self) -> Iterator[Databases | None]:
        settings = self._settings
        databases = Databases(Sources(settings.database, settings.ssh))
        try:
            yield databases if databases.configured else None
        finally:
            databases.close()

    def _states(self, names: Sequence[str]) -> tuple[HostState, ...]:
        with Hosts(self._settings.ssh) as asked:
            return states(asked, names)

    def _asked(self) -> str:
        """How many requests it took, in words."""
        sent = self._cloud.sent
        told = ', '.join(f'{name} {sent[name]}' for name in sorted(sent))
        return f'{sum(sent.values())} requests: {told}'


def _folder(kept: Snapshots, name: str) -> tuple[Snapshots, str]:
    """Where a snapshot is, and what it is called there."""
    if '/' not in name:
        return kept, name
    path = pathlib.Path(name).absolute()
    return Snapshots(path.parent), path.name
