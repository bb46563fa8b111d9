# SPDX-License-Identifier: Apache-2.0
"""May a server be moved by hand, in nova's database?

Refused is whatever only nova's own claims can make for another host (the
internals, 2.0; nova/compute/resource_tracker.py, MoveClaim).  What must be so
of the destination is in ``places_by_hand``.
"""

from collections.abc import Iterator, Mapping

from osc_recover.checks.finding import Finding, note, refuse, warn
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import BoundPort, Claim, Movable, Port, Server
from osc_recover.facts import moving as claims

# Checks of evacuations that hold for a move by hand as well.
ALSO = frozenset({
    'excluded', 'deleting', 'soft-deleted', 'shelved-offloaded', 'building',
    'resized', 'shelved', 'unknown-state', 'vtpm', 'shares', 'service-vm',
    'accelerator-port', 'under-way', 'live-migrating', 'cold-migrating',
    'volume-backend-on-host', 'volume-error', 'unseen', 'encrypted-volume',
})  # fmt: skip
# Checks of hosts that are about nova's evacuation alone.
NOT_OF_HOSTS = frozenset({'leave-stopped', 'zone-unknown'})

_MEANING = {
    claims.NUMA: 'processors or memory pinned on the failed host',
    claims.PCI_REQUEST: 'a PCI device (or one like it) asked for',
    claims.PCI_DEVICE: 'a PCI device of the failed host',
    claims.RESOURCES: 'persistent memory (or the like) of the failed host',
    claims.ENCRYPTED: 'a local disk that nova encrypts',
    claims.SHARE: 'a share of manila',
    claims.VTPM: 'an emulated TPM',
}
_IN_FLIGHT = (claims.CONTEXT, claims.MIGRATION)
# nova evacuates none of these either.
_NOWHERE = {claims.SHARE, claims.VTPM}
_FLAVOR = ('resources:VGPU', 'accel:', 'pci_passthrough:', 'hw:tpm')
_IMAGE = ('hw_tpm',)
_PROFILE = {'migrating_to', 'pci_slot', 'allocation', 'arq_uuid'}
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


@check('host-claims', 'by-hand')
def host_claims(view: View, server: Server) -> Finding | None:
    """Records that name what is of the failed host alone."""
    found = _claims(view, server, in_flight=False)
    if not found:
        return None
    kinds = dict.fromkeys(_MEANING.get(c.code, c.code) for c in found)
    repair = 'repair the host: nova does not evacuate such a server either'
    never = any(claim.code in _NOWHERE for claim in found)
    return refuse(
        f'it has {", ".join(kinds)}: only nova can claim that anew',
        repair if never else _evacuate(server),
        _told(found),
    )


@check('in-flight', 'by-hand')
def in_flight(view: View, server: Server) -> Finding | None:
    """Whoever moves it meanwhile would find other records."""
    found = _claims(view, server, in_flight=True)
    if not found:
        return None
    return refuse(
        'a migration of it is under way, or was cut off',
        f'openstack server migration list --server {server.id} tells which; '
        'plan again when it has ended',
        _told(found),
    )


@check('host-flavor', 'by-hand')
def host_flavor(view: View, server: Server) -> Finding | None:
    """Devices that its flavor or image asks for."""
    found = view.known.movable(server.id)
    asked = sorted({*_asked(found), *_of_flavor(server.extra_specs)})
    if not asked:
        return None
    return refuse(
        'it asks for devices that only nova can claim on another host',
        _evacuate(server),
        ', '.join(asked),
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


@check('host-port', 'by-hand')
def host_port(view: View, server: Server) -> Finding | None:
    """Ports whose device, bandwidth or binding is of the failed host."""
    ports = [p.id for p in view.ports(server) if _needs_claim(p)]
    ports += [
        p.id
        for p in view.known.ports(server.id)
        if _PROFILE.intersection(p.profile)
    ]
    if not ports:
        return None
    return refuse(
        'it has ports that only nova can claim on another host',
        _evacuate(server),
        f'port {", ".join(sorted(set(ports)))}',
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
        _evacuate(server),
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
        'see openstack volume attachment list --all-projects --volume-id '
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


def _claims(view: View, server: Server, in_flight: bool) -> list[Claim]:
    found = view.known.movable(server.id)
    all_ = found.claims if found else ()
    return [c for c in all_ if (c.code in _IN_FLIGHT) is in_flight]


def _told(found: list[Claim]) -> str:
    return '; '.join(f'{c.code}: {c.detail}' for c in found)


def _asked(found: Movable | None) -> Iterator[str]:
    if found:
        yield from _of_flavor(found.extra_specs)
        yield from (
            name for name in found.image_properties if name.startswith(_IMAGE)
        )


def _of_flavor(specs: Mapping[str, str]) -> Iterator[str]:
    return (name for name in specs if name.startswith(_FLAVOR))


def _needs_claim(port: Port) -> bool:
    return (
        port.vnic_type != 'normal'
        or port.resource_request
        or bool(port.device_profile)
    )


def _ports(ports: list[BoundPort]) -> str:
    return f'port {", ".join(port.id for port in ports)}'


def _evacuate(server: Server) -> str:
    return f'let nova evacuate it: openstack recover server {server.id}'
