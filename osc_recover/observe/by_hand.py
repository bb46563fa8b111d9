# SPDX-License-Identifier: Apache-2.0
"""What moves by hand are planned from, beside the situation.

Of each service it is a request or two a server; of the databases some
statements a cell; of the hosts one question each, side by side.
"""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from osc_recover import errors, facts
from osc_recover.gateways import connectors
from osc_recover.gateways.allocations import Allocations
from osc_recover.gateways.attachments import Attachments
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.connectors import Connectors
from osc_recover.gateways.database import Databases, mappings, movables
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.port_bindings import PortBindings
from osc_recover.observe import servers as nova_servers
from osc_recover.observe.gathering import gathering

Servers = Sequence[facts.Server]


@dataclasses.dataclass(frozen=True, slots=True)
class Asking:
    """Who is asked: hosts only where it is said how, and wanted.

    ``databases`` raises errors.DatabaseError where nobody has said where they
    are.
    """

    cloud: Cloud
    databases: Databases
    hosts: Hosts | None = None


def by_hand(
    asking: Asking,
    servers: Servers,
    destinations: Sequence[str],
    *,
    workers: int = 8,
) -> facts.ByHand:
    """Observe servers, and the hosts that may take them.

    :param destinations: hosts that are up and enabled
    :raises errors.DatabaseError: when nova_api does not answer
    :raises errors.AuthFailed: no token
    """
    failed = sorted({server.host for server in servers})
    names = sorted({*failed, *destinations})
    ids = [server.id for server in servers]
    cells = movables.cells_of_hosts(asking.databases.nova_api, names)
    found, computes, unread = _rows(asking.databases, servers, cells)
    with gathering(workers) as crowd:
        held = [crowd.ask(_holdings, asking.cloud, key) for key in ids]
        ports = [crowd.ask(_ports, asking.cloud, key) for key in ids]
        used = [s.id for s in servers if s.volumes]
        attached = [
            crowd.ask(attachments_of, asking.cloud, key) for key in used
        ]
        return facts.ByHand(
            cells=cells,
            computes=computes,
            movables=found,
            holdings=tuple(one for a in held for one in a.result()),
            ports=tuple(one for a in ports for one in a.result()),
            attachments=tuple(one for a in attached for one in a.result()),
            domains=_domains(asking.hosts, destinations),
            connectors=connectors_of(asking, destinations) if used else (),
            unread=unread,
        )


Rows = tuple[
    tuple[facts.Movable, ...], tuple[facts.ComputeRow, ...], dict[str, str]
]


def _rows(
    databases: Databases, servers: Servers, cells: Mapping[str, str]
) -> Rows:
    """What the cells say; and why not, of the servers of one that does not."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for server in servers:
        ids[cells.get(server.host, '')].append(server.id)
    found: list[facts.Movable] = []
    computes: list[facts.ComputeRow] = []
    unread: dict[str, str] = {}
    for cell in databases.cells():
        if cell.uuid not in ids:
            continue
        hosts = [host for host, where in cells.items() if where == cell.uuid]
        try:
            told = movables.movables(cell.database, ids[cell.uuid])
            computes += movables.computes(cell.database, hosts)
        except errors.DatabaseError as exc:
            unread |= dict.fromkeys(ids[cell.uuid], exc.sentence)
            continue
        found += told.values()
    return tuple(found), tuple(computes), unread


def _holdings(cloud: Cloud, server: str) -> Sequence[facts.Holdings]:
    with _may_fail():
        return [Allocations(cloud.placement).of(server)]
    return ()


def _ports(cloud: Cloud, server: str) -> Sequence[facts.BoundPort]:
    # Without them the check "ports-unread" refuses the server.
    with _may_fail():
        return PortBindings(cloud.network).of_server(server)
    return ()


def attachments_of(
    cloud: Cloud, server: str
) -> Sequence[facts.VolumeAttachment]:
    """Those of a server, without their connections; none when it fails."""
    with _may_fail():
        found = Attachments(cloud.volume).of_server(server)
        # Passwords go no further than they must.
        return [dataclasses.replace(one, connection={}) for one in found]
    return ()


@contextlib.contextmanager
def _may_fail() -> Iterator[None]:
    """What is not known is missing, and refused for that."""
    try:
        yield
    except errors.ApiError:
        return


def _domains(
    hosts: Hosts | None, names: Sequence[str]
) -> tuple[facts.HostDomains, ...]:
    return Domains(hosts).list(names) if hosts else ()


def connectors_of(
    asking: Asking, names: Sequence[str]
) -> tuple[facts.Connector, ...]:
    """How hosts are let in to volumes: as they say, or as cinder kept it."""
    found = Connectors(asking.hosts).of(names) if asking.hosts else ()
    told = {one.host: one for one in found}
    return tuple(
        _second_best(asking.databases, name, told.get(name)) for name in names
    )


def _second_best(
    databases: Databases, host: str, told: facts.Connector | None
) -> facts.Connector:
    if told and not told.problem:
        return told
    with _unset():
        if (cinder := databases.cinder) is not None:
            kept = connectors.recorded(cinder, host)
            if not kept.problem or told is None:
                return kept
    return told or facts.Connector(
        host,
        problem='neither is the host asked, nor is the database of cinder '
        'known',
        way_out='recover: ssh in clouds.yaml lets the host be asked, recover: '
        'database cinder says where that is',
    )


@contextlib.contextmanager
def _unset() -> Iterator[None]:
    try:
        yield
    except errors.DatabaseError:
        return


def moved(
    asking: Asking,
    cells: Mapping[str, str],
    sources: Sequence[str],
    *,
    workers: int = 8,
) -> facts.Moved:
    """Observe servers that a run has moved.

    :param cells: each server, and the cell that it is in
    :param sources: the hosts that they came from
    :raises errors.ApiError: when nova does not answer
    :raises errors.AuthFailed: no token
    """
    nova = Compute(asking.cloud.compute)
    volumes, unread = _mappings(asking.databases, cells)
    with gathering(workers) as crowd:
        servers = [crowd.ask(nova_servers.one, nova, key) for key in cells]
        used = sorted({mapping.server for mapping in volumes})
        attached = [
            crowd.ask(attachments_of, asking.cloud, key) for key in used
        ]
        return facts.Moved(
            servers=tuple(found for a in servers for found in a.result()),
            mappings=volumes,
            attachments=tuple(found for a in attached for found in a.result()),
            connectors=connectors_of(asking, sources) if used else (),
            unread=unread,
        )


def _mappings(
    databases: Databases, cells: Mapping[str, str]
) -> tuple[tuple[facts.BlockDevice, ...], dict[str, str]]:
    known = {cell.uuid: cell.database for cell in databases.cells()}
    found: list[facts.BlockDevice] = []
    unread: dict[str, str] = {}
    for server, uuid in cells.items():
        if uuid not in known:
            unread[server] = f'nova has no cell {uuid} that is enabled'
            continue
        try:
            found += mappings.devices(known[uuid], server)
        except errors.DatabaseError as exc:
            unread[server] = exc.sentence
    return tuple(found), unread
