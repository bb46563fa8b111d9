# SPDX-License-Identifier: Apache-2.0
"""What was observed on hosts whose accounts are to get other numbers."""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.hosts import HostAccounts, HostServices


@dataclasses.dataclass(frozen=True, slots=True)
class Mount:
    """A file system of a host, where it is mounted.

    ``group`` is local, network, pseudo or container; ``covered``: a pass over
    the host goes over it, and if not, ``why`` not.  ``read_only``: here at
    least; ``frozen``: altogether, though it is of a kind that need not be.
    """

    point: str
    kind: str
    source: str
    group: str
    covered: bool = True
    why: str = ''
    read_only: bool = False
    frozen: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """A process that runs under one of the numbers that were asked for.

    ``unit`` is systemd's, ``guest`` libvirt's name of it, where it has one;
    ``under`` says how, such as 'effective uid 108'.
    """

    pid: int
    command: str
    unit: str = ''
    guest: str = ''
    under: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Mention:
    """A line of a configuration file that has a number of an account.

    ``kind`` is uid or gid; the numbers are ``first`` to ``last``.
    """

    file: str
    line: int
    text: str
    kind: str
    first: int
    last: int


@dataclasses.dataclass(frozen=True, slots=True)
class HostFiles:
    """What a pass over the files of one host would meet.

    ``skip`` are folders that it does not enter; ``free`` are bytes for its
    manifest in ``folder``.  ``unread`` are sentences about configuration files
    that were not understood.  ``problem`` says why the host could not be
    asked; then there is nothing else.
    """

    host: str
    mounts: tuple[Mount, ...] = ()
    skip: tuple[str, ...] = ()
    folder: str = '/'
    free: int = 0
    full: bool = False  # nothing at all can be written there
    processes: tuple[Process, ...] = ()
    mentions: tuple[Mention, ...] = ()
    unread: tuple[str, ...] = ()
    problem: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """How far a change of files is.

    ``state`` is absent, listed, done, undone or busy.
    """

    host: str
    name: str
    state: str
    problem: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Leftover:
    """Objects that have a number which they should not have.

    ``state`` is left (an old number), nobody (a number without an account) or
    changed (of the manifest, and not as it left them); ``what`` is such as
    'uid 108'.
    """

    state: str
    what: str
    count: int
    samples: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Looked:
    """What a look at all files of a host found.

    ``unsure`` are old numbers that are new ones, too, so that only a manifest
    can tell; ``trouble`` says what could not be read.
    """

    host: str
    entries: int = 0
    found: tuple[Leftover, ...] = ()
    unsure: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    problem: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Ownership:
    """All that matters for new numbers: accounts of every compute host, and
    services and files of those whose numbers are to change.

    ``unfinished``: host -> the run that has begun to change its numbers, and
    has not come to the end.  ``untaken``: hosts on which no file had one of
    the new numbers before a run, so that all that have are from after it.
    """

    accounts: tuple[HostAccounts, ...]
    services: tuple[HostServices, ...] = ()
    files: tuple[HostFiles, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    unfinished: Mapping[str, str] = dataclasses.field(default_factory=dict)
    untaken: tuple[str, ...] = ()

    def accounts_of(self, host: str) -> HostAccounts:
        """The accounts of a host; a host nobody asked has a problem."""
        for one in self.accounts:
            if one.host == host:
                return one
        return HostAccounts(host, problem=_UNASKED)

    def services_of(self, host: str) -> HostServices:
        """The services of a host; a host nobody asked has a problem."""
        for one in self.services:
            if one.host == host:
                return one
        return HostServices(host, problem=_UNASKED)

    def files_of(self, host: str) -> HostFiles:
        """The files of a host; a host nobody asked has a problem."""
        for one in self.files:
            if one.host == host:
                return one
        return HostFiles(host, problem=_UNASKED)


_UNASKED = 'it was not asked'
