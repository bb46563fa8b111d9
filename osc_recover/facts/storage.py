# SPDX-License-Identifier: Apache-2.0
"""What hosts say of the disks of servers, and of sessions to volumes."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """The directory of a server on a host.

    ``files`` are the names in it that begin with disk; ``writable`` is
    whether nova's account may write to it.  ``mark`` is made of what a copy
    of it has not: inodes, and the time of its last change; '' where it is not
    on the file system of the others.
    """

    server: str
    files: tuple[str, ...] = ()
    writable: bool = True
    mark: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class HostStorage:
    """Where a host keeps its servers, and those of the asked ones it sees.

    ``path`` is nova-compute's own instances_path, ``backend`` its images_type;
    ``kind`` is the type of the file system, ``source`` what is mounted, and
    ``network`` whether other hosts may mount it too.  ``share`` is the first
    of the hosts that see the very same directory of a server there, '' for a
    host of which that is not proven.  ``problem`` says why a host could not
    be asked; then there is nothing else.
    """

    host: str
    path: str = ''
    backend: str = ''
    kind: str = ''
    source: str = ''
    network: bool = False
    folders: tuple[Folder, ...] = ()
    share: str = ''
    problem: str = ''
    way_out: str = ''

    def folder(self, server: str) -> Folder | None:
        """The directory of a server, or None where there is none."""
        for folder in self.folders:
            if folder.server == server:
                return folder
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """An iSCSI session of a host's kernel; the kernel reuses the numbers."""

    number: int
    target: str
    portal: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class HostSessions:
    """The iSCSI sessions of one host, or why they are not known."""

    host: str
    sessions: tuple[Session, ...] = ()
    problem: str = ''
    way_out: str = ''
