# SPDX-License-Identifier: Apache-2.0
"""What Ceph has locked of servers' volumes, as their hosts tell."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from osc_recover.facts import Server
from osc_recover.facts.ceph import CephSeen
from osc_recover.facts.snapshot import KeptAttachment
from osc_recover.gateways import ceph
from osc_recover.gateways.hosts import Hosts
from osc_recover.settings import SshSettings

DRIVER = 'rbd'


def images(attachments: Iterable[KeptAttachment]) -> dict[str, list[str]]:
    """Volume -> its images, of volumes that Ceph has."""
    found: dict[str, list[str]] = {}
    for one in attachments:
        if one.target.driver == DRIVER and one.target.name:
            found.setdefault(one.volume, []).append(one.target.name)
    return found


def seen(
    settings: SshSettings,
    servers: Iterable[Server],
    attachments: Sequence[KeptAttachment],
    also: Collection[str],
) -> CephSeen:
    """Ask the hosts of servers for the images of their volumes.

    :param also: hosts that are asked for what those do not tell
    """
    homes = {server.id: server.host for server in servers if server.host}
    wanted = _wanted(homes, attachments)
    if not wanted:
        return CephSeen()
    with Hosts(settings) as hosts:
        return ceph.look(hosts, wanted, sorted(also))


def _wanted(
    homes: Mapping[str, str], attachments: Iterable[KeptAttachment]
) -> dict[str, list[str]]:
    """Host -> the images of its servers, each once."""
    found: dict[str, dict[str, None]] = {}
    for one in attachments:
        home = homes.get(one.server)
        if home:
            for names in images([one]).values():
                found.setdefault(home, {}).update(dict.fromkeys(names))
    return {host: [*names] for host, names in found.items()}
