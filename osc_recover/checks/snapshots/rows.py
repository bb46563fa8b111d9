# SPDX-License-Identifier: Apache-2.0
"""What is in a snapshot, as the rows of tables.  Pure."""

import dataclasses
from collections.abc import Callable, Iterator

from osc_recover.checks.snapshots import copies
from osc_recover.checks.snapshots.change import text
from osc_recover.checks.snapshots.cloud import power
from osc_recover.checks.snapshots.names import Names
from osc_recover.checks.snapshots.volumes import target
from osc_recover.facts import Server
from osc_recover.facts.snapshot import HostState, Snapshot

SAVED, LEFT_OUT, WARNING, UNKNOWN = 'saved', 'left-out', 'warning', 'unknown'
PARTS = (
    'servers', 'ports', 'volumes', 'attachments', 'backups', 'snapshots',
    'mappings', 'allocations', 'hosts',
)  # fmt: skip
_COPIES = {'backups': 'backup', 'snapshots': 'snapshot'}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of a snapshot that was kept, or why it was not."""

    part: str
    count: int
    state: str
    reason: str = ''
    way_out: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One thing that is in a snapshot."""

    kind: str
    id: str
    name: str
    host: str
    state: str
    detail: str = ''
    note: str = ''


def parts(what: Snapshot) -> Iterator[Part]:
    """What was kept, what was not, and what ought to be there."""
    for part in PARTS:
        if part in what.left_out:
            yield Part(part, 0, LEFT_OUT, what.left_out[part], _WAYS_IN[part])
        elif part not in what.unseen:
            yield Part(part, count(what, part), SAVED)
    yield from _warnings(what)
    for gap in what.gaps:
        yield Part(gap.what, 0, UNKNOWN, gap.problem, gap.way_out)


def count(what: Snapshot, part: str) -> int:
    """How many there are of a part, as it is called to people."""
    if kind := _COPIES.get(part):
        return sum(copy.kind == kind for copy in what.copies)
    return len(getattr(what, part))


def _warnings(what: Snapshot) -> Iterator[Part]:
    """Backups are mandatory, whatever protects the storage."""
    bare = copies.without_backup(what)
    if bare:
        yield Part(
            'volumes without a backup',
            len(bare),
            WARNING,
            copies.mandatory(bare),
            f'{copies.REMEDY}; openstack recover snapshot show names all of '
            'them',
        )


def rows(what: Snapshot, *, long: bool = False) -> Iterator[Row]:
    """Servers, volumes and hosts.

    :param long: with all that belongs to them
    """
    names = Names(what)
    yield from map(_server, what.servers)
    yield from _volumes(what)
    yield from map(_host, what.hosts)
    if long:
        for more in _LONG:
            yield from more(what, names)
    for part, why in what.left_out.items():
        yield Row('part', '', part, '', LEFT_OUT, note=why)
    for gap in what.gaps:
        note = f'{gap.problem}; {gap.way_out}'
        yield Row('part', '', gap.what, '', UNKNOWN, note=note)


def _server(server: Server) -> Row:
    task = f', {server.task_state}' if server.task_state else ''
    return Row(
        'server',
        server.id,
        server.name,
        server.host,
        server.status,
        f'{power(server.power_state)}{task}, {len(server.volumes)} volumes',
    )


def _volumes(what: Snapshot) -> Iterator[Row]:
    kept = {(copy.kind, copy.volume): copy for copy in what.copies}
    for volume in what.volumes:
        backup = kept.get(('backup', volume.id))
        snapshot = kept.get(('snapshot', volume.id))
        detail = [f'{volume.size_gb} GB']
        if backup:
            detail.append(f'backup of {backup.created_at}')
        if snapshot:
            detail.append(f'snapshot of {snapshot.created_at}')
        yield Row(
            'volume',
            volume.id,
            volume.name,
            volume.host,
            volume.status,
            ', '.join(detail),
            _lacks(what, backup is None, snapshot is None),
        )


def _lacks(what: Snapshot, no_backup: bool, no_snapshot: bool) -> str:
    if not no_backup or not what.knows('backups'):
        return ''
    if no_snapshot and what.knows('snapshots'):
        return 'no backup and no snapshot: backups are mandatory'
    return 'no backup: backups are mandatory'


