# SPDX-License-Identifier: Apache-2.0
"""What things are called that others know by their ids.  Pure."""

from osc_recover.facts.snapshot import Snapshot


class Names:
    """The names of servers, volumes and providers of some snapshots.

    :param snapshots: the last that has a name counts
    """

    def __init__(self, *snapshots: Snapshot) -> None:
        self._servers = {
            s.id: s.name for one in snapshots for s in one.servers
        }
        self._volumes = {
            v.id: v.name for one in snapshots for v in one.volumes
        }
        self._providers = {
            p.id: p.name for one in snapshots for p in one.providers
        }

    def server(self, key: str) -> str:
        """A server's name, or else its id."""
        return self._servers.get(key) or key or 'no server'

    def volume(self, key: str) -> str:
        """A volume's name, or else its id."""
        return self._volumes.get(key) or key

    def provider(self, key: str) -> str:
        """A resource provider's name, or else its id."""
        return self._providers.get(key) or key
