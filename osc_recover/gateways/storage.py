# SPDX-License-Identifier: Apache-2.0
"""Where hosts keep the disks of servers, as facts."""

from collections.abc import Iterable, Sequence
from typing import Any

from osc_recover import facts
from osc_recover.gateways.foreign import Foreign
from osc_recover.gateways.hosts import Hosts, fact_of

# A mount whose server is away keeps whoever looks at it waiting for good.
TIMEOUT = 15.0

Found = tuple[facts.HostStorage, ...]


class Storage:
    """Directories of servers, over many hosts side by side."""

    def __init__(self, hosts: Hosts, timeout: float = TIMEOUT) -> None:
        self._hosts = hosts
        self._timeout = timeout

    def look(self, names: Sequence[str], servers: Iterable[str]) -> Found:
        """Which of the servers these hosts see, in the order of the names."""
        return self._read(names, 'storage.look', {'servers': list(servers)})

    def every(self, names: Sequence[str]) -> Found:
        """All servers that have a directory on these hosts."""
        return self._read(names, 'storage.every', {})

    def _read(
        self, names: Sequence[str], operation: str, args: dict[str, Any]
    ) -> Found:
        asked = self._hosts.each(names, operation, args, timeout=self._timeout)
        found = {
            host: fact_of(host, outcome, storage_from, facts.HostStorage)
            for host, outcome in asked
        }
        return tuple(found[name] for name in names)


def storage_from(host: str, data: Any) -> facts.HostStorage:
    """Read what storage.look tells of a host.

    :raises errors.ApiError: for what it cannot be
    """
    record = Foreign.of(host, 'its storage', data)
    return facts.HostStorage(
        host,
        path=record.text('path'),
        backend=record.text('backend'),
        kind=record.text('type'),
        source=record.text('source'),
        network=record.text('class') == 'network',
        folders=tuple(
            facts.Folder(
                uuid,
                told.texts('files'),
                told.flag('writable'),
                told.text('mark'),
            )
            for uuid, told in record.members('servers')
        ),
    )
