# SPDX-License-Identifier: Apache-2.0
"""What the repair of volumes is planned from, beside an audit.

Of each server it is a request of nova, one of cinder and two statements of
its cell; of each host one question, where it is said how it is reached.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from osc_recover import errors
from osc_recover.facts import BlockDevice, Server
from osc_recover.facts.mending import Mending
from osc_recover.gateways.database import mappings, movables
from osc_recover.observe.by_hand import (
    Asking,
    attachments_of,
    connectors_of,
    moved,
)


def mending(
    asking: Asking,
    servers: Sequence[Server],
    holders: Mapping[str, tuple[str, ...]],
) -> Mending:
    """Observe servers whose mappings are wrong.

    :param holders: volume -> the servers that cinder gives it to
    :raises errors.DatabaseError: when nova_api does not answer
    :raises errors.ApiError: when nova does not answer
    """
    hosts = sorted({server.host for server in servers if server.host})
    of_hosts = movables.cells_of_hosts(asking.databases.nova_api, hosts)
    cells = {
        server.id: of_hosts[server.host]
        for server in servers
        if server.host in of_hosts
    }
    records = moved(asking, cells, hosts)
    # Those without a mapping, and hosts of nothing else, are asked as well.
    bare = set(cells) - {mapping.server for mapping in records.mappings}
    more = [
        one
        for server in sorted(bare)
        for one in attachments_of(asking.cloud, server)
    ]
    records = dataclasses.replace(
        records,
        attachments=(*records.attachments, *more),
        connectors=connectors_of(asking, hosts),
    )
    return Mending(cells, records, _dropped(asking, cells), holders)


def _dropped(
    asking: Asking, cells: Mapping[str, str]
) -> tuple[BlockDevice, ...]:
    known = {cell.uuid: cell.database for cell in asking.databases.cells()}
    found: list[BlockDevice] = []
    for server, uuid in cells.items():
        try:
            if uuid in known:
                found += mappings.dropped(known[uuid], server)
        except errors.DatabaseError:
            continue  # told with the mappings that are alive
    return tuple(found)
