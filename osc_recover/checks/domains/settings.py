# SPDX-License-Identifier: Apache-2.0
"""What a domain needs of its host: addresses, and network filters.  Pure."""

import ipaddress

from osc_recover.facts import DomainDetail, HostLook, Setting

EVERYWHERE = ('0.0.0.0', '::')  # noqa: S104
LISTEN, CLIENT = 'server_listen', 'server_proxyclient_address'


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
