# SPDX-License-Identifier: Apache-2.0
"""The steps that repair one server's domain.  Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from osc_recover.checks.domains import findings as checks
from osc_recover.checks.domains import settings
from osc_recover.checks.finding import Finding
from osc_recover.checks.request import DomainRepair
from osc_recover.facts import (
    Console,
    Domain,
    DomainsSeen,
    HostLook,
    NetworkFilter,
    Server,
    Setting,
)
from osc_recover.plan import Step

# Host -> name -> network filter that can be had for it.
Filters = Mapping[str, Mapping[str, NetworkFilter]]

_LISTEN = ('listen', 'conf-listen')
# What findings are gone once it is repaired.
REPAIRED = ('listen', 'dhcp-server', 'filter-missing', 'stale')


class Left(Exception):
    """A server is left alone: for a code, a reason, a way out."""


def steps(
    server: Server,
    seen: DomainsSeen,
    available: Filters,
    request: DomainRepair,
    findings: Sequence[Finding],
) -> Iterator[Step]:
    """What repairs the domain of a server; nothing where all is well.

    :raises Left: when a part of it cannot be repaired
    """
    look = seen.look(server.host)
    if look is not None and server.id in look.details:
        known = available.get(look.host, {})
        yield from _filter_steps(server, look, known, request)
        yield from _define_steps(server, look, request, findings)
    if _has(request, 'stale'):
        for host in checks.left_on(findings):
            look = seen.look(host)
            domain = look.domain(server.id) if look else None
            if domain is not None:
                yield _forget(server, domain)


def _forget(server: Server, domain: Domain) -> Step:
    return Step(
        f'forget:{server.id}:{domain.host}', 'domain.forget', server.id,
        {'host': domain.host, 'domain': domain.name},
    )  # fmt: skip


def filters(
    server: Server, look: HostLook, request: DomainRepair
) -> list[str]:
    """The network filters that are to be defined for a server at home."""
    detail = look.details.get(server.id)
    if detail is None or not _has(request, 'filters'):
        return []
    missing = settings.missing_filters(look, detail)
    if request.recreate_filters:
        return [*dict.fromkeys([*settings.filters_of(detail), *missing])]
    return missing


def _filter_steps(
    server: Server,
    look: HostLook,
    known: Mapping[str, NetworkFilter],
    request: DomainRepair,
) -> Iterator[Step]:
    names = _closed(filters(server, look, request), known)
    absent = [n for n in names if n not in known and n not in look.filters]
    if absent:
        raise Left(
            'filter-missing',
            f'{request.reference or "the set that libvirt brings"} has no '
            f'network filter {", ".join(absent)}',
            'take it from a host that has it (virsh nwfilter-list): '
            '--reference <host>; or leave filters out: --only with other '
            'parts',
        )
    given = {name: known[name].xml for name in names if name in known}
    if given:
        yield Step(
            f'filters:{server.id}', 'domain.filters', server.id,
            {
                'host': look.host, 'filters': given,
                'anew': request.recreate_filters,
            },
        )  # fmt: skip


def _closed(
    names: Sequence[str], known: Mapping[str, NetworkFilter]
) -> list[str]:
    """The names, and those of all that they are made of."""
    ahead, found = [*names], dict[str, None]()
    while ahead:
        name = ahead.pop()
        if name not in found:
            found[name] = None
            ahead += known[name].refers if name in known else ()
    return sorted(found)


def _define_steps(
    server: Server,
    look: HostLook,
    request: DomainRepair,
    findings: Sequence[Finding],
) -> Iterator[Step]:
    codes = {finding.code for finding in findings}
    args = {
        'host': look.host,
        'listen': _listen(server, look, request, codes),
        'dhcp': _dhcp(server, look, request, codes),
    }
    if not args['listen'] and not args['dhcp']:
        return
    domain = look.domain(server.id)
    if domain and not domain.persistent:
        raise Left(
            'transient',
            f'{domain.name} is kept nowhere: it is gone when it stops',
            f'openstack server reboot --hard {server.id} defines it',
        )
    yield Step(f'define:{server.id}', 'domain.define', server.id, args)


def _listen(
    server: Server,
    look: HostLook,
    request: DomainRepair,
    codes: Collection[str],
) -> str:
    """Where its consoles are to listen; '' where they may stay."""
    if not _has(request, 'listen'):
        return ''
    consoles = _consoles(server, look)
    if request.listen:
        _see_that_it_is_own(look, request.listen)
        told = {address for one in consoles for address in one.listen}
        return request.listen if told - {request.listen} else ''
    if not {*_LISTEN} & {*codes}:
        return ''
    own = {settings.listen_address(look, one.kind) for one in consoles}
    if len(own) != 1 or '' in own:
        raise Left(
            'conf-listen',
            f'the nova.conf of {look.host} names no one address of this host '
            'for consoles to listen at',
            f'mend it there (openstack recover domain check {server.id} '
            'names the line), or say --listen <address>',
        )
    return own.pop()


def _consoles(server: Server, look: HostLook) -> list[Console]:
    definitions = look.details[server.id].all()
    return [console for _, one in definitions for console in one.consoles]


def _see_that_it_is_own(look: HostLook, address: str) -> None:
    if not settings.is_own(look, address):
        raise Left(
            'bad-listen',
            f'{address} is no address of {look.host}',
            f'--listen with one of {", ".join(look.addresses)}',
        )


def _dhcp(
    server: Server,
    look: HostLook,
    request: DomainRepair,
    codes: Collection[str],
) -> str:
    """What its DHCPSERVER is to be; '' where it may stay."""
    if not _has(request, 'dhcp'):
        return ''
    if request.dhcp_server:
        told = {
            value
            for _, one in look.details[server.id].all()
            for value in one.dhcp_servers
        }
        return request.dhcp_server if told - {request.dhcp_server} else ''
    if 'dhcp-server' not in codes:
        return ''
    mine = look.settings.get('my_ip', Setting())
    own = [a for a in mine.addresses if a in look.addresses]
    if not own:
        raise Left(
            'dhcp-server',
            f'my_ip of {look.host} is no address of this host',
            'say --dhcp-server <address>',
        )
    return own[0]


def _has(request: DomainRepair, part: str) -> bool:
    return not request.only or part in request.only
