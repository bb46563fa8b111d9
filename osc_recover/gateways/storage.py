# SPDX-License-Identifier: Apache-2.0
"""Where hosts keep the disks of servers, as facts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from osc_recover import errors, facts
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

    def mark(self, names: Sequence[str]) -> dict[str, str | errors.HostError]:
        """Have hosts make a probe file each; what it is called by, or why not.

        :raises errors.ApiError: for an answer that is not understood
        """
        asked = self._each(names, 'storage.mark', {})
        return {
            host: told.text('token') if isinstance(told, Foreign) else told
            for host, told in asked
        }

    def seen(
        self, names: Sequence[str], tokens: Iterable[str]
    ) -> dict[str, tuple[str, ...] | errors.HostError]:
        """Which of such files each host sees, or why it does not tell.

        :raises errors.ApiError: for an answer that is not understood
        """
        args = {'tokens': list(tokens)}
        asked = self._each(names, 'storage.marks', args)
        return {
            host: told.texts('seen') if isinstance(told, Foreign) else told
            for host, told in asked
        }

    def unmark(self, names: Sequence[str], tokens: Iterable[str]) -> None:
        """Have the hosts remove such files; one that stays does no harm."""
        args = {'tokens': list(tokens)}
        for _ in self._each(names, 'storage.unmark', args):
            pass

    def _read(
        self, names: Sequence[str], operation: str, args: dict[str, Any]
    ) -> Found:
        asked = self._hosts.each(names, operation, args, timeout=self._timeout)
        found = {
            host: fact_of(host, outcome, storage_from, facts.HostStorage)
            for host, outcome in asked
        }
        return tuple(found[name] for name in names)

    def _each(
        self, names: Sequence[str], operation: str, args: dict[str, Any]
    ) -> Iterator[tuple[str, Foreign | errors.HostError]]:
        asked = self._hosts.each(names, operation, args, timeout=self._timeout)
        for host, outcome in asked:
            if isinstance(outcome, errors.HostError):
                yield host, outcome
            else:
                yield host, Foreign.of(host, f'its {operation}', outcome)


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
            facts.Folder(uuid, told.texts('files'), told.flag('writable'))
            for uuid, told in record.members('servers')
        ),
    )
