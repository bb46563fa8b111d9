# SPDX-License-Identifier: Apache-2.0
"""What leads hosts to their storage, and what for."""

import dataclasses
from collections.abc import Iterable

from osc_recover.facts.audit import Gap, StorageService
from osc_recover.facts.cloud import Server
from osc_recover.facts.snapshot import (
    HostState,
    KeptAttachment,
    KeptVolume,
)

# A live migration opens the sessions on the destination before nova has the
# server there (nova/virt/libvirt/driver.py, pre_live_migration).
_MOVES = 'migrating'


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """Where a host is to find something: a target at a portal."""

    target: str
    portal: str
    iface: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class SessionsSeen:
    """Sessions of hosts, and the volumes and servers that they may serve.

    ``unseen`` names the parts that could not be asked (attachments, volumes,
    cinder services), ``gaps`` say why.  ``computes`` are all compute hosts,
    ``others`` further hosts that may have the same targets.
    """

    hosts: tuple[HostState, ...] = ()
    computes: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    volumes: tuple[KeptVolume, ...] = ()
    attachments: tuple[KeptAttachment, ...] = ()
    storage: tuple[StorageService, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unseen: tuple[str, ...] = ()
    others: tuple[HostState, ...] = ()

    def host(self, name: str) -> HostState | None:
        """What a host told, or None for one that was not asked."""
        return next((h for h in self.hosts if h.host == name), None)

    def server(self, id: str) -> Server | None:
        """The server of that ID, or None."""
        return next((s for s in self.servers if s.id == id), None)

    def serves_volumes(self, host: str) -> bool:
        """Whether cinder-volume is on a host."""
        return host in volume_hosts(self.storage)


def home(server: Server | None) -> str:
    """The only host that has sessions of a server, or '' for any."""
    return '' if server is None or server.task_state == _MOVES else server.host


def named(target: str, volumes: Iterable[str]) -> list[str]:
    """The volumes whose IDs are in the name of a target.

    cinder calls the targets of LVM by their volumes, whether it has an
    attachment or not (cinder/volume/targets/iscsi.py, iscsi_target_prefix).
    """
    return [volume for volume in volumes if volume in target]


def volume_hosts(storage: tuple[StorageService, ...]) -> list[str]:
    """The hosts with a cinder-volume, each once."""
    names = [
        service.host.partition('@')[0]
        for service in storage
        if service.binary == 'cinder-volume'
    ]
    return list(dict.fromkeys(names))
