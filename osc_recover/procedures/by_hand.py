# SPDX-License-Identifier: Apache-2.0
"""The steps of a move by hand, in the database.  Pure.

Their order is the one in which a cut leaves least behind: room, ports, the
record itself, volumes, room given back, start.  Nothing that nova does comes
between them, as the server is locked and looks stopped.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from osc_recover import markers, records
from osc_recover.checks.view import View
from osc_recover.facts import (
    BlockDevice,
    ComputeRow,
    Connector,
    Destination,
    Movable,
    Move,
    Server,
)
from osc_recover.plan import Lane, Step, Verdict

_NUMBER = re.compile(r'(\d+)')


def lane(view: View, server: Server, verdict: Verdict) -> Lane:
    """All that is done for one server, in order.

    :param verdict: says where it goes, and whether it ran
    """
    found = view.known.movable(server.id)
    [node] = view.known.computes(verdict.destination)
    assert found is not None  # or it is refused
    return Lane(server.id, tuple(_steps(view, server, verdict, found, node)))


def _steps(
    view: View,
    server: Server,
    verdict: Verdict,
    found: Movable,
    node: ComputeRow,
) -> Iterator[Step]:
    what = move(view, server, found, node)
    cell = view.known.cell(server.host)
    renewed = volumes(view, found, node.host)
    running = verdict.ran and not view.request.leave_stopped
    locks = takes_lock(server)
    if locks:
        yield _step('lock', 'server.lock', server)
    room = {
        'source': _provider(view, server.host),
        'destination': _provider(view, node.host),
        'resources': dict(view.resources(server)),
    }
    yield _step('room', 'placement.double', server, room)
    for port in view.known.ports(server.id):
        yield _step(
            'bind',
            'port.bind',
            server,
            {
                'port': port.id,
                'source': server.host,
                'host': node.host,
                'owner': f'compute:{what.to.zone or ""}',
                'former_owner': port.owner,
            },
            port.id,
        )
    place = {'cell': cell, 'move': records.to_data(what)}
    yield _step('move', 'server.move', server, place)
    for mapping in renewed:
        renewal = _renewal(view, server, mapping, node.host)
        for word, verb, args in renewal.steps():
            yield _step(word, verb, server, args, mapping.volume)
    yield _step('give-back', 'placement.drop', server, room)
    if running:
        yield _step('start', 'server.start', server, {'host': node.host})
    yield _step(
        'prove',
        'server.prove',
        server,
        {
            'source': server.host,
            'running': running,
            'ports': [port.id for port in view.known.ports(server.id)],
            'volumes': [mapping.volume for mapping in renewed],
        },
    )
    if locks:
        yield _step('unlock', 'server.unlock', server)


def takes_lock(server: Server) -> bool:
    """Whether a run locks it: one that a person has locked stays so.

    A lock that another run has left is taken over.
    """
    return not server.locked or bool(markers.run_in(server.locked_reason))


def move(view: View, server: Server, found: Movable, node: ComputeRow) -> Move:
    """What is changed in the cell's database, whole."""
    service = view.situation.service(node.host)
    told = f'{server.id} {server.host} {node.host} ' + str(
        view.newest_migration(server.host)
    )
    return Move(
        before=found.row,
        to=Destination(
            host=node.host,
            node=node.node,
            compute_id=node.id,
            ip=node.ip,
            zone=service.zone if service else None,
        ),
        migration=_name(f'migration {told}'),
        request=f'req-{_name(f"request {told}")}',
        user=found.user,
        project=found.project,
        standing=found.evacuations,
    )


def volumes(view: View, found: Movable, host: str) -> tuple[BlockDevice, ...]:
    """The volumes that are attached anew, the root first, then by device.

    All of them where it is known how the host is let in, as nova's own
    evacuation does it; otherwise none, as each is reached from everywhere
    (or the host was refused).
    """
    told = view.known.connector(host)
    if told is None or told.problem:
        return ()
    return tuple(sorted(found.mappings, key=in_order))


def _name(told: str) -> str:
    """A uuid of what a plan makes: the same facts make the same plan."""
    digest = hashlib.sha256(told.encode()).hexdigest()
    # Version 8 and variant 2 of RFC 9562.
    return (
        f'{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-'
        f'{digest[20:32]}'
    )


def in_order(mapping: BlockDevice) -> tuple[bool, list[Any]]:
    """A key to sort by: the root first, vdb before vdaa, sda2 before sda10."""
    device = mapping.device or ''
    parts = _NUMBER.split(device)
    return not mapping.is_root, [len(device), *map(_natural, parts)]


def _natural(part: str) -> tuple[int, str]:
    return (int(part), '') if part.isdigit() else (0, part)


@dataclasses.dataclass(frozen=True, slots=True)
class Renewal:
    """A fresh attachment in the place of another.

    ``known`` are the attachments that there are before; ``at`` is the host
    that nova has the server on meanwhile.
    """

    mapping: BlockDevice
    known: Sequence[str]
    connector: Connector
    cell: str
    at: str

    def steps(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Word, verb and arguments of each step, in order.

        nova's mapping first: cinder deletes no attachment that nova uses
        (cinder/volume/api.py, attachment_deletion_allowed), and has none
        twice for one host.
        """
        mapping = self.mapping
        which: dict[str, Any] = {
            'volume': mapping.volume,
            'old': mapping.attachment,
            'known': list(self.known),
        }
        ours = {
            **which,
            'cell': self.cell,
            'mapping': records.to_data(mapping),
            'at': self.at,
        }
        export = {
            **which,
            'connector': dict(self.connector.connector),
            'device': mapping.device or '',
        }
        yield 'attach', 'attachment.create', which
        yield 'map', 'mapping.point', ours
        yield 'detach', 'attachment.delete', which
        yield 'export', 'attachment.update', export
        yield 'connect', 'mapping.connect', ours
        yield 'complete', 'attachment.complete', which


def _renewal(
    view: View, server: Server, mapping: BlockDevice, host: str
) -> Renewal:
    told = view.known.connector(host)
    assert told is not None  # or nothing is renewed
    known = sorted(
        one.id
        for one in view.known.attachments(server.id)
        if one.volume == mapping.volume
    )
    return Renewal(mapping, known, told, view.known.cell(host), host)


def _provider(view: View, host: str) -> str:
    return next(
        node.id for node in view.situation.hypervisors if node.host == host
    )


def _step(
    word: str,
    verb: str,
    server: Server,
    args: dict[str, Any] | None = None,
    part: str = '',
) -> Step:
    name = f'{word}:{server.id}' + (f':{part}' if part else '')
    return Step(name, verb, server.id, args or {}, (server.host,))
