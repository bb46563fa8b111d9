# SPDX-License-Identifier: Apache-2.0
"""What database, API and libvirt think is on a host, side by side.  Pure."""

import dataclasses
from collections.abc import Iterator

from osc_recover.checks.instance_states import OFF, power_word
from osc_recover.facts import Domain, HostSeen, Placed, Server

OK, UNKNOWN = 'ok', 'unknown'


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A server, and what each of three says of it on this host.

    ``database``, ``api`` and ``libvirt`` are None where it is not there for
    them, and '?' where that is not known.
    """

    server: str
    name: str
    host: str
    cell: str
    database: str | None
    api: str | None
    libvirt: str | None
    state: str = OK
    reason: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class _Trio:
    """A server as each of the three has it on the host, or does not."""

    uuid: str
    seen: HostSeen
    row: Placed | None
    other: Placed | None  # its row, elsewhere
    server: Server | None
    domain: Domain | None


def rows(seen: HostSeen) -> list[Row]:
    """One row a server of any of the three; then those who did not answer."""
    return [*map(_row, _trios(seen)), *_gaps(seen)]


def further(seen: HostSeen) -> list[str]:
    """The servers that API or libvirt have there, and no cell has."""
    known = {one.uuid for one in seen.placed}
    servers = [server.id for server in seen.servers or ()]
    return sorted({*servers, *_domains(seen)} - known)


def _trios(seen: HostSeen) -> Iterator[_Trio]:
    rows_ = {one.uuid: one for one in seen.placed}
    others = {one.uuid: one for one in seen.elsewhere}
    servers = {server.id: server for server in seen.servers or ()}
    domains = _domains(seen)
    for uuid in dict.fromkeys([*rows_, *further(seen)]):
        yield _Trio(
            uuid, seen, rows_.get(uuid), others.get(uuid), servers.get(uuid),
            domains.get(uuid),
        )  # fmt: skip


def _domains(seen: HostSeen) -> dict[str, Domain]:
    found = seen.domains.domains if seen.domains else ()
    return {domain.uuid: domain for domain in found}


def _row(trio: _Trio) -> Row:
    state, reason, way_out = _judged(trio)
    row, server, domain = trio.row, trio.server, trio.domain
    placed = row or trio.other
    name = (placed and placed.name) or (server and server.name) or ''
    return Row(
        trio.uuid,
        name,
        trio.seen.host,
        placed.cell if placed else '',
        _of_row(row) if row else ('?' if trio.seen.gaps else None),
        _of_server(server) if server else _unless(trio.seen.servers is None),
        domain.state if domain else _unless(not _is_told(trio.seen)),
        state,
        reason,
        way_out,
    )


def _unless(unknown: bool) -> str | None:
    return '?' if unknown else None


def _is_told(seen: HostSeen) -> bool:
    return seen.domains is not None and not seen.domains.problem


def _of_row(row: Placed) -> str:
    return _states(row.vm_state, row.task_state, row.power_state)


def _of_server(server: Server) -> str:
    return _states(server.vm_state, server.task_state, server.power_state)


def _states(vm: str, task: str | None, power: int | None) -> str:
    parts = (vm or 'no vm_state', task or '', power_word(power))
    return ', '.join(part for part in parts if part)


_Judged = tuple[str, str, str]


def _judged(trio: _Trio) -> _Judged:
    if trio.row is None:
        return _not_placed(trio)
    if trio.seen.servers is not None and trio.server is None:
        return _not_listed(trio.uuid)
    # nova is at work on it, so that the three differ for a while.
    if trio.row.task_state:
        return OK, f'nova is at it: {trio.row.task_state}', ''
    if trio.server and _of_server(trio.server) != _of_row(trio.row):
        return (
            'states-differ',
            'the API has other states than the database: it changed just '
            'now, or the API asks another database',
            f'openstack recover instance show --long {trio.uuid}',
        )
    return _guest(trio, trio.row)


def _not_listed(uuid: str) -> _Judged:
    return (
        'not-in-api',
        'the database has it on this host, and the API does not',
        f'openstack recover instance show --long {uuid}',
    )


def _not_placed(trio: _Trio) -> _Judged:
    show = f'openstack recover instance show --long {trio.uuid}'
    other, domain = trio.other, trio.domain
    if domain is None:
        code = UNKNOWN if trio.seen.gaps else 'not-in-database'
        where = f'; it has it on {other.host}' if other else ''
        return (
            code,
            f'the API has it on this host, and no cell that answered{where}',
            show,
        )
    if other is None:
        if trio.seen.gaps:
            return UNKNOWN, 'a cell that did not answer may have it', show
        return (
            'stranger',
            'libvirt has it, and no enabled cell knows it',
            'it may be of another cloud, or archived: see virsh dumpxml '
            f'{trio.uuid} on {trio.seen.host}',
        )
    return _elsewhere(trio, other, domain)


def _elsewhere(trio: _Trio, other: Placed, domain: Domain) -> _Judged:
    check = f'openstack recover domain check {trio.uuid}'
    where = 'deleted' if other.deleted else f'on {other.host or "no host"}'
    if domain.runs:
        return (
            'runs-here',
            f'its guest runs here, and the database has it {where}: two '
            'guests that write to one disk destroy it',
            check,
        )
    return (
        'left-here',
        f'libvirt has it defined here, and the database has it {where}',
        check,
    )


def _guest(trio: _Trio, row: Placed) -> _Judged:
    if not _is_told(trio.seen):
        return OK, '', ''
    domain, on = trio.domain, row.power_state not in (*OFF, None)
    if row.vm_state == 'active' and (domain is None or not domain.runs):
        what = 'does not run' if domain else 'is not defined'
        return (
            'guest-off',
            f'it is to be active, and its guest {what} here',
            f'openstack server reboot --hard {trio.uuid}',
        )
    if row.vm_state == 'stopped' and domain and domain.runs:
        return (
            'guest-on',
            'it is to be stopped, and its guest runs: nova-compute, when it '
            'runs, ends the guest within ten minutes',
            f'openstack recover instance set {trio.uuid} --vm-state active '
            'keeps it running',
        )
    if on and domain and not domain.runs:
        return (
            'states-differ',
            f'the database has {power_word(row.power_state)}, libvirt '
            f'{domain.state}',
            f'openstack recover instance set {trio.uuid} --power-state 4',
        )
    return OK, '', ''


def _gaps(seen: HostSeen) -> Iterator[Row]:
    """Those who did not answer, a row each."""
    for gap in seen.gaps:
        yield Row(
            '', '', seen.host, gap.cell, '?', None, None, UNKNOWN,
            gap.problem, gap.way_out,
        )  # fmt: skip
    if seen.silent:
        yield Row(
            '', '', seen.host, '', None, '?', None, UNKNOWN,
            seen.silent.problem, seen.silent.way_out,
        )  # fmt: skip
    if seen.domains is not None and seen.domains.problem:
        yield Row(
            '', '', seen.host, '', None, None, '?', UNKNOWN,
            seen.domains.problem, seen.domains.way_out,
        )  # fmt: skip
