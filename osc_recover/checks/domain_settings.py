# SPDX-License-Identifier: Apache-2.0
"""What a domain needs of its host: addresses, and network filters.  Pure.

nova writes ``[vnc] server_listen`` into the domain and sends its proxy to
``[vnc] server_proxyclient_address`` (nova/virt/libvirt/driver.py); a
nova.conf that was copied from another host has that one's address.
"""

import ipaddress
from collections.abc import Iterable, Iterator

from osc_recover.checks.finding import Finding
from osc_recover.facts import DomainDetail, HostLook, Server, Setting

EVERYWHERE = ('0.0.0.0', '::')  # noqa: S104
LISTEN, CLIENT = 'server_listen', 'server_proxyclient_address'


def of_domain(server: Server, look: HostLook) -> list[Finding]:
    """What there is to say of the domain that a server has at home."""
    detail = look.details.get(server.id)
    if detail is None:
        return []
    kinds = {
        console.kind: None
        for _, definition in detail.all()
        for console in definition.consoles
    }
    return [
        *_unread(look, detail),
        *_listening(server, look, detail),
        *(f for kind in kinds for f in _configured(server, look, kind)),
        *_dhcp(server, look, detail),
        *_filters(server, look, detail),
    ]


def is_own(look: HostLook, address: str) -> bool:
    """Whether a host can listen at an address."""
    try:
        told = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (
        told.is_loopback
        or str(told) in EVERYWHERE
        or str(told) in look.addresses
    )


def listen_address(look: HostLook, kind: str = 'vnc') -> str:
    """The server_listen of a host; '' when it is no address of the host."""
    value = look.settings.get(f'{kind}.{LISTEN}', Setting())
    own = [address for address in value.addresses if is_own(look, address)]
    return own[0] if own and not look.settings_problem else ''


def filters_of(detail: DomainDetail) -> list[str]:
    """The network filters that a domain refers to, in order."""
    parts = [part for part in (detail.live, detail.kept) if part]
    return list(dict.fromkeys(name for part in parts for name in part.filters))


def missing_filters(look: HostLook, detail: DomainDetail) -> list[str]:
    """Those that it needs, directly or not, and that are not defined."""
    ahead, seen = filters_of(detail), dict[str, None]()
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen[name] = None
            ahead += look.filters.get(name, ())
    return sorted(name for name in seen if name not in look.filters)


def _unread(look: HostLook, detail: DomainDetail) -> Iterator[Finding]:
    if detail.problem:
        yield Finding(
            'bad-xml', look.host, 'its definition could not be read',
            detail.problem, 'see virsh dumpxml there', 'refuse',
        )  # fmt: skip
    if look.settings_problem:
        yield Finding(
            'no-conf', look.host,
            f'the nova.conf of {look.host} is not known',
            look.settings_problem,
            'mend it there, or see how nova-compute is run', 'warn',
        )  # fmt: skip


def _listening(
    server: Server, look: HostLook, detail: DomainDetail
) -> Iterator[Finding]:
    for where, definition in detail.all():
        for console in definition.consoles:
            for address in console.listen:
                yield from _address(server, look, where, console.kind, address)


def _address(
    server: Server, look: HostLook, where: str, kind: str, address: str
) -> Iterator[Finding]:
    wanted = look.settings.get(f'{kind}.{LISTEN}', Setting())
    if address == wanted.value or address in wanted.addresses:
        # If that is wrong, it is wrong in nova.conf.
        return
    if not is_own(look, address):
        yield Finding(
            'listen', look.host,
            f'{kind} is to listen at {address}, which is no address of '
            f'{look.host}', where, _mended(server, look, kind), 'warn',
        )  # fmt: skip
    elif wanted.value and not look.settings_problem:
        yield Finding(
            'other-listen', look.host,
            f'{kind} listens at {address}, and nova.conf says {wanted.value}: '
            'so it will be once nova generates the XML again', where, '',
            'note',
        )  # fmt: skip


def _mended(server: Server, look: HostLook, kind: str) -> str:
    repair = f'openstack recover domain repair {server.id}'
    if listen_address(look, kind):
        return repair
    return f'{repair} --listen <address>, as nova.conf names none of this host'


def _configured(
    server: Server, look: HostLook, kind: str
) -> Iterator[Finding]:
    if look.settings_problem:
        return
    listen = look.settings.get(f'{kind}.{LISTEN}', Setting())
    client = look.settings.get(f'{kind}.{CLIENT}', Setting())
    if listen.value and not listen_address(look, kind):
        yield _faulty(
            server, look, f'[{kind}] {LISTEN}', listen,
            f', then openstack server reboot --hard {server.id}',
        )  # fmt: skip
        return
    known = [a for a in client.addresses if is_own(look, a)]
    if client.value and (not known or set(known) & set(EVERYWHERE)):
        yield _faulty(server, look, f'[{kind}] {CLIENT}', client, '')
    elif client.value and not _meet(listen.addresses, known):
        yield Finding(
            'conf-client', look.host,
            f'the {kind} proxy is sent to {client.value}, and guests listen '
            f'at {listen.value}', f'{_place(client)}; {_place(listen)}',
            _mend(look, f'[{kind}] {LISTEN} or {CLIENT}', ''), 'warn',
        )  # fmt: skip


def _faulty(
    server: Server, look: HostLook, name: str, found: Setting, then: str
) -> Finding:
    code = 'conf-listen' if name.endswith(LISTEN) else 'conf-client'
    return Finding(
        code, look.host,
        f'{name} is {found.value}, which is no address of {look.host}',
        _place(found), _mend(look, name, then, found), 'warn',
    )  # fmt: skip


def _mend(
    look: HostLook, name: str, then: str, found: Setting | None = None
) -> str:
    line = f'{found.file} line {found.line}' if found and found.line else name
    return (
        f'mend {line} on {look.host}, then openstack recover service restart '
        f'{look.host}{then}'
    )


def _place(found: Setting) -> str:
    if not found.file:
        return f'{found.value} is the default of nova'
    return f'{found.file} line {found.line}' if found.line else found.file


def _meet(listen: Iterable[str], client: Iterable[str]) -> bool:
    """Whether who is sent to an address finds somebody who listens there."""
    return bool({*EVERYWHERE, *client} & set(listen))


def _dhcp(
    server: Server, look: HostLook, detail: DomainDetail
) -> Iterator[Finding]:
    told = {
        value: where
        for where, definition in detail.all()
        for value in definition.dhcp_servers
    }
    for value, where in told.items():
        if value not in look.addresses:
            yield Finding(
                'dhcp-server', look.host,
                f'a network filter is told of the DHCPSERVER {value}, which '
                f'is no address of {look.host}', where,
                f'openstack recover domain repair {server.id} (--dhcp-server '
                '<address> where it is not my_ip)', 'warn',
            )  # fmt: skip


def _filters(
    server: Server, look: HostLook, detail: DomainDetail
) -> Iterator[Finding]:
    names = missing_filters(look, detail)
    if names:
        yield Finding(
            'filter-missing', look.host,
            f'{look.host} lacks network filters that it needs: '
            f'{", ".join(names)}', '',
            f'openstack recover domain repair {server.id} (--reference <host> '
            "takes them from there, and not from libvirt's own set)", 'warn',
        )  # fmt: skip
