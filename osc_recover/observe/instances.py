# SPDX-License-Identifier: Apache-2.0
"""Servers in nova's databases, and what others say of them, as facts."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from osc_recover import errors
from osc_recover.facts import (
    CellGap,
    Found,
    HostDomains,
    HostSeen,
    InstanceRow,
    InstanceSeen,
    InstanceStanding,
    Placed,
    Reading,
    Server,
)
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.database import Cell, Databases
from osc_recover.gateways.database.instances import Instances, mapped_cell
from osc_recover.gateways.network import Network
from osc_recover.gateways.placement import Placement
from osc_recover.gateways.volume import Volumes
from osc_recover.observe.gathering import gathering
from osc_recover.observe.servers import one

WORKERS = 8
T = TypeVar('T')
D = TypeVar('D')
Answers = tuple[list[tuple[Cell, T]], tuple[CellGap, ...]]


def find(databases: Databases, readings: Sequence[Reading]) -> Found:
    """Every server that an id may mean, in all cells.

    :raises errors.DatabaseError: when nova_api does not answer, or no cell
    """
    cells = databases.cells()
    answers, gaps = _each(cells, lambda cell: _of(cell).find(readings))
    found = tuple(placed for _, answer in answers for placed in answer)
    uuids = [str(r.value) for r in readings if r.kind == 'uuid']
    mapped = ''
    if uuids and not found:
        mapped = mapped_cell(databases.nova_api, uuids[0])
    return Found(found, gaps, mapped)


def row(
    databases: Databases, placed: Placed
) -> tuple[Cell, InstanceRow] | None:
    """The whole row of a server, and its cell; None when it is gone.

    :raises errors.DatabaseError: when the cell does not answer
    """
    for cell in databases.cells():
        if label(cell) == placed.cell:
            found = _of(cell).row(placed.uuid)
            return (cell, found) if found else None
    return None


def label(cell: Cell) -> str:
    """What a cell is called in facts and tables."""
    return cell.name or cell.uuid


def seen(
    cloud: Cloud, databases: Databases, cell: Cell, found: InstanceRow
) -> InstanceSeen:
    """What everybody else says of a server; who does not answer is named.

    :raises errors.AuthFailed: as without a token nothing is answered
    """
    uuid = found.uuid
    compute, placement = Compute(cloud.compute), Placement(cloud.placement)
    with gathering(WORKERS) as crowd:
        asked = _Asked()
        devices = crowd.ask(_of(cell).volumes, uuid)
        mapped = crowd.ask(mapped_cell, databases.nova_api, uuid)
        servers = crowd.ask(one, compute, uuid)
        moves = crowd.ask(lambda: compute.migrations(server=uuid))
        held = crowd.ask(placement.allocations_for, uuid)
        providers = crowd.ask(placement.providers)
        ports = crowd.ask(Network(cloud.network).ports, [uuid])
        volumes = asked.may('cinder', devices, ())
        ids = [device.volume for device in volumes]
        of_cinder = crowd.ask(Volumes(cloud.volume).volumes, ids)
        mine = asked.may('api', servers, ())
        names = asked.may('placement', providers, dict[str, str]())
        return InstanceSeen(
            row=found,
            devices=volumes,
            mapped=asked.may('nova_api', mapped, None),
            server=mine[0] if mine else None,
            migrations=asked.may('api', moves, ()),
            allocations=asked.may('placement', held, ()),
            providers={key: name for name, key in names.items()},
            ports=asked.may('neutron', ports, ()),
            volumes=asked.may('cinder', of_cinder, ()),
            unasked=asked.silent,
        )


def standing(
    cloud: Cloud,
    cell: Cell,
    found: InstanceRow,
    ask: Callable[[str], HostDomains | None],
) -> InstanceStanding:
    """What decides whether the states of a server may change.

    :param ask: the domains of a host, or None where nobody is asked
    :raises errors.ApiError: when nova does not answer
    """
    compute = Compute(cloud.compute)
    host = found.host
    return InstanceStanding(
        cell.uuid,
        found,
        compute.compute_service(host) if host else None,
        ask(host) if host else None,
        compute.migrations(server=found.uuid),
    )


def host_seen(
    cloud: Cloud, databases: Databases, host: str, domains: HostDomains | None
) -> HostSeen:
    """What database and API have on a host, beside what libvirt has there.

    Whoever does not answer is a gap.

    :raises errors.AuthFailed: as without a token nothing is answered
    """
    cells, lost = _cells(databases)
    servers, silent = _servers(cloud, host)
    answers, gaps = _each(
        cells, lambda cell: _of(cell).on_host(host), some=True
    )
    known = HostSeen(
        host,
        tuple(placed for _, answer in answers for placed in answer),
        servers=servers,
        domains=domains,
        gaps=(*lost, *gaps),
        silent=silent,
    )
    return _with_elsewhere(known, [cell for cell, _ in answers])


def _with_elsewhere(known: HostSeen, cells: Sequence[Cell]) -> HostSeen:
    here = {placed.uuid for placed in known.placed}
    named = {server.id for server in known.servers or ()}
    named |= {d.uuid for d in (known.domains.domains if known.domains else ())}
    wanted = sorted(named - here)
    if not wanted:
        return known
    answers, gaps = _each(
        cells, lambda cell: _of(cell).where(wanted), some=True
    )
    found = tuple(placed for _, answer in answers for placed in answer)
    return dataclasses.replace(
        known, elsewhere=found, gaps=(*known.gaps, *gaps)
    )


def _cells(
    databases: Databases,
) -> tuple[tuple[Cell, ...], tuple[CellGap, ...]]:
    try:
        return databases.cells(), ()
    except errors.DatabaseError as exc:
        return (), (_gap('nova_api', exc),)


def _servers(
    cloud: Cloud, host: str
) -> tuple[tuple[Server, ...] | None, CellGap | None]:
    try:
        return Compute(cloud.compute).servers(host), None
    except errors.ApiError as exc:
        return None, _gap('nova', exc)


def _each(
    cells: Sequence[Cell], question: Callable[[Cell], T], some: bool = False
) -> 'Answers[T]':
    """Ask the cells side by side; those that fail are gaps.

    :param some: that none answers is no error either
    """
    answers: list[tuple[Cell, T]] = []
    gaps: list[CellGap] = []
    failed: errors.DatabaseError | None = None
    with gathering(WORKERS) as crowd:
        asked = [(cell, crowd.ask(question, cell)) for cell in cells]
        for cell, answer in asked:
            try:
                answers.append((cell, answer.result()))
            except errors.DatabaseError as exc:
                failed = exc
                gaps.append(_gap(label(cell), exc))
    if failed and not answers and not some:
        raise failed
    return answers, tuple(gaps)


def _of(cell: Cell) -> Instances:
    return Instances(label(cell), cell.database)


def _gap(name: str, exc: errors.RecoverError) -> CellGap:
    return CellGap(name, exc.sentence, exc.way_out)


class _Asked:
    """Answers of others; whoever gives none is noted, and why."""

    def __init__(self) -> None:
        self.silent: dict[str, tuple[str, str]] = {}

    def may(self, who: str, answer: 'Future[T]', default: D) -> T | D:
        """An answer, or a default."""
        try:
            return answer.result()
        except errors.AuthFailed:
            raise
        except errors.RecoverError as exc:
            self.silent.setdefault(who, (exc.sentence, exc.way_out))
            return default
