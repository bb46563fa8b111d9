# SPDX-License-Identifier: Apache-2.0
"""What in a server's records is of its host, and nova's alone to claim anew.

nova/compute/claims.py, MoveClaim; nova/compute/resource_tracker.py.
"""

from collections.abc import Iterator, Mapping

from osc_recover.checks.finding import Finding, refuse
from osc_recover.checks.registry import check
from osc_recover.checks.view import View
from osc_recover.facts import Claim, Movable, Port, Server
from osc_recover.facts import moving as claims

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
        repair if never else evacuate(server),
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
        evacuate(server),
        ', '.join(asked),
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
        evacuate(server),
        f'port {", ".join(sorted(set(ports)))}',
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


def evacuate(server: Server) -> str:
    """The command for what only nova can move."""
    return f'let nova evacuate it: openstack recover server {server.id}'
