# SPDX-License-Identifier: Apache-2.0
"""Snapshots that cannot be kept, found or trusted."""

import dataclasses
from typing import ClassVar

from osc_recover.errors.base import REFUSED, RecoverError


@dataclasses.dataclass(eq=False)
class SnapshotsUnusable(RecoverError):
    """The folder of the snapshots cannot be read or written."""

    path: str
    problem: str

    code: ClassVar[str] = 'snapshots-unusable'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        'the folder of snapshots {path} cannot be used: {problem}'
    )
    hint: ClassVar[str] = (
        'nothing was kept; make room or rights, or name another folder as '
        'recover: snapshots in clouds.yaml'
    )


@dataclasses.dataclass(eq=False)
class UnknownSnapshot(RecoverError):
    """No snapshot of that id or name, or more than one."""

    snapshot: str
    path: str

    code: ClassVar[str] = 'unknown-snapshot'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        'no snapshot in {path}, or more than one, is called {snapshot!r}'
    )
    hint: ClassVar[str] = (
        'openstack recover snapshot list names them: give the id'
    )


@dataclasses.dataclass(eq=False)
class SnapshotDamaged(RecoverError):
    """A snapshot is not as it was written, so nothing is taken from it."""

    snapshot: str
    problem: str

    code: ClassVar[str] = 'snapshot-damaged'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'snapshot {snapshot} is damaged: {problem}'
    hint: ClassVar[str] = (
        'bring its folder back from a copy, or use another one (openstack '
        'recover snapshot list); openstack recover snapshot delete '
        '{snapshot} removes it'
    )


@dataclasses.dataclass(eq=False)
class ForeignSnapshot(RecoverError):
    """The snapshot is of another cloud than this command talks to."""

    snapshot: str
    theirs: str
    ours: str

    code: ClassVar[str] = 'foreign-snapshot'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        'snapshot {snapshot} is of the cloud {theirs}, and this is {ours}'
    )
    hint: ClassVar[str] = 'choose the right cloud with --os-cloud'
