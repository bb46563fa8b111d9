# SPDX-License-Identifier: Apache-2.0
"""May a server be moved by hand, in nova's database?

What it has of its host is in ``host_claims``, and what must be so of the
destination in ``places_by_hand``.
"""

from osc_recover.checks.finding import Finding, note, refuse, warn
from osc_recover.checks.host_claims import evacuate
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import BoundPort, Server

# Checks of evacuations that hold for a move by hand as well.
ALSO = frozenset({
    'excluded', 'deleting', 'soft-deleted', 'shelved-offloaded', 'building',
    'resized', 'shelved', 'unknown-state', 'vtpm', 'shares', 'service-vm',
    'accelerator-port', 'under-way', 'live-migrating', 'cold-migrating',
    'volume-backend-on-host', 'volume-error', 'unseen', 'encrypted-volume',
})  # fmt: skip
# Checks of hosts that are about nova's evacuation alone.
NOT_OF_HOSTS = frozenset({'leave-stopped', 'zone-unknown'})

LOSSES = {
    'paused': 'its memory (it was paused)',
    'suspended': 'its suspended memory (the managed save of libvirt)',
}


@check('records-unread', 'by-hand')
def records_unread(view: View, server: Server) -> Finding | None:
    """Nothing is moved of which the database says nothing."""
    problem = view.known.found.unread.get(server.id, '')
    if view.known.movable(server.id) and not problem:
        return None
    return refuse(
        'its records in the database are not known',
        'openstack recover setup check tells which database does not answer',
        problem or 'its cell has no row of it',
    )


@check('rescued', 'by-hand')
def rescued(_view: View, server: Server) -> Finding | None:
    """The root disk of a rescued server is another one."""
    if server.vm_state != 'rescued':
        return None
    return refuse(
        'it is rescued: what it would start from is its rescue disk',
        f'let nova evacuate it: openstack recover server {server.id} '
        '--reset-state',
    )


@check('ports-unread', 'by-hand')
def ports_unread(view: View, server: Server) -> Finding | None:
    """A port whose binding nobody told would stay where it is."""
    known = {port.id for port in view.known.ports(server.id)}
    missing = [p.id for p in view.ports(server) if p.id not in known]
    if not missing:
        return None
    return refuse(
        'what its ports are bound to is not known: neutron did not tell',
        'bring neutron back (openstack recover setup check says what is '
        'wrong), then plan again',
        f'port {", ".join(missing)}',
    )


@check('port-elsewhere', 'by-hand')
def port_elsewhere(view: View, server: Server) -> Finding | None:
    """A port that is bound to a third host is somebody else's work."""
    ours = {server.host, '', *view.destinations}
    away = [p for p in view.known.ports(server.id) if p.host not in ours]
    if not away:
        return None
    return refuse(
        f'its port is bound to {away[0].host}',
        f'see who did that; openstack port set --host {server.host} '
        f'{away[0].id} puts it back',
        _ports(away),
    )


@check('no-allocation', 'by-hand')
def no_allocation(view: View, server: Server) -> Finding | None:
    """What it holds is carried over, so there must be something."""
    held = view.known.holdings(server.id)
    if held is None:
        return refuse(
            'what it holds in placement is not known',
            'bring placement back (openstack recover setup check says what '
            'is wrong), then plan again',
        )
    if view.resources(server):
        return None
    return refuse(
        f'it holds nothing of {server.host} in placement',
        f'nova-manage placement heal_allocations --instance {server.id}, '
        'then plan again',
    )


@check('nested-allocation', 'by-hand')
def nested_allocation(view: View, server: Server) -> Finding | None:
    """Which of the inner providers of another host, only nova knows."""
    held = view.known.holdings(server.id)
    nodes = {node.id for node in view.situation.hypervisors}
    others = sorted(set(held.resources) - nodes) if held else []
    if not others:
        return None
    return refuse(
        'it holds resources that are of no compute node itself',
        evacuate(server),
        f'provider {", ".join(others)}',
    )


@check('room-elsewhere', 'by-hand')
def room_elsewhere(view: View, server: Server) -> Finding | None:
    """Room on a third host: of an evacuation that came half way."""
    held = view.known.holdings(server.id)
    usable = {server.host, *view.destinations}
    third = sorted(
        node.host
        for node in view.situation.hypervisors
        if held and node.id in held.resources and node.host not in usable
    )
    if not third:
        return None
    return refuse(
        f'it holds room on {", ".join(third)} as well',
        'see openstack resource provider allocation show '
        f'{server.id}, and give back what is too much',
    )


@check('lost-attachment', 'by-hand')
def lost_attachment(view: View, server: Server) -> Finding | None:
    """A mapping must name an attachment that cinder has, and one only."""
    found = view.known.movable(server.id)
    there = {one.id for one in view.known.attachments(server.id)}
    lost = [
        m for m in (found.mappings if found else ())
        if m.attachment not in there
    ]  # fmt: skip
    if not lost:
        return None
    return refuse(
        'cinder does not know the attachment that nova has of its volume',
        'see openstack --os-volume-api-version 3.27 volume attachment list '
        '--all-projects --volume-id '
        f'{lost[0].volume}',
        ', '.join(f'{m.volume}: {m.attachment or "none"}' for m in lost),
    )


@check('adopted', 'by-hand')
def adopted(view: View, server: Server) -> Finding | None:
    """An evacuation that was left behind becomes the record of the move."""
    found = view.known.movable(server.id)
    if found is None or not found.evacuations:
        return None
    row = found.evacuations[-1]
    return note(
        'the record of an earlier evacuation becomes that of the move',
        f'migration {row.id}, {row.status}',
    )


@check('memory-lost', 'by-hand')
def memory_lost(_view: View, server: Server) -> Finding | None:
    """It starts anew, whatever it was in the middle of."""
    loss = LOSSES.get(server.vm_state)
    return warn('it is started anew', loss=loss) if loss else None


@check('by-hand-unproven', 'by-hand')
def unproven(view: View, server: Server) -> Finding | None:
    """What nobody has looked at with --no-agent."""
    if view.request.agent:
        return None
    return note(
        'whether the destination sees its disk, or has a domain of it left '
        'over, was not looked at (--no-agent)'
    )


def _ports(ports: list[BoundPort]) -> str:
    return f'port {", ".join(port.id for port in ports)}'