def _host(host: HostState) -> Row:
    if host.problem:
        note = f'{host.problem}; {host.way_out}'
        return Row('host', '', host.host, host.host, UNKNOWN, note=note)
    runs = sum(domain.runs for domain in host.domains)
    rules = sum(len(one.rules) for one in host.firewalls)
    told = [f'{part}: {why}' for part, why in host.problems.items()]
    if host.absent:
        told.append(f'not there: {", ".join(host.absent)}')
    return Row(
        'host',
        host.boot_id,
        host.host,
        host.host,
        SAVED,
        f'{runs} guests running, {len(host.sessions)} sessions, '
        f'{len(host.nodes)} records, {len(host.mounts)} mounts, {rules} rules',
        '; '.join(told),
    )


def _attachments(what: Snapshot, names: Names) -> Iterator[Row]:
    for one in what.attachments:
        words = [one.device, f'order {one.order}', target(one.target)]
        if one.boot_index is not None:
            words.append(f'boot index {one.boot_index}')
        if one.tag:
            words.append(f'tag {one.tag}')
        if one.delete_on_termination:
            words.append('deleted with the server')
        yield Row(
            'attachment',
            one.id,
            f'{names.volume(one.volume)} of {names.server(one.server)}',
            one.host,
            one.status,
            ', '.join(word for word in words if word),
            _known(one.sides),
        )


def _known(sides: tuple[str, ...]) -> str:
    return '' if len(sides) == 2 else f'only {" ".join(sides)} knows it'


def _ports(what: Snapshot, names: Names) -> Iterator[Row]:
    for port in what.ports:
        detail = text((port.vif_type, port.mac, *port.addresses))
        name = f'of {names.server(port.server)}'
        yield Row('port', port.id, name, port.host, port.status, detail)


def _mappings(what: Snapshot, names: Names) -> Iterator[Row]:
    for row in what.mappings:
        index = text(row.boot_index)
        yield Row(
            'mapping',
            row.id,
            f'{names.volume(row.volume) or row.destination} of '
            f'{names.server(row.server)}',
            '',
            row.cell,
            f'{row.device}, {row.bus or "no bus"}'
            + (f', boot index {index}' if index else ''),
        )


def _allocations(what: Snapshot, names: Names) -> Iterator[Row]:
    for held in what.allocations:
        yield Row(
            'allocation',
            held.consumer,
            names.server(held.consumer),
            names.provider(held.provider),
            'held',
            text(held.resources),
        )


def _sessions(what: Snapshot, names: Names) -> Iterator[Row]:
    for host in what.hosts:
        for one in host.sessions:
            disks = text(tuple(disk.name for disk in one.devices))
            yield Row(
                'session', str(one.number), one.target, host.host,
                one.state, f'{one.portal}, {disks or "no disks"}',
            )  # fmt: skip
        for node in host.nodes:
            start = node.settings.get('node.startup', '')
            yield Row(
                'node', '', node.target, host.host, start, node.portal
            )  # fmt: skip


def _others(what: Snapshot, names: Names) -> Iterator[Row]:
    for host in what.hosts:
        for mount in host.mounts:
            yield Row(
                'mount', '', mount.point, host.host, mount.kind, mount.source
            )  # fmt: skip
        for domain in host.domains:
            yield Row(
                'domain', domain.uuid, domain.name, host.host, domain.state
            )  # fmt: skip
        for firewall in host.firewalls:
            for rule in firewall.rules:
                yield Row('rule', '', firewall.tool, host.host, '', rule)


_LONG: tuple[Callable[[Snapshot, Names], Iterator[Row]], ...] = (
    _attachments,
    _ports,
    _mappings,
    _allocations,
    _sessions,
    _others,
)
_WAYS_IN = {
    'hosts': 'say recover: ssh in clouds.yaml, and leave out --no-agent: boot '
    'ids, sessions, mounts, guests and firewall rules stay unknown',
    'mappings': 'say recover: database in clouds.yaml: boot order and buses '
    'of disks stay unknown',
}
