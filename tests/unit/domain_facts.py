# SPDX-License-Identifier: Apache-2.0
"""Two hosts, a server on the first, and its domain, to be varied."""

import dataclasses
from typing import Any

from osc_recover.facts import (
    Console,
    Definition,
    Domain,
    DomainDetail,
    DomainsSeen,
    HostLook,
    Server,
    Setting,
)

S1 = '3f57699a-e773-4650-a443-b4b37eed5a06'
NAME = 'instance-0000002a'
SERVER = Server(S1, 'web', 'a', instance_name=NAME)
FILE = '/etc/nova/nova.conf'
ADDRESSES = {'a': '10.0.0.11', 'b': '10.0.0.12'}


def domain(host: str = 'a', state: str = 'running', **more: Any) -> Domain:
    return Domain(host, S1, NAME, state, **{'persistent': True, **more})


def definition(listen: str = '10.0.0.11', **more: Any) -> Definition:
    return Definition((Console('vnc', (listen,)),), **more)


def setting(value: str, line: int = 7, file: str = FILE) -> Setting:
    addresses = (value,) if value[:1].isdigit() or ':' in value else ()
    return Setting(value, addresses, file, line)


def look(
    host: str, *domains: Domain, kept: Definition | None = None, **more: Any
) -> HostLook:
    """A host as it should be, with these domains; ``more`` of its fields."""
    own = ADDRESSES[host]
    settings = {
        'my_ip': setting(own),
        'vnc.server_listen': setting(own, 8),
        'vnc.server_proxyclient_address': setting(own, 9),
        **more.pop('settings', {}),
    }
    details = {}
    if domains and host == SERVER.host:
        given = more.pop('detail', None)
        details[S1] = given or DomainDetail(kept=kept or definition())
    return HostLook(
        host, domains, details, addresses=('127.0.0.1', own),
        **{'settings': settings, **more},
    )  # fmt: skip


def seen(*looks: HostLook, server: Server = SERVER, **more: Any):
    """What was seen; ``more`` changes the server."""
    changed = dataclasses.replace(server, **more)
    return DomainsSeen((changed,), looks)
