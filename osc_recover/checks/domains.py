# SPDX-License-Identifier: Apache-2.0
"""Is each server's domain where nova has the server, and only there?  Pure.

A finding is about the host that it was seen on.
"""

from collections.abc import Iterator

from osc_recover.checks import domain_settings
from osc_recover.checks.finding import Finding
from osc_recover.facts import Domain, DomainsSeen, HostLook, Server

# States in which nova keeps no domain, or has none yet.
_WITHOUT = ('building', 'shelved_offloaded', 'deleted', 'soft-delete')
# The most serious first.
SERIOUS = ('two-places', 'runs-elsewhere')


def of_server(server: Server, seen: DomainsSeen) -> list[Finding]:
    """What there is to say of the domains of a server, by what weighs most.

    What has the weight 'refuse' stops a repair of that server.
    """
    if server.task_state or server.vm_state == 'building':
        return [_under_way(server)]
    look = seen.look(server.host)
    found = [*_elsewhere(server, seen), *_at_home(server, look)]
    if look is not None and look.domain(server.id):
        found += domain_settings.of_domain(server, look)
    return found


def stale(server: Server, seen: DomainsSeen) -> list[Domain]:
    """Domains of a server that do not run, on hosts where it does not live."""
    return [
        domain
        for domain in others(server, seen)
        if not domain.runs and server.vm_state != 'resized'
    ]


def others(server: Server, seen: DomainsSeen) -> list[Domain]:
    """Its domains on hosts where nova does not have it."""
    found = (look.domain(server.id) for look in seen.looks)
    return [
        domain for domain in found if domain and domain.host != server.host
    ]


def _under_way(server: Server) -> Finding:
    doing = server.task_state or server.vm_state
    return Finding(
        'under-way', server.host,
        f'nova is at it ({doing}): its domain may come and go', '',
        f'wait until openstack server show {server.id} has no task state, '
        'then check again', 'refuse',
    )  # fmt: skip


def _elsewhere(server: Server, seen: DomainsSeen) -> Iterator[Finding]:
    found = others(server, seen)
    running = [domain for domain in found if domain.runs]
    for domain in running:
        yield _running(server, domain, seen.look(server.host))
    for domain in found:
        if domain.runs:
            continue
        if server.vm_state == 'resized':
            yield _resized(server, domain)
        else:
            yield _stale(server, domain)


def _running(server: Server, domain: Domain, home: HostLook | None) -> Finding:
    here = home.domain(server.id) if home else None
    place = (
        f'nova has it on {server.host}'
        if server.host
        else ('nova has it on no host')
    )
    if here and here.runs:
        code = 'two-places'
        what = (
            f'its guest runs on {domain.host} and on {server.host}: both may '
            'write to its disks'
        )
    else:
        code = 'runs-elsewhere'
        what = f'its guest runs on {domain.host}, and {place}'
        if home and home.problem:
            what += ', which could not be asked'
    return Finding(
        code, domain.host, what,
        f'{domain.name} is {domain.state} on {domain.host}; {place}',
        f'unless nova is wrong, end it on {domain.host}: virsh destroy '
        f'{domain.name}; then openstack recover domain repair {server.id} '
        'removes what is left of it', 'refuse',
    )  # fmt: skip


def _resized(server: Server, domain: Domain) -> Finding:
    return Finding(
        'resized', domain.host,
        f'its domain is kept on {domain.host} until the resize is confirmed',
        '', f'openstack server resize confirm (or revert) {server.id}', 'note',
    )  # fmt: skip


def _stale(server: Server, domain: Domain) -> Finding:
    return Finding(
        'stale', domain.host,
        f'it is defined on {domain.host}, too, where it does not live',
        f'{domain.name} is {domain.state}; nova has it on '
        f'{server.host or "no host"}',
        f'openstack recover domain repair {server.id}', 'warn',
    )  # fmt: skip


def _at_home(server: Server, look: HostLook | None) -> Iterator[Finding]:
    if look is None:
        return
    if look.problem:
        yield Finding(
            'unknown', look.host, f'{look.host} could not be asked',
            look.problem, look.way_out, 'refuse',
        )  # fmt: skip
        return
    if server.vm_state in _WITHOUT or look.domain(server.id):
        return
    taken = [d for d in look.domains if d.name == server.instance_name]
    for domain in taken:
        yield Finding(
            'name-taken', look.host,
            f'its domain cannot be defined on {look.host}: another one is '
            f'called {domain.name}', f'that has the UUID {domain.uuid}',
            'see whose it is (a leftover of another cloud or cell?): virsh '
            f'dumpxml {domain.uuid}; when nobody needs it: virsh undefine',
            'refuse',
        )  # fmt: skip
    if not taken:
        yield Finding(
            'undefined', look.host,
            f'it is not defined on {look.host}, where nova has it', '',
            _defined_anew(server), 'warn',
        )  # fmt: skip


def _defined_anew(server: Server) -> str:
    if server.vm_state == 'stopped':
        return f'openstack server start {server.id} defines it'
    return f'openstack server reboot --hard {server.id} defines it'
